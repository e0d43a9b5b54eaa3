"""How a plugin works with one that it names in ``uses``: without importing it, so that it may be missing or off."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

from core.plugin_system import gate
from core.plugin_system.runtime import current_runtime

_listeners: dict[tuple[str, str, str], Callable[[Any], None]] = {}


def partner(slug: str) -> ModuleType | None:
    """Return the ``services`` of another plugin, to call its documented interface, or None where it cannot be used.

    For plugins that are named in ``uses``; those in ``depends`` are imported. Ask at each use: a plugin is switched
    on and off while the program runs.

    Args:
        slug: The other plugin.

    Returns:
        The module ``services`` of its package; None when it is not installed, faulty, or off in the acting department.
    """
    if not gate.is_on(slug):
        return None
    component = next(each for each in current_runtime().components if each.slug == slug)
    package = component.module.__name__.rpartition(".")[0]
    return importlib.import_module(f"{package}.services")


def listen_to(slug: str, topic: str, listener: str, function: Callable[[Any], None]) -> None:
    """Ask to be told of what another plugin does, whether it is installed or not.

    Called once, when the listener's ``plugin.py`` is imported. The function runs in the transaction of the change; what
    it raises undoes the change. It is not called where the listener is off.

    Args:
        slug: The plugin that tells; its documentation names its topics.
        topic: What to hear of, for example ``purpose:handover``.
        listener: The slug of the plugin that listens.
        function: Takes what the other plugin tells.
    """
    _listeners[slug, topic, listener] = function


def tell_listeners(slug: str, topics: frozenset[str], fact: Any) -> None:
    """Tell everybody who listens to a plugin of something that happened, each once.

    Args:
        slug: The plugin that tells.
        topics: What it is about.
        fact: What the listeners get.
    """
    told = set()
    for (teller, topic, listener), function in list(_listeners.items()):
        if teller == slug and topic in topics and (listener, function) not in told and gate.is_on(listener):
            told.add((listener, function))
            function(fact)
