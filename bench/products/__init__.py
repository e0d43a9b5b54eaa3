"""One adapter per product: how its rows are loaded, how it is served, and how each operation is asked for."""
