"""What the rules of the module refuse with."""

from __future__ import annotations

from typing import Any


class HandoverRuleError(ValueError):
    """A rule forbids the change; the message is a full sentence for the user."""


class OutdatedError(HandoverRuleError):
    """Somebody else changed the row since it was shown.

    Attributes:
        record: The row as it is now.
    """

    def __init__(self, message: str, record: Any) -> None:
        super().__init__(message)
        self.record = record


class IncompleteError(HandoverRuleError):
    """An inspection cannot be finished yet.

    Attributes:
        gaps: What is missing, each a full sentence.
    """

    def __init__(self, message: str, gaps: list[str]) -> None:
        super().__init__(message)
        self.gaps = gaps
