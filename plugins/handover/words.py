"""The words for codes that are stored, in the language of the page or of a document."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from core.toolkit import LOCAL_ZONE, Decoration, RecordWords, _, _l, in_language, ngettext
from plugins.contractors.services import active_trades
from plugins.handover import catalogue, measures, models, services
from plugins.handover.models import (
    BatchMode,
    BookFacts,
    DailyReport,
    DefectSource,
    FeeKind,
    FeeState,
    FormKind,
    HouseForm,
    InspectionKind,
    InspectionResult,
    InspectionState,
    KeyKind,
    KeysState,
    Opinion,
    PaperKind,
    PapersState,
    Station,
    TemplateState,
    UserManual,
    Verdict,
)
from plugins.handover.workflows import HANDOVER_UNIT

INSPECTION_KINDS: Mapping[str, Any] = {
    InspectionKind.HOUSEHOLD: _l("Household inspection"),
    InspectionKind.TAKE_OVER: _l("Property take-over inspection"),
    InspectionKind.MOCK: _l("Mock acceptance"),
    InspectionKind.OPEN_DAY: _l("Open-day inspection"),
    InspectionKind.FORMAL: _l("Formal inspection"),
    InspectionKind.RE_INSPECTION: _l("Re-inspection"),
    InspectionKind.VACANT: _l("Vacant-house patrol"),
}

INSPECTION_STATES: Mapping[str, tuple[str, Any]] = {
    InspectionState.PLANNED: ("calm", _l("Planned")),
    InspectionState.IN_PROGRESS: ("wait", _l("In progress")),
    InspectionState.FINISHED: ("ok", _l("Finished")),
    InspectionState.CANCELLED: ("calm", _l("Cancelled")),
}

SEVERITIES: Mapping[str, Any] = {
    "S1": _l("Critical"),
    "S2": _l("Major"),
    "S3": _l("Minor"),
    "S4": _l("Slight"),
}

VERDICTS: Mapping[str, Any] = {
    Verdict.PASS: _l("Pass"),
    Verdict.FAIL: _l("Fail"),
    Verdict.NOT_APPLICABLE: _l("Does not apply"),
}

OPINIONS: Mapping[str, Any] = {
    Opinion.ACCEPT: _l("Accepted as it is"),
    Opinion.ACCEPT_AFTER_RECTIFICATION: _l("Accepted after rectification"),
    Opinion.REFUSE: _l("Refused"),
}

BATCH_MODES: Mapping[str, Any] = {
    BatchMode.CONCENTRATED: _l("Concentrated"),
    BatchMode.SCATTERED: _l("Scattered"),
}

TEMPLATE_STATES: Mapping[str, tuple[str, Any]] = {
    TemplateState.DRAFT: ("wait", _l("Draft")),
    TemplateState.PUBLISHED: ("ok", _l("In use")),
    TemplateState.RETIRED: ("calm", _l("Retired")),
}

SOURCES: Mapping[str, Any] = {
    DefectSource.INSPECTION: _l("Inspection"),
    DefectSource.OWNER: _l("Owner"),
    DefectSource.STAFF: _l("Staff"),
}

SPECIFICATIONS: Mapping[str, Any] = {
    "both": _l("Rough and fitted"),
    "rough": _l("Rough"),
    "fitted": _l("Fitted"),
}

ESCALATIONS: Mapping[str, Any] = {
    "contractor": _l("Contractor's project manager"),
    "engineering": _l("Head of engineering"),
    "manager": _l("City general manager; repair by others"),
}

STATIONS: Mapping[str, Any] = {
    Station.SIGN_IN: _l("Sign-in"),
    Station.IDENTITY: _l("Identity check"),
    Station.FEES: _l("Fees"),
    Station.PAPERS: _l("Papers"),
    Station.INSPECTION: _l("Inspection"),
    Station.OPINION: _l("Owner's opinion"),
    Station.KEYS: _l("Keys"),
    Station.SURVEY: _l("Satisfaction survey"),
}

FEE_STATES: Mapping[str, tuple[str, Any]] = {
    FeeState.OPEN: ("wait", _l("Fees open")),
    FeeState.SETTLED: ("ok", _l("Fees settled")),
    FeeState.EXEMPT: ("ok", _l("Exempt from fees")),
}

PAPERS_STATES: Mapping[str, tuple[str, Any]] = {
    PapersState.OPEN: ("wait", _l("Papers open")),
    PapersState.SIGNED: ("ok", _l("Papers signed")),
}

KEYS_STATES: Mapping[str, tuple[str, Any]] = {
    KeysState.HELD: ("calm", _l("Keys here")),
    KeysState.HANDED: ("ok", _l("Keys handed over")),
}

FEE_KINDS: Mapping[str, Any] = {
    FeeKind.AREA_DIFFERENCE: _l("Area difference"),
    FeeKind.MAINTENANCE_FUND: _l("Special maintenance fund"),
    FeeKind.PROPERTY_FEE: _l("Property fee"),
    FeeKind.DECORATION_DEPOSIT: _l("Decoration deposit"),
    FeeKind.WASTE_REMOVAL: _l("Removal of decoration waste"),
    FeeKind.PARKING: _l("Parking space"),
    FeeKind.UTILITIES: _l("Opening of utilities"),
    FeeKind.OTHER: _l("Other fee"),
}

PAPER_KINDS: Mapping[str, Any] = {
    PaperKind.COMPLETION_FILING: _l("Completion filing form (copy shown)"),
    PaperKind.QUALITY_GUARANTEE: _l("Quality guarantee of the house"),
    PaperKind.USER_MANUAL: _l("User manual of the house"),
    PaperKind.AREA_SURVEY: _l("Area survey report"),
    PaperKind.INSPECTION_RECORD: _l("House inspection record"),
    PaperKind.HANDOVER_DEED: _l("Handover deed"),
    PaperKind.KEY_RECEIPT: _l("Key receipt"),
    PaperKind.INTERIM_RULES: _l("Interim management rules"),
    PaperKind.PROPERTY_AGREEMENT: _l("Preliminary property service agreement"),
    PaperKind.DECORATION_AGREEMENT: _l("Decoration management agreement"),
    PaperKind.OWNER_HANDBOOK: _l("Owner's handbook"),
    PaperKind.APPLIANCE_MANUALS: _l("Appliance manuals and warranty cards"),
    PaperKind.PIPE_DRAWINGS: _l("Plumbing and electrical drawings"),
    PaperKind.AIR_REPORT: _l("Indoor air report"),
    PaperKind.RECEIPTS: _l("Receipts of fees"),
}

KEY_KINDS: Mapping[str, Any] = {
    KeyKind.ENTRY: _l("Entry door"),
    KeyKind.MAILBOX: _l("Mailbox"),
    KeyKind.METER: _l("Meter cupboard"),
    KeyKind.GATE_CARD: _l("Gate card"),
    KeyKind.REMOTE: _l("Remote control"),
}

OUTCOMES: Mapping[str, tuple[str, Any]] = {
    "": ("calm", _l("No opinion yet")),
    "accepted": ("ok", _l("Accepted")),
    "accepted_with_defects": ("wait", _l("Accepted with defects")),
    "refused": ("late", _l("Refused")),
}


def outcome(code: str, has_left: bool) -> tuple[str, Any]:
    """Return tone and words for what an owner said at a visit.

    Args:
        code: What he said; "" for nothing.
        has_left: Whether the visit is over. Who has left without a word for the house has not taken it.
    """
    return ("wait", _l("Left without taking the house")) if has_left and not code else OUTCOMES[code]


FORM_KINDS: Mapping[str, Any] = {
    FormKind.DEED: _l("Handover deed"),
    FormKind.KEY_RECEIPT: _l("Key receipt"),
    FormKind.WAIVER: _l("Waiver of a repair"),
    FormKind.REFUSAL: _l("Statement of refusal"),
}

EQUIPMENT: Mapping[str, Any] = {
    "water": _l("Water supply and drainage"),
    "power": _l("Electricity, sockets, earth-leakage switch"),
    "gas": _l("Gas pipe and alarm"),
    "heat": _l("Heating and ventilation"),
    "intercom": _l("Video intercom and access"),
    "openings": _l("Doors, windows and locks"),
    "fittings": _l("Kitchen and bathroom fittings"),
    "network": _l("Television and network"),
}

LANGUAGES: Mapping[str, Any] = {"zh_Hans_CN": _l("Chinese"), "en": _l("English")}

_SIGNS: Mapping[str, tuple[str, str]] = {
    "planned": ("计", "P"),
    "notified": ("知", "N"),
    "booked": ("约", "B"),
    "arrived": ("到", "A"),
    "identity_ok": ("核", "I"),
    "fees_ok": ("费", "F"),
    "inspecting": ("验", "V"),
    "accepted": ("收", "✓"),
    "accepted_with_defects": ("缺", "✓!"),
    "refused": ("拒", "✗"),
    "keys_handed": ("钥", "K"),
    "delivered": ("交", "D"),
    "reviewed": ("评", "R"),
    "not_contactable": ("失", "?"),
    "absent": ("未", "O"),
    "deemed_delivered": ("视", "L"),
    "entrusted": ("托", "E"),
    services.NO_BATCH: ("·", "·"),
}
"""One sign for each state of a house, so that colour is not the only carrier."""

WEATHERS = (_l("Sunny"), _l("Cloudy"), _l("Overcast"), _l("Rain"), _l("Thunderstorm"), _l("Snow"))

METERS: Mapping[str, Any] = {
    "meter_water": _l("Water (m³)"),
    "meter_electricity": _l("Electricity (kWh)"),
    "meter_gas": _l("Gas (m³)"),
    "meter_heat": _l("Heat (kWh)"),
}


def state_signs() -> dict[str, str]:
    """Return the sign of each state of a house, in the reader's language."""
    return {code: in_language(*pair) for code, pair in _SIGNS.items()}


def state_label(code: str) -> Any:
    """Return the words for a state of a house, also for one that is in no batch."""
    if code == services.NO_BATCH:
        return _("In no batch")
    return next(state.label for state in HANDOVER_UNIT.states if state.code == code)


def state_tone(code: str) -> str:
    """Return the colour family of a state of a house."""
    return next((state.tone for state in HANDOVER_UNIT.states if state.code == code), "none")


def decoration(standard: str) -> str:
    """Return the words for a delivery standard."""
    return str(_("Rough") if standard == Decoration.ROUGH else _("Fitted"))


def local(record: Any, field: str = "name", language: str = "") -> str:
    """Return a bilingual field of a record in a language, that of the page when omitted."""
    if not language:
        return in_language(getattr(record, field), getattr(record, f"{field}_en"))
    return services.local_name(record, language, field)


def _by_language(texts: Mapping[str, Mapping[str, str]], language: str = "") -> dict[str, str]:
    key = "en" if services.is_english(language or services.current_language()) else "zh"
    return {code: names[key] for code, names in texts.items()}


def refusal_reasons(language: str = "") -> dict[str, str]:
    """Return the reasons for a refusal, R1 to R9, by code."""
    return _by_language(catalogue.labels("refusal_reasons"), language)


def root_causes(language: str = "") -> dict[str, str]:
    """Return the root causes by code."""
    return _by_language(catalogue.labels("root_causes"), language)


def trades(language: str = "") -> dict[str, str]:
    """Return the trades by code."""
    return {trade.code: local(trade, "name", language) for trade in active_trades()}


def measure_name(measure: Mapping[str, Any], language: str = "") -> str:
    """Return what is measured, with the circumstance in which it is."""
    english = services.is_english(language or services.current_language())
    name = measure["name_en"] if english else measure["name"]
    case = (measure.get("when") or {}).get("case_en" if english else "case", "")
    return f"{name} ({case})" if case and english else f"{name}（{case}）" if case else name


def measured_values(result: InspectionResult, language: str = "") -> list[str]:
    """Return the measured values of a result with their units, each with its name where several can be measured."""
    several = len(result.measures) > 1
    values = []
    for position, measure in enumerate(result.measures):
        text = result.measured.get(str(position))
        if text:
            value = f"{text} {measure['unit']}"
            values.append(f"{measure_name(measure, language)} {value}" if several else value)
    return values


def proposes(result: InspectionResult, verdict: str) -> bool:
    """Return whether the measured values propose a verdict that was not given."""
    return result.verdict != verdict and measures.judge(result.measures, result.measured) == verdict


def defect_count(count: int) -> str:
    """Return how many defects there are, in words."""
    return ngettext("%(num)d defect", "%(num)d defects", count)


def next_label(following: services.RoomProgress | None) -> str:
    """Return the text of the button that leads on."""
    if following is None:
        return _("Finish")
    return _("Next room: %(room)s", room=services.room_title(following.room))


def answered(count: int, room: str) -> str:
    """Return what was done to the rest of a room."""
    if not count:
        return _("Nothing was left open in %(room)s.", room=room)
    return ngettext("%(room)s: %(num)d item answered.", "%(room)s: %(num)d items answered.", count, room=room)


def long_date(moment: dt.date | dt.datetime | None, language: str) -> str:
    """Return a day as it is printed, 2026年11月23日 or 23 November 2026, in China; "" for none."""
    if moment is None:
        return ""
    day = moment.astimezone(LOCAL_ZONE).date() if isinstance(moment, dt.datetime) else moment
    if services.is_english(language):
        return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    return f"{day.year}年{day.month}月{day.day}日"


def clock(moment: dt.datetime | None) -> str:
    """Return the time of day of a moment in China, 14:05; "" for none."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).strftime("%H:%M")


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip

_INSPECTION, _ROOM = _l("Inspection"), _l("Room")

_PLACE = _l("House in a batch")

RECORD_WORDS = (
    RecordWords(
        models.HandoverUnit,
        {
            "reply_text": _l("Reply to the refusal"),
            "refusal_note": _l("In the owner's words"),
            "legal_reviewed_by_id": _l("Reviewed by legal"),
            "engineer_id": _l("Accompanied by"),
            "capable_at": _l("Ready for delivery since"),
        },
    ),
    RecordWords(
        models.HandoverVisit,
        {
            "handover_unit_id": _PLACE,
            "number": _l("Number of the visit"),
            "arrived_at": _l("Arrived"),
            "ended_at": _l("Left at"),
            "signed_in": _l("Signed in at the desk"),
            "outcome": _l("Owner's opinion"),
            "refusal_reason": _l("Reason for the refusal"),
        },
        _l("Visit of an owner"),
    ),
    RecordWords(
        models.StationLog,
        {
            "visit_id": _l("Visit of an owner"),
            "station": _l("Station"),
            "entered_at": _l("In"),
            "left_at": _l("Out"),
            "staff_id": _l("Finished by"),
        },
        _l("Stay at a station"),
    ),
    RecordWords(
        models.FeeItem,
        {
            "handover_unit_id": _PLACE,
            "kind": _l("Fee"),
            "rule_id": _l("Rule of the fee"),
            "basis": _l("Basis"),
            "amount": _l("Amount in yuan"),
            "paid_at": _l("Paid on"),
            "receipt_number": _l("Receipt no."),
            "exempt_reason": _l("Reason of the exemption"),
            "settled_by_id": _l("Payment noted by"),
        },
        _l("Handover fee"),
    ),
    RecordWords(
        models.IssuedPaper,
        {
            "handover_unit_id": _PLACE,
            "kind": _l("Handover paper"),
            "number": _l("Number"),
            "version": _l("Edition"),
            "must_be_signed": _l("To be signed"),
            "signed_at": _l("Signature given on"),
            "signed_by": _l("Signed by"),
            "issued_by_id": _l("Issued by"),
        },
        _l("Handover paper"),
    ),
    RecordWords(
        models.KeyRecord,
        {
            "handover_unit_id": _PLACE,
            "kind": _l("Kind of key"),
            "quantity": _l("Quantity"),
            "bag_number": _l("Sealed bag no."),
            "handed_at": _l("Handed over on"),
            "handed_to": _l("Receiver of the keys"),
        },
        _l("Keys"),
    ),
    RecordWords(
        models.KeyLoan,
        {
            "handover_unit_id": _PLACE,
            "borrower": _l("Borrower"),
            "purpose": _l("Purpose"),
            "bag_number": _l("Sealed bag no."),
            "borrowed_at": _l("Lent on"),
            "due_at": _l("Due back"),
            "returned_at": _l("Given back on"),
            "returned_bag_number": _l("New sealed bag no."),
            "lent_by_id": _l("Lent by"),
        },
        _l("Loan of keys"),
    ),
    RecordWords(
        HouseForm,
        {
            "handover_unit_id": _PLACE,
            "defect_id": _l("Defect"),
            "kind": _l("Form"),
            "content": _l("Content"),
            "prepared_at": _l("Prepared on"),
            "prepared_by_id": _l("Prepared by"),
            "cancelled_at": _l("Form cancelled on"),
        },
    ),
    RecordWords(DailyReport, {"batch_id": _l("Batch"), "figures": _l("Figures")}),
    RecordWords(UserManual, {}),
    RecordWords(BookFacts, {}),
    RecordWords(
        models.Inspection,
        {
            "handover_unit_id": _l("House in a batch"),
            "template_id": _l("Checklist"),
            "refusal_reason": _l("Reason of the refusal"),
            "overridden_by_id": _l("Started in spite of open defects by"),
            "planned_inspector_id": _l("Planned for"),
        },
    ),
    RecordWords(
        models.InspectionRoom, {"inspection_id": _INSPECTION, "whole_house": _l("Whole house")}, _ROOM
    ),
    RecordWords(
        models.InspectionResult,
        {
            "inspection_id": _INSPECTION,
            "room_id": _ROOM,
            "item_code": _l("Code of the item"),
            "group_name": _l("Group of items"),
            "group_name_en": _l("Group of items in English"),
            "method": _l("Method"),
            "method_en": _l("Method in English"),
            "severity": _l("Severity"),
            "warranty_category": _l("Warranty category"),
            "trade_code": _l("Trade"),
            "defect_code": _l("Kind of fault"),
            "measures": _l("Measured quantities"),
            "measured": _l("Measured values"),
            "verdict": _l("Verdict"),
            "answered_at": _l("Answered on"),
            "answered_by_id": _l("Answered by"),
        },
        _l("Result of an item"),
    ),
    RecordWords(
        models.TemplateRoom, {"template_id": _l("Checklist"), "whole_house": _l("Whole house")}, _ROOM
    ),
    RecordWords(
        models.TemplateItem, {"group_code": _l("Code of the group"), "measures": _l("Measured quantities")}
    ),
    RecordWords(
        models.Defect,
        {
            "inspection_id": _INSPECTION,
            "result_id": _l("Result of an item"),
            "client_key": _l("Mark against sending twice"),
            "room_kind": _l("Kind of room"),
            "room_name_en": _l("Room in English"),
            "item_name_en": _l("Item in English"),
            "raised_by_id": _l("Found by"),
            "assigned_at": _l("Assigned on"),
            "fixed_by_id": _l("Fixed by"),
            "verified_by_id": _l("Re-inspected by"),
            "owner_agreed": _l("The owner agrees"),
        },
    ),
    RecordWords(
        models.DefectFault,
        {"defect_id": _l("Defect"), "code_id": _l("Kind of fault")},
        _l("Fault of a defect"),
    ),
    RecordWords(
        models.DefectRecheck,
        {
            "defect_id": _l("Defect"),
            "inspection_id": _INSPECTION,
            "round_number": _l("Round"),
            "passed": _l("Passed"),
            "checked_at": _l("Re-inspected on"),
            "checked_by_id": _l("Re-inspected by"),
        },
        _l("Re-inspection"),
    ),
    RecordWords(models.RectificationNotice, {"inspection_id": _INSPECTION}),
    RecordWords(
        models.NoticeLine,
        {
            "notice_id": _l("Rectification notice"),
            "defect_id": _l("Defect"),
            "requirement": _l("What has to be done"),
            "objection": _l("Objection of the contractor"),
            "objected_at": _l("Objected on"),
            "objection_answer": _l("Answer to the contractor"),
            "objection_upheld": _l("Objection agreed to"),
        },
        _l("Line of a notice"),
    ),
)
"""What the change log shows of tables and fields beyond those of the pages."""
