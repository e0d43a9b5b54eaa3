"""For what a house is guaranteed: one module knows it, others print it, and neither knows the other."""

from __future__ import annotations

from core.plugin_system import dispatch
from core.plugin_system.declarations import HouseTerm
from core.projects.models import Unit


def house_terms_of(unit: Unit) -> list[HouseTerm]:
    """Return for what a house is guaranteed and how long, of the modules that are on; empty when none knows it.

    Args:
        unit: The unit.
    """
    answers = dispatch.call("house_terms", unit_id=unit.id)
    return [term for answer in answers for term in answer.value or ()]
