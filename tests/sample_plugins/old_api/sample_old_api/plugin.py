"""A plugin for a version of core.toolkit that is no longer supported."""

from core.toolkit import Manifest

manifest = Manifest(slug="old_api", name="Old API", version="1.0.0", api=0)
