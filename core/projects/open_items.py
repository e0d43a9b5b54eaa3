"""What is still to be done in a unit: one module offers it, another takes it over, and neither knows the other."""

from __future__ import annotations

from core.plugin_system import dispatch
from core.plugin_system.declarations import OpenItem
from core.projects.models import Unit


def open_items_of(unit: Unit) -> list[OpenItem]:
    """Return what is still to be done in a unit and may be taken over now, of all modules that are on.

    Args:
        unit: The unit.
    """
    answers = dispatch.call("open_items", unit_id=unit.id)
    return [item for answer in answers for item in answer.value or ()]


def end_open_item(item: OpenItem, number: str) -> None:
    """Tell the module that offered an item that it goes on elsewhere; it ends it in the same transaction.

    Args:
        item: The item.
        number: Number of the record that it became.

    Raises:
        PluginFailed: The module cannot end it; nothing is saved.
    """
    dispatch.call("open_item_taken", kind=item.kind, record_id=item.record_id, number=number)
