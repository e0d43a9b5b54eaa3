"""What the office has done lately: an import with two bad rows, a large export, letters of which some fail, messages in
every state. The jobs wait for a worker, or for :func:`work_off`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import current_app
from flask_babel import lazy_gettext as _l

from core.admin import import_jobs
from core.customers.models import Customer
from core.database.scope import use_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import worded
from core.machinery.audit.services import record_event
from core.machinery.documents.batches import issue_batch
from core.machinery.exchange import services as exchange
from core.machinery.jobs.worker import work_through
from core.machinery.messages import services as messages
from core.machinery.messages.models import Message, MessageBatch, MessageState
from core.people.request_scope import standing_now
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit

if TYPE_CHECKING:
    from core.demo.story import Demo

LETTERS = 12
_VISITORS = (
    "客户姓名,手机号码,来源,备注",
    "蔡思远,19907550901,网络,想看三房",
    "欧阳静宜,19907550902,自然到访,周末来访",
    "郭子轩,19907550903,老业主推荐,",
    "谢雨桐,1990755,渠道,号码不全",
    "曹瑞,19907550905,网络,首次置业",
    ",19907550906,自然到访,未留姓名",
    "姚若溪,19907550907,渠道,关注学校",
    "卢明远,19907550908,网络,",
)
"""A list of visitors as a sales office keeps it; two of its rows cannot be taken."""


def tell(demo: Demo) -> None:
    """Do what the head of the city company has done lately.

    Args:
        demo: What the core made.
    """
    head = demo.user_of("HEAD")
    standing = standing_now(head.id, demo.city.id)
    assert standing is not None  # noqa: S101 (the story has just made the account)
    with use_scope(standing.scope):
        _import(demo)
        db.session.commit()
        _export()
        _letters(demo)
        db.session.commit()


def _import(demo: Demo) -> None:
    declaration = current_runtime().declared.import_declaration("core.customers")
    if declaration is None:
        return
    content = "\n".join(_VISITORS).encode("utf-8-sig")
    batch, _read = exchange.start_import(
        declaration.code,
        declaration.importer,
        content,
        "到访客户登记.csv",
        project=demo.project,
        match="phone",
    )
    exchange.check_all(batch, declaration.importer)
    result = exchange.write_all(batch, declaration.importer, all_or_nothing=False)
    record_event(
        "imported",
        batch,
        kind=batch.kind,
        created=result["new"],
        changed=result["changed"],
        errors=result["error"],
    )


def _export() -> None:
    view = next(each for each in current_app.extensions["doorstep.admin"]._views if each.endpoint == "units")
    count = db.session.scalar(sa.select(sa.func.count(Unit.id))) or 0
    reason = "交付前核对房源台账"
    record_event(
        "exported",
        None,
        reason,
        view=view.endpoint,
        format="xlsx",
        columns=list(view.column_export_list),
        rows=count,
    )
    import_jobs.start_export(view, "xlsx", view.column_export_list, {}, reason, count)


def _letters(demo: Demo) -> None:
    """Issue welcome letters for the first houses of a building; those that nobody has bought fail with their reason."""
    issue_batch("core.welcome_letter", [unit.id for unit in demo.units[:LETTERS]], "zh_Hans_CN")


def message_states(batch: MessageBatch, customers: list[Customer]) -> None:
    """Let the messages of a batch be in every state in which they stay; what waits for now the worker sends.

    Args:
        batch: A batch whose messages were written.
        customers: Its recipients.
    """
    held = list(
        db.session.scalars(sa.select(Message).where(Message.batch_id == batch.id).order_by(Message.id))
    )
    lost, failed, delivered, taken_back, later = held[-5:]
    lost.state, lost.channel, lost.attempts = MessageState.UNKNOWN, "core.sms_gateway", 1
    lost.reason = worded(
        _l(
            "The other side did not answer in time, so nobody knows whether the message was sent. "
            "Ask the customer or the gateway, and decide on the page of the message."
        )
    )
    failed.state, failed.channel, failed.attempts = MessageState.FAILED, "core.sms_gateway", 6
    failed.reason = "短信网关退回：号码为空号。"
    delivered.state, delivered.channel, delivered.attempts = MessageState.DELIVERED, "core.sms_gateway", 1
    delivered.sent_at = utc_now() - dt.timedelta(minutes=12)
    delivered.delivered_at = delivered.sent_at + dt.timedelta(seconds=8)
    for message in (failed, delivered):
        messages.note_on_timeline(message)
    later.not_before = utc_now() + dt.timedelta(days=2)
    db.session.flush()
    messages.cancel(taken_back)
    # Nobody can be reached without an address: the message is kept back, and staff see why.
    silent = customers[0]
    kept, silent.phone = silent.phone, None
    messages.send_message("core.greeting", silent, dedupe_key="demo:greeting", channel="sms")
    silent.phone = kept


def work_off() -> None:
    """Do what waits, so that the story has its files when the first visitor comes."""
    db.session.remove()
    work_through(current_app._get_current_object(), worker="demo")  # type: ignore[attr-defined]
