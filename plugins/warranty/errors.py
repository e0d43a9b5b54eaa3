"""What the rules of the module refuse with."""

from __future__ import annotations


class WarrantyRuleError(ValueError):
    """A rule forbids the change; the message is a full sentence for the user.

    Attributes:
        field: Name of the attribute that is wrong, for the form; "" when it is none alone.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
