"""A plugin with a template that would replace the frame of every page."""

from core.toolkit import Manifest

manifest = Manifest(slug="clashing_template", name="Clashing template", version="1.0.0", api=1)
