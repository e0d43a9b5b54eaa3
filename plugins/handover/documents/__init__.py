"""What is printed (domain reference 3.3.7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.toolkit import DocumentType, _l
from plugins.handover.documents import books, buildings, day, forms, inspections, reports


def types() -> Sequence[DocumentType]:
    """Return the documents that the module declares, without those of the preparation."""

    def document(
        code: str, label: Any, kind: str, context: Any, prefix: str, may_issue: Any = None
    ) -> DocumentType:
        return DocumentType(
            f"handover.{code}",
            label,
            kind,
            f"handover/documents/{code}.html",
            context,
            "handover.print",
            "handover.print",
            prefix,
            may_issue=may_issue,
        )

    return (
        document(
            "inspection_record",
            _l("House inspection record"),
            "handover.inspection",
            inspections.inspection_record,
            "YFJL",
            inspections.may_issue_record,
        ),
        document(
            "rectification_notice",
            _l("Rectification notice"),
            "handover.notice",
            inspections.rectification_notice,
            "ZGTZ",
            inspections.may_issue_notice,
        ),
        document("deed", _l("Handover deed"), "handover.unit", day.deed, "JJS", day.may_issue_deed),
        document(
            "key_receipt",
            _l("Key receipt"),
            "handover.unit",
            day.key_receipt,
            "YSLQ",
            day.may_issue_key_receipt,
        ),
        document("station_sheet", _l("Station sheet"), "handover.unit", day.station_sheet, "LZD"),
        document(
            "quality_guarantee",
            _l("Quality guarantee of the house"),
            "handover.unit",
            books.quality_guarantee,
            "ZBS",
            books.may_issue_book,
        ),
        document(
            "user_manual",
            _l("User manual of the house"),
            "handover.unit",
            books.user_manual,
            "SMS",
            books.may_issue_book,
        ),
        document(
            "power_of_attorney", _l("Power of attorney"), "handover.unit", forms.power_of_attorney, "WTS"
        ),
        document(
            "refusal_statement",
            _l("Statement of refusal"),
            "handover.unit",
            forms.refusal_statement,
            "JSS",
            forms.may_issue_refusal,
        ),
        document(
            "waiver", _l("Waiver of a repair"), "handover.defect", forms.waiver, "BXQ", forms.may_issue_waiver
        ),
        document(
            "household_summary",
            _l("Household inspection summary"),
            "core.building",
            buildings.household_summary,
            "FHYS",
        ),
        document(
            "vacant_patrol",
            _l("Patrol record of vacant houses"),
            "core.building",
            buildings.vacant_patrol,
            "KZXC",
        ),
        document("tower", _l("State of the building"), "core.building", buildings.tower_state, "LDZT"),
        document(
            "daily_report",
            _l("Daily report of the handover"),
            "handover.daily_report",
            reports.daily_report,
            "JFRB",
        ),
    )
