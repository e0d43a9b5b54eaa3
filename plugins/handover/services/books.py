"""The two books: facts of buildings, terms of the quality guarantee, and the editions of the user manual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    HouseTerm,
    Project,
    Unit,
    _,
    db,
    house_terms_of,
    months_after,
    utc_now,
)
from plugins.handover import catalogue
from plugins.handover.errors import HandoverRuleError
from plugins.handover.models import BookFacts, HandoverUnit, TemplateState, UserManual
from plugins.handover.services.common import is_english

FACTS = (
    "structure_type",
    "design_life_years",
    "quality_grade",
    "quality_authority",
    "filing_number",
    "designer",
    "builder",
    "supervisor",
    "repair_unit",
    "repair_phone",
)
CHAPTERS = tuple(row["code"] for row in catalogue.reference("user_manual")["chapters"])
"""The nine chapters that the rules on the two books ask for, in their order."""


def facts_for(building: Building) -> BookFacts | None:
    """Return what the two books say of a building: its own facts, else those of the project, else None."""
    found = db.session.scalars(
        sa.select(BookFacts).where(
            BookFacts.project_id == building.project_id,
            sa.or_(BookFacts.building_id == building.id, BookFacts.building_id.is_(None)),
        )
    ).all()
    return max(found, key=lambda each: each.building_id is not None, default=None)


def save_facts(
    project: Project, building: Building | None, values: Mapping[str, Any], facts: BookFacts | None = None
) -> BookFacts:
    """Enter or change what the two books say of a building, or of the whole project.

    Args:
        project: The project.
        building: The building; None for all that have no facts of their own.
        values: Attributes of :class:`BookFacts` by name, see :data:`FACTS`.
        facts: What is changed; None to enter new facts.

    Raises:
        HandoverRuleError: There are facts for it already, the building is of another project, or the design life
            is none.
    """
    if building is not None and building.project_id != project.id:
        raise HandoverRuleError(_("This building belongs to another project. Choose one of the project."))
    known = db.session.scalar(
        sa.select(BookFacts).where(
            BookFacts.project_id == project.id,
            BookFacts.building_id == building.id if building is not None else BookFacts.building_id.is_(None),
        )
    )
    if known is not None and known is not facts:
        raise HandoverRuleError(
            _("There are facts for this building or project already. Change those instead of entering more.")
        )
    years = values.get("design_life_years", facts.design_life_years if facts is not None else 50)
    if not isinstance(years, int) or not 1 <= years <= 200:
        raise HandoverRuleError(_("Write the design life in whole years, for example 50."))
    if facts is None:
        facts = BookFacts()
        db.session.add(facts)
    facts.project_id, facts.building_id = project.id, building.id if building is not None else None
    for name in FACTS:
        if name in values:
            value = values[name]
            setattr(facts, name, value.strip() if isinstance(value, str) else value)
    db.session.flush()
    return facts


def guarantee_terms(place: HandoverUnit, language: str) -> list[HouseTerm]:
    """Return the lines of the quality guarantee of a house.

    They come from the module that keeps warranties, where one is on; else the statutory terms hold, counted from the
    day of the delivery. Foundation and structure are guaranteed for the design life of the building.

    Args:
        place: The house in its batch.
        language: Locale of the recipient.

    Source: domain reference 3.3.7, 3.4.2; a term in months ends on the day before the same day of the month, or on the
    month's last day where it has none (Appendix F).
    """
    known = house_terms_of(place.unit)
    if known:
        return known
    start = _delivery_day(place)
    facts = facts_for(place.unit.building)
    life = facts.design_life_years if facts is not None else None
    key = "en" if is_english(language) else "zh"
    return [
        HouseTerm(
            code=row["code"],
            part=row["part"][key],
            content=row["content"][key],
            period=_in_words(row["kind"], life if row["kind"] == "life" and life else row["amount"]),
            start=start,
            end=_end(start, row["kind"], life if row["kind"] == "life" and life else row["amount"]),
        )
        for row in catalogue.reference("statutory_terms")["terms"]
    ]


def exclusions(language: str) -> list[str]:
    """Return what the guarantee does not cover, in a language."""
    key = "en" if is_english(language) else "zh"
    return [row[key] for row in catalogue.reference("statutory_terms")["exclusions"]]


def _delivery_day(place: HandoverUnit) -> dt.date | None:
    if place.delivered_at is not None:
        return place.delivered_at.astimezone(LOCAL_ZONE).date()
    return place.unit.delivered_on


def _in_words(kind: str, amount: int) -> str:
    if kind == "life":
        return _("%(number)s years (reasonable life stated in the design documents)", number=amount)
    if kind == "seasons":
        return _("%(number)s heating or cooling seasons", number=amount)
    if amount % 12 == 0:
        return _("%(number)s years", number=amount // 12)
    return _("%(number)s months", number=amount)


def _end(start: dt.date | None, kind: str, amount: int) -> dt.date | None:
    # Which seasons a city has is known to the warranty module alone; without it the end is written by hand.
    if start is None or kind == "seasons":
        return None
    following = months_after(start, amount * 12 if kind == "life" else amount)
    return following - dt.timedelta(days=1) if following.day == start.day else following


# The user manual


def standard_texts(language: str) -> dict[str, str]:
    """Return the texts of the nine chapters with which a module starts, by chapter."""
    key = "en" if is_english(language) else "zh"
    return {row["code"]: row["text"][key] for row in catalogue.reference("user_manual")["chapters"]}


def chapter_titles(language: str) -> dict[str, str]:
    """Return the titles of the nine chapters, by chapter."""
    key = "en" if is_english(language) else "zh"
    return {row["code"]: row["title"][key] for row in catalogue.reference("user_manual")["chapters"]}


def manual_for(unit: Unit, language: str) -> UserManual | None:
    """Return the edition of the manual that a house gets: that of its type, else that for all others of the project.

    Args:
        unit: The house.
        language: Locale of the recipient.
    """
    found = db.session.scalars(
        sa.select(UserManual).where(
            UserManual.project_id == unit.project_id,
            UserManual.language == language,
            UserManual.state == TemplateState.PUBLISHED,
            UserManual.layout.in_({unit.layout, ""}),
        )
    ).all()
    return max(found, key=lambda each: (each.layout != "", each.version), default=None)


def draft_manual(project: Project, layout: str = "", language: str = "zh_Hans_CN") -> UserManual:
    """Begin the next edition of a manual, with the texts of the newest one or the standard ones.

    Args:
        project: The project.
        layout: The house type; "" for all that have no manual of their own.
        language: Locale in which it is written.

    Raises:
        HandoverRuleError: There is a draft already.
    """
    editions = _editions(project.id, layout.strip(), language)
    draft = next((each for each in editions if each.state == TemplateState.DRAFT), None)
    if draft is not None:
        raise HandoverRuleError(
            _("“%(title)s” is a draft already. Change and publish it, or delete it first.", title=draft.title)
        )
    newest = editions[-1] if editions else None
    texts = standard_texts(language)
    made = UserManual(
        project_id=project.id,
        layout=layout.strip()[:40],
        language=language,
        version=newest.version + 1 if newest is not None else 1,
        **{code: getattr(newest, code) if newest is not None else texts[code] for code in CHAPTERS},
    )
    db.session.add(made)
    db.session.flush()
    return made


def _editions(project_id: int, layout: str, language: str) -> Sequence[UserManual]:
    return db.session.scalars(
        sa.select(UserManual)
        .where(
            UserManual.project_id == project_id,
            UserManual.layout == layout,
            UserManual.language == language,
        )
        .order_by(UserManual.version)
    ).all()


def require_draft_manual(manual: UserManual) -> None:
    """Refuse to change an edition that is or was in use.

    Raises:
        HandoverRuleError: It is no draft.
    """
    if manual.state != TemplateState.DRAFT:
        raise HandoverRuleError(
            _(
                "“%(title)s” was handed to owners and does not change any more. Make the next edition and change that.",
                title=manual.title,
            )
        )


def change_manual(manual: UserManual, texts: Mapping[str, str]) -> None:
    """Change the chapters of a draft.

    Raises:
        HandoverRuleError: It is no draft, or a chapter is left without text.
    """
    require_draft_manual(manual)
    for code in CHAPTERS:
        text = texts.get(code, getattr(manual, code)).strip()
        if not text:
            raise HandoverRuleError(
                _(
                    "The manual has nine chapters by law. Write a text for “%(chapter)s”.",
                    chapter=chapter_titles(manual.language)[code],
                )
            )
        setattr(manual, code, text)
    db.session.flush()


def publish_manual(manual: UserManual) -> None:
    """Put a draft into use; the edition before it is retired.

    Raises:
        HandoverRuleError: It is no draft.
    """
    db.session.refresh(manual, with_for_update=True)
    require_draft_manual(manual)
    for older in _editions(manual.project_id, manual.layout, manual.language):
        if older.state == TemplateState.PUBLISHED:
            older.state = TemplateState.RETIRED
    manual.state, manual.published_at = TemplateState.PUBLISHED, utc_now()
    db.session.flush()
