"""The caller's screen: telephone → person → houses → cover → open orders → a new request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    Building,
    Customer,
    CustomerUnit,
    PageView,
    PersonalValueError,
    SaveRefused,
    Unit,
    _,
    commit,
    db,
    expose_guarded,
    find_unit,
    has_permission,
    holders_of,
    local_today,
    mask_phone,
    normalise_phone,
    sees_personal_data,
    utc_now,
)
from plugins.warranty import services, words
from plugins.warranty.admin.common import REFUSALS, customer_link, customer_name, of_address, typed
from plugins.warranty.admin.marks import age_mark, cover_mark, moment_of, priority_mark, state_mark
from plugins.warranty.catalogue import categories, faults
from plugins.warranty.coverage import judge
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Channel, Order, Relation
from plugins.warranty.services import intake
from plugins.warranty.services.intake import Issue
from plugins.warranty.workflows import OPEN

FIRST_ROWS, MOST_ROWS = 2, 20
SHORTEST_PHONE = 4
_DIGITS = re.compile(r"[+\d][\d\s-]*")


def find_people(text: str) -> Sequence[Customer]:
    """Return the customers whose telephone number is meant, or who are called so.

    The whole number, or its last four digits and more; only readers who may search by telephone find by it.
    """
    living = (Customer.merged_into_id.is_(None), Customer.erased_at.is_(None))
    query = sa.select(Customer).where(*living).order_by(Customer.id).limit(12)
    if _DIGITS.fullmatch(text):
        digits = re.sub(r"[\s-]", "", text)
        if len(digits) < SHORTEST_PHONE or not has_permission("customers.search_phone"):
            return []
        try:
            whole = normalise_phone(text)
        except PersonalValueError:
            whole = None
        found = db.session.scalars(query.where(Customer.phone == whole)).all() if whole else []
        if found or len(digits) >= 11:
            return found
        return db.session.scalars(query.where(Customer.phone.like(f"%{digits}"))).all()
    return db.session.scalars(query.where(Customer.name == text)).all() if len(text) >= 2 else []


class CallerView(PageView):
    """Who calls, what is covered, what is open, and the form for what is new."""

    @expose_guarded("/", permission="warranty.create_request")
    def index(self) -> Any:
        """Look for the caller or the house."""
        unit: Unit | None = of_address(Unit, "unit")
        customer: Customer | None = of_address(Customer, "customer")
        building: Building | None = of_address(Building, "building")
        text = request.args.get("q", "").replace("\0", "")[:60].strip()
        people: Sequence[Customer] = ()
        houses: Sequence[Unit] = ()
        if text and unit is None:
            people = find_people(text)
            if not people:
                houses = find_unit(text)
            if len(people) == 1:
                customer = people[0]
            if len(houses) == 1:
                unit = houses[0]
        if customer is not None and unit is None:
            houses = _houses_of(customer)
            if len(houses) == 1:
                unit = houses[0]
        return self._page(
            unit=unit, customer=customer, building=building, text=text, people=people, houses=houses
        )

    def _page(
        self,
        *,
        unit: Unit | None,
        customer: Customer | None,
        building: Building | None = None,
        text: str = "",
        people: Sequence[Customer] = (),
        houses: Sequence[Unit] = (),
        filled: dict[str, Any] | None = None,
        rows: int = FIRST_ROWS,
        status: int = 200,
    ) -> Any:
        values: dict[str, Any] = {}
        if unit is not None:
            today = local_today()
            holders = holders_of(unit)
            if customer is None and holders:
                customer = holders[0].customer
            lines = [(line, judge(line.period, today)) for line in services.lines_of(unit)]
            values = {
                "holders": holders,
                "others": [house for house in _houses_of(customer) if house.id != unit.id]
                if customer
                else [],
                "lines": lines,
                "start": services.owner_start(unit),
                "open_orders": _open_orders(Order.unit_id == unit.id),
                "past_orders": db.session.scalars(
                    sa.select(Order)
                    .where(Order.unit_id == unit.id, Order.state.not_in(OPEN))
                    .options(joinedload(Order.unit), joinedload(Order.contractor))
                    .order_by(Order.id.desc())
                    .limit(5)
                ).all(),
            }
        elif building is not None:
            values = {"open_orders": _open_orders(Order.building_id == building.id, Order.unit_id.is_(None))}
        seen = {house.project_id for house in houses}
        page = self.render(
            "warranty/admin/caller.html",
            unit=unit,
            customer=customer,
            building=building,
            text=text,
            people=people,
            houses=houses,
            several_projects=len(seen) > 1,
            name_of=customer_name,
            link_of=customer_link,
            sees_names=has_permission("customers.view") or sees_personal_data(),
            phone_of=lambda one: (one.phone or "") if sees_personal_data() else mask_phone(one.phone),
            project_name=services.project_name,
            building_name=lambda one: one.name or one.code,
            covers=words.COVERS,
            title=words.category_title,
            problem=words.problem,
            priority=priority_mark,
            cover=cover_mark,
            progress=state_mark,
            age=age_mark,
            faults=faults(),
            categories=categories(),
            channels=words.CHANNELS,
            relations=words.RELATIONS,
            rooms=words.rooms(),
            rows=rows,
            most=MOST_ROWS,
            filled=filled or {"issues": {}, "channel": "phone", "relation": "owner"},
            key=(filled or {}).get("client_key") or uuid4().hex,
            now=utc_now().astimezone(LOCAL_ZONE).strftime("%Y-%m-%dT%H:%M"),
            may_register=has_permission("warranty.create_request"),
            **values,
        )
        return (page, status) if status != 200 else page

    @expose_guarded("/register/", permission="warranty.create_request", methods=("POST",))
    def register(self) -> Any:
        """Register what was reported; what was typed comes back when something is missing."""
        unit: Unit | None = of_address(Unit, "unit")
        building: Building | None = of_address(Building, "building")
        customer: Customer | None = of_address(Customer, "customer")
        if unit is None and building is None:
            abort(404)
        rows = min(max(_small(request.form.get("rows", "")), 1), MOST_ROWS)
        filled = _filled(rows)
        if request.form.get("more"):
            return self._page(
                unit=unit, customer=customer, building=building, filled=filled, rows=min(rows + 3, MOST_ROWS)
            )
        try:
            made = intake.register_request(
                issues=_issues(filled["issues"]),
                unit=unit,
                building=building if unit is None else None,
                place=filled["place"],
                customer=customer,
                reporter_name=filled["reporter_name"],
                reporter_phone=filled["reporter_phone"],
                relation=Relation(_chosen(Relation, "relation", Relation.OWNER)),
                channel=Channel(_chosen(Channel, "channel", Channel.PHONE)),
                reported_at=moment_of(filled["reported_at"]),
                availability=filled["availability"],
                note=filled["note"],
                language=customer.language if customer is not None else "zh_Hans_CN",
                client_key=_key(filled["client_key"]),
            )
            number, key, count = made.number, made.id, len(made.orders)
            commit()
        except (*REFUSALS, SaveRefused) as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return self._page(
                unit=of_address(Unit, "unit"),
                customer=of_address(Customer, "customer"),
                building=of_address(Building, "building"),
                filled=filled,
                rows=rows,
                status=422,
            )
        flash(
            _(
                "Request %(number)s is registered with %(count)s orders. Tell the caller the number.",
                number=number,
                count=count,
            ),
            "success",
        )
        return redirect(url_for("warranty_requests.details_view", id=key), 303)


def _open_orders(*conditions: sa.ColumnElement[bool]) -> Sequence[Order]:
    return db.session.scalars(
        sa.select(Order)
        .where(Order.state.in_(OPEN), *conditions)
        .options(joinedload(Order.unit), joinedload(Order.contractor))
        .order_by(Order.priority, Order.due_at)
        .limit(20)
    ).all()


def _houses_of(customer: Customer) -> Sequence[Unit]:
    today = local_today()
    return db.session.scalars(
        sa.select(Unit)
        .join(CustomerUnit, CustomerUnit.unit_id == Unit.id)
        .where(
            CustomerUnit.customer_id == customer.id,
            CustomerUnit.cancelled_on.is_(None),
            sa.or_(CustomerUnit.to_date.is_(None), CustomerUnit.to_date >= today),
        )
        .order_by(Unit.project_id, Unit.code)
        .limit(30)
    ).all()


def _small(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 4 else FIRST_ROWS


def _key(text: str) -> str | None:
    return text if 8 <= len(text) <= 60 and text.replace("-", "").isalnum() else None


def _filled(rows: int) -> dict[str, Any]:
    """Return what was typed, so that it can come back."""
    return {
        "issues": {
            row: {
                name: typed(f"{name}_{row}", 2000 if name == "description" else 60)
                for name in ("fault", "room", "description", "category", "priority")
            }
            for row in range(rows)
        },
        **{
            name: typed(name, 2000 if name in ("availability", "note") else 80)
            for name in (
                "place",
                "reporter_name",
                "reporter_phone",
                "relation",
                "channel",
                "reported_at",
                "availability",
                "note",
                "client_key",
            )
        },
    }


def _issues(filled: dict[int, dict[str, str]]) -> list[Issue]:
    """Return the rows in which something was written."""
    found = []
    for row in filled.values():
        if not (row["description"] or row["fault"]):
            continue
        if not row["fault"]:
            raise WarrantyRuleError(_("Choose what is wrong from the list."))
        name = str(faults()[row["fault"]].name) if row["fault"] in faults() else ""
        found.append(
            Issue(row["fault"], row["description"] or name, row["room"], row["category"], row["priority"])
        )
    return found


def _chosen(kind: Any, name: str, default: Any) -> Any:
    text = typed(name, 20)
    return kind(text) if text in list(kind) else default
