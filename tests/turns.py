"""What is tried every time, and what takes turns.

A usual run tries what is worth the most every time, and of the rest the share whose turn it is: of the authorisation
matrix, whose every cell would take most of an hour, and of the plugins' tests on the second database. The turn follows
from the commit, so that the same code is tried in the same way everywhere, and everything is met over time.
"""

from __future__ import annotations

import os
import subprocess
import time
import zlib
from functools import cache
from pathlib import Path

FULL = os.environ.get("DOORSTEP_MATRIX") == "full"
"""``DOORSTEP_MATRIX=full`` leaves nothing out of the matrix."""
VARIABLE = "DOORSTEP_TEST_TURN"
_SECONDS_OF_A_DAY = 86_400


@cache
def turn() -> int:
    """Return the number of this turn: from the environment, else from the commit, else (without Git) from the day."""
    told = os.environ.get(VARIABLE)
    if told:
        return int(told)
    try:
        asked = subprocess.run(
            ["git", "rev-parse", "HEAD"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
        return int(asked.stdout[:8], 16)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return int(time.time()) // _SECONDS_OF_A_DAY


def is_due(shares: int, *what: object) -> bool:
    """Return whether it is the turn of something: each is due in one of so many successive turns.

    Args:
        shares: How many turns it takes until everything was due.
        what: Words that name the thing; equal things take the same turn.
    """
    place = zlib.crc32(" ".join(map(str, what)).encode())
    return place % shares == turn() % shares


def told() -> str:
    """Return the words of the turn for the head of a run's report."""
    matrix = "full" if FULL else "in turns, DOORSTEP_MATRIX=full leaves nothing out"
    return f"turn: {turn()} ({VARIABLE}={turn()} repeats it); authorisation matrix: {matrix}"
