"""What was typed into fields, and what is shown of an order in lists: priority, state, cover, age, limits."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from typing import Any

import sqlalchemy as sa
from flask import g, url_for
from markupsafe import Markup

from core.toolkit import (
    LOCAL_ZONE,
    _,
    db,
    is_english,
    ngettext,
    utc_now,
    workflow_status,
)
from plugins.warranty import words
from plugins.warranty.admin.common import (
    status,
)
from plugins.warranty.catalogue import categories
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Order,
)
from plugins.warranty.services import orders
from plugins.warranty.workflows import OPEN, ORDER

CATEGORY_CHOICES = tuple((code, words.lazy_category(code)) for code in categories())


def moment_of(text: str) -> dt.datetime | None:
    """Return a moment in China that was typed as 2026-11-23T14:05, None for nothing.

    Raises:
        WarrantyRuleError: It is no moment.
    """
    if not text.strip():
        return None
    try:
        moment = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise WarrantyRuleError(
            _("“%(text)s” is no date with a time. Write it like 2026-11-23 14:05.", text=text)
        ) from None
    if not 2000 <= moment.year <= 2100:
        raise WarrantyRuleError(_("The year must lie between 2000 and 2100."))
    return moment.replace(tzinfo=LOCAL_ZONE).astimezone(dt.UTC)


def amount_of(text: str) -> Decimal:
    """Return an amount in yuan that was typed.

    Raises:
        WarrantyRuleError: It is no amount.
    """
    try:
        amount = Decimal(text.replace(",", "").replace("¥", "").strip())
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite():
        raise WarrantyRuleError(_("“%(text)s” is no amount. Write it like 1,234.50.", text=text))
    return amount


def number_of(text: str, what: Any) -> int:
    """Return a whole number that was typed.

    Raises:
        WarrantyRuleError: It is none.
    """
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise WarrantyRuleError(_("“%(what)s” takes a whole number.", what=what))
    return int(text)


def priority_mark(order: Order) -> Markup:
    """Return the priority; the two most urgent are red."""
    level = {"P1": "s1", "P2": "s2", "P3": "s3", "P4": "s4"}[order.priority]
    return Markup(f'<span class="sev {level}">{order.priority}</span>')  # noqa: S704 (one of four codes)


def state_mark(order: Order) -> Markup:
    """Return the state of an order; an overdue one says for how long."""
    if orders.is_overdue(order) and order.due_at is not None:
        days = -((order.due_at - utc_now()) // dt.timedelta(days=1))
        return _overdue_mark(days, order.state, is_english())
    return workflow_status(ORDER, order)


@lru_cache(maxsize=1024)
def _overdue_mark(days: int, state: str, _english: bool) -> Markup:
    late = ngettext("%(num)d day overdue", "%(num)d days overdue", days)
    return status("late", late) + " " + str(ORDER.state(state).label)


def cover_mark(order: Order) -> Markup:
    """Return the verdict on an order as a coloured word."""
    return _cover_mark(order.cover, is_english())


@cache
def _cover_mark(cover: str, _english: bool) -> Markup:
    """Return what lists show of a cover in each row, drawn once for each language."""
    return status(*words.COVERS[cover])


_AGE_TONES = {"normal": "calm", "yellow": "wait", "orange": "age-orange", "red": "late"}


def age_mark(order: Order) -> Markup | str:
    """Return for how many days an open order has been waiting, in its colour."""
    if order.state not in OPEN:
        return ""
    days = orders.age_days(order)
    limits = g.get("_age_limits_of_page") or orders.age_limits()
    colour = orders.age_colour(days, limits)
    return _age_mark(colour, days, is_english())


@lru_cache(maxsize=1024)
def _age_mark(colour: str, days: int, _english: bool) -> Markup:
    return status(_AGE_TONES[colour], ngettext("%(num)d day", "%(num)d days", days))


def counted(condition: sa.ColumnElement[bool]) -> int:
    limited = sa.select(Order.id).where(condition).limit(1000).subquery()
    return int(db.session.scalar(sa.select(sa.func.count()).select_from(limited)) or 0)


def kept_mark(moment: dt.datetime | None, due: dt.datetime | None) -> Markup | str:
    """Return a moment beside its limit; red when it was missed, and it stays red."""
    if moment is None and due is None:
        return ""
    late = due is not None and (moment or utc_now()) > due
    shown = words.moment_text(moment) or _("not yet")
    limit = _("by %(moment)s", moment=words.moment_text(due)) if due is not None else ""
    return Markup("{} <small>{}</small>").format(
        status("late" if late else "ok" if moment else "calm", shown), limit
    )


def progress_mark(order: Order) -> Markup | str:
    """Return until when the owner has to hear of the progress next; red when that moment has passed."""
    if order.progress_due_at is None or order.state not in OPEN:
        return ""
    text = words.moment_text(order.progress_due_at)
    return status("late", text) if orders.is_untold(order) else text


def order_link(order: Order) -> Markup:
    """Return a link to an order."""
    return Markup('<a href="{0}">{1}</a>').format(
        url_for("warranty_orders.details_view", id=order.id), order.number
    )
