"""The verification code of an issued document: 104 random bits that can be read out on the telephone."""

from __future__ import annotations

import base64
import re
import secrets

RANDOM_BYTES = 13
LENGTH = 21
_LOOKALIKES = str.maketrans({"0": "O", "1": "I", "8": "B"})
_CODE = re.compile(rf"[A-Z2-7]{{{LENGTH}}}")


def new_code() -> str:
    """Return a new code: 21 characters of base32 (A–Z, 2–7)."""
    return base64.b32encode(secrets.token_bytes(RANDOM_BYTES)).decode().rstrip("=")


def normalise_code(typed: str) -> str | None:
    """Return the code that was typed or scanned, or None when it cannot be one.

    Spaces, hyphens and small letters do not matter, and 0, 1, 8, which no code contains, are read as O, I, B.
    """
    if len(typed) > 3 * LENGTH:
        return None
    code = re.sub(r"[\s\-–—]+", "", typed).upper().translate(_LOOKALIKES)
    return code if _CODE.fullmatch(code) else None


def grouped(code: str) -> str:
    """Return the code as it is printed, in groups of four."""
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))
