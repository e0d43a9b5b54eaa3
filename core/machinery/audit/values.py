"""From attribute values to JSON and back to something a reader can see."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from decimal import Decimal
from typing import Any

from core.database.types import Wording

PERSONAL = "personal"
"""Key of an encrypted value that is masked for readers without the right to personal data."""
PRIVATE = "private"
"""Key of an encrypted value that every reader of the entry sees until the customer is erased (free text)."""
HIDDEN = "hidden"
"""Key of a value that never enters the log: only that it changed."""


def to_plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: exact text for decimals, ISO 8601 for dates and times (times in UTC)."""
    if isinstance(value, enum.Enum):
        return to_plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Wording):
        return value.stored()
    if isinstance(value, Decimal):
        # SQLite gives back 5 for a stored 5.00; both are written as the same text.
        return format(value.normalize(), "f")
    if isinstance(value, dt.datetime):
        return (value.astimezone(dt.UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return f"sha256:{hashlib.sha256(bytes(value)).hexdigest()}"
    if isinstance(value, dict):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return str(value)


def canonical(value: Any) -> str:
    """Return the one text form of JSON data that hashes are made of."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
