"""Whether the form of a repair is complete: everything that the printed repair order has room for was filled in.

An owner who accepts by his silence says, scores and signs nothing; what he alone could fill in is not missing then.

Source: domain reference 3.4.6 (维修工单) says what the form holds, 3.4.7 makes an
incomplete one an unqualified service.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import Attachment, Setting, Signature, _l, db
from plugins.warranty.common import option
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    Order,
    Plan,
    Request,
    Visit,
    VisitPurpose,
    VisitState,
)

LABELS: Mapping[str, Any] = {
    "reporter": _l("Name and telephone of the reporter"),
    "problem": _l("Description, and the room in a house"),
    "contractor": _l("Contractor"),
    "engineer": _l("Engineer"),
    "visit": _l("Visit with what was found"),
    "plan": _l("Plan of the repair"),
    "work": _l("Work done"),
    "effort": _l("Working time of a repair visit"),
    "result_photo": _l("Photo after the repair"),
    "engineer_acceptance": _l("Acceptance of the engineer"),
    "verdict": _l("Verdict of the owner on quality, time, cleanliness and attitude"),
    "score": _l("Satisfaction of the owner"),
    "signature": _l("Signature of the owner"),
}
"""The parts of the form, in the order of the paper."""


def setting_key(part: str) -> str:
    """Return the key of the setting that says whether a part belongs to a complete form."""
    return f"form_needs_{part}"


def settings(source: Any) -> Iterator[Setting]:
    """Yield the settings: each part can be left out by a department.

    Args:
        source: Where the defaults come from.
    """
    for part, label in LABELS.items():
        yield Setting(
            setting_key(part),
            True,
            _l("Form of a repair: %(part)s", part=label),
            _l(
                "Whether the form is incomplete without it, so that the service does not count as qualified (K22)."
            ),
            source,
        )


def _visits(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(Visit.order_id == Order.id, Visit.state == VisitState.DONE, *where)


def _accepted(*where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        Acceptance.order_id == Order.id, Acceptance.kind == AcceptanceKind.OWNER, Acceptance.passed, *where
    )


def _attached(slot: str, *where: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(
        Attachment.record_kind == "warranty.order",
        Attachment.record_id == Order.id,
        Attachment.slot == slot,
        Attachment.removed_at.is_(None),
        *where,
    )


def conditions() -> Mapping[str, sa.ColumnElement[bool]]:
    """Return for each part the condition on orders that it is filled in."""
    silent = _accepted(Acceptance.by_silence.is_(True))
    on_screen = sa.exists().where(
        Signature.record_kind == "warranty.acceptance",
        Signature.record_id == Acceptance.id,
        Signature.role == "owner",
    )
    return {
        "reporter": sa.exists().where(
            Request.id == Order.request_id, Request.reporter_name != "", Request.reporter_phone != ""
        ),
        "problem": sa.and_(Order.description != "", sa.or_(Order.unit_id.is_(None), Order.room_name != "")),
        "contractor": Order.contractor_id.is_not(None),
        "engineer": Order.engineer_id.is_not(None),
        "visit": _visits(Visit.arrived_at.is_not(None), Visit.findings != ""),
        "plan": sa.exists().where(Plan.order_id == Order.id, Plan.method != ""),
        "work": Order.work_done != "",
        "effort": _visits(Visit.purpose == VisitPurpose.REPAIR, Visit.minutes.is_not(None)),
        "result_photo": _attached("after"),
        "engineer_acceptance": sa.exists().where(
            Acceptance.order_id == Order.id, Acceptance.kind == AcceptanceKind.ENGINEER, Acceptance.passed
        ),
        "verdict": sa.or_(
            silent,
            _accepted(
                Acceptance.quality_ok.is_not(None),
                Acceptance.on_time_ok.is_not(None),
                Acceptance.clean_ok.is_not(None),
                Acceptance.attitude_ok.is_not(None),
            ),
        ),
        "score": sa.or_(silent, Order.score.is_not(None)),
        # As in signed.py: on his own page, on the screen, or on a paper that was photographed.
        "signature": sa.or_(
            silent,
            _accepted(Acceptance.by_id.is_(None)),
            _accepted(on_screen),
            _accepted(_attached("signed", Attachment.uploaded_at >= Acceptance.created_at)),
        ),
    }


def _needed() -> Sequence[str]:
    return [part for part in LABELS if option(setting_key(part))]


def is_complete() -> sa.ColumnElement[bool]:
    """Return the condition on orders that everything is filled in that the acting department wants."""
    filled = conditions()
    return sa.and_(sa.true(), *(filled[part] for part in _needed()))


def missing(order: Order) -> list[str]:
    """Return what is missing in the form of an order, in the words of the reader.

    Args:
        order: An order, usually one that is about to be closed.
    """
    needed = _needed()
    if not needed:
        return []
    filled = conditions()
    row = db.session.execute(
        sa.select(*(filled[part].label(part) for part in needed))
        .select_from(Order)
        .where(Order.id == order.id)
    ).one()
    return [str(LABELS[part]) for part, is_filled in zip(needed, row, strict=True) if not is_filled]
