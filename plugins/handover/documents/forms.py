"""Papers that an owner signs beside the deed: power of attorney, statement of refusal, waiver of a repair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import (
    _,
    listed,
    owners_of,
)
from plugins.handover import services, words
from plugins.handover.documents.day import defect_rows, house_facts, printed_day, statement_values
from plugins.handover.models import (
    Defect,
    FormKind,
    HandoverUnit,
    HouseForm,
)


def power_of_attorney(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the power of attorney that an owner fills in who does not come himself.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    return {
        "project": words.local(record.project, "name", language),
        "developer": record.project.developer_name,
        "house": record.unit.code,
        "owners": [owner.name for owner in owners_of(record.unit)],
        "attorney": record.attorney_name,
        "proof": record.attorney_document,
        "matters": [
            _("inspect the house and say whether it is accepted"),
            _("settle the fees of the handover and take the receipts"),
            _("sign the handover deed, the agreements and the other papers"),
            _("take over keys, cards and papers"),
            _("agree on dates for remaining problems, and refuse the house with reasons"),
        ],
    }


def may_issue_refusal(record: HandoverUnit) -> str | None:
    """Return why a statement of refusal cannot be issued yet, or None."""
    if record.refusal_reason:
        return None
    return _("The statement can be issued when a refusal is noted.")


def refusal_statement(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the statement that an owner signs who refuses the house.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    form = services.form_of(record, FormKind.REFUSAL)
    content = form.content if form is not None else services.refusal_content(record)
    reasons = words.refusal_reasons(language)
    return {
        "facts": [
            *house_facts(record, language),
            (_("Inspection record"), content["inspection"]),
            (_("Refused on"), printed_day(content["refused_on"], language)),
            (_("Reply by"), printed_day(content["reply_by"], language)),
        ],
        "reasons": list(reasons.items()),
        "reason": content["refusal"],
        "words": content["words"],
        "defects": defect_rows(content["defects"], language),
        **statement_values(form),
    }


def may_issue_waiver(record: Defect) -> str | None:
    """Return why a waiver cannot be issued yet, or None."""
    return (
        None if _waiver_of(record) is not None else _("Prepare the waiver on the page of the defect first.")
    )


def _waiver_of(record: Defect) -> HouseForm | None:
    place = services.handover_unit_of(record.unit)
    return services.form_of(place, FormKind.WAIVER, record) if place is not None else None


def waiver(record: Defect, language: str) -> Mapping[str, Any]:
    """Return the values of the statement that the owner does without a repair (domain reference 3.3.2).

    Args:
        record: The defect.
        language: Locale of the recipient.
    """
    form = _waiver_of(record)
    content: Mapping[str, Any] = form.content if form is not None else {}
    return {
        "facts": [
            (_("Project"), words.local(record.project, "name", language)),
            (_("House"), record.unit.code),
            (_("Owner"), listed([owner.name for owner in owners_of(record.unit)]), True),
            (_("Defect"), record.number),
            (_("Room"), words.local(record, "room_name", language)),
            (_("Problem"), services.defect_title(record, language), True),
            (_("Severity"), f"{record.severity} {words.SEVERITIES[record.severity]}"),
            (_("Found on"), words.long_date(record.raised_at, language)),
        ],
        "reason": content.get("reason", ""),
        **statement_values(form),
    }
