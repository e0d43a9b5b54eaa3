"""The pages on site: who repairs has a phone in his hand. Made for staff, outside the back office.

Each button is a form that is posted and brings the page back; nothing depends on a script.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from core.toolkit import (
    SaveRefused,
    Unit,
    _,
    attach,
    attachments_of,
    commit,
    db,
    has_permission,
    local_today,
    mask_all,
    mask_phone,
    ngettext,
    normalise_unit_text,
    record_event,
    require_scope,
    requires,
    role_label,
    signatures_of,
    utc_now,
)
from plugins.warranty import services, signing, words
from plugins.warranty.admin.common import REFUSALS
from plugins.warranty.admin.deeds import DEEDS, take_order_step
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Order, Plan, Visit, VisitPurpose, VisitState
from plugins.warranty.sayings import told
from plugins.warranty.services import orders, progress
from plugins.warranty.signed import is_plan_signed, owner_acceptance
from plugins.warranty.workflows import OPEN, ORDER

blueprint = Blueprint("warranty", __name__)

_KEY = "<int(max=9223372036854775807):order_id>"
_ORDER = f"/on-site/{_KEY}"
MOST_PHOTOS = 10
SLOTS = ("before", "after", "evidence", "signed")
STEPS_ON_SITE = ("dispatch", "contact", "plan", "start", "fix", "accept", "owner_accept", "reject", "close")
DEEDS_ON_SITE = (
    "arrive",
    "leave",
    "absent",
    "book",
    "make_plan",
    "sign_plan",
    "temporary",
    "progress",
    "attempt",
)


@blueprint.get("/on-site/")
@requires("warranty.work_order")
def index() -> str:
    """Show what is to be done: mine, everybody's, or a house that was looked for."""
    typed = request.args.get("q", "")[:60].replace("\0", "").strip()
    view = "all" if request.args.get("view") == "all" else "mine"
    query = (
        sa.select(Order)
        .where(Order.state.in_((*OPEN, "closed")) if typed else Order.state.in_(OPEN))
        .options(joinedload(Order.unit), joinedload(Order.project), joinedload(Order.contractor))
        .order_by(Order.priority, Order.due_at, Order.id)
        .limit(100)
    )
    if typed:
        code = normalise_unit_text(typed)
        query = query.join(Unit, Unit.id == Order.unit_id).where(
            sa.or_(Unit.code == code, Unit.number == code, Order.number == typed.upper())
        )
    elif view == "mine":
        query = query.where(Order.engineer_id == require_scope().user_id)
    rows = db.session.scalars(query).all()
    return render_template(
        "warranty/onsite/index.html",
        rows=rows,
        typed=typed,
        view=view,
        today=local_today(),
        next_visits=_next_visits([row.id for row in rows]),
        states=ORDER,
        overdue=orders.is_overdue,
        fault=words.fault_name,
        project_name=services.project_name,
        clock=words.moment_text,
    )


def _next_visits(keys: list[int]) -> dict[int, dt.datetime]:
    if not keys:
        return {}
    rows = db.session.execute(
        sa.select(Visit.order_id, sa.func.min(Visit.booked_from))
        .where(Visit.order_id.in_(keys), Visit.state == VisitState.BOOKED)
        .group_by(Visit.order_id)
    )
    return {row[0]: row[1] for row in rows}


def _order(key: int) -> Order:
    """Return the visible order with this key; 404 for one that is foreign or missing."""
    found = db.session.scalar(sa.select(Order).where(Order.id == key))
    return found if found is not None else abort(404)


@blueprint.get(_ORDER)
@requires("warranty.work_order")
def order(order_id: int) -> str:
    """Show an order: what is wrong, where, what was found, and the next action."""
    return _page(_order(order_id), has_permission("personal.view"))


@blueprint.post(f"{_ORDER}/reporter")
@requires("warranty.work_order")
def reporter(order_id: int) -> Response:
    """Show name and number of who reported to the engineer who has to call him; the log keeps that he saw them."""
    found = _order(order_id)
    if not _may_call(found):
        flash(_("Only the engineer of an open order sees whom to call."), "error")
        return redirect(url_for(".order", order_id=found.id), 303)
    record_event(
        "revealed",
        found.request,
        _("To call about %(number)s", number=found.number),
        columns=["reporter_name", "reporter_phone"],
    )
    commit()
    answer: Response = current_app.make_response(_page(_order(order_id), True))
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _may_call(found: Order) -> bool:
    is_engineer = found.engineer_id is not None and found.engineer_id == require_scope().user_id
    return has_permission("personal.reveal") or (is_engineer and found.state in OPEN)


def _page(found: Order, sees: bool) -> str:
    filed = found.request
    visits = found.visits
    running = next((each for each in visits if each.state == VisitState.ARRIVED), None)
    booked = next((each for each in visits if each.state == VisitState.BOOKED), None)
    start, end = words.proposed_visit(utc_now())
    plan: Plan | None = found.plans[-1] if found.plans else None
    return render_template(
        "warranty/onsite/order.html",
        order=found,
        state=ORDER.state_of(found),
        reporter=filed.reporter_name if sees else mask_all(filed.reporter_name),
        phone=filed.reporter_phone if sees else mask_phone(filed.reporter_phone),
        dials=sees,
        may_call=not sees and bool(filed.reporter_phone) and _may_call(found),
        availability=filed.availability,
        dispatch_words=_dispatch_words(found),
        may_dispatch=has_permission("warranty.dispatch_order") and found.contractor_id is not None,
        reopened_because=next((told(each) for each in reversed(found.events) if each.kind == "reopened"), ""),
        progress_words=progress.progress_words(found) if found.state in OPEN else "",
        running=running,
        booked=booked,
        visits=[each for each in visits if each.state not in (VisitState.BOOKED, VisitState.CANCELLED)],
        purpose=VisitPurpose.REPAIR if found.state in ("planned", "repairing") else VisitPurpose.SURVEY,
        plan=plan,
        plan_signed=plan is not None and is_plan_signed(plan),
        acceptance=owner_acceptance(found) if found.state in ("owner_accepted", "closed") else None,
        sign_roles=signing.ROLES,
        signed=signatures_of,
        photos={slot: attachments_of(found, slot) for slot in SLOTS},
        steps={each.transition.code: each.refusal for each in ORDER.possible(found)},
        may_accept=has_permission("warranty.accept_order"),
        may_close=has_permission("warranty.close_order"),
        purposes=words.PURPOSES,
        scores=words.SCORES,
        fault=words.fault_name,
        cover=words.COVERS[found.cover],
        project_name=services.project_name,
        clock=words.moment_text,
        overdue=orders.is_overdue(found),
        start=start,
        end=end,
        back_url=url_for(".index"),
    )


def _dispatch_words(found: Order) -> str:
    """Return who has to dispatch an order that was opened again before the work begins; empty for any other."""
    if found.state != "reopened":
        return ""
    if has_permission("warranty.dispatch_order"):
        return _(
            "This repair was opened again. Dispatch it again before the work begins; you can do so below."
        )
    engineer = orders.dispatching_engineer(found)
    return _(
        "This repair was opened again. %(who)s has to dispatch it again before the work begins.",
        who=engineer.name if engineer is not None else role_label("PCM"),
    )


def _carry_out(order_id: int, action: Callable[[Order], Any], done: Any) -> Response:
    found = _order(order_id)
    address = url_for(".order", order_id=found.id)
    try:
        result = action(found)
        sentence = str(done(result) if callable(done) else done)
        commit()
    except (*REFUSALS, SaveRefused) as refused:
        db.session.rollback()
        flash(str(refused), "error")
    else:
        flash(sentence, "success")
    return redirect(address, 303)


@blueprint.post(f"{_ORDER}/step")
@requires("warranty.work_order")
def step(order_id: int) -> Response:
    """Take a step of the order; each step has a permission of its own."""
    code = request.form.get("step", "")
    if code not in STEPS_ON_SITE:
        abort(404)
    typed = {name: value.replace("\0", "")[:2000].strip() for name, value in request.form.items()}

    def take(found: Order) -> Order:
        take_order_step(found, code, typed)
        return found

    return _carry_out(
        order_id,
        take,
        lambda found: _(
            "%(number)s is now “%(state)s”.", number=found.number, state=ORDER.state_of(found).label
        ),
    )


@blueprint.post(f"{_ORDER}/deed")
@requires("warranty.work_order")
def deed(order_id: int) -> Response:
    """Note a visit, a plan, a measure or what was said."""
    code = request.form.get("deed", "")
    if code not in DEEDS_ON_SITE:
        abort(404)
    permission, action, done = DEEDS[code]
    if not has_permission(permission):
        abort(403)
    return _carry_out(order_id, action, done)


@blueprint.post(f"{_ORDER}/photos")
@requires("warranty.work_order")
def photos(order_id: int) -> Response:
    """Attach photos before or after the repair, as evidence, or of a signed paper."""
    slot = request.form.get("slot", "")
    files = [each for each in request.files.getlist("file") if each.filename]

    def add(found: Order) -> int:
        if slot not in SLOTS:
            raise WarrantyRuleError(_("Choose what the photo shows."))
        if not files:
            raise WarrantyRuleError(_("Take or choose a photo first."))
        if len(files) > MOST_PHOTOS:
            raise WarrantyRuleError(_("Send at most %(count)s photos at once.", count=MOST_PHOTOS))
        for each in files:
            attach(found, each.stream, each.filename or "", slot=slot, watermark=slot in ("before", "after"))
        return len(files)

    return _carry_out(
        order_id, add, lambda count: ngettext("%(num)d photo is saved.", "%(num)d photos are saved.", count)
    )
