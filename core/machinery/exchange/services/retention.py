"""Removing what imports keep of files and people when its time is over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import load_only

from core.database.types import utc_now
from core.extensions import db
from core.machinery.exchange.importer import ImportRefused
from core.machinery.exchange.models import ImportBatch, ImportChunk, ImportState
from core.machinery.exchange.staging import pack, unpack

_CUSTOMERS = "core.customers"


def forget_expired(now: dt.datetime | None = None) -> int:
    """Remove the rows of imports that nobody confirmed in time or that are too old to be taken back.

    Which records were written stays; the texts of the file and the values before go.

    Returns:
        How many chunks lost their rows.
    """
    old = sa.select(ImportBatch.id).where(ImportBatch.expires_at < (now or utc_now()))
    chunks = db.session.scalars(
        sa.select(ImportChunk)
        .where(
            ImportChunk.batch_id.in_(old),
            sa.or_(ImportChunk.content.is_not(None), ImportChunk.outcome.is_not(None)),
        )
        .options(load_only(ImportChunk.id, ImportChunk.department_id))
        .limit(2_000)
    ).all()
    for chunk in chunks:
        chunk.content = chunk.outcome = None
        chunk.keys = ""
    db.session.flush()
    return len(chunks)


def forget_person(customer_id: int) -> None:
    """Remove what imports keep of a customer who is erased: the chunks that wrote him lose their texts and the values
    before, so those rows cannot be taken back any more."""
    held = db.session.scalars(
        sa.select(ImportChunk.id).where(ImportChunk.outcome.is_not(None)).order_by(ImportChunk.id)
    ).all()
    for key in held:
        chunk = db.session.get_one(ImportChunk, key)
        kind = db.session.scalar(sa.select(ImportBatch.kind).where(ImportBatch.id == chunk.batch_id)) or ""
        if _speaks_of(unpack(chunk.outcome or pack([])), customer_id, kind == _CUSTOMERS):
            chunk.content = chunk.outcome = None
        db.session.flush()
        db.session.expunge(chunk)


def _speaks_of(outcomes: Sequence[Any], customer_id: int, is_customer: bool) -> bool:
    for each in outcomes:
        if each is None:
            continue
        before = each[3] if isinstance(each[3], dict) else {}
        people = {*before.get("registered", ()), *before.get("completed", ())}
        if (is_customer and each[1] == customer_id) or str(customer_id) in people:
            return True
    return False


def discard(batch: ImportBatch) -> None:
    """Remove an import that was not written, with its rows.

    Raises:
        ImportRefused: It was written.
    """
    if batch.state not in (ImportState.READ, ImportState.CHECKING, ImportState.CHECKED):
        raise ImportRefused(_("An import that was written is kept. Take it back instead."))
    db.session.delete(batch)
    db.session.flush()
