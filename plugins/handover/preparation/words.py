"""The words for codes that the preparation stores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.toolkit import RecordWords, _l
from plugins.handover.models import FeeKind, Product
from plugins.handover.preparation import models
from plugins.handover.preparation.models import ContactMeans, FeeMethod, FeeRule, LetterKind, RiskCategory
from plugins.handover.words import FEE_KINDS
from plugins.handover.words import local as local

CATEGORIES: Mapping[str, Any] = {
    RiskCategory.CONTRACT_DOCUMENTS: _l("Contract documents"),
    RiskCategory.SALES_PROMISES: _l("Sales promises"),
    RiskCategory.CONSTRUCTION_QUALITY: _l("Construction quality"),
    RiskCategory.DESIGN_CHANGES: _l("Design changes"),
    RiskCategory.FACILITIES: _l("Supporting facilities"),
    RiskCategory.PROPERTY_READINESS: _l("Readiness of the property company"),
    RiskCategory.FEES: _l("Fees"),
}

METHODS: Mapping[str, Any] = {
    FeeMethod.PER_AREA: _l("Rate × area"),
    FeeMethod.PER_AREA_MONTH: _l("Rate × area × months"),
    FeeMethod.FIXED: _l("The same for each house"),
    FeeMethod.TEXT: _l("Words without an amount"),
}

LETTERS: Mapping[str, Any] = {
    LetterKind.NOTICE: _l("Notice of delivery"),
    LetterKind.REMINDER: _l("Delivery reminder"),
}

WRITE_LETTERS: Mapping[str, Any] = {
    LetterKind.NOTICE: _l("Write the delivery notice…"),
    LetterKind.REMINDER: _l("Write a reminder…"),
}

MEANS: Mapping[str, Any] = {
    ContactMeans.PHONE: _l("Call"),
    ContactMeans.MESSAGE: _l("Message"),
    ContactMeans.VISIT: _l("Visit at the door"),
    ContactMeans.LETTER: _l("Letter"),
}

PRODUCTS: Mapping[str, Any] = {
    Product.ORDINARY: _l("Flats"),
    Product.HIGH_END: _l("High-end flats"),
    Product.VILLA: _l("Villas"),
    Product.COMMERCIAL: _l("Shops and offices"),
}

ROLES: Mapping[str, Any] = {
    "HEAD": _l("City general manager"),
    "PCM": _l("Project customer manager"),
    "BCS": _l("Business customer service"),
    "CCS": _l("Call centre"),
    "ENG": _l("Engineering"),
    "DSN": _l("Design"),
    "MKT": _l("Marketing"),
    "LEG": _l("Legal"),
    "FIN": _l("Finance"),
    "PM": _l("Property company"),
}


def role(code: str) -> str:
    """Return the words for the role that does something."""
    return str(ROLES.get(code, code))


def fee_title(kind: FeeKind | str, rule: FeeRule | None, language: str = "") -> str:
    """Return what a fee is called on the list.

    Args:
        kind: What is paid for.
        rule: The rule that it comes from, or None.
        language: Locale of the reader; that of the page when omitted.
    """
    if rule is not None and rule.title:
        return local(rule, "title", language)
    return str(FEE_KINDS[kind])


_PLACE = _l("House in a batch")

RECORD_WORDS = (
    RecordWords(models.PlanStep, {"department_id": _l("Department")}),
    RecordWords(
        models.PlanTask,
        {"code": _l("Step of the timetable"), "until_close": _l("Until the last concentrated day")},
    ),
    RecordWords(models.RiskItem, {"code": _l("Point of the standard list")}),
    RecordWords(models.FeeRule, {}),
    RecordWords(
        models.AreaSettlement,
        {"handover_unit_id": _PLACE, "agreed_at": _l("Agreed on")},
    ),
    RecordWords(
        models.DeliveryLetter,
        {
            "handover_unit_id": _PLACE,
            "kind": _l("Kind of letter"),
            "number": _l("Number of the letter"),
            "sent_at": _l("Sent on"),
            "sent_by_id": _l("Sent by"),
            "document_number": _l("Number of the document"),
            "by_message": _l("By message"),
            "by_letter": _l("By post"),
            "tracking_number": _l("Number of the express letter"),
            "received_at": _l("Received on"),
            "received_by": _l("Received by"),
        },
        _l("Letter about the delivery"),
    ),
    RecordWords(
        models.ContactAttempt,
        {
            "handover_unit_id": _PLACE,
            "at": _l("When"),
            "means": _l("How"),
            "reached": _l("Reached"),
            "note": _l("What was said"),
            "by_id": _l("By"),
        },
        _l("Attempt to reach the owner"),
    ),
)
"""What the change log shows of tables and fields beyond those of the pages."""
