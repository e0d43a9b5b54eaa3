"""Refusals of houses and the replies to them (domain reference 3.3.6 rule 6)."""

from __future__ import annotations

import datetime as dt

from core.toolkit import (
    _,
    _l,
    add_todo,
    db,
    finish_todos_of,
    setting,
    utc_now,
    write_timeline,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverUnit,
    HandoverVisit,
)
from plugins.handover.services.places import about, lock_place
from plugins.handover.services.visits import leave, visit_of
from plugins.handover.workflows import HANDOVER_UNIT

REFUSALS_BY = "handover.refusal:"
"""How the key of a to-do begins that asks for the reply to a refusal."""


def refuse(place: HandoverUnit, reason: str, note: str, at: dt.datetime | None = None) -> None:
    """Note that the owner refuses the house at the desk, without or after its inspection.

    Args:
        place: The house in its batch.
        reason: R1 to R9 (domain reference 3.3.6 rule 6).
        note: His words.
        at: When; now when omitted.

    Raises:
        TransitionRefused: The house is not before the keys, or reason or words are missing.
    """
    HANDOVER_UNIT.move(place, "refuse_at_desk", note, refusal_reason=reason)
    moment = at or utc_now()
    note_refusal(place, visit_of(place), reason, note, moment)


def note_refusal(
    place: HandoverUnit, visit: HandoverVisit | None, reason: str, note: str, at: dt.datetime
) -> None:
    """Keep a refusal with the house and its visit, and ask for the reply.

    Args:
        place: The house in its batch, moved already.
        visit: The visit that runs; it ends.
        reason: R1 to R9.
        note: The words of the owner.
        at: When.
    """
    place.refusal_reason, place.refusal_note = reason, note.strip()[:2000]
    place.reply_due_at = at + dt.timedelta(days=int(setting("handover", "refusal_reply_days")))
    place.replied_at, place.reply_text = None, ""
    if visit is not None:
        leave(visit, at)
        visit.outcome, visit.refusal_reason, visit.ended_at = "refused", reason, at
    db.session.flush()
    number = visit.number if visit is not None else 0
    add_todo(
        place,
        _l("Reply to the refusal of %(unit)s (%(reason)s)", unit=place.unit.code, reason=reason),
        role="PCM",
        due_at=place.reply_due_at,
        dedupe_key=f"{REFUSALS_BY}{place.id}:{number}",
        note=note[:500],
        unit=place.unit,
    )
    write_timeline(
        "handover.refused",
        _l("House %(unit)s was refused: %(reason)s.", unit=place.unit.code, reason=reason),
        happened_at=at,
        details={"reason": reason},
        **about(place),
    )


def reply_to_refusal(place: HandoverUnit, text: str, at: dt.datetime | None = None) -> None:
    """Note the letter with which a refusal was answered; the to-do is done.

    Args:
        place: The house in its batch.
        text: What was replied, or the number of the letter.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: Nothing was refused, it is answered already, or the text is missing.
    """
    lock_place(place)
    if place.reply_due_at is None or place.replied_at is not None:
        raise HandoverRuleError(_("No refusal of %(unit)s waits for a reply.", unit=place.unit.code))
    if not text.strip():
        raise HandoverRuleError(_("Write what was replied, or the number of the letter."))
    place.replied_at, place.reply_text = at or utc_now(), text.strip()[:2000]
    finish_todos_of(place, note=place.reply_text[:200], prefix=REFUSALS_BY)
    db.session.flush()
