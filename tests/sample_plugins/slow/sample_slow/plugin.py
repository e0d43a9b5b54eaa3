"""A plugin that takes its time at start, and again in a hook."""

import time

from core.toolkit import Manifest, Permission, TouchpointFact, hookimpl

manifest = Manifest(slug="slow", name="Slow", version="1.0.0", api=1)


@hookimpl
def permissions():
    time.sleep(0.3)
    return [Permission("slow.view", "See")]


@hookimpl
def touchpoint_reached(fact: TouchpointFact) -> None:
    time.sleep(0.1)
