"""The way of a booking: requested, confirmed, notified, arrived, done (domain reference 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import State, Transition, Workflow, _, _l, utc_now
from plugins.reservations.models import Booking

RECORD = "reservations.record_booking"

SEATED = ("requested", "confirmed", "notified", "arrived", "done", "no_show")
"""States in which a booking takes a seat of its slot."""
COMING = ("requested", "confirmed", "notified")
"""States of who has not come yet."""


def _has_begun(booking: Booking, _fields: Mapping[str, Any]) -> str | None:
    if booking.slot.starts_at <= utc_now():
        return None
    return _("The slot has not begun yet, so nobody can have stayed away.")


def _is_read_back(booking: Booking, fields: Mapping[str, Any]) -> str | None:
    if fields.get("read_back_at") or booking.read_back_at or not fields:
        return None
    return _("Repeat all details to the customer first; the booking is confirmed when he agrees.")


BOOKING = Workflow(
    name="reservations.booking",
    record_kind="reservations.booking",
    states=(
        State("requested", _l("Requested"), "wait"),
        State("waiting", _l("On the waiting list"), "wait"),
        State("confirmed", _l("Confirmed"), "ok"),
        State("notified", _l("Staff notified"), "ok"),
        State("arrived", _l("Arrived"), "ok"),
        State("done", _l("Completed"), "calm"),
        State("no_show", _l("Did not come"), "late"),
        State("cancelled", _l("Cancelled"), "calm"),
    ),
    transitions=(
        Transition("move_up", _l("Move up"), ("waiting",), "requested", offered=False),
        Transition("ask_again", _l("Ask again"), ("confirmed", "notified"), "requested", offered=False),
        Transition(
            "confirm",
            _l("Read back and confirmed"),
            ("requested",),
            "confirmed",
            RECORD,
            guard=_is_read_back,
            confirm=_l("Did you repeat name, phone, number of people and time, and did the customer agree?"),
        ),
        Transition("notify", _l("Notify staff"), ("confirmed",), "notified", RECORD),
        Transition("arrive", _l("Has arrived"), COMING, "arrived", RECORD, bulk=True),
        Transition("finish", _l("Completed"), ("arrived",), "done", RECORD, bulk=True),
        Transition("stay_away", _l("Did not come"), COMING, "no_show", RECORD, guard=_has_begun, bulk=True),
        Transition(
            "cancel",
            _l("Cancel"),
            ("waiting", *COMING),
            "cancelled",
            RECORD,
            required={"closing_reason": _l("Reason")},
        ),
    ),
)
WORKFLOWS = (BOOKING,)
