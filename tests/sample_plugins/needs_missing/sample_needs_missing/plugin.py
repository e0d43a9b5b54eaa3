"""A plugin that needs one that is not installed."""

from core.toolkit import Manifest

manifest = Manifest(slug="needs_missing", name="Needs missing", version="1.0.0", api=1, depends=("absent",))
