"""The plugin engine: discovery, resolution, loading, dispatch and gates. It knows nothing of customers."""

ENTRY_POINT_GROUP = "doorstep.plugins"
"""Group of entry points; each names the ``plugin`` module of one plugin, under its slug."""

API_VERSION = 1
"""Major version of ``core.toolkit``. It rises when a plugin that was right could break."""

OLDEST_API_VERSION = 1
"""The oldest major version whose plugins still work."""
