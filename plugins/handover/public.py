"""The pages on site: an engineer inspects a house with a phone in his hand. Made for staff, outside the back office.

Every tap is saved at once. A page that runs its script asks for JSON and gets the changed part of the page
back; without
a script the same forms are posted and the browser is sent back to the page.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import Blueprint, abort, flash, jsonify, redirect, render_template, request, url_for
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from core.toolkit import (
    LOCAL_ZONE,
    SaveRefused,
    TransitionRefused,
    Unit,
    _,
    attachments_by_record,
    commit,
    db,
    has_permission,
    local_today,
    normalise_unit_text,
    require_scope,
    requires,
    signatures_of,
    utc_now,
)
from plugins.handover import catalogue, measures, services, signing, words
from plugins.handover.errors import HandoverRuleError, IncompleteError, OutdatedError
from plugins.handover.models import (
    Defect,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionRoom,
    InspectionState,
    Opinion,
    Severity,
    Verdict,
)
from plugins.handover.workflows import DEFECT, OPEN

blueprint = Blueprint("handover", __name__)

REFUSALS = (HandoverRuleError, TransitionRefused, measures.MeasureError, SaveRefused)
_KEY = "<int(max=9223372036854775807):{}>"
_INSPECTION = f"/on-site/{_KEY.format('inspection_id')}"

Answer = Response | str | tuple[Any, int]


def _wants_json() -> bool:
    return request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json"


def _step(function: Callable[..., Answer]) -> Callable[..., Answer]:
    """Turn what a rule refuses into an answer that keeps what was typed: JSON with the reason, or a
    message on the page."""

    @wraps(function)
    def answer(inspection_id: int, **arguments: Any) -> Answer:
        try:
            return function(inspection_id, **arguments)
        except OutdatedError as error:
            reason, status = str(error), 409
        except REFUSALS as error:
            reason, status = str(error), 422
        db.session.rollback()
        if _wants_json():
            return jsonify(message=reason), status
        flash(reason, "error")
        return redirect(_back_to(inspection_id), 303)

    return answer


def _back_to(inspection_id: int) -> str:
    anchor = request.form.get("anchor", "")
    return url_for(
        ".inspection",
        inspection_id=inspection_id,
        room=request.form.get("room_page") or None,
        _anchor=anchor if anchor.replace("-", "").isalnum() else None,
    )


def _one(model: Any, key: int, *conditions: Any) -> Any:
    """Return the visible row with this key; 404 for one that is foreign or missing."""
    found = db.session.scalar(sa.select(model).where(model.id == key, *conditions))
    return found if found is not None else abort(404)


def _inspection(key: int) -> Inspection:
    found: Inspection = _one(Inspection, key)
    return found


@blueprint.get("/on-site/")
@requires("handover.inspect")
def index() -> str:
    """Show what is to be inspected: mine today, everybody's, or a house that was looked for."""
    query = (
        sa.select(Inspection)
        .join(Unit, Unit.id == Inspection.unit_id)
        .options(
            joinedload(Inspection.unit), joinedload(Inspection.project), joinedload(Inspection.inspector)
        )
        .where(Inspection.state.in_((InspectionState.PLANNED, InspectionState.IN_PROGRESS)))
        .order_by(Inspection.state, Inspection.planned_on, Unit.code)
        .limit(100)
    )
    typed = request.args.get("q", "")[:60].replace("\0", "").strip()
    view = "all" if request.args.get("view") == "all" else "mine"
    if typed:
        code = normalise_unit_text(typed)
        rows = db.session.scalars(query.where(sa.or_(Unit.code == code, Unit.number == code))).all()
    elif view == "mine":
        rows = db.session.scalars(
            query.where(
                Inspection.inspector_id == require_scope().user_id,
                sa.or_(Inspection.planned_on.is_(None), Inspection.planned_on <= local_today()),
            )
        ).all()
    else:
        rows = db.session.scalars(query).all()
    started = [row.id for row in rows if row.state == InspectionState.IN_PROGRESS]
    return render_template(
        "handover/onsite/index.html",
        rows=rows,
        typed=typed,
        view=view,
        today=local_today(),
        counts=_answered(started),
        kinds=words.INSPECTION_KINDS,
    )


def _answered(inspection_ids: list[int]) -> dict[int, tuple[int, int]]:
    if not inspection_ids:
        return {}
    rows = db.session.execute(
        sa.select(
            InspectionResult.inspection_id,
            sa.func.count(InspectionResult.verdict),
            sa.func.count(InspectionResult.id),
        )
        .where(InspectionResult.inspection_id.in_(inspection_ids))
        .group_by(InspectionResult.inspection_id)
    )
    return {row[0]: (row[1], row[2]) for row in rows}


@blueprint.get(_INSPECTION)
@requires("handover.inspect")
def inspection(inspection_id: int) -> str:
    """Show an inspection: before it starts, room by room while it runs, and what it found afterwards."""
    found = _inspection(inspection_id)
    if found.state == InspectionState.PLANNED:
        return _page("start", found, obstacles=services.start_obstacles(found))
    if found.state != InspectionState.IN_PROGRESS:
        return _page(
            "done",
            found,
            defects=services.valid_defects(found),
            rechecks=services.rechecks_of(found),
            signatures=signatures_of(found),
            roles=signing.ROLES,
            waiting=signing.waiting_roles(found),
            opinions=words.OPINIONS,
            refusal_reasons=words.refusal_reasons(),
            blocks=_blocking(found),
            desk=_desk_of(found),
        )
    if found.kind == InspectionKind.RE_INSPECTION:
        return _page("re_inspection", found, **_recheck_values(found))
    progress = services.progress(found)
    asked = request.args.get("room", "")
    current = next((each for each in progress if str(each.room.id) == asked), None)
    current = current or next(
        (each for each in progress if not each.is_done), progress[0] if progress else None
    )
    if current is None:
        abort(404)
    return _page("inspection", found, current=current, **_room_values(found, current.room, progress))


def _blocking(found: Inspection) -> list[Defect]:
    """Return the defects of a formal inspection that keep the house from being delivered."""
    if found.kind != InspectionKind.FORMAL:
        return []
    return [
        each for each in services.valid_defects(found) if each.severity == Severity.S1 and each.state in OPEN
    ]


def _desk_of(found: Inspection) -> str:
    """Return the address of the page of the handover day on which the owner goes on, or "" when he has left."""
    place = found.handover_unit
    if found.kind != InspectionKind.FORMAL or place is None or services.visit_of(place) is None:
        return ""
    return url_for("handover_day.house", place_id=place.id)


def _page(name: str, found: Inspection, **values: Any) -> str:
    owner = found.customer
    return render_template(
        f"handover/onsite/{name}.html",
        inspection=found,
        owner=owner,
        kind=words.INSPECTION_KINDS[found.kind],
        back_url=url_for(".index"),
        **values,
    )


def _room_values(
    found: Inspection, room: InspectionRoom, progress: list[services.RoomProgress]
) -> dict[str, Any]:
    results = db.session.scalars(
        sa.select(InspectionResult)
        .where(InspectionResult.room_id == room.id)
        .order_by(InspectionResult.position)
    ).all()
    defects = services.valid_defects(found)
    order = [each.room.id for each in progress]
    after = progress[order.index(room.id) + 1 :] + progress[: order.index(room.id)]
    return {
        "progress": progress,
        "room": room,
        "results": results,
        "free_defects": [each for each in defects if each.result_id is None and _is_of_room(each, room)],
        "next_room": next((each for each in after if not each.is_done), None),
        "done": sum(each.done for each in progress),
        "total": sum(each.total for each in progress),
        **_defect_values(found, defects),
    }


def _is_of_room(defect: Defect, room: InspectionRoom) -> bool:
    return room.whole_house or defect.room_name == room.name


def _defect_values(found: Inspection, defects: list[Defect]) -> dict[str, Any]:
    by_result: dict[int, list[Defect]] = {}
    for defect in defects:
        if defect.result_id is not None:
            by_result.setdefault(defect.result_id, []).append(defect)
    return {
        "defects": defects,
        "defects_by_result": by_result,
        "photos": attachments_by_record(defects),
        "codes": catalogue.defect_codes(),
        "rooms": [room for room in found.rooms if not room.whole_house],
        "severities": words.SEVERITIES,
        "trades": words.trades(),
        "may_lower": has_permission("handover.lower_severity"),
        "new_key": lambda: uuid4().hex,
    }


@blueprint.post(f"{_INSPECTION}/start")
@requires("handover.inspect")
@_step
def start(inspection_id: int) -> Answer:
    """Start an inspection."""
    found = _inspection(inspection_id)
    services.start_inspection(found, request.form.get("override_reason", "")[:1000])
    commit()
    return redirect(url_for(".inspection", inspection_id=found.id), 303)


@blueprint.post(f"{_INSPECTION}/results/{_KEY.format('result_id')}")
@requires("handover.inspect")
@_step
def record(inspection_id: int, result_id: int) -> Answer:
    """Save the verdict, the measured values and the remark of one item."""
    found = _inspection(inspection_id)
    result: InspectionResult = _one(InspectionResult, result_id, InspectionResult.inspection_id == found.id)
    measured = {
        str(position): request.form[f"measured_{position}"]
        for position in range(len(result.measures))
        if f"measured_{position}" in request.form
    }
    try:
        services.record_result(
            result,
            _choice(Verdict, "verdict"),
            measured=measured,
            note=request.form["note"][:2000] if "note" in request.form else None,
            row_version=request.form.get("row_version", type=int),
        )
    except OutdatedError as error:
        if not _wants_json():
            raise
        db.session.rollback()
        return _item_answer(found, _one(InspectionResult, result_id), message=str(error), status=409)
    commit()
    if _wants_json():
        return _item_answer(found, result)
    return redirect(_back_to(found.id), 303)


def _item_answer(found: Inspection, result: InspectionResult, message: str = "", status: int = 200) -> Answer:
    progress = services.progress(found)
    values = _room_values(found, result.room, progress)
    html = render_template("handover/onsite/_item.html", inspection=found, result=result, **values)
    return jsonify(html=html, target=f"item-{result.id}", message=message, **_numbers(found, values)), status


def _numbers(found: Inspection, values: dict[str, Any]) -> dict[str, Any]:
    following = values["next_room"]
    return {
        "rooms": {str(each.room.id): [each.done, each.total] for each in values["progress"]},
        "done": values["done"],
        "total": values["total"],
        "defects": words.defect_count(len(values["defects"])),
        "next": {
            "label": words.next_label(following),
            "url": url_for(".inspection", inspection_id=found.id, room=following.room.id)
            if following
            else url_for(".finish", inspection_id=found.id),
        },
    }


def _choice(kind: Any, name: str) -> Any:
    """Return the value of a form field as a member of an enumeration, None when it is empty."""
    text = request.form.get(name, "")
    if not text:
        return None
    if text not in list(kind):
        raise HandoverRuleError(_("This choice does not exist. Reload the page and choose again."))
    return kind(text)


@blueprint.post(f"{_INSPECTION}/rooms/{_KEY.format('room_id')}/rest")
@requires("handover.inspect")
@_step
def rest(inspection_id: int, room_id: int) -> Answer:
    """Give all items of a room that are still open the same verdict."""
    found = _inspection(inspection_id)
    room: InspectionRoom = _one(InspectionRoom, room_id, InspectionRoom.inspection_id == found.id)
    count = services.answer_rest(found, room, _choice(Verdict, "verdict") or Verdict.PASS)
    commit()
    flash(words.answered(count, services.room_title(room)), "success" if count else "info")
    return redirect(url_for(".inspection", inspection_id=found.id, room=room.id), 303)


@blueprint.post(f"{_INSPECTION}/rooms")
@requires("handover.inspect")
@_step
def add_room(inspection_id: int) -> Answer:
    """Add a further room of a kind."""
    found = _inspection(inspection_id)
    room = services.add_room(found, request.form.get("kind", ""), request.form.get("name", ""))
    commit()
    return redirect(url_for(".inspection", inspection_id=found.id, room=room.id), 303)


@blueprint.post(f"{_INSPECTION}/defects")
@requires("handover.inspect")
@_step
def add_defect(inspection_id: int) -> Answer:
    """Record a defect that no item covers."""
    found = _inspection(inspection_id)
    room: InspectionRoom | None = db.session.scalar(
        sa.select(InspectionRoom).where(
            InspectionRoom.id == request.form.get("room_id", 0, type=_small_int),
            InspectionRoom.inspection_id == found.id,
        )
    )
    if room is None:
        raise HandoverRuleError(_("Choose the room in which the defect is."))
    key = request.form.get("client_key", "")
    if not 8 <= len(key) <= 60 or not key.replace("-", "").isalnum():
        abort(400)
    result = None
    if request.form.get("result_id"):
        result = _one(
            InspectionResult,
            request.form.get("result_id", 0, type=_small_int),
            InspectionResult.inspection_id == found.id,
        )
    defect = services.add_defect(
        found,
        room=room,
        result=result,
        codes=_codes(),
        description=request.form.get("description", "")[:2000],
        severity=_choice(Severity, "severity") or Severity.S3,
        client_key=key,
        trade_code=request.form.get("trade_code", "")[:30],
    )
    commit()
    return redirect(
        url_for(
            ".inspection",
            inspection_id=found.id,
            room=request.form.get("room_page") or room.id,
            _anchor=f"defect-{defect.id}",
        ),
        303,
    )


def _small_int(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**63:
        raise ValueError(text)
    return number


def _codes() -> list[str]:
    return [code[:10] for code in request.form.getlist("codes") if code]


@blueprint.post(f"{_INSPECTION}/defects/{_KEY.format('defect_id')}")
@requires("handover.inspect")
@_step
def change_defect(inspection_id: int, defect_id: int) -> Answer:
    """Save what is wrong, where, how bad, and of what kind."""
    found = _inspection(inspection_id)
    defect: Defect = _one(Defect, defect_id, Defect.inspection_id == found.id)
    services.require_open(found)
    room = None
    if request.form.get("room_id"):
        room = _one(
            InspectionRoom,
            request.form.get("room_id", 0, type=_small_int),
            InspectionRoom.inspection_id == found.id,
        )
    services.change_defect(
        defect,
        severity=_choice(Severity, "severity"),
        severity_reason=request.form.get("severity_reason", "")[:1000],
        description=request.form.get("description", "")[:2000],
        codes=_codes() or None,
        room=room,
        trade_code=request.form.get("trade_code") or None,
        row_version=request.form.get("row_version", type=int),
    )
    commit()
    if _wants_json():
        return _defect_answer(found, defect)
    return redirect(_back_to(found.id), 303)


@blueprint.get(f"{_INSPECTION}/defects/{_KEY.format('defect_id')}")
@requires("handover.inspect")
def defect_part(inspection_id: int, defect_id: int) -> Answer:
    """Return the part of the page that shows a defect, for example after a photo was added."""
    found = _inspection(inspection_id)
    return _defect_answer(found, _one(Defect, defect_id, Defect.inspection_id == found.id))


def _defect_answer(found: Inspection, defect: Defect) -> Answer:
    html = render_template(
        "handover/onsite/_defect.html",
        inspection=found,
        defect=defect,
        **_defect_values(found, services.valid_defects(found)),
    )
    return jsonify(html=html, target=f"defect-{defect.id}")


def _recheck_values(found: Inspection) -> dict[str, Any]:
    waiting = list(services.to_recheck(found))
    others = db.session.scalars(
        sa.select(Defect)
        .where(
            Defect.unit_id == found.unit_id, Defect.state.in_(("open", "assigned", "in_progress", "rejected"))
        )
        .order_by(Defect.id)
    ).all()
    rechecks = services.rechecks_of(found)
    return {
        "waiting": waiting,
        "others": [defect for defect in others if defect.id not in {each.defect_id for each in rechecks}],
        "rechecks": rechecks,
        "photos": attachments_by_record([*waiting, *(each.defect for each in rechecks)]),
        "states": DEFECT,
        "me": require_scope().user_id,
        "may_verify": has_permission("handover.verify_defect"),
        "refused": {},
        "typed": {},
    }


@blueprint.post(f"{_INSPECTION}/rechecks/{_KEY.format('defect_id')}")
@requires("handover.verify_defect")
@_step
def recheck(inspection_id: int, defect_id: int) -> Answer:
    """Confirm a repair, or send it back."""
    found = _inspection(inspection_id)
    defect: Defect = _one(Defect, defect_id, Defect.unit_id == found.unit_id)
    note = request.form.get("note", "")[:2000]
    verdict = _choice(Verdict, "verdict")
    if any(each.defect_id == defect.id for each in services.rechecks_of(found)):
        # A second tap: the verdict of this round stands.
        return redirect(url_for(".inspection", inspection_id=found.id), 303)
    try:
        if verdict == Verdict.PASS:
            services.verify_defect(defect, found, note)
        else:
            services.reject_defect(defect, note, found)
        commit()
    except REFUSALS as error:
        db.session.rollback()
        found = _inspection(inspection_id)
        if _wants_json() or not found.is_open or found.kind != InspectionKind.RE_INSPECTION:
            raise
        refused = {"refused": {defect_id: str(error)}, "typed": {defect_id: note}}
        return _page("re_inspection", found, **(_recheck_values(found) | refused)), 422
    return redirect(url_for(".inspection", inspection_id=found.id), 303)


@blueprint.get(f"{_INSPECTION}/finish")
@requires("handover.inspect")
def finish(inspection_id: int) -> Answer:
    """Show the summary, and what is noted at the end."""
    found = _inspection(inspection_id)
    if not found.is_open:
        return redirect(url_for(".inspection", inspection_id=found.id))
    return _finish_page(found)


def _finish_page(
    found: Inspection, typed: Any = None, missing: list[str] | None = None, status: int = 200
) -> Answer:
    defects = services.valid_defects(found)
    html = render_template(
        "handover/onsite/finish.html",
        inspection=found,
        kind=words.INSPECTION_KINDS[found.kind],
        owner=found.customer,
        back_url=url_for(".inspection", inspection_id=found.id),
        progress=services.progress(found),
        rechecks=services.rechecks_of(found),
        defects=defects,
        severities=words.SEVERITIES,
        gaps=missing if missing is not None else services.gaps(found),
        opinions=words.OPINIONS,
        refusal_reasons=words.refusal_reasons(),
        weathers=words.WEATHERS,
        typed=typed if typed is not None else {name: getattr(found, name) or "" for name in _CLOSING},
        is_refusal=Opinion.REFUSE,
    )
    return html if status == 200 else (html, status)


_CLOSING = (
    "weather", "companions", "attorney_name", "opinion", "opinion_note", "refusal_reason", *services.METERS,
)  # fmt: skip


@blueprint.post(f"{_INSPECTION}/finish")
@requires("handover.inspect")
def finish_now(inspection_id: int) -> Answer:
    """Save what is noted at the end, and finish when nothing is missing; what was typed is kept in any case."""
    found = _inspection(inspection_id)
    typed = {name: request.form.get(name, "")[:2000].strip() for name in _CLOSING if name in request.form}
    for name, longest in (("weather", 40), ("companions", 255), ("attorney_name", 80), ("refusal_reason", 4)):
        if name in typed:
            typed[name] = typed[name][:longest]
    try:
        if request.form.get("step") == "save":
            services.save_closing(found, **typed)
            commit()
            flash(_("Saved. The inspection goes on."), "success")
            return redirect(url_for(".finish", inspection_id=found.id), 303)
        services.finish_inspection(found, **typed)
        commit()
    except IncompleteError as error:
        # What was typed is saved; only the end has to wait.
        commit()
        flash(str(error), "error")
        return _finish_page(found, missing=error.gaps, status=422)
    except REFUSALS as error:
        db.session.rollback()
        flash(str(error), "error")
        found = _inspection(inspection_id)
        if not found.is_open:
            return redirect(url_for(".inspection", inspection_id=found.id), 303)
        return _finish_page(
            found, typed={**{name: getattr(found, name) or "" for name in _CLOSING}, **typed}, status=422
        )
    flash(_("Inspection %(number)s is finished.", number=found.number), "success")
    return redirect(url_for(".inspection", inspection_id=found.id), 303)


@blueprint.app_template_filter("handover_time")
def local_time(moment: dt.datetime | None) -> str:
    """Return a moment as staff read it in China, without the year when it is this one."""
    if moment is None:
        return ""
    local = moment.astimezone(LOCAL_ZONE)
    form = "%m-%d %H:%M" if local.year == utc_now().astimezone(LOCAL_ZONE).year else "%Y-%m-%d %H:%M"
    return local.strftime(form)


@blueprint.app_template_filter("handover_until")
def local_times(start: dt.datetime, end: dt.datetime | None) -> str:
    """Return a stay as staff read it in China: the day once where it ends on the same one.

    Args:
        start: When it began.
        end: When it ended; None while it goes on.
    """
    if end is None:
        return " – ".join((local_time(start), _("now")))
    if local_day(start) == local_day(end):
        return f"{local_time(start)}–{end.astimezone(LOCAL_ZONE):%H:%M}"
    return f"{local_time(start)} – {local_time(end)}"


@blueprint.app_template_filter("handover_day")
def local_day(moment: dt.datetime | None) -> str:
    """Return the day of a moment in China."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).date().isoformat()


blueprint.add_app_template_filter(services.room_title, "handover_room")
blueprint.add_app_template_filter(services.defect_title, "handover_defect")
blueprint.add_app_template_filter(words.local, "handover_local")
blueprint.add_app_template_filter(measures.tolerance, "handover_tolerance")
blueprint.add_app_template_filter(words.measure_name, "handover_measure")
blueprint.add_app_template_test(words.proposes, "handover_proposing")
