"""What the core declares in the tests of the engine."""

import core.customers.models
import core.timeline.models  # noqa: F401
from core.plugin_system.declarations import Permission
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def permissions():
    return [Permission("projects.view", "See projects")]
