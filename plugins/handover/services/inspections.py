"""Planning, starting, recording and finishing inspections (domain reference 3.3.6)."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    Customer,
    Decoration,
    Unit,
    User,
    _,
    _l,
    attachments_of,
    db,
    has_permission,
    lazy_ngettext,
    listed,
    local_today,
    ngettext,
    owners_of,
    reach,
    require_scope,
    setting,
    signed_hash,
    utc_now,
    write_timeline,
)
from plugins.handover import catalogue, measures
from plugins.handover.errors import HandoverRuleError, IncompleteError, OutdatedError
from plugins.handover.models import (
    Defect,
    DefectSource,
    Inspection,
    InspectionKind,
    InspectionResult,
    InspectionRoom,
    InspectionState,
    InspectionTemplate,
    Opinion,
    Severity,
    TemplateItem,
    TemplateRoom,
    Verdict,
)
from plugins.handover.preparation.services import readiness
from plugins.handover.services import dangers
from plugins.handover.services.batches import handover_unit_of
from plugins.handover.services.common import (
    COUNTED,
    INTERNAL_KINDS,
    PHOTO_BEFORE,
    SERIOUS,
    defect_title,
    ended,
    number_under,
    require_not_ended,
    require_open,
    room_title,
)
from plugins.handover.services.day import inspection_begins, inspection_ends
from plugins.handover.services.defects import (
    ensure_defect,
    rechecks_of,
    to_recheck,
    valid_defects,
    withdraw_defects,
)
from plugins.handover.workflows import HANDOVER_UNIT, OPEN


def plan_inspection(
    unit: Unit,
    kind: InspectionKind,
    *,
    planned_on: dt.date | None = None,
    inspector: User | None = None,
    companions: str = "",
    customer: Customer | None = None,
    attorney_name: str = "",
) -> Inspection:
    """Plan a round of inspecting a house; rounds are counted per house and kind.

    Args:
        unit: The house.
        kind: Why it is inspected.
        planned_on: The day; today when omitted.
        inspector: Who inspects; whoever starts it when omitted.
        companions: Who accompanies.
        customer: The owner who will be present.
        attorney_name: Who comes in the owner's place.

    Raises:
        HandoverRuleError: A round of this kind is already planned or running, or there is nothing to re-inspect.
    """
    rounds = db.session.execute(
        sa.select(Inspection.round_number, Inspection.state, Inspection.number).where(
            Inspection.unit_id == unit.id, Inspection.kind == kind
        )
    ).all()
    for row in rounds:
        if row.state in (InspectionState.PLANNED, InspectionState.IN_PROGRESS):
            raise HandoverRuleError(
                _(
                    "Inspection %(number)s of %(unit)s has not ended yet. Finish or cancel it "
                    "before you plan the next round.",
                    number=row.number,
                    unit=unit.code,
                )
            )
    place = handover_unit_of(unit)
    inspection = Inspection(
        project_id=unit.project_id,
        unit_id=unit.id,
        handover_unit_id=place.id if place else None,
        number=number_under("YF", unit.project),
        kind=kind,
        round_number=max((row.round_number for row in rounds), default=0) + 1,
        planned_on=planned_on or local_today(),
        inspector_id=inspector.id if inspector else None,
        companions=companions.strip(),
        customer_id=customer.id if customer else None,
        attorney_name=attorney_name.strip(),
    )
    db.session.add(inspection)
    db.session.flush()
    return inspection


def change_plan(
    inspection: Inspection,
    *,
    planned_on: dt.date | None,
    inspector: User | None,
    companions: str,
    customer: Customer | None = None,
    attorney_name: str = "",
) -> None:
    """Change who inspects when, as long as the inspection has not ended.

    Raises:
        HandoverRuleError: The inspection is finished or cancelled.
    """
    require_not_ended(inspection)
    inspection.planned_on = planned_on
    inspection.inspector_id = inspector.id if inspector else None
    inspection.companions = companions.strip()
    inspection.customer_id = customer.id if customer else None
    inspection.attorney_name = attorney_name.strip()
    db.session.flush()


def cancel_inspection(inspection: Inspection, reason: str) -> None:
    """Cancel a planned inspection.

    Raises:
        HandoverRuleError: It has started, or no reason is given.
    """
    if inspection.state != InspectionState.PLANNED:
        raise HandoverRuleError(
            _("Inspection %(number)s has started and can only be finished.", number=inspection.number)
        )
    if not reason.strip():
        raise HandoverRuleError(_("Say why inspection %(number)s is cancelled.", number=inspection.number))
    inspection.state = InspectionState.CANCELLED
    inspection.cancel_reason = reason.strip()
    db.session.flush()


def start_obstacles(inspection: Inspection) -> Sequence[Defect]:
    """Return the open S1 and S2 defects of earlier rounds of our own staff, which forbid to start a formal inspection.

    Source: domain reference 3.3.6 rule 1 [RECON].
    """
    if inspection.kind != InspectionKind.FORMAL:
        return []
    return db.session.scalars(
        sa.select(Defect)
        .outerjoin(Inspection, Inspection.id == Defect.inspection_id)
        .where(
            Defect.unit_id == inspection.unit_id,
            Defect.state.in_(OPEN),
            Defect.severity.in_(SERIOUS),
            sa.or_(Inspection.kind.in_(INTERNAL_KINDS), Defect.source == DefectSource.STAFF),
        )
        .order_by(Defect.severity, Defect.id)
    ).all()


def start_inspection(inspection: Inspection, override_reason: str = "") -> Inspection:
    """Start an inspection: copy the checklist into results. Starting it twice does nothing.

    Args:
        inspection: A planned inspection.
        override_reason: Why a formal inspection may start in spite of open S1 or S2 defects; needs
            ``handover.override_start`` (city general manager).

    Raises:
        HandoverRuleError: It was cancelled, rule 1 forbids it, or there is no checklist.

    Source: domain reference 3.3.6 rule 1 [RECON].
    """
    db.session.refresh(inspection, with_for_update=True)
    if inspection.state == InspectionState.IN_PROGRESS:
        return inspection
    if inspection.state != InspectionState.PLANNED:
        raise ended(inspection)
    _check_start(inspection, override_reason)
    if inspection.kind != InspectionKind.RE_INSPECTION:
        _copy_checklist(inspection)
    inspection.state = InspectionState.IN_PROGRESS
    inspection.started_at = utc_now()
    if inspection.inspector_id is None:
        inspection.inspector_id = require_scope().user_id
    if inspection.customer_id is None and inspection.kind == InspectionKind.FORMAL:
        owners = owners_of(inspection.unit)
        inspection.customer_id = owners[0].id if owners else None
    db.session.flush()
    place = inspection.handover_unit
    if inspection.kind == InspectionKind.FORMAL and place is not None and not inspection.attorney_name:
        inspection.attorney_name = place.attorney_name
    if (
        inspection.kind == InspectionKind.FORMAL
        and place is not None
        and place.state in HANDOVER_UNIT.transition("inspect").sources
    ):
        HANDOVER_UNIT.move(place, "inspect")
        inspection_begins(place, inspection.started_at)
    return inspection


def _check_start(inspection: Inspection, override_reason: str) -> None:
    obstacles = start_obstacles(inspection)
    if not obstacles:
        return
    numbers = listed(f"{defect.number} ({defect.severity})" for defect in obstacles[:5])
    if not override_reason.strip():
        raise HandoverRuleError(
            ngettext(
                "House %(unit)s has %(num)d open defect S1–S2 from earlier rounds: %(numbers)s. "
                "Close it first, or let the city "
                "general manager start the formal inspection with a reason.",
                "House %(unit)s has %(num)d open defects S1–S2 from earlier rounds: %(numbers)s. "
                "Close them first, or let the "
                "city general manager start the formal inspection with a reason.",
                len(obstacles),
                unit=inspection.unit.code,
                numbers=numbers,
            )
        )
    if not has_permission("handover.override_start"):
        raise HandoverRuleError(
            _(
                "Starting house %(unit)s in spite of open S1–S2 defects needs the right of the city general manager.",
                unit=inspection.unit.code,
            )
        )
    inspection.override_reason = override_reason.strip()
    inspection.overridden_by_id = require_scope().user_id


_NUMERALS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8}


_BEDROOMS = re.compile(r"([1-8一二两三四五六七八])\s*(?:室|房|bed)", re.IGNORECASE)


_BATHROOMS = re.compile(r"([1-8一二两三四五六七八])\s*(?:卫|bath)", re.IGNORECASE)


def rooms_of_layout(layout: str) -> tuple[int, int]:
    """Return how many bedrooms and bathrooms a layout tells, "三房两厅两卫" → (3, 2); 1 where it tells none."""

    def count(pattern: re.Pattern[str]) -> int:
        match = pattern.search(layout)
        return 1 if match is None else int(_NUMERALS.get(match[1], 0) or match[1])

    return count(_BEDROOMS), count(_BATHROOMS)


_NAMED_ROOMS = {
    "BED": (("主卧", "Master bedroom"), ("次卧", "Bedroom 2"), ("次卧{n}", "Bedroom {n}")),
    "BTH": (("主卫", "Master bathroom"), ("次卫", "Bathroom 2"), ("次卫{n}", "Bathroom {n}")),
}


def _room_names(room: TemplateRoom, count: int) -> list[tuple[str, str]]:
    if count == 1 or room.code not in _NAMED_ROOMS:
        return [(room.name, room.name_en)]
    names = _NAMED_ROOMS[room.code]
    return [(names[min(n, 2)][0].format(n=n), names[min(n, 2)][1].format(n=n + 1)) for n in range(count)]


def _is_in_house(room: TemplateRoom, unit: Unit) -> bool:
    """A garden or roof is looked at from the lowest and the highest floor only."""
    if room.code != "GAR" or unit.floor is None:
        return True
    return unit.floor <= 1 or unit.floor == unit.building.total_floors


def _copy_checklist(inspection: Inspection) -> None:
    template = catalogue.template_for(inspection.project, patrol=inspection.kind == InspectionKind.VACANT)
    inspection.template_id = template.id
    inspection.template_title = template.title
    bedrooms, bathrooms = rooms_of_layout(inspection.unit.layout)
    counts = {"BED": bedrooms, "BTH": bathrooms}
    _copy_rooms(
        inspection,
        template,
        [
            (room, name, name_en)
            for room in template.rooms
            if _is_in_house(room, inspection.unit)
            for name, name_en in _room_names(room, counts.get(room.code, 1))
        ],
    )


_OF_ITEM = (
    "group_name",
    "group_name_en",
    "name",
    "name_en",
    "standard",
    "standard_en",
    "method",
    "method_en",
    "severity",
    "warranty_category",
    "trade_code",
    "defect_code",
)
"""What a result takes from the item of the checklist as it is."""


def _copy_rooms(
    inspection: Inspection, template: InspectionTemplate, named: Sequence[tuple[TemplateRoom, str, str]]
) -> list[InspectionRoom]:
    """Add rooms with what is checked in them; one in which nothing is checked is left out."""
    position = max((each.position for each in inspection.rooms), default=0)
    added: list[tuple[InspectionRoom, list[TemplateItem]]] = []
    for room, name, name_en in named:
        items = [item for item in template.items if _is_checked(item, room, inspection.unit)]
        if not items:
            continue
        position += 1
        copied = InspectionRoom(
            project_id=inspection.project_id,
            kind=room.code,
            name=name,
            name_en=name_en,
            position=position,
            whole_house=room.whole_house,
        )
        inspection.rooms.append(copied)
        added.append((copied, items))
    # All rooms get their keys at once: what hangs on them is written with the next flush.
    db.session.flush()
    storeys = inspection.unit.building.total_floors
    for copied, items in added:
        for number, item in enumerate(items, start=1):
            result = InspectionResult(
                project_id=inspection.project_id,
                room_id=copied.id,
                position=copied.position * 1000 + number,
                item_code=item.code,
                measures=measures.applicable(item.measures, copied.kind, storeys),
                measured={},
            )
            for field in _OF_ITEM:
                setattr(result, field, getattr(item, field))
            inspection.results.append(result)
    return [copied for copied, _items in added]


def _is_checked(item: TemplateItem, room: TemplateRoom, unit: Unit) -> bool:
    fits = item.specification in ("both", str(unit.decoration or Decoration.FITTED))
    return item.active and fits and room.code in item.rooms


def add_room(inspection: Inspection, kind: str, name: str) -> InspectionRoom:
    """Add a further room of a kind to a running inspection, for example a second balcony.

    Args:
        inspection: A running inspection.
        kind: Kind of the checklist, for example ``BAL``.
        name: What the room is called; a name that exists already is found again instead of added twice.

    Raises:
        HandoverRuleError: The inspection does not run, the checklist is gone, or the kind has no items for this house.
    """
    require_open(inspection)
    name = name.strip()
    for room in inspection.rooms:
        if name and name in (room.name, room.name_en):
            return room
    template = db.session.get(InspectionTemplate, inspection.template_id) if inspection.template_id else None
    source = next((room for room in template.rooms if room.code == kind), None) if template else None
    if template is None or source is None or source.whole_house or not name:
        raise HandoverRuleError(_("Choose the kind of the room and give it a name, for example “Balcony 2”."))
    added = next(iter(_copy_rooms(inspection, template, [(source, name[:60], name[:80])])), None)
    if added is None:
        raise HandoverRuleError(_("The checklist has no item for such a room in this house."))
    db.session.flush()
    return added


def record_result(
    result: InspectionResult,
    verdict: Verdict | None,
    *,
    measured: Mapping[str, str] | None = None,
    note: str | None = None,
    row_version: int | None = None,
) -> Defect | None:
    """Record the verdict of one item. A failed item has a defect at once; correcting the verdict takes it back.

    Recording the same again changes nothing, so that a second tap does no harm.

    Args:
        result: The item in its room.
        verdict: Pass, fail, not applicable, or None to take the verdict back.
        measured: Measured values as typed, by the position of the measure; None leaves them as they are.
        note: A remark; None leaves it as it is.
        row_version: The version that was shown; a different one means that somebody else was faster.

    Returns:
        The defect of a failed item, else None.

    Raises:
        OutdatedError: Somebody else recorded something different meanwhile.
        HandoverRuleError: The inspection does not run.
        measures.MeasureError: A measured value is no number.

    Source: domain reference 3.3.6 rule 3 [RECON].
    """
    db.session.refresh(result, with_for_update=True)
    require_open(result.inspection)
    values = result.measured if measured is None else _read_measured(result, measured)
    remark = result.note if note is None else note.strip()
    if (result.verdict, result.measured, result.note) != (verdict, values, remark):
        if row_version is not None and row_version != result.row_version:
            raise OutdatedError(
                _(
                    "A colleague has changed “%(item)s” meanwhile. What is saved now is shown; "
                    "enter yours again if it is right.",
                    item=result.name,
                ),
                result,
            )
        result.verdict, result.measured, result.note = verdict, values, remark
        result.answered_at = utc_now() if verdict is not None else None
        result.answered_by_id = require_scope().user_id if verdict is not None else None
        db.session.flush()
    if verdict == Verdict.FAIL:
        return ensure_defect(result)
    withdraw_defects(result)
    return None


def _read_measured(result: InspectionResult, measured: Mapping[str, str]) -> dict[str, str]:
    values = dict(result.measured)
    for position in range(len(result.measures)):
        key = str(position)
        if key in measured:
            value = measures.read_value(measured[key])
            values.pop(key, None)
            if value:
                values[key] = value
    return values


def answer_rest(inspection: Inspection, room: InspectionRoom, verdict: Verdict) -> int:
    """Give all items of a room that have no verdict yet the same one, after the inspector confirmed it.

    Args:
        inspection: A running inspection.
        room: One of its rooms.
        verdict: Pass or not applicable.

    Returns:
        How many items were answered; 0 when it is repeated.

    Raises:
        HandoverRuleError: The inspection does not run, or the verdict is fail.
    """
    require_open(inspection)
    if verdict == Verdict.FAIL or room.inspection_id != inspection.id:
        raise HandoverRuleError(_("Only “pass” and “does not apply” can be given to several items at once."))
    open_results = db.session.scalars(
        sa.select(InspectionResult).where(
            InspectionResult.room_id == room.id, InspectionResult.verdict.is_(None)
        )
    ).all()
    if verdict == Verdict.PASS:
        # A measured value outside its tolerance is not passed over.
        open_results = [
            result
            for result in open_results
            if measures.judge(result.measures, result.measured) != Verdict.FAIL
        ]
    for result in open_results:
        result.verdict = verdict
        result.answered_at = utc_now()
        result.answered_by_id = require_scope().user_id
    db.session.flush()
    return len(open_results)


@dataclass(frozen=True)
class RoomProgress:
    """How far a room is.

    Attributes:
        room: The room.
        done: Items with a verdict.
        total: All items.
        failed: Items that failed.
    """

    room: InspectionRoom
    done: int
    total: int
    failed: int

    @property
    def is_done(self) -> bool:
        """Whether every item has a verdict."""
        return self.done == self.total


def progress(inspection: Inspection) -> list[RoomProgress]:
    """Return how far each room of an inspection is, in the order of the rooms."""
    counts = {
        row.room_id: row
        for row in db.session.execute(
            sa.select(
                InspectionResult.room_id,
                sa.func.count(InspectionResult.id).label("total"),
                sa.func.count(InspectionResult.verdict).label("done"),
                sa.func.sum(sa.case((InspectionResult.verdict == Verdict.FAIL, 1), else_=0)).label("failed"),
            )
            .where(InspectionResult.inspection_id == inspection.id)
            .group_by(InspectionResult.room_id)
        )
    }
    return [
        RoomProgress(room, counts[room.id].done, counts[room.id].total, int(counts[room.id].failed))
        for room in inspection.rooms
        if room.id in counts
    ]


METERS = ("meter_water", "meter_electricity", "meter_gas", "meter_heat")


_READING = re.compile(r"\d{1,10}(\.\d{1,4})?")


def save_closing(inspection: Inspection, **values: Any) -> None:
    """Save what is noted at the end of an inspection without finishing it: weather, companions, meter
    readings, opinion.

    Args:
        inspection: A running inspection.
        values: Attributes of :class:`Inspection` by name: ``weather``, ``companions``, ``attorney_name``,
            the four meter
            readings, ``opinion``, ``opinion_note``, ``refusal_reason``.

    Raises:
        HandoverRuleError: The inspection does not run, or a value is impossible.
    """
    require_open(inspection)
    for name in METERS:
        reading = str(values.get(name) or "").strip()
        if reading and not _READING.fullmatch(reading):
            raise HandoverRuleError(
                _(
                    "“%(value)s” is not a meter reading. Write the digits as they stand on the "
                    "meter, for example 00123.4.",
                    value=reading[:30],
                )
            )
    if values.get("opinion") and values["opinion"] not in list(Opinion):
        raise HandoverRuleError(_("Choose what the owner decided."))
    if values.get("refusal_reason") and values["refusal_reason"] not in catalogue.labels("refusal_reasons"):
        raise HandoverRuleError(_("Choose the reason for the refusal from the list."))
    for name in ("weather", "companions", "attorney_name", "opinion_note", "refusal_reason", *METERS):
        if name in values:
            setattr(inspection, name, str(values[name] or "").strip())
    if "opinion" in values:
        inspection.opinion = Opinion(values["opinion"]) if values["opinion"] else None
    if inspection.opinion != Opinion.REFUSE:
        inspection.refusal_reason = ""
    db.session.flush()


def gaps(inspection: Inspection) -> list[str]:
    """Return what still keeps an inspection from being finished, each a full sentence.

    Every item has a verdict (touchpoint TP-E06 "all items"); every defect has a room, a kind of fault and
    at least one photo
    (domain reference 3.3.6 rule 3 [RECON]); a formal inspection has the owner's opinion, which fits the
    defects (3.3.4);
    a re-inspection has looked at every defect that was reported as fixed.
    """
    if inspection.kind == InspectionKind.RE_INSPECTION:
        waiting = to_recheck(inspection)
        return [_("%(number)s has not been re-inspected yet.", number=defect.number) for defect in waiting]
    missing = [
        ngettext(
            "%(room)s: %(num)d item has no result yet.",
            "%(room)s: %(num)d items have no result yet.",
            each.total - each.done,
            room=room_title(each.room),
        )
        for each in progress(inspection)
        if not each.is_done
    ]
    defects = valid_defects(inspection)
    failed = db.session.scalars(
        sa.select(InspectionResult).where(
            InspectionResult.inspection_id == inspection.id, InspectionResult.verdict == Verdict.FAIL
        )
    ).all()
    with_defect = {defect.result_id for defect in defects}
    missing += [
        _("%(item)s failed, but has no defect. Tap “fail” again.", item=result.name)
        for result in failed
        if result.id not in with_defect
    ]
    photos = int(setting("handover", "photos_per_defect"))
    for defect in defects:
        what = []
        if not defect.room_name:
            what.append(_("room"))
        if not defect.faults:
            what.append(_("kind of fault"))
        if len(attachments_of(defect, PHOTO_BEFORE)) < photos:
            what.append(_("photo"))
        if what:
            missing.append(
                _(
                    "%(number)s %(item)s: missing %(what)s.",
                    number=defect.number,
                    item=defect_title(defect),
                    what=listed(what),
                )
            )
    return missing + _opinion_gaps(inspection, defects)


def _opinion_gaps(inspection: Inspection, defects: Sequence[Defect]) -> list[str]:
    if inspection.kind != InspectionKind.FORMAL:
        return []
    if inspection.opinion is None:
        return [_("The owner's opinion is missing.")]
    if inspection.opinion == Opinion.REFUSE and not inspection.refusal_reason:
        return [_("The reason for the refusal is missing.")]
    if inspection.opinion == Opinion.ACCEPT and any(defect.severity in COUNTED for defect in defects):
        return [_("There are defects S1–S3, so the house can be accepted only after rectification.")]
    return []


def finish_inspection(inspection: Inspection, **closing: Any) -> Inspection:
    """Finish an inspection: it never changes again. Finishing it twice does nothing.

    Who finishes it has inspected, whomever it was planned for; list, record, papers and figures name him.

    Args:
        inspection: A running inspection.
        closing: What :func:`save_closing` takes.

    Raises:
        IncompleteError: Something is missing; ``gaps`` names it.
        HandoverRuleError: The inspection was not started, or a value is impossible.

    Source: domain reference 3.3.6 rules 2, 3 and 10; touchpoints TP-E06, TP-E07 and TP-E10.
    """
    db.session.refresh(inspection, with_for_update=True)
    if inspection.state == InspectionState.FINISHED:
        return inspection
    if closing:
        save_closing(inspection, **closing)
    require_open(inspection)
    missing = gaps(inspection)
    if missing:
        raise IncompleteError(
            _("Inspection %(number)s cannot be finished yet. Add what is missing.", number=inspection.number),
            missing,
        )
    defects = valid_defects(inspection)
    inspection.finished_at = utc_now()
    inspection.passed = _is_passed(inspection, defects)
    inspection.content_hash = content_hash(inspection)
    inspection.state = InspectionState.FINISHED
    _name_who_did_it(inspection)
    _move_handover_unit(inspection, defects)
    db.session.flush()
    db.session.expire(inspection, ["inspector", "planned_inspector"])
    for defect in defects:
        if defect.severity == Severity.S1:
            dangers.watch(defect)
    _tell_finish(inspection, defects)
    return inspection


def _name_who_did_it(inspection: Inspection) -> None:
    doer, planned = require_scope().user_id, inspection.inspector_id
    if doer is None or doer == planned:
        return
    inspection.inspector_id, inspection.planned_inspector_id = doer, planned


def _is_passed(inspection: Inspection, defects: Sequence[Defect]) -> bool:
    if inspection.kind == InspectionKind.RE_INSPECTION:
        return all(recheck.passed for recheck in rechecks_of(inspection))
    return not any(defect.severity in COUNTED for defect in defects)


def _move_handover_unit(inspection: Inspection, defects: Sequence[Defect]) -> None:
    place = inspection.handover_unit
    if inspection.kind != InspectionKind.FORMAL or place is None or place.state != "inspecting":
        return
    moment = inspection.finished_at or utc_now()
    if inspection.opinion == Opinion.REFUSE:
        HANDOVER_UNIT.move(place, "refuse", inspection.opinion_note)
    elif not defects:
        HANDOVER_UNIT.move(place, "accept")
    elif not any(defect.severity == Severity.S1 for defect in defects):
        # An S1 blocks the handover (3.3.4): the house stays in inspection until it is re-inspected.
        HANDOVER_UNIT.move(place, "accept_with_defects")
    inspection_ends(place, moment, inspection.refusal_reason, inspection.opinion_note)
    readiness.weigh_unit(inspection.unit_id)


def _tell_finish(inspection: Inspection, defects: Sequence[Defect]) -> None:
    details = {
        "inspection": inspection.number,
        "kind": inspection.kind,
        "round": inspection.round_number,
        "passed": inspection.passed,
        "defects": len(defects),
        "opinion": inspection.opinion,
    }
    about: dict[str, Any] = {
        "customer": inspection.customer,
        "unit": inspection.unit,
        "record_kind": "handover.inspection",
        "record_id": inspection.id,
        "details": details,
    }
    kind = "handover.inspection_finished"
    if inspection.kind == InspectionKind.RE_INSPECTION:
        checked = rechecks_of(inspection)
        summary: Any = _l(
            "Re-inspection %(number)s: %(passed)d of %(total)d defects passed.",
            number=inspection.number,
            passed=sum(recheck.passed for recheck in checked),
            total=len(checked),
        )
        reach("TP-E07", "handover.re_inspected", summary, **about)
    elif inspection.kind == InspectionKind.FORMAL:
        summary = lazy_ngettext(
            "Formal inspection %(number)s, round %(round)d: %(num)d defect.",
            "Formal inspection %(number)s, round %(round)d: %(num)d defects.",
            len(defects),
            number=inspection.number,
            round=inspection.round_number,
        )
        reach("TP-E06", kind, summary, **about)
    else:
        summary = lazy_ngettext(
            "Inspection %(number)s: %(num)d defect.",
            "Inspection %(number)s: %(num)d defects.",
            len(defects),
            number=inspection.number,
        )
        about["customer"] = None
        if inspection.kind == InspectionKind.VACANT:
            reach("TP-E10", kind, summary, **about)
        else:
            write_timeline(kind, summary, **about)


def inspection_content(inspection: Inspection) -> dict[str, Any]:
    """Return what an inspection found, which is what owner and engineer sign: items with verdicts, measured values and
    remarks, defects, readings, opinion.

    Personal data is left out, so that the fingerprint still fits after a person was erased; so is what happens with a
    defect afterwards.
    """
    return {
        "number": inspection.number,
        "house": inspection.unit.code,
        "results": {
            f"{result.room.name} · {result.item_code} {result.name}": {
                "standard": result.standard,
                "verdict": result.verdict or "",
                "measured": {str(key): str(value) for key, value in result.measured.items()},
                "note": result.note,
            }
            for result in inspection.results
        },
        "defects": {
            defect.number: {
                "room": defect.room_name,
                "faults": " ".join(code.code for code in defect.codes),
                "description": defect.description,
            }
            for defect in _recorded_defects(inspection)
        },
        "rechecks": {
            recheck.defect.number: {"passed": recheck.passed, "note": recheck.note}
            for recheck in rechecks_of(inspection)
        },
        "meters": {name.removeprefix("meter_"): getattr(inspection, name) for name in METERS},
        "opinion": {
            "decision": inspection.opinion or "",
            "note": inspection.opinion_note,
            "refusal": inspection.refusal_reason,
        },
    }


def _recorded_defects(inspection: Inspection) -> Sequence[Defect]:
    """Return the defects that stood in the record at its end: also those that later turned out to be none.

    A defect whose result was corrected during the inspection belongs to an item that has not failed.
    """
    failed = sa.select(InspectionResult.id).where(
        InspectionResult.inspection_id == inspection.id, InspectionResult.verdict == Verdict.FAIL
    )
    return db.session.scalars(
        sa.select(Defect)
        .where(
            Defect.inspection_id == inspection.id,
            sa.or_(Defect.state != "invalid", Defect.result_id.is_(None), Defect.result_id.in_(failed)),
        )
        .order_by(Defect.id)
    ).all()


def content_hash(inspection: Inspection) -> str:
    """Return the SHA-256 over :func:`inspection_content`, the fingerprint that is printed on the record."""
    return signed_hash(inspection_content(inspection))
