"""A plugin whose module imports what does not exist."""

import a_module_that_nobody_has  # noqa: F401

from core.toolkit import Manifest

manifest = Manifest(slug="broken_import", name="Broken import", version="1.0.0", api=1)
