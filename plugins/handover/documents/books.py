"""The two books of a house: quality guarantee and user manual (domain reference 3.3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import (
    Unit,
    _,
    completion_date,
    listed,
    owners_of,
    setting,
)
from plugins.handover import services, words
from plugins.handover.models import (
    HandoverUnit,
)


def may_issue_book(record: HandoverUnit) -> str | None:
    """Return why a book cannot be issued yet, or None."""
    if services.facts_for(record.unit.building) is not None:
        return None
    return _("Enter the facts of the two books for this building or project first; the book is made of them.")


def quality_guarantee(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the quality guarantee (domain reference 3.3.7).

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit = record.unit
    facts = services.facts_for(unit.building)
    start = record.delivered_at or unit.delivered_on
    return {
        "facts": [
            (_("Developer"), record.project.developer_name, True),
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), unit.code),
            (_("Structure type"), facts.structure_type if facts else ""),
            (_("Gross area"), _area(unit)),
            (_("Quality grade"), facts.quality_grade if facts else ""),
            (_("Quality verified by"), facts.quality_authority if facts else ""),
            (_("Completion accepted on"), words.long_date(completion_date(unit), language)),
            (_("Completion filing no."), facts.filing_number if facts else ""),
            (_("Design life"), _("%(number)d years", number=facts.design_life_years) if facts else ""),
            (_("Delivered on"), words.long_date(start, language)),
            (_("Owner"), listed([owner.name for owner in owners_of(unit)]), True),
        ],
        "terms": [
            [
                position,
                term.part,
                term.content,
                term.period,
                words.long_date(term.start, language),
                words.long_date(term.end, language),
            ]
            for position, term in enumerate(services.guarantee_terms(record, language), start=1)
        ],
        "is_delivered": start is not None,
        "repair": [
            (_("Responsible repair unit"), facts.repair_unit if facts else "", True),
            (_("Telephone for repairs"), facts.repair_phone if facts else ""),
            (
                _("First answer"),
                _("within %(hours)d hours", hours=int(setting("handover", "guarantee_answer_hours"))),
            ),
            (
                _("On site in an emergency"),
                _(
                    "within %(minutes)d minutes",
                    minutes=int(setting("handover", "guarantee_emergency_minutes")),
                ),
            ),
            (
                _("On site otherwise"),
                _("within %(hours)d hours", hours=int(setting("handover", "guarantee_visit_hours"))),
            ),
        ],
        "exclusions": services.exclusions(language),
    }


def _area(unit: Unit) -> str:
    area = unit.gross_area_measured or unit.gross_area_contract
    return f"{area} m²" if area is not None else ""


def user_manual(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the user manual with its nine chapters (domain reference 3.3.7).

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit = record.unit
    facts = services.facts_for(unit.building)
    manual = services.manual_for(unit, language)
    standard, titles = services.standard_texts(language), services.chapter_titles(language)
    tables = {
        "companies": [
            (_("Developer"), record.project.developer_name, True),
            (_("Designer"), facts.designer if facts else "", True),
            (_("Builder"), facts.builder if facts else "", True),
            (_("Supervisor"), facts.supervisor if facts else "", True),
        ],
        "structure": [
            (_("Structure type"), facts.structure_type if facts else ""),
            (_("Design life"), _("%(number)d years", number=facts.design_life_years) if facts else ""),
            (_("Storeys above ground"), unit.building.total_floors or ""),
            (_("Floor of the house"), unit.floor if unit.floor is not None else ""),
        ],
    }
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), unit.code),
            (_("Layout"), unit.layout),
            (_("Gross area"), _area(unit)),
            (_("Delivery standard"), words.decoration(unit.decoration)),
            (_("Edition"), manual.version if manual is not None else _("standard text")),
        ],
        "chapters": [
            {
                "title": titles[code],
                "text": getattr(manual, code) if manual is not None else standard[code],
                "table": tables.get(code, ()),
            }
            for code in services.CHAPTERS
        ],
    }
