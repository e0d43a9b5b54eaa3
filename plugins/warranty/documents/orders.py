"""What is printed of requests and orders: slip, order, survey, plan, new date, no warranty."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from core.toolkit import (
    _,
    prints_personal_data,
    signature_boxes,
    supplement_parts,
)
from plugins.warranty import signing, words
from plugins.warranty.catalogue import categories
from plugins.warranty.documents.common import (
    category_name,
    fault_name,
    house_facts,
    person,
    photos,
    shortened,
)
from plugins.warranty.models import (
    Acceptance,
    AcceptanceKind,
    Extension,
    Order,
    Plan,
    Request,
    Visit,
    VisitState,
)
from plugins.warranty.sayings import told
from plugins.warranty.services import coverage
from plugins.warranty.signed import ENGINEER, OWNER, owner_acceptance
from plugins.warranty.workflows import ORDER


def intake_slip(record: Request, language: str) -> Mapping[str, Any]:
    """Return the values of 报修受理单, the receipt for the owner."""
    return {
        "facts": [
            (_("Request no."), record.number),
            (_("Reported"), words.moment_text(record.reported_at)),
            *house_facts(record, language),
            (_("Reported by"), person(record.reporter_name)),
            (_("Telephone"), person(record.reporter_phone)),
            (_("Is to the house"), words.RELATIONS[record.relation]),
            (_("Channel"), words.CHANNELS[record.channel]),
            (_("Registered"), words.moment_text(record.registered_at)),
            (_("Registered by"), record.registered_by.name if record.registered_by else ""),
            (_("At home"), person(record.availability), True),
        ],
        "rows": [
            [
                position,
                order.number,
                order.room_name,
                f"{fault_name(order, language)}\n{shortened(order.description)}",
                order.priority,
                _cover(order),
                words.moment_text(order.promised_at),
            ]
            for position, order in enumerate(record.orders, start=1)
        ],
        "note": record.note,
        "registered_by": record.registered_by.name if record.registered_by else "",
        "registered_on": words.long_date(record.registered_at, language),
    }


def _cover(order: Order) -> str:
    text = str(words.cover_for_owner(order)[1])
    return f"{text}\n{order.owner_end.isoformat()}" if order.owner_end is not None else text


def repair_order(record: Order, language: str) -> Mapping[str, Any]:
    """Return the values of 维修工单; the template prints them twice, for the owner and for the contractor."""
    filed = record.request
    plan = record.plans[-1] if record.plans else None
    owner = owner_acceptance(record)
    engineer = next(
        (
            each
            for each in reversed(record.acceptances)
            if each.kind == AcceptanceKind.ENGINEER and each.passed
        ),
        None,
    )
    called = record.calls[-1] if record.calls else None
    done = [
        visit
        for visit in record.visits
        if visit.state in (VisitState.DONE, VisitState.OWNER_ABSENT, VisitState.ARRIVED)
    ]
    return {
        "facts": [
            (_("Order no."), record.number),
            (_("State"), ORDER.state_of(record).label),
            *house_facts(record, language),
            (_("Owner"), person(filed.reporter_name)),
            (_("Telephone"), person(filed.reporter_phone)),
            (_("Channel"), words.CHANNELS[filed.channel]),
            (_("Reported"), words.moment_text(record.reported_at)),
            (_("Room"), record.room_name),
            (_("Problem"), fault_name(record, language)),
            (_("Priority"), f"{record.priority} {words.PRIORITIES[record.priority]}"),
            (_("Category"), category_name(record.category_code, language)),
            (_("Cover"), words.cover_for_owner(record)[1]),
            (_("Owner covered until"), words.long_date(record.owner_end, language)),
            (_("Contractor"), record.contractor.name if record.contractor else ""),
            (_("Engineer"), record.engineer.name if record.engineer else ""),
        ],
        "description": record.description,
        "steps": [{"label": label, "align": "centre"} for label, _due, _done in _limits(record)],
        "limits": [
            [_("Promised by"), *(words.moment_text(due) for _label, due, _done in _limits(record))],
            [_("Done"), *(words.moment_text(done) for _label, _due, done in _limits(record))],
        ],
        "visits": [
            [
                f"{_stay(visit)}\n{words.PURPOSES[visit.purpose]}",
                visit.persons,
                visit.findings if visit.state != VisitState.OWNER_ABSENT else _absent(visit),
                visit.materials,
                _hours(visit.minutes),
            ]
            for visit in done
        ],
        "hours": _hours(sum(visit.minutes or 0 for visit in done) or None),
        "plan": _plan_text(plan),
        "work_done": record.work_done,
        "checks": [
            (_("Quality"), owner.quality_ok if owner else None),
            (_("On time"), owner.on_time_ok if owner else None),
            (_("Clean"), owner.clean_ok if owner else None),
            (_("Attitude"), owner.attitude_ok if owner else None),
        ],
        "score": owner.score if owner else None,
        "signatures": _order_signatures(owner, engineer, language),
        "supplements": _supplements(owner) if owner is not None else [],
        "call_back": [
            (_("Closed on"), words.moment_text(record.closed_at), True),
            (_("Time"), words.moment_text(called.at) if called is not None else ""),
            (_("Called by"), called.by.name if called is not None and called.by else ""),
            (_("Satisfaction"), words.SCORES.get(called.score or 0, "") if called is not None else ""),
            (_("What the owner said"), called.note if called is not None else "", True),
        ],
        "photos": [*photos(record, "before", _("B")), *photos(record, "after", _("A"))],
    }


def _limits(order: Order) -> list[tuple[str, dt.datetime | None, dt.datetime | None]]:
    """The steps of an order, each with what was promised and when it was done."""
    return [
        (_("Registered"), order.register_due_at, order.registered_at),
        (_("First contact"), order.contact_due_at, order.contacted_at),
        (_("On site"), order.arrival_due_at, order.arrived_at),
        (_("Temporary measure"), order.temporary_due_at, order.temporary_at),
        (_("Plan"), order.plan_due_at, order.planned_at),
        (_("Repair finished"), order.due_at, order.fixed_at),
    ]


def no_warranty_letter(record: Order, language: str) -> Mapping[str, Any]:
    """Return the values of 非保修说明函, which explains with the law why the owner has to pay."""
    category = categories()[record.category_code]
    return {
        "facts": [
            (_("Order no."), record.number),
            (_("Reported"), words.long_date(record.reported_at, language)),
            *house_facts(record, language),
            (_("Problem"), f"{fault_name(record, language)} {record.description}", True),
            (_("Category"), category_name(record.category_code, language), True),
        ],
        "addressee": person(record.request.reporter_name),
        "is_excluded": record.exclusion is not None,
        "exclusion": words.EXCLUSIONS[record.exclusion] if record.exclusion else "",
        "start": _start(record, language),
        "end": words.long_date(record.owner_end, language),
        "law": category.law.in_(language),
        "reason": record.closing_reason,
        "photos": photos(record, "evidence", _("E")),
    }


def _start(order: Order, language: str) -> str:
    if order.unit is None:
        return ""
    return words.long_date(coverage.owner_start(order.unit), language)


def may_explain(order: Order) -> Any:
    """Return why the letter cannot be issued yet, or None."""
    if order.state != "not_warranty":
        return _("The letter can be issued when it was decided that it is no warranty.")
    return None


def _stay(visit: Visit) -> str:
    """When somebody was there, 2026-11-23 14:05–15:10; the booked time where nobody arrived."""
    start, end = visit.arrived_at or visit.booked_from, visit.left_at
    return words.moment_text(start) + (f"–{words.moment_text(end)[11:]}" if end is not None else "")


def _absent(visit: Visit) -> str:
    return " · ".join(filter(None, (_("Nobody opened"), visit.findings)))


def _hours(minutes: int | None) -> str:
    return "" if minutes is None else f"{Decimal(minutes) / 60:.1f}"


def _plan_text(plan: Plan | None) -> str:
    if plan is None:
        return ""
    details = [
        _("%(what)s: %(value)s", what=what, value=value)
        for what, value in ((_("Days"), plan.days), (_("Crew"), plan.crew), (_("Materials"), plan.materials))
        if value
    ]
    return "\n".join((plan.method, "　".join(details)))


def _order_signatures(
    owner: Acceptance | None, engineer: Acceptance | None, language: str
) -> list[dict[str, Any]]:
    """The boxes below an order: who signed on the screen, else the names that are known, with room for ink."""
    boxes = [
        {
            "role": _("Owner"),
            "name": person(owner.signer_name) if owner is not None else "",
            "date": words.long_date(owner.at, language) if owner is not None else "",
        },
        {
            "role": _("Engineer"),
            "name": engineer.by.name if engineer is not None and engineer.by else "",
            "date": words.long_date(engineer.at, language) if engineer is not None else "",
        },
    ]
    if owner is None:
        return boxes
    if owner.by_silence:
        boxes[0]["note"] = _("Accepted by silence")
    elif owner.by_id is None and owner.signer_name:
        boxes[0]["note"] = _("Accepted on his own page")
    for box, role in zip(boxes, (OWNER, ENGINEER), strict=True):
        made = [each for each in signature_boxes(owner, [(role, box["role"])]) if each.get("date")]
        if made and (role == ENGINEER or prints_personal_data()):
            box |= made[-1]
    return boxes


def visit_record(record: Visit, language: str) -> Mapping[str, Any]:
    """Return the values of 查勘记录: who was there when, and what was found."""
    order = record.order
    return {
        "facts": [
            (_("Order no."), order.number),
            (_("Why"), words.PURPOSES[record.purpose]),
            *house_facts(order, language),
            (_("Reported by"), person(order.request.reporter_name)),
            (_("Telephone"), person(order.request.reporter_phone)),
            (_("Room"), order.room_name),
            (_("Problem"), fault_name(order, language)),
            (_("Priority"), f"{order.priority} {words.PRIORITIES[order.priority]}"),
            (_("Category"), category_name(order.category_code, language)),
            (_("Cover"), words.cover_for_owner(order)[1]),
            (_("Owner covered until"), words.long_date(order.owner_end, language)),
            (
                _("Booked time"),
                f"{words.moment_text(record.booked_from)}–{words.moment_text(record.booked_to)[11:]}",
            ),
            (_("On site"), _stay(record) if record.arrived_at is not None else ""),
            (_("Who came"), record.persons),
            (_("Engineer"), record.engineer.name if record.engineer else ""),
            (_("Contractor"), order.contractor.name if order.contractor else ""),
            (_("Working time (hours)"), _hours(record.minutes)),
        ],
        "description": order.description,
        "findings": record.findings,
        "materials": record.materials,
        "temporary": order.temporary_note,
        "responsible": [(code, text) for code, text in words.RESPONSIBLE.items() if code != "undetermined"],
        "responsibility": order.responsibility,
        "signatures": _signed_boxes(record),
        "supplements": _supplements(record),
        "photos": [*photos(order, "before", _("B")), *photos(order, "evidence", _("E"))],
    }


def _signed_boxes(record: Any) -> list[dict[str, Any]]:
    """The boxes of owner and engineer; the owner's picture and name where the paper names persons."""
    boxes = []
    for role, label in signing.ROLES.items():
        for box in signature_boxes(record, [(role, label)]):
            if role == OWNER and not prints_personal_data():
                box = {"role": box["role"], "date": box.get("date", "")}
            boxes.append(box)
    return boxes


def _supplements(record: Any) -> list[dict[str, Any]]:
    """What supplements changed, with who signed them; the owner where the paper names persons."""
    parts = supplement_parts(record)
    if not prints_personal_data():
        owner = str(signing.ROLES[OWNER])
        for part in parts:
            part["boxes"] = [
                {"role": box["role"], "date": box.get("date", "")} if box["role"] == owner else box
                for box in part["boxes"]
            ]
    return parts


def may_record(visit: Visit) -> Any:
    """Return why the record of a visit cannot be issued yet, or None."""
    if visit.state not in (VisitState.DONE, VisitState.OWNER_ABSENT):
        return _("The record can be issued when the visit is over.")
    return None


def repair_plan(record: Plan, language: str) -> Mapping[str, Any]:
    """Return the values of 维修方案确认书, which the owner signs for leaks and structure."""
    order = record.order
    boxes = _signed_boxes(record)
    if record.signed_at is not None:
        boxes[0] |= {
            "name": person(record.signed_name),
            "date": words.long_date(record.signed_at, language),
            "note": _("Signed on paper"),
        }
    return {
        "facts": [
            (_("Order no."), order.number),
            (_("Reported"), words.moment_text(order.reported_at)),
            *house_facts(order, language),
            (_("Owner"), person(order.request.reporter_name)),
            (_("Room"), order.room_name),
            (_("Problem"), fault_name(order, language)),
            (_("Category"), category_name(order.category_code, language)),
            (_("Repaired by"), order.contractor.name if order.contractor else ""),
            (_("Engineer"), order.engineer.name if order.engineer else ""),
        ],
        "description": order.description,
        "findings": "\n".join(visit.findings for visit in order.visits if visit.findings),
        "method": record.method,
        "plan": [
            (_("Days"), record.days),
            (_("Crew"), record.crew),
            (_("Promised to the owner"), words.long_date(order.promised_at, language)),
            (_("Cost borne by"), words.BEARERS[order.borne_by]),
            (_("Materials"), record.materials, True),
        ],
        "signatures": boxes,
        "supplements": _supplements(record),
        "photos": photos(order, "before", _("B")),
    }


def delay_notice(record: Extension, language: str) -> Mapping[str, Any]:
    """Return the values of 延期告知函, which says in time why it takes longer and what happens meanwhile."""
    order = record.order
    return {
        "addressee": person(order.request.reporter_name),
        "facts": [
            (_("Order no."), order.number),
            (_("Reported"), words.long_date(order.reported_at, language)),
            *house_facts(order, language),
            (_("Problem"), f"{order.room_name} {fault_name(order, language)}".strip(), True),
            (_("Old date"), words.long_date(record.old_date, language)),
            (_("New date"), words.long_date(record.new_date, language)),
        ],
        "reason": record.reason,
        "temporary": order.temporary_note,
        "progress": [
            [words.moment_text(event.at), told(event)]
            for event in order.events
            if event.kind in ("progress", "temporary", "suspended", "resumed") and event.is_public
        ][-8:],
        "told": " ".join(filter(None, (words.moment_text(record.told_at), words.told_how(record.told_how)))),
        "engineer": order.engineer.name if order.engineer else "",
        "issuer": record.by.name if record.by else "",
        "issued_on": words.long_date(record.created_at, language),
    }
