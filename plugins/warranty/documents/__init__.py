"""What is printed (domain reference 3.4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.toolkit import DocumentType, _l
from plugins.warranty.documents import contractors, houses, orders, reports


def types() -> Sequence[DocumentType]:
    """Return the documents that the module declares."""

    def document(
        code: str, label: Any, kind: str, context: Any, prefix: str, may_issue: Any = None
    ) -> DocumentType:
        return DocumentType(
            f"warranty.{code}",
            label,
            f"warranty.{kind}",
            f"warranty/documents/{code}.html",
            context,
            "warranty.print",
            "warranty.print",
            prefix,
            may_issue=may_issue,
        )

    return (
        document("intake_slip", _l("Repair intake slip"), "request", orders.intake_slip, "BXSL"),
        document("repair_order", _l("Repair order (two copies)"), "order", orders.repair_order, "WXGD"),
        document(
            "visit_record",
            _l("Record of a survey"),
            "visit",
            orders.visit_record,
            "CKJL",
            orders.may_record,
        ),
        document("repair_plan", _l("Confirmation of a repair plan"), "plan", orders.repair_plan, "WXFA"),
        document("delay_notice", _l("Notice of a later date"), "extension", orders.delay_notice, "YQGZ"),
        document(
            "no_warranty_letter",
            _l("Explanation: no warranty"),
            "order",
            orders.no_warranty_letter,
            "FBXH",
            orders.may_explain,
        ),
        document(
            "contractor_notice",
            _l("Repair notice to the contractor"),
            "notice",
            contractors.contractor_notice,
            "WXTZ",
        ),
        document(
            "third_party_notice",
            _l("Notice of a third-party repair"),
            "third_party",
            contractors.third_party_notice,
            "DSFW",
            contractors.may_announce,
        ),
        document(
            "deduction_notice",
            _l("Notice of a deduction"),
            "deduction",
            contractors.deduction_notice,
            "WXKK",
            contractors.may_deduct,
        ),
        document(
            "retention_settlement",
            _l("Approval of a retention settlement"),
            "release",
            contractors.retention_settlement,
            "ZBJS",
        ),
        document("case_report", _l("Early warning of a batch problem"), "case", reports.case_report, "PLYJ"),
        document("monthly_report", _l("Monthly report on repairs"), "report", reports.monthly_report, "WXYB"),
        DocumentType(
            "warranty.expiry_notice",
            _l("Notice of the end of the warranty"),
            "core.unit",
            "warranty/documents/expiry_notice.html",
            houses.expiry_notice,
            "warranty.print",
            "warranty.print",
            "BXDQ",
            may_issue=houses.may_remind,
        ),
    )
