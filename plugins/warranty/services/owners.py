"""What owners answer: they rate a repair, send it back, or say nothing until their silence counts as acceptance."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.toolkit import Building, Customer, JobRun, Unit, _, _l, db, is_on, paragraphs, utc_now
from plugins.warranty.common import option
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import Acceptance, AcceptanceKind, Channel, Order, OrderEvent, Request, Saying
from plugins.warranty.services import orders, telling
from plugins.warranty.services.intake import Issue, note_event, register_request

ANSWERS = ("message", "urge", "rejected")
"""Kinds of lines in the history by which an owner has answered: his silence does not count after one of them."""
SHORTEST_WAIT = dt.timedelta(minutes=1)
RATEABLE = ("owner_accepted", "closed", "called_back")


BY_OWNERS = (Channel.OWNER_LINK, Channel.POSTER)


def report_by_owner(
    customer: Customer,
    unit: Unit,
    issues: Sequence[Issue],
    channel: Channel,
    *,
    building: Building | None = None,
    place: str = "",
    availability: str = "",
    language: str = "zh_Hans_CN",
    client_key: str | None = None,
) -> Request:
    """Register what an owner reports himself, by his link or by a poster.

    Args:
        customer: The owner, who was recognised.
        unit: His house.
        issues: What is wrong.
        channel: By which way.
        building: The building whose common parts are concerned; the house when omitted.
        place: Where in the common parts.
        availability: When somebody is at home.
        language: What he reads.
        client_key: Given by the page; a request with the same key is returned and not made again.

    Raises:
        WarrantyRuleError: Something is missing, or he has reported too often today.
    """
    most = int(option("owner_requests_per_day", unit.project))
    since = utc_now() - dt.timedelta(days=1)
    sent = db.session.scalar(
        sa.select(sa.func.count(Request.id)).where(
            Request.customer_id == customer.id, Request.channel.in_(BY_OWNERS), Request.reported_at >= since
        )
    )
    if (sent or 0) >= most:
        raise WarrantyRuleError(
            _(
                "You have sent %(count)s reports within a day. Please call us, or send the others tomorrow.",
                count=sent,
            )
        )
    return register_request(
        issues=issues,
        unit=unit if building is None else None,
        building=building,
        place=place,
        customer=customer,
        channel=channel,
        availability=availability,
        language=language,
        client_key=client_key,
    )


def may_rate(order: Order) -> bool:
    """Return whether the owner can still say how satisfied he is: the repair is accepted and nobody has asked him."""
    return order.state in RATEABLE and order.score is None


def rate(order: Order, score: int, note: str = "", **ticks: bool | None) -> None:
    """Note how satisfied the owner is with a repair that was accepted without a score, for example by his silence.

    Args:
        order: An accepted order without a score.
        score: From 1 to 5.
        note: What he says.
        ticks: ``quality_ok``, ``on_time_ok``, ``clean_ok`` and ``attitude_ok``, each said or None.

    Raises:
        WarrantyRuleError: It was rated already or is not accepted, or the score is not from 1 to 5.

    Source: domain reference 3.4.6 (acceptance ticks); setting ``dissatisfied_score``.
    """
    if not may_rate(order):
        raise WarrantyRuleError(
            _("%(number)s cannot be rated any more, or not yet. Open the page again.", number=order.number)
        )
    orders.check_score(score)
    order.score = score
    last = db.session.scalars(
        sa.select(Acceptance)
        .where(Acceptance.order_id == order.id, Acceptance.kind == AcceptanceKind.OWNER, Acceptance.passed)
        .order_by(Acceptance.id.desc())
        .limit(1)
    ).first()
    if last is not None and last.by_silence:
        # What somebody accepted himself stays as it was given.
        last.score = score
        last.note = paragraphs((last.note, note))
        for name, value in ticks.items():
            setattr(last, name, value)
    note_event(order, "rated", note, saying=Saying.SATISFACTION, is_public=True, score=score)
    if score <= int(option("dissatisfied_score", order.project)):
        orders.escalate(
            order,
            f"rated_{order.reopen_count}",
            note.strip() or _l("The owner is dissatisfied: %(score)s of 5.", score=score),
        )
    db.session.flush()


def refuse_repair(order: Order, what: str) -> Acceptance:
    """Note that the owner does not accept a repair; it goes back to the same people.

    Args:
        order: An order that the engineer has accepted.
        what: What is still wrong.

    Raises:
        TransitionRefused: It is not said what is wrong, or the state or the right forbids it.
    """
    refused = orders.reject_repair(order, what, by_owner=True)
    orders.tell_engineer(
        order,
        _l("The owner does not accept %(number)s", number=order.number),
        what,
        key=f"refused:{order.id}:{order.repair_cycles}",
    )
    return refused


def silent_since(order: Order) -> dt.datetime | None:
    """Return since when the owner has not answered the request to accept a repair; None when he was not asked or has
    answered."""
    if order.state != "engineer_accepted":
        return None
    asked = None
    for event in order.events:
        if event.kind == telling.ASKED:
            asked = event.at
        elif event.kind in ANSWERS:
            asked = None
    return asked


def accept_by_silence(order: Order, now: dt.datetime | None = None) -> bool:
    """Accept a repair in the owner's place when he has not answered for long enough; returns whether it was.

    Args:
        order: An order.
        now: The present moment; for tests.

    Source: features, warranty 25: silent approval after N days; setting ``silent_acceptance_days``.
    """
    days = int(option("silent_acceptance_days", order.project))
    since = silent_since(order)
    moment = now or utc_now()
    if not days or since is None or moment - since < dt.timedelta(days=days):
        return False
    orders.accept_as_owner(
        order,
        signer_name="",
        by_silence=True,
        note=_l("Accepted by silence: no answer within %(days)s days.", days=days),
    )
    telling.accepted_by_silence(order)
    return True


def _to_ask(now: dt.datetime) -> sa.Select[Any]:
    """The orders that the engineer has accepted and whose owner was not asked since."""
    asked = sa.select(OrderEvent.id).where(
        OrderEvent.order_id == Order.id,
        OrderEvent.kind == telling.ASKED,
        OrderEvent.at >= Order.engineer_accepted_at,
    )
    return (
        sa.select(Order.id)
        .where(
            Order.state == "engineer_accepted",
            Order.engineer_accepted_at <= now - SHORTEST_WAIT,
            ~asked.exists(),
        )
        .order_by(Order.id)
    )


def run_requests(run: JobRun) -> None:
    """Ask the owners of finished repairs to accept them; those who sign on site at once are not asked.

    Args:
        run: The run of the periodic task.
    """
    now = utc_now()
    for key in run.steps(db.session.scalars(_to_ask(now)).all()):
        order: Any = db.session.scalar(sa.select(Order).where(Order.id == key))
        if order is None or not is_on("warranty", order.project.department_id):
            continue
        wait = dt.timedelta(minutes=int(option("ask_after_minutes", order.project)))
        if order.engineer_accepted_at is not None and now - order.engineer_accepted_at >= wait:
            telling.ask_to_accept(order)


def run_silence(run: JobRun) -> None:
    """Accept what owners have not answered for long enough, each in a transaction of its own.

    Args:
        run: The run of the periodic task.
    """
    shortest = utc_now() - dt.timedelta(days=1)
    asked = sa.select(OrderEvent.order_id).where(OrderEvent.kind == telling.ASKED, OrderEvent.at <= shortest)
    keys = db.session.scalars(
        sa.select(Order.id).where(Order.state == "engineer_accepted", Order.id.in_(asked)).order_by(Order.id)
    ).all()
    for key in run.steps(keys):
        order: Any = db.session.scalar(
            sa.select(Order)
            .where(Order.id == key)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        if order is not None and is_on("warranty", order.project.department_id):
            accept_by_silence(order)
