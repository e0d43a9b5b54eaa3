"""What is printed on the handover day: handover deed 房屋交接书, key receipt 钥匙领取单, station sheet 交付流转单."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from core.toolkit import Decoration, _, db, owners_of
from plugins.handover import services, words
from plugins.handover.models import (
    HandoverUnit,
    Inspection,
    InspectionKind,
    InspectionState,
    IssuedPaper,
    KeysState,
)
from plugins.handover.workflows import OPEN


def may_issue_deed(record: HandoverUnit) -> str | None:
    """Return why a deed cannot be issued yet, or None."""
    if record.state in services.day.ACCEPTED:
        return None
    return _("The deed can be issued when the owner has accepted the house.")


def may_issue_key_receipt(record: HandoverUnit) -> str | None:
    """Return why a receipt of keys cannot be issued yet, or None."""
    if record.keys:
        return None
    return _("Register the keys first; then the receipt can be issued.")


def _owners(record: HandoverUnit) -> str:
    """Return the owners; the papers are signed by them, so their names stand on them in full."""
    return words.joined([owner.name for owner in owners_of(record.unit)])


def _formal(record: HandoverUnit) -> Inspection | None:
    return db.session.scalar(
        sa.select(Inspection)
        .where(
            Inspection.unit_id == record.unit_id,
            Inspection.kind == InspectionKind.FORMAL,
            Inspection.state == InspectionState.FINISHED,
        )
        .order_by(Inspection.id.desc())
        .limit(1)
    )


def _square_metres(value: Any) -> str:
    return "" if value is None else f"{value} m²"


def _house(record: HandoverUnit, language: str) -> list[tuple[Any, ...]]:
    unit = record.unit
    decoration = {Decoration.ROUGH: _("Rough"), Decoration.FITTED: _("Fitted")}
    return [
        (_("Project"), words.local(record.project, "name", language)),
        (_("House"), unit.code),
        (_("Owner"), _owners(record)),
        (_("Attorney"), " · ".join(filter(None, (record.attorney_name, record.attorney_document)))),
        (_("Layout"), unit.layout),
        (_("Delivery standard"), decoration.get(Decoration(unit.decoration), "")),
    ]


def _is_handed_out(paper: IssuedPaper, record: HandoverUnit) -> bool:
    """Return whether a paper is with the owner: signed for, or handed out with the keys."""
    return paper.signed_at is not None or (not paper.must_be_signed and record.keys_state == KeysState.HANDED)


def deed(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the handover deed.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    unit, inspection = record.unit, _formal(record)
    contract, measured = unit.gross_area_contract, unit.gross_area_measured
    difference = measured - contract if contract is not None and measured is not None else None
    defects = (
        [each for each in services.valid_defects(inspection) if each.state in OPEN] if inspection else []
    )
    return {
        "owner": _owners(record),
        "facts": [
            *_house(record, language),
            (_("Gross area (contract)"), _square_metres(contract)),
            (_("Gross area (measured)"), _square_metres(measured)),
            (_("Area difference"), "" if difference is None else f"{difference:+} m²"),
            (_("Inspection record"), inspection.number if inspection else ""),
        ],
        "meters": [(label, getattr(inspection, name, "")) for name, label in words.METERS.items()],
        "papers": [
            (f"{words.PAPER_KINDS[paper.kind]} {paper.version}".strip(), _is_handed_out(paper, record))
            for paper in record.papers
        ]
        or [(label, False) for label in words.PAPER_KINDS.values()],
        "equipment": [
            (label, False)
            for label in (
                _("Water supply and drainage"),
                _("Electricity, sockets, earth-leakage switch"),
                _("Gas pipe and alarm"),
                _("Heating and ventilation"),
                _("Video intercom and access"),
                _("Doors, windows and locks"),
                _("Kitchen and bathroom fittings"),
                _("Television and network"),
            )
        ],
        "keys": [[words.KEY_KINDS[key.kind], key.quantity, key.bag_number] for key in record.keys],
        "defects": [
            [
                position,
                defect.number,
                words.local(defect, "room_name", language),
                services.defect_title(defect, language),
                defect.severity,
                words.long_date(defect.promised_by, language),
            ]
            for position, defect in enumerate(defects, start=1)
        ],
        "starts": [
            (_("Delivered on"), words.long_date(record.delivered_at, language)),
            (_("Warranty of the owner from"), words.long_date(record.delivered_at, language)),
            (_("Property fee from"), ""),
        ],
        "attorney": record.attorney_name,
    }


def key_receipt(record: HandoverUnit, language: str) -> Mapping[str, Any]:
    """Return the values of the receipt of keys.

    Args:
        record: The house in its batch.
        language: Locale of the recipient.
    """
    handed = max((key.handed_at for key in record.keys if key.handed_at is not None), default=None)
    return {
        "facts": _house(record, language),
        "keys": [
            [
                position,
                words.KEY_KINDS[key.kind],
                key.quantity,
                key.bag_number,
                "✓" if record.keys_state == KeysState.HANDED else "",
                "",
            ]
            for position, key in enumerate(record.keys, start=1)
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
        "receiver": record.keys[0].handed_to if record.keys else "",
        "handed_on": words.long_date(handed, language),
    }


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
            *_house(record, language),
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
