"""Columns that somebody chose for the download of a list: the last choice, and choices with a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.exchange.models import ExportPreset

MOST_PRESETS = 20


def _own(view: str) -> sa.Select[Any]:
    scope = require_scope()
    return sa.select(ExportPreset).where(
        ExportPreset.view == view,
        ExportPreset.user_id == scope.user_id,
        ExportPreset.department_id == scope.department_id,
    )


def presets_of(view: str) -> Sequence[ExportPreset]:
    """Return the choices of the acting user for a list; the last one has no name.

    Args:
        view: Endpoint of the list.
    """
    query = _own(view).order_by(ExportPreset.name, ExportPreset.id).limit(MOST_PRESETS + 1)
    return db.session.scalars(query).all()


def remember_columns(view: str, columns: Sequence[str], name: str = "") -> None:
    """Keep a choice; one of the same name is replaced.

    Args:
        view: Endpoint of the list.
        columns: The columns in their order.
        name: What the user calls it; "" for the last choice.
    """
    scope = require_scope()
    if scope.user_id is None or scope.department_id is None:
        return
    known = db.session.scalars(_own(view).where(ExportPreset.name == name[:60])).one_or_none()
    if known is not None:
        known.columns = list(columns)
        known.changed_at = utc_now()
    elif not name or len(presets_of(view)) <= MOST_PRESETS:
        db.session.add(
            ExportPreset(
                view=view,
                user_id=scope.user_id,
                department_id=scope.department_id,
                name=name[:60],
                columns=list(columns),
            )
        )
    db.session.flush()


def forget_columns(view: str, name: str) -> None:
    """Remove a choice of the acting user."""
    known = db.session.scalars(_own(view).where(ExportPreset.name == name)).one_or_none()
    if known is not None:
        db.session.delete(known)
        db.session.flush()
