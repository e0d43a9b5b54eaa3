"""States and the transitions between them, declared in one place per model."""
