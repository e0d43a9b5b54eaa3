"""Gap-free document and record numbers."""
