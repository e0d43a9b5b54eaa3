"""A plugin that asks the process to end when it is asked what it declares."""

import sys

from core.toolkit import Manifest, hookimpl

manifest = Manifest(slug="system_exit_in_hook", name="System exit", version="1.0.0", api=1)


@hookimpl
def permissions():
    sys.exit("good bye")
