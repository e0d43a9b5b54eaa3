"""The words for codes that are stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import RecordWords, _l
from plugins.reservations.models import (
    Booking,
    BookingSource,
    Resource,
    ResourceKind,
    RuleEvent,
    SetupCheck,
    SetupItem,
    Slot,
)

RESOURCE_KINDS: Mapping[str, Any] = {
    ResourceKind.DESK: _l("Desk"),
    ResourceKind.ROOM: _l("Meeting room"),
    ResourceKind.SAMPLE_HOUSE: _l("Sample house"),
    ResourceKind.CLUBHOUSE: _l("Clubhouse"),
    ResourceKind.PITCH: _l("Pitch"),
    ResourceKind.OTHER: _l("Other"),
}

SOURCES: Mapping[str, Any] = {
    BookingSource.PHONE: _l("Phone"),
    BookingSource.VISIT: _l("On the spot"),
    BookingSource.LINK: _l("Personal link"),
    BookingSource.MODULE: _l("Another module"),
}

EVENTS: Mapping[str, Any] = {
    RuleEvent.BOOKED: _l("Booked and confirmed"),
    RuleEvent.MOVED: _l("Moved"),
    RuleEvent.CANCELLED: _l("Cancelled"),
}


def record_words() -> Sequence[RecordWords]:
    """Return what the change log calls fields that no page shows."""
    return (
        RecordWords(Resource, {"opening": _l("Opening times"), "closed_days": _l("Closed days")}),
        RecordWords(
            Slot,
            {
                "booked": _l("Bookings"),
                "guests": _l("People"),
                "resource_id": _l("Resource"),
                "purpose_id": _l("Purpose"),
                "project_id": _l("Project"),
            },
        ),
        RecordWords(
            Booking,
            {
                "booked_by_id": _l("Booked by"),
                "read_back_by_id": _l("Read back by"),
                "moved_count": _l("Times moved"),
                "reference_kind": _l("Kind of record that it was booked for"),
                "reference_id": _l("Record that it was booked for"),
                "client_key": _l("Key of the page"),
            },
        ),
        RecordWords(
            SetupItem,
            {
                "purpose_id": _l("Purpose"),
                "position": _l("Position"),
                "text": _l("What is looked at"),
                "measure": _l("Measure"),
            },
            _l("Line of a set-up list"),
        ),
        RecordWords(
            SetupCheck,
            {
                "booking_id": _l("Booking"),
                "position": _l("Position"),
                "text": _l("What is looked at"),
                "measure": _l("Measure"),
                "measured": _l("Measured"),
                "passed": _l("As it should be"),
                "checked_at": _l("Checked at"),
                "checked_by_id": _l("Checked by"),
            },
            _l("Line of a set-up checklist"),
        ),
    )
