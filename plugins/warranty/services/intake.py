"""Taking in what is reported: a request with its orders, the verdict on each, repeats, and what is open already."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    Customer,
    PersonalValueError,
    Project,
    Text,
    Unit,
    UnknownTouchpointError,
    _,
    _l,
    all_departments,
    db,
    normalise_phone,
    reach,
    require_scope,
    utc_now,
    worded,
    write_timeline,
)
from plugins.contractors.models import Company
from plugins.contractors.services import responsible_company
from plugins.warranty import deadlines, sla
from plugins.warranty.catalogue import Fault, faults
from plugins.warranty.common import local_day, number_of_day, option
from plugins.warranty.coverage import Verdict, extended_end, judge
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Channel,
    ExpiryNotice,
    Order,
    OrderEvent,
    Relation,
    Request,
    Saying,
)
from plugins.warranty.services.coverage import category_of, period_of, refresh_lines
from plugins.warranty.sla import Priority, Step
from plugins.warranty.workflows import DONE, OPEN

MOST_ISSUES = 20
"""Things that can be wrong in one request."""


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong.

    Attributes:
        fault_code: A code of ``data/faults.json``.
        description: In the reporter's words.
        room_name: Where it is.
        category_code: The warranty category; that of the fault when empty.
        priority: How urgent it is; that of the fault when empty.
        system: ``heating`` or ``cooling`` for W05; that of the fault when empty.
        contractor: Who answers, where that is known from elsewhere; by the matrix of trades when omitted.
        source: Kind, id and number of the record of another module that it was taken over from.
    """

    fault_code: str
    description: str
    room_name: str = ""
    category_code: str = ""
    priority: str = ""
    system: str = ""
    contractor: Company | None = None
    source: tuple[str, int, str] | None = None


def _minutes_to_register(request: Request, order: Order) -> int:
    """Return in how many minutes a report is registered: what was taken down on paper has a day (domain reference
    5.7.1)."""
    if request.channel == Channel.PAPER:
        return 60 * int(option("paper_entry_hours", order.project))
    return int(option(sla.setting_key(Step.REGISTER, order.priority), order.project))


def fault_of(code: str) -> Fault:
    """Return a usual fault by its code.

    Raises:
        WarrantyRuleError: There is none.
    """
    found = faults().get(code)
    if found is None:
        raise WarrantyRuleError(_("Choose what is wrong from the list."), "fault_code")
    return found


def register_request(
    *,
    issues: Sequence[Issue],
    unit: Unit | None = None,
    building: Building | None = None,
    place: str = "",
    customer: Customer | None = None,
    reporter_name: str = "",
    reporter_phone: str = "",
    relation: Relation = Relation.OWNER,
    channel: Channel = Channel.PHONE,
    reported_at: dt.datetime | None = None,
    availability: str = "",
    note: str = "",
    language: str = "zh_Hans_CN",
    client_key: str | None = None,
) -> Request:
    """Register what was reported; each issue becomes an order with its verdict, limits and proposed contractor.

    Args:
        issues: What is wrong, one to twenty things.
        unit: The house; for common parts give ``building`` instead.
        building: The building whose common parts are concerned.
        place: Where in the common parts.
        customer: The owner, where the reporter is known.
        reporter_name: Who reported.
        reporter_phone: Where he can be reached.
        relation: What he is to the house.
        channel: How the report came in.
        reported_at: When; now when omitted, earlier when it was taken down on paper.
        availability: When somebody is at home.
        note: What else was said.
        language: The reporter's language.
        client_key: Given by the page; a request with the same key is returned and not made again.

    Raises:
        WarrantyRuleError: Something is missing or impossible; the message says what.

    Source: domain reference 5.7.1: one order for each defect.
    """
    if client_key:
        held = db.session.scalar(sa.select(Request).where(Request.client_key == client_key))
        if held is not None:
            return held
    if unit is None and building is None:
        raise WarrantyRuleError(_("Choose the house, or the building for its common parts."), "unit")
    place_building: Building = unit.building if unit is not None else building  # type: ignore[assignment]
    if unit is None and not place.strip():
        raise WarrantyRuleError(_("Say where in the common parts, for example “lift 2, 8th floor”."), "place")
    if not issues:
        raise WarrantyRuleError(_("Write down at least one thing that is wrong."), "issues")
    if len(issues) > MOST_ISSUES:
        raise WarrantyRuleError(
            _(
                "A request takes %(count)s things at most. Register a second one for the others.",
                count=MOST_ISSUES,
            )
        )
    if not reporter_name.strip() and customer is None:
        raise WarrantyRuleError(_("Write down who reports it."), "reporter_name")
    now = utc_now()
    reported = reported_at or now
    if reported > now + dt.timedelta(minutes=5):
        raise WarrantyRuleError(_("The report cannot lie in the future. Check date and time."), "reported_at")
    project: Project = place_building.project
    request = Request(
        project_id=place_building.project_id,
        building_id=place_building.id,
        unit_id=unit.id if unit is not None else None,
        customer_id=customer.id if customer is not None else None,
        number=number_of_day("BX", project),
        reporter_name=(reporter_name.strip() or (customer.name if customer is not None else ""))[:80],
        reporter_phone=_phone(reporter_phone or (customer.phone or "" if customer is not None else "")),
        relation=relation,
        channel=channel,
        reported_at=reported,
        registered_at=max(now, reported),
        registered_by_id=require_scope().user_id,
        availability=availability.strip(),
        place=place.strip()[:80],
        note=note.strip(),
        language=language,
        client_key=client_key or None,
    )
    db.session.add(request)
    db.session.flush()
    if unit is not None:
        refresh_lines(unit)
    for issue in issues:
        _add_order(request, issue, unit, place_building)
    count = len(issues)
    tell(
        "TP-F01",
        "warranty.reported",
        _l("Repair reported: %(number)s with %(count)s orders", number=request.number, count=count),
        request,
        customer=customer,
        unit=unit,
        project=project,
        happened_at=request.registered_at,
        details={"channel": str(channel), "orders": [order.number for order in request.orders]},
    )
    from plugins.warranty.services import telling

    telling.received(request)
    return request


def _phone(text: str) -> str:
    if not text.strip():
        return ""
    try:
        return normalise_phone(text) or ""
    except PersonalValueError as wrong:
        raise WarrantyRuleError(str(wrong), "reporter_phone") from None


def add_issue(request: Request, issue: Issue) -> Order:
    """Add a further thing that is wrong to a request that was registered already."""
    return _add_order(request, issue, request.unit, request.building)


def _add_order(request: Request, issue: Issue, unit: Unit | None, building: Building) -> Order:
    fault = fault_of(issue.fault_code)
    category = category_of(issue.category_code or fault.category)
    if not issue.description.strip():
        raise WarrantyRuleError(_("Describe in a few words what is wrong."), "description")
    priority = issue.priority or fault.priority
    if priority not in list(Priority):
        raise WarrantyRuleError(_("Choose the priority from P1 to P4."), "priority")
    is_own_fault = category.code == fault.category
    order = Order(
        project_id=request.project_id,
        building_id=building.id,
        unit_id=unit.id if unit is not None else None,
        request_id=request.id,
        customer_id=request.customer_id,
        number=number_of_day("WX", building.project),
        room_name=(issue.room_name.strip() or request.place)[:60],
        fault_code=fault.code,
        description=issue.description.strip()[:2000],
        priority=Priority(priority),
        category_code=category.code,
        system=issue.system or (fault.system if is_own_fault else ""),
        trade_code=fault.trade if is_own_fault else category.trade,
        is_rain_leak=fault.is_rain_leak,
        reported_at=request.reported_at,
        registered_at=request.registered_at,
    )
    if issue.source is not None:
        order.source_kind, order.source_id, order.source_number = issue.source
    previous = repeated_order(order, unit)
    order.repeat_of_id = previous.id if previous is not None else None
    verdict = verdict_of(order, unit=unit, building=building)
    apply_verdict(order, verdict)
    company = issue.contractor or proposed_contractor(order, unit, building)
    order.contractor_id = company.id if company is not None else None
    days = int(option(fault.setting_key, building.project))
    db.session.add(order)
    db.session.flush()
    order.register_due_at = sla.due_moment(
        order.reported_at,
        _minutes_to_register(request, order),
        order.priority,
        night=deadlines.night_of(building.project),
    )
    for step in (Step.CONTACT, Step.ARRIVAL, Step.TEMPORARY, Step.COMPLETE, Step.PROGRESS):
        deadlines.start(order, step, order.registered_at)
    deadlines.start_site_team(order, order.registered_at)
    order.promised_at = order.first_promised_at = _promise(order, days)
    db.session.flush()
    note_event(order, "reported", order.description, at=order.registered_at)
    with _with_neighbours():
        _look_beyond(order, previous)
    return order


def _promise(order: Order, days: int) -> dt.datetime:
    """The evening of the usual day, never later than the limit."""
    day = local_day(order.registered_at) + dt.timedelta(days=days)
    evening = dt.datetime.combine(day, dt.time(18), LOCAL_ZONE).astimezone(dt.UTC)
    return min(evening, order.due_at) if order.due_at is not None else evening


@contextmanager
def _with_neighbours() -> Iterator[None]:
    """Look at all orders of a place inside the block, also where an owner reports by his link, who sees his alone."""
    if require_scope().customer_ids is None:
        yield
        return
    with all_departments(
        "what repeats, and what is wrong in many houses, is judged by the orders of all owners"
    ):
        yield
        db.session.flush()


def _look_beyond(order: Order, previous: Order | None) -> None:
    """Escalate what comes back again and again, and see whether it is a problem of the building."""
    from plugins.warranty.services.cases import look_for_case
    from plugins.warranty.services.orders import escalate

    repairs = 1
    if previous is not None:
        note_event(order, "repeat", saying=Saying.REPEAT, number=previous.number)
        repairs = 2
        while previous.repeat_of is not None:
            previous, repairs = previous.repeat_of, repairs + 1
    reports = max(repairs, reports_of_kind(order))
    if reports >= int(option("repeat_escalates", order.project)):
        escalate(
            order, "repeat", _l("The same problem was reported %(count)s times in this room.", count=reports)
        )
    elif repairs >= int(option("repairs_escalate", order.project)):
        escalate(order, f"repair_{repairs}", _l("Repair %(count)s of the same defect.", count=repairs))
    look_for_case(order)


def reports_of_kind(order: Order) -> int:
    """Return how often the same problem was reported in the room of an order until now, itself included.

    Orders that were merged count, since each was a report; cancelled ones do not. Source: domain reference 3.4.4, third
    report of the same kind; setting ``repeat_days``.
    """
    since = order.reported_at - dt.timedelta(days=int(option("repeat_days", order.project)))
    earlier = db.session.scalar(
        sa.select(sa.func.count(Order.id)).where(
            *_same_place(order, order.unit),
            Order.state != "cancelled",
            Order.reported_at >= since,
            Order.reported_at <= order.reported_at,
        )
    )
    return 1 + int(earlier or 0)


def repeated_order(order: Order, unit: Unit | None) -> Order | None:
    """Return the closed order of which a new one is a repeat: the same house, room and category, closed at most 90 days
    before.

    Source: domain reference Appendix F; setting ``repeat_days``.
    """
    since = order.reported_at - dt.timedelta(days=int(option("repeat_days", _project_of(order))))
    with _with_neighbours():
        return db.session.scalar(
            sa.select(Order)
            .where(
                *_same_place(order, unit),
                Order.state.in_((*DONE, "reopened")),
                Order.closed_at >= since,
                Order.closed_at <= order.reported_at,
            )
            .order_by(Order.closed_at.desc(), Order.id.desc())
            .limit(1)
        )


def similar_orders(
    category_code: str,
    room_name: str,
    *,
    unit: Unit | None = None,
    building: Building | None = None,
    besides: Order | None = None,
) -> Sequence[Order]:
    """Return the open orders that may be about the same: the same house and category (in the same room first), or the
    same building for leaks in other houses.

    Args:
        category_code: The warranty category.
        room_name: The room.
        unit: The house; for common parts give ``building`` instead.
        building: The building.
        besides: The order for which others are looked for.
    """
    conditions: list[Any] = [Order.category_code == category_code, Order.state.in_(OPEN)]
    if besides is not None:
        conditions.append(Order.id != besides.id)
    if unit is not None:
        conditions.append(
            sa.or_(
                Order.unit_id == unit.id,
                sa.and_(Order.building_id == unit.building_id, sa.literal(category_code == "W02")),
            )
        )
    elif building is not None:
        conditions += [Order.building_id == building.id, Order.unit_id.is_(None)]
    same_room = sa.case((Order.room_name == room_name, 0), else_=1)
    same_house = sa.case((Order.unit_id == (unit.id if unit is not None else 0), 0), else_=1)
    return db.session.scalars(
        sa.select(Order).where(*conditions).order_by(same_house, same_room, Order.id.desc()).limit(8)
    ).all()


def _same_place(order: Order, unit: Unit | None) -> list[sa.ColumnElement[bool]]:
    where = (
        Order.unit_id == unit.id
        if unit is not None
        else sa.and_(Order.building_id == order.building_id, Order.unit_id.is_(None))
    )
    conditions = [where, Order.room_name == order.room_name, Order.category_code == order.category_code]
    if order.id is not None:
        conditions.append(Order.id != order.id)
    return conditions


def _project_of(order: Order) -> Project:
    # An order that was not stored yet has no relations.
    return db.session.get_one(Project, order.project_id)


def verdict_of(order: Order, *, unit: Unit | None = None, building: Building | None = None) -> Verdict:
    """Return the verdict on an order by the day of its report, with the extension of the same defect.

    Args:
        order: The order; it need not be stored yet.
        unit: Its house, when it is not stored yet.
        building: Its building, when it is not stored yet.
    """
    unit = unit or order.unit
    period = period_of(
        order.category_code, unit=unit, building=building or order.building, system=order.system
    )
    return judge(
        period,
        local_day(order.reported_at),
        extended_until=extended_until(order, unit, period.owner_end),
        is_excluded=order.exclusion is not None,
    )


def extended_until(order: Order, unit: Unit | None, owner_end: dt.date | None) -> dt.date | None:
    """Return until when the same defect is covered because it was repaired before, or None.

    The same defect is that of the same house, room and category. Source: domain reference 3.4.2 and Appendix F.
    """
    if owner_end is None:
        return None
    months = int(option("extension_months", _project_of(order)))
    with _with_neighbours():
        accepted = db.session.scalars(
            sa.select(Order.owner_accepted_at).where(
                *_same_place(order, unit),
                Order.state.in_((*DONE, "reopened")),
                Order.owner_accepted_at.is_not(None),
                Order.owner_accepted_at <= order.reported_at,
            )
        ).all()
    ends = [extended_end(owner_end, local_day(moment), months) for moment in accepted if moment is not None]
    return max(ends, default=None)


def apply_verdict(order: Order, verdict: Verdict) -> None:
    """Write a verdict into an order: the cover, both ends, and who bears the cost."""
    order.cover = verdict.cover
    order.owner_end, order.contractor_end = verdict.owner_end, verdict.contractor_end
    order.borne_by = verdict.borne_by


def proposed_contractor(order: Order, unit: Unit | None, building: Building) -> Company | None:
    """Return the company of the matrix that answers for the trade of an order in its building."""
    house = unit or db.session.scalar(sa.select(Unit).where(Unit.building_id == building.id).limit(1))
    return responsible_company(house, order.trade_code) if house is not None else None


def note_event(
    order: Order,
    kind: str,
    text: Text = "",
    *,
    saying: Saying | None = None,
    is_public: bool = False,
    at: dt.datetime | None = None,
    **facts: str | int,
) -> OrderEvent:
    """Write a line into the history of an order.

    Args:
        order: The order.
        kind: ``reported``, ``contact``, ``progress``, ``note`` …
        text: What somebody wrote, in his words, or why the program brought the order before a higher level.
        saying: What the program says of it, each reader in his language; before the text.
        is_public: Whether the owner reads it.
        at: When; now when omitted.
        facts: What stands in the saying.
    """
    event = OrderEvent(
        project_id=order.project_id,
        order_id=order.id,
        kind=kind,
        saying=saying or "",
        facts=facts,
        text=worded(text.strip()[:2000] if isinstance(text, str) else text),
        is_public=is_public,
        at=at or utc_now(),
        user_id=require_scope().user_id,
    )
    db.session.add(event)
    db.session.flush()
    db.session.expire(order, ["events"])
    return event


def tell(
    code: str,
    kind: str,
    summary: Text,
    record: Any,
    *,
    customer: Customer | None = None,
    unit: Unit | None = None,
    project: Project | None = None,
    happened_at: dt.datetime | None = None,
    details: dict[str, Any] | None = None,
) -> None:
    """Record that a touchpoint was reached; where the catalogue was not loaded, the timeline alone says so."""
    kinds = {Request: "warranty.request", ExpiryNotice: "warranty.expiry"}
    record_kind = kinds.get(type(record), "warranty.order")
    values: dict[str, Any] = {
        "customer": customer,
        "unit": unit,
        "project": project,
        "record_kind": record_kind,
        "record_id": record.id,
        "happened_at": happened_at,
        "details": details,
    }
    try:
        reach(code, kind, summary, **values)
    except UnknownTouchpointError:
        write_timeline(kind, summary, **values)


def tell_of(order: Order, code: str, kind: str, summary: Text, **details: Any) -> None:
    """Record that a touchpoint of an order was reached."""
    tell(
        code,
        kind,
        summary,
        order,
        customer=order.customer,
        unit=order.unit,
        project=order.project,
        details={"order": order.number, **details},
    )
