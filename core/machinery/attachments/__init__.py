"""Files and photos attached to any record."""
