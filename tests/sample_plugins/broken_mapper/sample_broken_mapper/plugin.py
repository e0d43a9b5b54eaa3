"""A plugin with a relationship to a class that does not exist."""

from core.toolkit import Manifest
from sample_broken_mapper import models  # noqa: F401

manifest = Manifest(slug="broken_mapper", name="Broken mapper", version="1.0.0", api=1)
