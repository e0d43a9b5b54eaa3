"""The steps of the handover day of a house, and what its inspection means for the owner's visit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import (
    _l,
    add_todo,
    db,
    finish_todos_of,
    reach,
    require_scope,
    utc_now,
)
from plugins.handover.models import (
    HandoverUnit,
    Station,
)
from plugins.handover.preparation.services import letters
from plugins.handover.services.keys import deliver, hand_keys
from plugins.handover.services.places import ACCEPTED, about
from plugins.handover.services.refusals import note_refusal, refuse
from plugins.handover.services.visits import (
    check_identity,
    enter,
    go_on,
    leave,
    new_visit,
    pass_station,
    sign_in,
    station_of,
    visit_of,
)
from plugins.handover.workflows import HANDOVER_UNIT, key_obstacles


def inspection_begins(place: HandoverUnit, at: dt.datetime) -> None:
    """Bring the owner to the inspection; where he did not sign in at a desk, his visit begins with it."""
    visit = visit_of(place) or new_visit(place, at, signed_in=False)
    here = station_of(visit)
    if here is None or here.station != Station.INSPECTION:
        leave(visit, at)
        enter(visit, Station.INSPECTION, at)


def inspection_ends(place: HandoverUnit, at: dt.datetime, reason: str, note: str) -> None:
    """Take the owner's opinion from the finished inspection into the visit.

    Args:
        place: The house in its batch, moved already.
        at: When the inspection was finished.
        reason: R1 to R9 when he refused.
        note: His words.
    """
    visit = visit_of(place)
    if visit is None:
        return
    pass_station(visit, Station.INSPECTION, at)
    pass_station(visit, Station.OPINION, at)
    if place.state == "refused":
        note_refusal(place, visit, reason, note, at)
    elif place.state in ACCEPTED:
        visit.outcome = place.state
        if visit.signed_in:
            go_on(place, visit, at)
        else:
            visit.ended_at = at
    else:
        visit.ended_at = at
    db.session.flush()


def take_step(place: HandoverUnit, code: str, values: Mapping[str, Any]) -> None:
    """Carry out a step of a house, with everything that belongs to it.

    Args:
        place: The house in its batch.
        code: The transition.
        values: What its form asked for.
    """
    given = dict(values)
    comment = str(given.pop("comment", "") or "")
    if code == "arrive":
        sign_in(place)
    elif code == "identify":
        check_identity(
            place,
            attorney_name=given.get("attorney_name") or "",
            attorney_document=given.get("attorney_document") or "",
        )
    elif code == "hand_keys":
        hand_keys(place, given.get("receiver") or "")
    elif code == "deliver":
        deliver(place)
    elif code == "refuse_at_desk":
        refuse(place, given.get("refusal_reason") or "", comment)
    else:
        HANDOVER_UNIT.move(place, code, comment, **given)
        _date_step(place, code)


def _date_step(place: HandoverUnit, code: str) -> None:
    now = utc_now()
    if code == "notify":
        place.notice_sent_at = now
        reach(
            "TP-E01",
            "handover.notified",
            _l("House %(unit)s: delivery notice sent.", unit=place.unit.code),
            **about(place),
        )
    elif code == "receive_notice":
        letters.note_receipt(place, "", now)
    elif code == "deem":
        place.legal_reviewed_at = place.legal_reviewed_by_id = None
        add_todo(
            place,
            _l("Review whether %(unit)s is deemed delivered", unit=place.unit.code),
            role="LEG",
            dedupe_key=f"handover.deemed:{place.id}:{place.row_version}",
            unit=place.unit,
        )
    elif code == "review_deemed":
        place.legal_reviewed_at, place.legal_reviewed_by_id = now, require_scope().user_id
        finish_todos_of(place, prefix="handover.deemed:")
    elif code == "overturn_deemed":
        place.deemed_on, place.deemed_reason = None, ""
        finish_todos_of(place, prefix="handover.deemed:")
    db.session.flush()


def obstacles(place: HandoverUnit) -> Sequence[str]:
    """Return what still stands between the owner and the keys, each a full sentence."""
    return key_obstacles(place)
