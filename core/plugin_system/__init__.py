"""The plugin engine: discovery, resolution, loading, dispatch and gates. It knows nothing of customers."""
