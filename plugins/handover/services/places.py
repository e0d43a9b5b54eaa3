"""What the services of the handover day share: the lock of a house of a batch, whom it is about, what stands still."""

from __future__ import annotations

from typing import Any

from core.toolkit import (
    _,
    db,
    owners_of,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverUnit,
    KeysState,
)

ACCEPTED = ("accepted", "accepted_with_defects", "keys_handed", "delivered", "reviewed")
"""States after the owner accepted the house."""


def lock_place(place: HandoverUnit) -> None:
    """Lock a house of a batch and read it anew, so that two desks never change it in the same moment."""
    db.session.flush()
    db.session.refresh(place, with_for_update=True)


def about(place: HandoverUnit) -> dict[str, Any]:
    """Return whom and what an event of a house is about, as the timeline asks for it."""
    owners = owners_of(place.unit)
    return {
        "customer": owners[0] if owners else None,
        "unit": place.unit,
        "record_kind": "handover.unit",
        "record_id": place.id,
    }


def require_keys_here(place: HandoverUnit) -> None:
    """Refuse to change what stands still once the keys are handed over.

    Raises:
        HandoverRuleError: They are.
    """
    if place.keys_state == KeysState.HANDED:
        raise HandoverRuleError(
            _("The keys of %(unit)s are handed over; this does not change any more.", unit=place.unit.code)
        )
