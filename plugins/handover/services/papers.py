"""The papers that a house receives, and that they are signed for (domain reference 3.3.3)."""

from __future__ import annotations

import datetime as dt

from core.toolkit import (
    Decoration,
    _,
    _l,
    db,
    reach,
    require_scope,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    HandoverUnit,
    IssuedPaper,
    PaperKind,
    PapersState,
    Station,
)
from plugins.handover.services.places import about, lock_place, require_keys_here
from plugins.handover.services.visits import finish_desk

TO_SIGN = (
    PaperKind.QUALITY_GUARANTEE,
    PaperKind.USER_MANUAL,
    PaperKind.HANDOVER_DEED,
    PaperKind.INTERIM_RULES,
    PaperKind.PROPERTY_AGREEMENT,
    PaperKind.DECORATION_AGREEMENT,
)
"""Papers that the owner signs for before the keys; the others are shown or handed out (domain reference 3.3.3)."""
SHOWN = (
    PaperKind.COMPLETION_FILING,
    PaperKind.AREA_SURVEY,
    PaperKind.OWNER_HANDBOOK,
    PaperKind.PIPE_DRAWINGS,
    PaperKind.INSPECTION_RECORD,
    PaperKind.KEY_RECEIPT,
    PaperKind.RECEIPTS,
)
FITTED_ONLY = (PaperKind.APPLIANCE_MANUALS, PaperKind.AIR_REPORT)
BOOKS = (PaperKind.QUALITY_GUARANTEE, PaperKind.USER_MANUAL)


def prepare_papers(place: HandoverUnit, version: str) -> list[IssuedPaper]:
    """Put the papers of the pack together for a house, once; what is there already stays.

    Args:
        place: The house in its batch.
        version: Edition of the papers, for example 2026-1.

    Raises:
        HandoverRuleError: The keys are handed over, or the edition is missing.

    Source: domain reference 3.3.3 (document pack); one set of the two books for each house.
    """
    lock_place(place)
    require_keys_here(place)
    if not version.strip():
        raise HandoverRuleError(_("Write the edition of the two books, for example 2026-1."))
    held = {paper.kind for paper in place.papers}
    kinds: list[PaperKind] = [*TO_SIGN, *SHOWN]
    if place.unit.decoration == Decoration.FITTED:
        kinds += FITTED_ONLY
    made = [
        IssuedPaper(
            project_id=place.project_id,
            handover_unit_id=place.id,
            kind=kind,
            version=version.strip()[:30],
            number=f"{place.unit.code}-{position:02d}",
            must_be_signed=kind in TO_SIGN,
            issued_by_id=require_scope().user_id,
        )
        for position, kind in enumerate(kinds, start=1)
        if kind not in held
    ]
    db.session.add_all(made)
    weigh_papers(place, utc_now())
    return made


def sign_papers(place: HandoverUnit, signed_by: str, at: dt.datetime | None = None) -> int:
    """Note that the papers were explained and signed for; returns how many.

    Args:
        place: The house in its batch.
        signed_by: Who signed.
        at: When; now when omitted.

    Raises:
        HandoverRuleError: The name or the two books are missing.

    Source: touchpoint TP-E05.
    """
    lock_place(place)
    name = signed_by.strip()[:80]
    if not name:
        raise HandoverRuleError(_("Write the name of the person who signed."))
    if not set(BOOKS) <= {paper.kind for paper in place.papers}:
        raise HandoverRuleError(_("The two books are not issued. Prepare the papers of the house."))
    moment = at or utc_now()
    waiting = [paper for paper in place.papers if paper.must_be_signed and paper.signed_at is None]
    for paper in waiting:
        paper.signed_at, paper.signed_by = moment, name
    weigh_papers(place, moment)
    return len(waiting)


def weigh_papers(place: HandoverUnit, at: dt.datetime | None = None) -> None:
    """Find out anew whether the papers of a house are signed, and send the owner on when they have just become so.

    Args:
        place: The house in its batch.
        at: When; now when omitted.
    """
    at = at or utc_now()
    db.session.flush()
    db.session.expire(place, ["papers"])
    papers = place.papers
    is_signed = set(BOOKS) <= {paper.kind for paper in papers} and all(
        paper.signed_at is not None for paper in papers if paper.must_be_signed
    )
    was_open = place.papers_state == PapersState.OPEN
    place.papers_state = PapersState.SIGNED if is_signed else PapersState.OPEN
    db.session.flush()
    if not is_signed or not was_open:
        return
    finish_desk(place, Station.PAPERS, at)
    reach(
        "TP-E05",
        "handover.papers_signed",
        _l("House %(unit)s: papers signed.", unit=place.unit.code),
        happened_at=at,
        **about(place),
    )
