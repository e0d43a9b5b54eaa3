"""A plugin that needs a plugin that needs it."""

from core.toolkit import Manifest

manifest = Manifest(slug="cyclic_b", name="Cyclic b", version="1.0.0", api=1, depends=("cyclic_a",))
