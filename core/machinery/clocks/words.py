"""Lengths of time in words."""

from __future__ import annotations

import datetime as dt

from flask_babel import gettext as _


def length_words(length: dt.timedelta) -> str:
    """Return a length of time in days, hours and minutes, the two largest of them: "3 d 4 h".

    Args:
        length: The length; a negative one is told without its sign.
    """
    minutes = int(abs(length).total_seconds()) // 60
    days, rest = divmod(minutes, 1_440)
    hours, minutes = divmod(rest, 60)
    parts = [
        _("%(number)s d", number=days) if days else "",
        _("%(number)s h", number=hours) if hours else "",
        _("%(number)s min", number=minutes) if minutes or not (days or hours) else "",
    ]
    return " ".join([part for part in parts if part][:2])


def remaining_words(remaining: dt.timedelta) -> str:
    """Return what is left of a limit in words, or by how much it was exceeded."""
    if remaining < dt.timedelta():
        return _("%(time)s over", time=length_words(remaining))
    return _("%(time)s left", time=length_words(remaining))
