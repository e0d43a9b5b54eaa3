"""What can be done with an order: the steps of its workflow, and the deeds beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa
from flask import abort, request

from core.toolkit import (
    MessageState,
    User,
    _,
    _l,
    db,
    strict_id,
    users_with,
    utc_now,
)
from plugins.contractors.models import Company
from plugins.warranty.admin.common import (
    typed,
    visible,
)
from plugins.warranty.admin.marks import (
    amount_of,
    moment_of,
    number_of,
)
from plugins.warranty.coverage import Bearer
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    CostKind,
    CostLine,
    Exclusion,
    Order,
    Plan,
    Responsibility,
    SparePart,
    ThirdPartyRepair,
    ToldHow,
    Visit,
    VisitPurpose,
)
from plugins.warranty.services import money, notices, orders, stock
from plugins.warranty.workflows import ORDER


def take_order_step(order: Order, code: str, values: Mapping[str, Any]) -> None:
    """Call the service of a step.

    Args:
        order: The order.
        code: Code of the transition.
        values: What was typed.

    Raises:
        TransitionRefused: The step is unknown or not possible.
    """

    def given(name: str) -> str:
        return str(values.get(name) or "")

    score = int(given("score")) if given("score").isdigit() else None
    steps: dict[str, Callable[[], Any]] = {
        "triage": lambda: orders.triage(
            order,
            responsibility=Responsibility(given("responsibility") or Responsibility.UNDETERMINED),
            category_code=given("category_code"),
            priority=given("priority"),
            system=given("system") if "system" in values else None,
        ),
        "dispatch": lambda: orders.dispatch(
            order,
            _company_of(order, given("contractor_id")),
            _engineer_of(order, given("engineer_id")),
            given("dispatch_note"),
        ),
        "contact": lambda: orders.note_contact(order, given("contact_note")),
        "plan": lambda: orders.confirm_plan(order),
        "start": lambda: orders.start_repair(order),
        "fix": lambda: orders.report_fixed(order, given("work_done")),
        "accept": lambda: orders.accept_as_engineer(order, given("accept_note")),
        "owner_accept": lambda: orders.accept_as_owner(
            order,
            signer_name=given("signer_name"),
            score=score,
            quality_ok=bool(values.get("quality_ok")),
            on_time_ok=bool(values.get("on_time_ok")),
            clean_ok=bool(values.get("clean_ok")),
            attitude_ok=bool(values.get("attitude_ok")),
            note=given("accept_note"),
        ),
        "reject": lambda: orders.reject_repair(order, given("reject_note")),
        "close": lambda: orders.close(order),
        "call_back": lambda: orders.call_back(order, reached=True, score=score, note=given("call_note")),
        "reopen": lambda: orders.reopen(order, given("reopen_reason")),
        "refuse": lambda: orders.refuse(
            order, given("closing_reason"), Exclusion(given("exclusion")) if given("exclusion") else None
        ),
        "accept_paid": lambda: orders.accept_paid(order, given("cover_reason")),
        "suspend": lambda: orders.suspend(
            order,
            given("suspend_reason"),
            given("suspend_note"),
            utc_now() if values.get("owner_told") else None,
        ),
        "merge": lambda: orders.merge(order, _other_order(given("into_number")), given("closing_reason")),
        "cancel": lambda: orders.cancel(order, given("closing_reason")),
    }
    if code.startswith("resume_"):
        orders.resume(order)
        return
    if code not in steps:
        ORDER.transition("")
    steps[code]()


def _company_of(order: Order, text: str) -> Company | None:
    key = strict_id(text)
    found = (
        db.session.scalar(
            sa.select(Company).where(Company.id == key, Company.department_id == order.project.department_id)
        )
        if key
        else None
    )
    if key and found is None:
        raise WarrantyRuleError(_("Choose a contractor of the project's city company."), "contractor_id")
    return found


def _engineer_of(order: Order, text: str) -> User | None:
    key = strict_id(text)
    known = users_with("warranty.work_order", [order.project_id])
    found = db.session.scalar(known.where(User.id == key)) if key else None
    if key and found is None:
        raise WarrantyRuleError(_("Choose an engineer who works on this project."), "engineer_id")
    return found


def _other_order(number: str) -> Order:
    found = db.session.scalar(sa.select(Order).where(Order.number == number.strip().upper()))
    if found is None:
        raise WarrantyRuleError(
            _("There is no order %(number)s that you may see.", number=number), "into_number"
        )
    return found


def _child(model: Any, order: Order, name: str) -> Any:
    key = strict_id(request.form.get(name, ""))
    found = (
        db.session.scalar(sa.select(model).where(model.id == key, model.order_id == order.id))
        if key
        else None
    )
    return found if found is not None else abort(404)


def _book(order: Order) -> Any:
    start, end = moment_of(typed("booked_from", 30)), moment_of(typed("booked_to", 30))
    if start is None or end is None:
        raise WarrantyRuleError(_("Write down from when until when somebody comes."))
    purpose = typed("purpose", 12)
    if purpose not in list(VisitPurpose):
        raise WarrantyRuleError(_("Choose why somebody comes."))
    return orders.book_visit(
        order, start, end, purpose=VisitPurpose(purpose), return_reason=typed("return_reason", 255)
    )


def _progress(order: Order) -> str:
    by_message = typed("by_message", 1) == "1"
    message = orders.tell_progress(order, typed("text"), by_message=by_message)
    if by_message and (message is None or message.state == MessageState.WITHHELD):
        return _("The progress is noted, but no message can go to the owner. Call him, please.")
    return _("The progress is noted; the owner reads it on his page.")


def _extend(order: Order) -> Any:
    moment = moment_of(typed("new_date", 30))
    if moment is None:
        raise WarrantyRuleError(_("Write down the new date."))
    how = typed("told_how", 12)
    if how and how not in list(ToldHow):
        raise WarrantyRuleError(_("Choose from the list how the owner was told."))
    return orders.extend(order, moment, typed("reason"), ToldHow(how) if how else None)


def _cost(order: Order) -> Any:
    kind, bearer = typed("kind", 14), typed("borne_by", 12)
    if kind not in list(CostKind) or (bearer and bearer not in list(Bearer)):
        raise WarrantyRuleError(_("Choose kind and bearer of the cost from the lists."))
    return money.add_cost(
        order,
        kind=CostKind(kind),
        amount=amount_of(typed("amount", 20)),
        borne_by=Bearer(bearer) if bearer else None,
        description=typed("description", 255),
        paid_by_us=typed("paid_by_us") == "1",
    )


def _use_part(order: Order) -> Any:
    key = strict_id(request.form.get("part", ""))
    part = visible(SparePart, key) if key else None
    if part is None:
        raise WarrantyRuleError(_("Choose the spare part from the list."))
    return stock.move_part(part, -number_of(typed("quantity", 9), _("Quantity")), order.number, order)


def _deduct(order: Order) -> Any:
    repair = _child(ThirdPartyRepair, order, "third_party") if request.form.get("third_party") else None
    cost = (
        repair.invoice_amount
        if repair is not None and repair.invoice_amount
        else amount_of(typed("cost", 20))
    )
    return money.draft_deduction(order, cost, typed("reason"), third_party=repair)


DEEDS: Mapping[str, tuple[str, Callable[[Order], Any], Any]] = {
    "attempt": (
        "warranty.work_order",
        lambda order: orders.note_attempt(order, typed("text")),
        _l("The attempt is noted."),
    ),
    "progress": (
        "warranty.work_order",
        _progress,
        lambda said: said,
    ),
    "temporary": (
        "warranty.work_order",
        lambda order: orders.secure(order, typed("text")),
        _l("The temporary measure is noted."),
    ),
    "remark": (
        "warranty.view",
        lambda order: orders.add_remark(order, typed("text")),
        _l("The remark is noted."),
    ),
    "urge": (
        "warranty.create_request",
        orders.urge,
        _l("Whoever looks after the order hears that the owner urges."),
    ),
    "book": ("warranty.work_order", _book, _l("The visit is booked.")),
    "arrive": (
        "warranty.work_order",
        lambda order: orders.arrive(_child(Visit, order, "visit"), persons=typed("persons", 255)),
        _l("The arrival is noted."),
    ),
    "leave": (
        "warranty.work_order",
        lambda order: orders.leave(
            _child(Visit, order, "visit"),
            findings=typed("findings"),
            materials=typed("materials"),
            minutes=number_of(typed("minutes", 9), _("Minutes")) if typed("minutes", 9) else None,
        ),
        _l("The visit is noted."),
    ),
    "absent": (
        "warranty.work_order",
        lambda order: orders.miss_visit(_child(Visit, order, "visit"), typed("text")),
        _l("It is noted that nobody opened."),
    ),
    "cancel_visit": (
        "warranty.work_order",
        lambda order: orders.cancel_visit(_child(Visit, order, "visit"), typed("text")),
        _l("The visit is cancelled."),
    ),
    "make_plan": (
        "warranty.work_order",
        lambda order: orders.make_plan(
            order,
            method=typed("method"),
            days=number_of(typed("days", 9), _("Days")),
            crew=typed("crew", 255),
            materials=typed("materials"),
        ),
        _l("The plan is written down. Confirm it, or let the owner sign it first."),
    ),
    "sign_plan": (
        "warranty.work_order",
        lambda order: orders.sign_plan(_child(Plan, order, "plan"), typed("signed_name", 80)),
        _l("The owner's signature is noted."),
    ),
    "told": ("warranty.suspend_order", orders.note_told, _l("It is noted that the owner was told.")),
    "extend": ("warranty.suspend_order", _extend, _l("The new date is promised.")),
    "longer": (
        "warranty.approve_extension",
        lambda order: orders.allow_longer_emergency(order, typed("reason")),
        _l("The emergency has 72 hours now."),
    ),
    "media": (
        "warranty.tell_region",
        lambda order: orders.note_media(order, typed("reason")),
        _l("The region was told; brand and customer service of the region look after it now."),
    ),
    "override": (
        "warranty.override_cover",
        lambda order: orders.override_cover(order, typed("covered") == "1", typed("reason")),
        _l("The cover is decided."),
    ),
    "not_reached": (
        "warranty.call_back",
        lambda order: orders.call_back(order, reached=False, note=typed("text")),
        _l("The attempt is noted."),
    ),
    "cost": ("warranty.edit_costs", _cost, _l("The cost is noted.")),
    "remove_cost": (
        "warranty.edit_costs",
        lambda order: money.remove_cost(_child(CostLine, order, "cost")),
        _l("The cost is removed."),
    ),
    "use_part": ("warranty.edit_parts", _use_part, _l("The parts are taken out of the store.")),
    "notice": (
        "warranty.issue_notice",
        lambda order: notices.issue_notice(order, typed("demand"), typed("served_how", 120)),
        lambda made: _(
            "Notice %(number)s is issued. Print it and attach the proof of service.", number=made.number
        ),
    ),
    "third_party": (
        "warranty.deduct",
        lambda order: notices.order_third_party(
            order, typed("company_name", 120), amount_of(typed("quotation", 20))
        ),
        _l("The third party is ordered."),
    ),
    "third_arrived": (
        "warranty.deduct",
        lambda order: notices.arrive_third_party(_child(ThirdPartyRepair, order, "third_party")),
        _l("The arrival is noted."),
    ),
    "third_invoice": (
        "warranty.deduct",
        lambda order: notices.invoice_third_party(
            _child(ThirdPartyRepair, order, "third_party"),
            typed("invoice_number", 60),
            amount_of(typed("invoice_amount", 20)),
        ),
        _l("The invoice is noted as a cost of the contractor."),
    ),
    "third_cancel": (
        "warranty.deduct",
        lambda order: notices.cancel_third_party(_child(ThirdPartyRepair, order, "third_party")),
        _l("The third party is cancelled."),
    ),
    "deduct": (
        "warranty.deduct",
        _deduct,
        lambda made: _("Deduction %(number)s is drafted. Issue it on its page.", number=made.number),
    ),
}
"""What can be done with an order besides the steps of its workflow: permission, action, and what is said afterwards."""
