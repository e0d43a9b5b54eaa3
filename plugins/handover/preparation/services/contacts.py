"""Attempts to reach an owner, and when a house counts as not contactable."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from core.toolkit import LOCAL_ZONE, _, db, ngettext, require_scope, setting, utc_now
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import HandoverUnit
from plugins.handover.preparation.models import ContactAttempt, ContactMeans


def attempts_of(place: HandoverUnit) -> Sequence[ContactAttempt]:
    """Return the attempts to reach the owner of a house, the oldest first."""
    return db.session.scalars(
        sa.select(ContactAttempt)
        .where(ContactAttempt.handover_unit_id == place.id)
        .order_by(ContactAttempt.at, ContactAttempt.id)
    ).all()


def counted(moments: Sequence[dt.datetime], gap: dt.timedelta) -> list[dt.datetime]:
    """Return the moments that count, the earliest first: each at least so long after the one before that counts.

    Args:
        moments: When attempts were made.
        gap: How far they must lie apart.
    """
    found: list[dt.datetime] = []
    for moment in sorted(moments):
        if not found or moment - found[-1] >= gap:
            found.append(moment)
    return found


def still_needed(place: HandoverUnit) -> str | None:
    """Return what is missing before a house counts as not contactable, or None.

    Only attempts in vain count, and only those since the owner was reached last.

    Source: domain reference Appendix F: three attempts, at least four hours apart, on two days or more.
    """
    attempts = attempts_of(place)
    reached = max((attempt.at for attempt in attempts if attempt.reached), default=None)
    vain = [attempt.at for attempt in attempts if reached is None or attempt.at > reached]
    times = counted(vain, dt.timedelta(hours=int(setting("handover", "contact_gap_hours"))))
    days = {moment.astimezone(LOCAL_ZONE).date() for moment in times}
    wanted, on_days = int(setting("handover", "contact_attempts")), int(setting("handover", "contact_days"))
    if len(times) >= wanted and len(days) >= on_days:
        return None
    return ngettext(
        "%(num)d attempt counts so far; %(wanted)d are needed, %(hours)d hours apart, on %(days)d days or more.",
        "%(num)d attempts count so far; %(wanted)d are needed, %(hours)d hours apart, on %(days)d days or more.",
        len(times),
        wanted=wanted,
        hours=int(setting("handover", "contact_gap_hours")),
        days=on_days,
    )


def note_attempt(
    place: HandoverUnit,
    means: ContactMeans,
    *,
    reached: bool,
    note: str = "",
    at: dt.datetime | None = None,
) -> ContactAttempt:
    """Note an attempt to reach the owner of a house; one who was reached is not counted as lost any more.

    Args:
        place: The house in its batch.
        means: How.
        reached: Whether somebody spoke with him.
        note: What was said, or why not.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: The moment lies in the future.
    """
    from plugins.handover.workflows import HANDOVER_UNIT

    moment = at or utc_now()
    if moment > utc_now():
        raise HandoverRuleError(_("This moment lies in the future. Enter when the attempt was made."))
    attempt = ContactAttempt(
        project_id=place.project_id,
        handover_unit_id=place.id,
        at=moment,
        means=means,
        reached=reached,
        note=note.strip()[:1000],
        by_id=require_scope().user_id,
    )
    db.session.add(attempt)
    db.session.flush()
    if reached and place.state == "not_contactable":
        HANDOVER_UNIT.move(
            place, "reach_again" if place.notice_sent_at is not None else "reach_before_notice"
        )
    return attempt
