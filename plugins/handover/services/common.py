"""What the rules of batches, inspections, defects and notices share."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Project,
    _,
    db,
    kept_select,
    next_number,
    utc_now,
)
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import (
    Defect,
    DefectCode,
    DefectFault,
    Inspection,
    InspectionKind,
    InspectionRoom,
    InspectionState,
    Severity,
)

INTERNAL_KINDS = (
    InspectionKind.HOUSEHOLD,
    InspectionKind.TAKE_OVER,
    InspectionKind.MOCK,
    InspectionKind.OPEN_DAY,
)
"""Rounds of our own staff before the owner comes."""


SERIOUS = (Severity.S1, Severity.S2)


COUNTED = (Severity.S1, Severity.S2, Severity.S3)
"""Severities that count against first-pass acceptance (domain reference 3.3.6 rule 2)."""


PHOTO_BEFORE = "before"


def require_open(inspection: Inspection) -> None:
    if inspection.state == InspectionState.PLANNED:
        raise HandoverRuleError(
            _(
                "Inspection %(number)s has not been started. Open it and press “Start”.",
                number=inspection.number,
            )
        )
    if not inspection.is_open:
        raise ended(inspection)


def require_not_ended(inspection: Inspection) -> None:
    """Refuse to change an inspection that is finished or cancelled.

    Raises:
        HandoverRuleError: It has ended.
    """
    if inspection.state not in (InspectionState.PLANNED, InspectionState.IN_PROGRESS):
        raise ended(inspection)


def ended(inspection: Inspection) -> HandoverRuleError:
    if inspection.state == InspectionState.CANCELLED:
        return HandoverRuleError(_("Inspection %(number)s was cancelled.", number=inspection.number))
    return HandoverRuleError(
        _("Inspection %(number)s is finished and does not change any more.", number=inspection.number)
    )


def is_english(language: str) -> bool:
    """Return whether a locale reads the English texts of the catalogues."""
    return language.lower().startswith("en")


def local_name(record: Any, language: str, field: str = "name") -> str:
    """Return a bilingual field of a record in a language; the Chinese one where there is no English."""
    chinese = getattr(record, field)
    return (getattr(record, f"{field}_en") or chinese) if is_english(language) else chinese


def room_title(room: InspectionRoom, language: str = "") -> str:
    """Return what a room is called in a language, the user's when omitted."""
    return local_name(room, language or current_language())


def current_language() -> str:
    """Return the locale of the page that is being made, for example ``en``."""
    from flask_babel import get_locale

    locale = get_locale()
    return str(locale) if locale is not None else "zh_Hans_CN"


def defect_title(defect: Defect, language: str = "") -> str:
    """Return a defect in a few words: kinds of fault and what is wrong, or the item."""
    language = language or current_language()
    faults = " ".join(f"{code.code} {local_name(code, language)}" for code in defect.codes)
    return title_of(defect, faults, language)


def title_of(defect: Defect, faults: str, language: str = "") -> str:
    """Return a defect in a few words.

    Args:
        defect: The defect.
        faults: Its kinds of fault in words, see :func:`faults_of`.
        language: The locale, the user's when omitted.
    """
    rest = defect.description or local_name(defect, language or current_language(), "item_name")
    return " · ".join(part for part in (faults, rest) if part)


def faults_of(keys: Sequence[int]) -> dict[int, str]:
    """Return the kinds of fault of several defects in words by the key of the defect, in one query.

    Args:
        keys: Keys of defects; those without any kind of fault get an empty text.
    """
    rows = db.session.execute(_faults_query(is_english(current_language())), {"keys": keys})
    found: dict[int, list[str]] = {key: [] for key in keys}
    for key, code, text, chinese in rows:
        found[key].append(f"{code} {text or chinese}")
    return {key: " ".join(texts) for key, texts in found.items()}


@cache
def _faults_query(in_english: bool) -> sa.Select[int, str, str, str]:
    """Return the query of the kinds of fault of the defects in the parameter ``keys``, which lists ask once a page."""
    name = DefectCode.name_en if in_english else DefectCode.name
    return kept_select(
        sa.select(DefectFault.defect_id, DefectCode.code, name, DefectCode.name)
        .join(DefectCode, DefectCode.id == DefectFault.code_id)
        .where(DefectFault.defect_id.in_(sa.bindparam("keys", expanding=True)))
        .order_by(DefectFault.defect_id, DefectFault.position)
    )


def number_under(prefix: str, project: Project) -> str:
    month = utc_now().astimezone(LOCAL_ZONE).strftime("%Y%m")
    return next_number(f"{prefix}-{project.code}-{month}-")
