"""A plugin with a table that does not start with its slug."""

from core.toolkit import Manifest
from sample_wrong_table_prefix import models  # noqa: F401

manifest = Manifest(slug="wrong_table_prefix", name="Wrong prefix", version="1.0.0", api=1)
