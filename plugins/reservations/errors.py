"""What the rules of reservations refuse."""

from __future__ import annotations


class ReservationRuleError(ValueError):
    """A rule forbids it; the message is a full sentence for the user."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class SlotFullError(ReservationRuleError):
    """The slot has no room left; the booking may go on the waiting list."""
