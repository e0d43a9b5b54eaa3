"""Hours in which no telephone rings."""

from __future__ import annotations

import datetime as dt

from core.database.types import LOCAL_ZONE


def is_quiet(moment: dt.datetime, begins: int, ends: int) -> bool:
    """Return whether a moment lies in the quiet hours.

    Args:
        moment: An aware time.
        begins: Full hour in China at which they begin, 0 to 23.
        ends: Full hour at which they end; the same as ``begins`` for no quiet hours at all.
    """
    hour = moment.astimezone(LOCAL_ZONE).hour
    if begins <= ends:
        return begins <= hour < ends
    return hour >= begins or hour < ends


def after_quiet(moment: dt.datetime, begins: int, ends: int) -> dt.datetime:
    """Return the moment itself, or the end of the quiet hours in which it lies.

    Args:
        moment: An aware time.
        begins: Full hour in China at which the quiet hours begin.
        ends: Full hour at which they end.
    """
    if not is_quiet(moment, begins, ends):
        return moment
    local = moment.astimezone(LOCAL_ZONE)
    end = local.replace(hour=ends, minute=0, second=0, microsecond=0)
    if end <= local:
        end += dt.timedelta(days=1)
    return end.astimezone(dt.UTC)


def month_of(moment: dt.datetime) -> str:
    """Return the calendar month in China in which a moment lies, like ``2026-11``."""
    return moment.astimezone(LOCAL_ZONE).strftime("%Y-%m")
