"""Projects, phases, buildings and units: the space every plugin hangs on."""
