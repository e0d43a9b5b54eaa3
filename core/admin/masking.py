"""Personal columns: masked on the server for readers without the right, so that the value never leaves it whole.

The masks of telephone numbers, identity numbers and addresses are those of :mod:`core.customers.identity`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from core.admin.access import holds

Mask = Callable[[Any], str]

SEE_PERSONAL = "personal.view"
"""Sees personal data without asking."""
REVEAL_PERSONAL = "personal.reveal"
"""Sees personal data of one record after giving a reason, which is logged."""

_STARS = "******"


def mask_all(value: Any) -> str:
    """Return the same stars for every value that is not empty."""
    return _STARS if value not in (None, "") else ""


def sees_personal_data() -> bool:
    """Return whether the acting user sees personal data without giving a reason."""
    return holds(SEE_PERSONAL)
