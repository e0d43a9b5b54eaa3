"""The touchpoint catalogue as it is shipped: reading the data file, loading it, and saying its limits in words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask_babel import get_locale, ngettext
from flask_babel import gettext as _

from core.extensions import db
from core.languages import listed
from core.timeline.models import Touchpoint

_AS_SHIPPED = (
    "limits", "targets", "records", "documents", "question_scale", "questionnaire", "origin", "clause",
)  # fmt: skip
DATA = Path(__file__).with_name("data") / "touchpoints.json"


@lru_cache(maxsize=1)
def _shipped() -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    return found


def in_language(text: Mapping[str, str] | None) -> str:
    """Return the text of the page's language, the Chinese one where the other is missing."""
    if not text:
        return ""
    return text.get("en" if str(get_locale()) == "en" else "zh") or text.get("zh") or text.get("en") or ""


def stages() -> list[tuple[str, str]]:
    """Return the stages A to G in order with their names in the language of the page."""
    return [
        (stage["code"], in_language(stage["name"]))
        for stage in sorted(_shipped()["stages"], key=lambda row: row["order"])
    ]


def anchor_name(code: str) -> str:
    """Return from what a limit is counted, in words."""
    return next((in_language(row["name"]) for row in _shipped()["anchors"] if row["code"] == code), code)


def load() -> None:
    """Load the catalogue into the database; idempotent. What companies changed stands in overrides and stays."""
    held = {row.code: row for row in db.session.scalars(sa.select(Touchpoint))}
    for row in _shipped()["touchpoints"]:
        touchpoint = held.get(row["code"])
        if touchpoint is None:
            touchpoint = Touchpoint(code=row["code"])
            db.session.add(touchpoint)
        touchpoint.stage = row["stage"]
        touchpoint.name, touchpoint.name_en = row["name"]["zh"], row["name"]["en"]
        touchpoint.owner_role = row["owner"]
        touchpoint.standard, touchpoint.standard_en = row["standard"]["zh"], row["standard"]["en"]
        question = row["question"] or {"zh": "", "en": ""}
        touchpoint.question, touchpoint.question_en = question["zh"], question["en"]
        for name in (
            "limits",
            "targets",
            "records",
            "documents",
            "question_scale",
            "questionnaire",
            "origin",
            "clause",
        ):
            if getattr(touchpoint, name) != row[name]:
                setattr(touchpoint, name, row[name])
    db.session.flush()


def limit_words(limit: Mapping[str, Any]) -> str:
    """Return a time limit as a sentence part: "Issue the card: within 3 working days after …"."""
    number = limit["value"]
    amount = _amount(abs(number), limit["unit"])
    anchor = anchor_name(limit["anchor"])
    relation = limit["relation"]
    if relation == "within":
        rule = _("within %(amount)s from: %(anchor)s", amount=amount, anchor=anchor)
    elif relation == "before":
        rule = _("at least %(amount)s before: %(anchor)s", amount=amount, anchor=anchor)
    elif relation == "after":
        rule = _("no earlier than %(amount)s after: %(anchor)s", amount=amount, anchor=anchor)
    elif relation == "every":
        rule = _("every %(amount)s", amount=amount)
    elif number == 0:
        rule = _("on the day: %(anchor)s", anchor=anchor)
    elif number < 0:
        rule = _("%(amount)s before: %(anchor)s", amount=amount, anchor=anchor)
    else:
        rule = _("%(amount)s after: %(anchor)s", amount=amount, anchor=anchor)
    extras = list(_extras(limit))
    step = _("%(what)s: %(value)s", what=in_language(limit["step"]), value=rule)
    return " · ".join([step, *extras])


def _extras(limit: Mapping[str, Any]) -> Sequence[str]:
    found = []
    if limit.get("tolerance"):
        found.append(_("± %(amount)s", amount=_amount(limit["tolerance"], limit["unit"])))
    if limit.get("approximate"):
        found.append(_("approximately"))
    if limit.get("by_time"):
        found.append(_("by %(time)s", time=limit["by_time"]))
    if limit.get("day_of_month"):
        found.append(_("on day %(day)s of the month", day=limit["day_of_month"]))
    if limit.get("months"):
        found.append(_("in month %(months)s", months=listed(str(month) for month in limit["months"])))
    if limit.get("from_day"):
        found.append(_("from day %(day)s on", day=limit["from_day"]))
    return found


def _amount(number: int, unit: str) -> str:
    if unit == "second":
        return ngettext("%(num)s second", "%(num)s seconds", number)
    if unit == "minute":
        return ngettext("%(num)s minute", "%(num)s minutes", number)
    if unit == "hour":
        return ngettext("%(num)s hour", "%(num)s hours", number)
    if unit == "working_day":
        return ngettext("%(num)s working day", "%(num)s working days", number)
    if unit == "month":
        return ngettext("%(num)s month", "%(num)s months", number)
    return ngettext("%(num)s day", "%(num)s days", number)


_TARGET_UNITS = {"percent": "%"}


def target_words(target: Mapping[str, Any]) -> str:
    """Return a target that is no time: "Share of customers called: at least 100 %"."""
    value = f"{target['value']} {_TARGET_UNITS.get(target['unit'], '')}".strip()
    words = (
        _("at least %(value)s", value=value)
        if target["relation"] == "min"
        else _("at most %(value)s", value=value)
    )
    return _("%(what)s: %(value)s", what=in_language(target["subject"]), value=words)
