"""What is signed on the screen: the record of a visit, the plan of a repair, and the owner's acceptance of an order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from flask import url_for

from core.toolkit import LOCAL_ZONE, Signable, _, _l, has_permission
from plugins.warranty import words
from plugins.warranty.catalogue import faults
from plugins.warranty.models import Acceptance, AcceptanceKind, Order, Plan, Visit, VisitState
from plugins.warranty.signed import ENGINEER, OWNER

ROLES: Mapping[str, Any] = {OWNER: _l("Owner or attorney"), ENGINEER: _l("Engineer")}

_PLACES: Mapping[str, Any] = {
    "order": _l("Order"),
    "house": _l("House"),
    "purpose": _l("Why"),
    "arrived": _l("On site"),
    "left": _l("Left"),
    "findings": _l("Found or done"),
    "materials": _l("Materials"),
    "minutes": _l("Minutes of all persons"),
    "method": _l("How it is repaired"),
    "days": _l("Days"),
    "crew": _l("Crew"),
    "room": _l("Room"),
    "fault": _l("Kind of problem"),
    "cycle": _l("Repair cycles"),
    "work": _l("Work done"),
    "quality": _l("Quality"),
    "on_time": _l("On time"),
    "clean": _l("Clean"),
    "attitude": _l("Attitude"),
    "score": _l("Satisfaction"),
}


def _time(moment: dt.datetime | None) -> str:
    """A moment as it is signed: in China, to the minute, the same for ever."""
    return "" if moment is None else moment.astimezone(LOCAL_ZONE).strftime("%Y-%m-%d %H:%M")


def _of_order(order: Order) -> dict[str, Any]:
    return {"order": order.number, "house": order.house}


def visit_content(visit: Visit) -> dict[str, Any]:
    """Return what is signed of a visit; who came is a person and stays out of it."""
    return {
        **_of_order(visit.order),
        "purpose": str(visit.purpose),
        "arrived": _time(visit.arrived_at),
        "left": _time(visit.left_at),
        "findings": visit.findings,
        "materials": visit.materials,
        "minutes": visit.minutes,
    }


def plan_content(plan: Plan) -> dict[str, Any]:
    """Return what is signed of a plan."""
    return {
        **_of_order(plan.order),
        "method": plan.method,
        "days": plan.days,
        "crew": plan.crew,
        "materials": plan.materials,
    }


def acceptance_content(acceptance: Acceptance) -> dict[str, Any]:
    """Return what is signed when a repair is accepted: the work as it was accepted, and the verdict on it. What the
    owner said in his own words is no part of it, because it is emptied when he is erased."""
    return {
        **_of_order(acceptance.order),
        "room": acceptance.room_name,
        "fault": acceptance.fault_code,
        "cycle": acceptance.cycle,
        "work": acceptance.work_done,
        "quality": acceptance.quality_ok,
        "on_time": acceptance.on_time_ok,
        "clean": acceptance.clean_ok,
        "attitude": acceptance.attitude_ok,
        "score": acceptance.score,
    }


def may_sign_visit(visit: Visit) -> str | None:
    """Return why a visit cannot be signed yet, or None."""
    return None if visit.state == VisitState.DONE else _("The record can be signed when the visit is over.")


def may_sign_plan(plan: Plan) -> str | None:
    """Return why a plan cannot be signed, or None: only the last one of its order counts."""
    if plan.signed_at is not None:
        return _("The plan was signed on paper already.")
    if plan.order.plans[-1].id != plan.id:
        return _("A newer plan has replaced this one. Let the owner sign that one.")
    return None


def may_sign_acceptance(acceptance: Acceptance) -> str | None:
    """Return why an acceptance cannot be signed, or None: only what the owner accepted is."""
    if acceptance.kind == AcceptanceKind.OWNER and acceptance.passed:
        return None
    return _("Only a repair that the owner accepted is signed.")


def _place(order: Order) -> list[tuple[Any, Any]]:
    return [
        (_("House"), order.house),
        (_("Order no."), order.number),
        (_("Problem"), " · ".join(filter(None, (order.room_name, words.fault_name(order.fault_code))))),
    ]


def visit_summary(visit: Visit) -> Sequence[tuple[Any, Any]]:
    """Return what the signer of a visit reads above the pad."""
    facts = [
        *_place(visit.order),
        (_("Why"), words.PURPOSES[visit.purpose]),
        (_("On site"), f"{_time(visit.arrived_at)} – {_time(visit.left_at)[11:]}"),
        (_("Found or done"), visit.findings),
    ]
    if visit.materials:
        facts.append((_("Materials"), visit.materials))
    return facts


def plan_summary(plan: Plan) -> Sequence[tuple[Any, Any]]:
    """Return what the signer of a plan reads above the pad."""
    facts = [*_place(plan.order), (_("How it is repaired"), plan.method), (_("Days"), plan.days)]
    if plan.materials:
        facts.append((_("Materials"), plan.materials))
    return facts


def acceptance_summary(acceptance: Acceptance) -> Sequence[tuple[Any, Any]]:
    """Return what the owner reads above the pad when he accepts a repair."""
    facts = [*_place(acceptance.order), (_("Work done"), acceptance.work_done)]
    if acceptance.score is not None:
        facts.append((_("Satisfaction"), words.SCORES[acceptance.score]))
    return facts


def _signer(record: Any, role: str) -> tuple[str, int | None]:
    """Return who will probably sign: the owner, with the name that is known of him."""
    order: Order = record.order
    if role != OWNER:
        return "", None
    if not has_permission("personal.view"):
        return "", order.customer_id
    name = record.signer_name if isinstance(record, Acceptance) else ""
    return name or order.request.reporter_name, order.customer_id


def label(path: tuple[str, ...]) -> str:
    """Return the words for a place in what was signed."""
    return " › ".join(str(_PLACES.get(part, part)) for part in path)


def value(path: tuple[str, ...], given: Any) -> Any:
    """Return the words for a code of what was signed; what was typed stands as it is."""
    if isinstance(given, bool):
        return _("Yes") if given else _("No")
    return choices(path).get(given, given)


def choices(path: tuple[str, ...]) -> Mapping[Any, Any]:
    """Return the codes that may stand at a place in what was signed, with their words."""
    if path == ("fault",):
        return {code: fault.name for code, fault in faults().items()}
    if path == ("purpose",):
        return words.PURPOSES
    return words.SCORES if path == ("score",) else {}


def back(record: Any) -> str:
    """Return the page of the order: the one on site for who works there."""
    if has_permission("warranty.work_order"):
        return url_for("warranty.order", order_id=record.order_id)
    return url_for("warranty_orders.details_view", id=record.order_id)


def _signable(kind: str, content: Any, may_sign: Any, summary: Any, permission: str) -> Signable:
    return Signable(
        record_kind=f"warranty.{kind}",
        roles=ROLES,
        content=content,
        sign_permission=permission,
        supplement_permission="warranty.supplement_signed",
        may_sign=may_sign,
        summary=summary,
        signer=_signer,
        label=label,
        value=value,
        choices=choices,
        back=back,
        staff_roles=(ENGINEER,),
    )


ALL = (
    _signable("visit", visit_content, may_sign_visit, visit_summary, "warranty.work_order"),
    _signable("plan", plan_content, may_sign_plan, plan_summary, "warranty.work_order"),
    _signable(
        "acceptance", acceptance_content, may_sign_acceptance, acceptance_summary, "warranty.close_order"
    ),
)
