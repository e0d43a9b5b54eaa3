"""Which houses are handed over together: one module knows, another asks, and neither knows the other."""

from __future__ import annotations

from core.plugin_system import dispatch
from core.plugin_system.declarations import DeliveryBatch
from core.projects.models import Unit


def delivery_batch_of(unit: Unit) -> DeliveryBatch | None:
    """Return the batch with which a unit is, or was, handed over; None where no module that is on knows one.

    Args:
        unit: The unit.
    """
    answers = dispatch.call("delivery_batch", unit_id=unit.id)
    return next((answer.value for answer in answers if answer.value is not None), None)
