"""What is printed on the handover day: handover deed 房屋交接书, key receipt 钥匙领取单, station sheet 交付流转单."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from core.toolkit import (
    _,
    is_signed,
    listed,
    owners_of,
    signature_boxes,
    signed_hash,
    supplement_parts,
)
from plugins.handover import form_signing, services, words
from plugins.handover.models import FormKind, HandoverUnit, HouseForm, KeysState


def may_issue_deed(record: HandoverUnit) -> str | None:
    """Return why a deed cannot be issued yet, or None."""
    if record.state in services.places.ACCEPTED:
        return None
    return _("The deed can be issued when the owner has accepted the house.")


def may_issue_key_receipt(record: HandoverUnit) -> str | None:
    """Return why a receipt of keys cannot be issued yet, or None."""
    if record.keys:
        return None
    return _("Register the keys first; then the receipt can be issued.")


def _owners(record: HandoverUnit) -> str:
    """Return the owners; the papers are signed by them, so their names stand on them in full."""
    return listed([owner.name for owner in owners_of(record.unit)])


def _square_metres(value: Any) -> str:
    return f"{value} m²" if value else ""


def house_facts(record: HandoverUnit, language: str) -> list[tuple[Any, ...]]:
    """Return the facts of a house with which the papers of a handover begin.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit = record.unit
    return [
        (_("Project"), words.local(record.project, "name", language)),
        (_("House"), unit.code),
        (_("Owner"), _owners(record)),
        (_("Attorney"), " · ".join(filter(None, (record.attorney_name, record.attorney_document)))),
        (_("Layout"), unit.layout),
        (_("Delivery standard"), words.decoration(unit.decoration)),
    ]


def deed(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the handover deed: of the form that is signed or ready to be, else of what is stored now.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    form = services.form_of(record, FormKind.DEED)
    content = form.content if form is not None else services.deed_content(record)
    papers = {paper.kind: paper.version for paper in record.papers}
    editions = {papers.get(kind, "") for kind in content["papers"]}
    # An edition that all papers share stands above them, so that their names fit on a line each.
    edition = editions.pop() if len(editions) == 1 else ""
    return {
        "edition": edition,
        "owner": _owners(record),
        "facts": [
            *house_facts(record, language),
            (_("Gross area (contract)"), _square_metres(content["contract_area"])),
            (_("Gross area (measured)"), _square_metres(content["measured_area"])),
            (_("Area difference"), _square_metres(content["area_difference"])),
            (_("Inspection record"), content["inspection"]),
        ],
        "meters": [
            (label, content["meters"].get(name.removeprefix("meter_"), ""))
            for name, label in words.METERS.items()
        ],
        "papers": [
            (
                f"{words.PAPER_KINDS[kind]} {'' if edition else papers.get(kind, '')}".strip(),
                is_handed,
            )
            for kind, is_handed in content["papers"].items()
        ]
        or [(label, False) for label in words.PAPER_KINDS.values()],
        "equipment": [(words.EQUIPMENT[code], runs) for code, runs in content["equipment"].items()],
        "keys": [
            [words.KEY_KINDS[kind], held["quantity"], held["bag"]] for kind, held in content["keys"].items()
        ],
        "defects": defect_rows(content["defects"], language),
        "starts": [
            (_("Delivered on"), words.long_date(record.delivered_at, language)),
            (_("Warranty of the owner from"), words.long_date(record.delivered_at, language)),
            (_("Property fee from"), printed_day(content["property_fee_from"], language)),
            (
                _("Remaining problems"),
                _("See the annex; each is put right by its date.") if content["defects"] else _("None"),
            ),
        ],
        **statement_values(form),
    }


def key_receipt(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the receipt of keys: of the form that is signed, or is ready to be; else of what is stored.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    form = services.form_of(record, FormKind.KEY_RECEIPT)
    content = form.content if form is not None else services.receipt_content(record)
    handed = max((key.handed_at for key in record.keys if key.handed_at is not None), default=None)
    return {
        "facts": [
            *house_facts(record, language),
            (_("Handed over on"), words.long_date(handed, language)),
            (_("Receiver of the keys"), next((key.handed_to for key in record.keys if key.handed_to), "")),
        ],
        "keys": [
            [
                position,
                words.KEY_KINDS[kind],
                held["quantity"],
                held["bag"],
                "✓" if record.keys_state == KeysState.HANDED else "",
                "",
            ]
            for position, (kind, held) in enumerate(content["keys"].items(), start=1)
        ],
        "loans": [
            [
                words.long_date(loan.borrowed_at, language),
                loan.borrower,
                loan.purpose,
                loan.bag_number,
                words.long_date(loan.returned_at, language),
                loan.returned_bag_number,
            ]
            for loan in record.key_loans
        ],
        **statement_values(form),
    }


def statement_values(form: HouseForm | None) -> dict[str, Any]:
    """Return what every form that is signed on glass prints beside its own values.

    Args:
        form: The form that holds; None when nothing is prepared, then boxes for ink are printed.
    """
    if form is None:
        boxes = [{"role": str(label)} for label in form_signing.ROLES.values()]
        return {"form_number": "", "signatures": boxes, "fingerprint": "", "supplements": []}
    return {
        "form_number": form.number,
        "signatures": signature_boxes(form),
        "fingerprint": signed_hash(services.form_content(form)) if is_signed(form) else "",
        "supplements": supplement_parts(form),
    }


def defect_rows(defects: Mapping[str, Mapping[str, str]], language: str) -> list[list[Any]]:
    """Return the rows of an annex of remaining problems; in English with the English words of the register.

    Args:
        defects: What is signed of each defect, by its number.
        language: Locale of the recipient.
    """
    english = services.english_defects(defects, language)
    rows = []
    for position, (number, signed) in enumerate(defects.items(), start=1):
        record = english.get(number)
        rows.append(
            [
                position,
                number,
                words.local(record, "room_name", language) if record is not None else signed["room"],
                services.defect_title(record, language) if record is not None else signed["problem"],
                signed["severity"],
                printed_day(signed["promised_by"], language),
            ]
        )
    return rows


def printed_day(text: str, language: str) -> str:
    """Return a day that is signed as 2026-11-23 as it is printed; "" for none."""
    return words.long_date(dt.date.fromisoformat(text), language) if text else ""


def station_sheet(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the sheet that goes with the owner from station to station.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    visit = services.last_visit_of(record)
    stays = visit.stations if visit is not None else []
    rows = []
    for position, (station, label) in enumerate(words.STATIONS.items(), start=1):
        own = [stay for stay in stays if stay.station == station]
        first, last = (own[0], own[-1]) if own else (None, None)
        rows.append(
            [
                position,
                label,
                words.clock(first.entered_at) if first else "",
                words.clock(last.left_at) if last else "",
                last.staff.name if last is not None and last.staff is not None else "",
                "",
            ]
        )
    return {
        "facts": [
            *house_facts(record, language),
            (_("Batch"), record.batch.name),
            (_("Booked for"), _moment(record.booked_for, language)),
            (_("Visit of an owner"), visit.number if visit is not None else ""),
            (_("Arrived"), _moment(visit.arrived_at if visit is not None else None, language)),
        ],
        "rows": rows,
        "fees": [
            [
                words.FEE_KINDS[fee.kind],
                fee.basis,
                f"{fee.amount:,.2f}",
                fee.receipt_number or fee.exempt_reason,
            ]
            for fee in record.fees
        ],
        "exempt": record.fee_exempt_reason,
    }


def _moment(moment: Any, language: str) -> str:
    return " ".join(filter(None, (words.long_date(moment, language), words.clock(moment))))
