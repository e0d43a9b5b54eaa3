"""What owners are told by message on the way of a repair: received, who comes when, delays, finished, closed.

Whoever reported is told: the customer of the request by the channel that he prefers, another person by the telephone
number that he left. Quiet hours, opt-out and doubles are held by the outbox of the core; emergencies (P1) have messages
of their own that go out at night too.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from flask_babel import force_locale

from core.toolkit import (
    Customer,
    LinkRefused,
    Message,
    MessageState,
    Project,
    Recipient,
    Secret,
    Unit,
    _,
    db,
    make_link,
    setting,
    utc_now,
)
from plugins.warranty.catalogue import faults
from plugins.warranty.common import REPAIRS, option
from plugins.warranty.messages import URGENT, switch
from plugins.warranty.models import (
    ExpiryNotice,
    Extension,
    Order,
    OrderEvent,
    Request,
    Saying,
    ToldHow,
    Visit,
)
from plugins.warranty.services.intake import note_event
from plugins.warranty.sla import Priority

ASKED = "asked"
"""Kind of the line in the history that says that the owner was asked to accept."""
_FORGOTTEN_AFTER = dt.timedelta(days=7)
"""What happened longer ago is taken down afterwards; nobody is told of it now."""


def received(request: Request) -> Message | None:
    """Tell the reporter that his report is taken in, by when he is contacted, and where he can follow it.

    Source: touchpoint F01; domain reference 3.4.4, column "Register".
    """
    orders = list(request.orders)
    if not orders or utc_now() - request.registered_at > _FORGOTTEN_AFTER:
        return None
    due = [order.contact_due_at for order in orders if order.contact_due_at is not None]
    urgent = any(order.priority == Priority.P1 for order in orders)
    return _tell(
        "received",
        request,
        request,
        urgent=urgent,
        key=f"{request.id}",
        number=request.number,
        what=lambda: _what(*orders),
        until=_moment(min(due)) if due else _moment(utc_now() + dt.timedelta(days=1)),
        link=True,
    )


def dispatched(order: Order) -> Message | None:
    """Tell the owner who looks after his repair; once for all orders of a request with the same engineer."""
    if order.engineer is None:
        return None
    return _tell(
        "dispatched",
        order.request,
        order,
        urgent=order.priority == Priority.P1,
        key=f"{order.request_id}:{order.engineer_id}:{order.reopen_count}",
        number=order.number,
        what=lambda: _what(order),
        engineer=order.engineer.name,
    )


def visit_booked(visit: Visit) -> Message | None:
    """Tell the owner when somebody comes, and who."""
    order = visit.order
    if visit.booked_from <= utc_now():
        # Who stands at the door needs no message.
        return None
    return _tell(
        "visit",
        order.request,
        order,
        urgent=order.priority == Priority.P1,
        key=f"{visit.id}",
        number=order.number,
        what=lambda: _what(order),
        window=window_text(visit),
        engineer=_person(visit.engineer or order.engineer),
    )


def visit_cancelled(visit: Visit) -> Message | None:
    """Tell the owner that nobody comes at the agreed time."""
    order = visit.order
    if visit.booked_to < utc_now():
        return None
    return _tell(
        "visit",
        order.request,
        order,
        template="visit_cancelled",
        key=f"cancelled:{visit.id}",
        number=order.number,
        what=lambda: _what(order),
        window=window_text(visit),
    )


def delayed(extension: Extension, order: Order) -> Message | None:
    """Tell the owner the new date of his repair; the extension then says that he was told.

    Source: touchpoint F08.
    """
    message = _tell(
        "delayed",
        order.request,
        order,
        urgent=order.priority == Priority.P1,
        key=f"{extension.id}",
        number=order.number,
        what=lambda: _what(order),
        reason=extension.reason,
        until=_moment(extension.new_date),
    )
    if message is not None and message.state != MessageState.WITHHELD and extension.told_at is None:
        extension.told_at = utc_now()
        extension.told_how = extension.told_how or ToldHow.MESSAGE
        db.session.flush()
    return message


def suspended(order: Order, reason: str, pause: int) -> Message | None:
    """Tell the owner that the work on his repair rests, and why.

    Args:
        order: An order that was just suspended.
        reason: Why, in the reader's words.
        pause: How often it rested before, so that each rest is told once.

    Source: domain reference 3.4.3: "max 30 d each, owner told".
    """
    return _tell(
        "suspended",
        order.request,
        order,
        urgent=order.priority == Priority.P1,
        key=f"{order.id}:{pause}",
        number=order.number,
        what=lambda: _what(order),
        reason=reason,
    )


def resumed(order: Order, pause: int) -> Message | None:
    """Tell the owner that the work on his repair goes on, and when it is expected to be finished."""
    until = order.promised_at or order.due_at
    if until is None:
        return None
    return _tell(
        "suspended",
        order.request,
        order,
        template="resumed",
        urgent=order.priority == Priority.P1,
        key=f"resumed:{order.id}:{pause}",
        number=order.number,
        what=lambda: _what(order),
        until=_moment(until),
    )


def progress(event: OrderEvent, order: Order) -> Message | None:
    """Tell the owner how his repair goes.

    Args:
        event: The line of the history that is told.
        order: Its order.

    Source: domain reference 3.4.4, column "Progress".
    """
    return _tell(
        "progress",
        order.request,
        order,
        urgent=order.priority == Priority.P1,
        key=f"{event.id}",
        number=order.number,
        what=lambda: _what(order),
        text=str(event.text),
    )


def ask_to_accept(order: Order) -> Message | None:
    """Ask the owner to look at a finished repair; from now on his silence is counted, if he can be reached.

    Source: touchpoint F06; features, "owner confirms completion; silent approval after N days".
    """
    days = int(option("silent_acceptance_days", order.project))
    values: dict[str, Any] = {"number": order.number, "what": lambda: _what(order), "link": True}
    if days:
        values["until"] = _moment(utc_now() + dt.timedelta(days=days))
    message = _tell(
        "finished",
        order.request,
        order,
        template="finished_silence" if days else "finished",
        key=f"{order.id}:{order.repair_cycles}",
        **values,
    )
    if message is not None and message.state != MessageState.WITHHELD:
        note_event(order, ASKED, saying=Saying.ASKED, is_public=True)
    return message


def accepted_by_silence(order: Order) -> Message | None:
    """Tell the owner that his silence counts as acceptance, and until when he can still object."""
    return _tell(
        "finished",
        order.request,
        order,
        template="silence",
        key=f"silence:{order.id}:{order.repair_cycles}",
        number=order.number,
        what=lambda: _what(order),
        days=str(option("repeat_days", order.project)),
        link=True,
    )


def closed(order: Order) -> Message | None:
    """Tell the owner that his repair is closed and that he is called back.

    Source: touchpoint F07; setting ``call_back_days``.
    """
    return _tell(
        "closed",
        order.request,
        order,
        key=f"{order.id}:{order.reopen_count}",
        number=order.number,
        what=lambda: _what(order),
        days=str(option("call_back_days", order.project)),
    )


def not_covered(order: Order) -> Message | None:
    """Tell the owner why his report is no warranty; the letter follows."""
    return _tell(
        "not_covered",
        order.request,
        order,
        key=f"{order.id}:{order.reopen_count}",
        number=order.number,
        what=lambda: _what(order),
        reason=order.closing_reason,
    )


def expiring(notice: ExpiryNotice, owner: Customer, what: str) -> Message | None:
    """Tell an owner that a warranty of his house ends, while there is time to report what is wrong.

    Args:
        notice: Which house, and when.
        owner: One of its owners; each is told once.
        what: What ends, in his words.

    Source: touchpoint F09; domain reference 5.7.8.
    """
    from core.toolkit import send_message

    unit = notice.unit
    if not option(switch("expiring"), unit.project):
        return None
    dedupe_key = f"warranty.expiring:{notice.id}:{owner.id}"
    values = {
        "house": unit.code,
        "what": what,
        "until": notice.ends_on.isoformat(),
        "link": _link_of(unit, owner),
    }
    return send_message(
        "warranty.expiring", owner, values, dedupe_key=dedupe_key, record=notice, unit=unit, not_before=None
    )


def _tell(
    what_for: str,
    request: Request,
    record: Request | Order,
    *,
    key: str,
    template: str = "",
    urgent: bool = False,
    link: bool = False,
    **values: Any,
) -> Message | None:
    """Write a message to whoever reported, once for each key; None where nobody is to be told."""
    from core.toolkit import send_message

    if not option(switch(what_for), request.project):
        return None
    reader = reader_of(request)
    if reader is None:
        return None
    code = f"warranty.{template or what_for}{URGENT if urgent else ''}"
    dedupe_key = f"warranty.{what_for}:{key}"
    if db.session.scalar(sa.select(Message.id).where(Message.dedupe_key == dedupe_key)) is not None:
        # A second link would be made for nothing.
        return None
    with force_locale(reader.language or "zh_Hans_CN"):
        filled = {name: value() if callable(value) else value for name, value in values.items()}
        if link:
            filled["link"] = _address(request, reader)
    return send_message(
        code, reader, filled, dedupe_key=dedupe_key, record=record, unit=request.unit, not_before=None
    )


def language_of(request: Request) -> str:
    """Return the locale in which whoever reported is told."""
    reader = reader_of(request)
    return (reader.language if reader is not None else "") or request.language or "zh_Hans_CN"


def reader_of(request: Request) -> Any:
    """Return who is told about a request: whoever left another number than the customer's, else the customer; None
    where neither is known."""
    customer = request.customer
    if customer is not None and (customer.erased_at is not None or customer.merged_into_id is not None):
        customer = None
    own = customer.phone if customer is not None else None
    if request.reporter_phone and request.reporter_phone != own:
        return Recipient(request.reporter_name, request.reporter_phone, language=request.language)
    return customer


def _address(request: Request, reader: Any) -> str:
    """Return the owner's own link, or the service number where he cannot have one."""
    if request.unit is None or request.customer is None or reader is not request.customer:
        return _service_phone(request.project)
    return _link_of(request.unit, request.customer)


def _service_phone(project: Project) -> str:
    return str(setting("core", "service_phone", project.department_id)) or "—"


def _link_of(unit: Unit, owner: Customer) -> str:
    """Return an owner's own link to the repairs of a house, or the service number where he cannot have one."""
    try:
        return Secret(make_link(REPAIRS, unit, owner).address)
    except LinkRefused:
        return _service_phone(unit.project)


def _what(*orders: Order) -> str:
    """What is wrong, in a few words: the first problem, and how many more."""
    first = orders[0]
    name = str(faults()[first.fault_code].name)
    words = f"{first.room_name} {name}".strip()
    if len(orders) == 1:
        return words
    return _("%(first)s and %(count)s more", first=words, count=len(orders) - 1)


def _moment(moment: dt.datetime) -> str:
    from plugins.warranty.words import moment_text

    return moment_text(moment)


def _person(user: Any) -> str:
    return user.name if user is not None else _("our engineer")


def window_text(visit: Visit) -> str:
    """Return the booked time of a visit, 2026-11-24 09:00–11:00."""
    start, end = _moment(visit.booked_from), _moment(visit.booked_to)
    return f"{start}–{end[11:]}" if end[:10] == start[:10] else f"{start} – {end}"
