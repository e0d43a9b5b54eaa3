"""The board of a day: orders as cards, and who comes where."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import request
from sqlalchemy.orm import joinedload

from core.toolkit import (
    LOCAL_ZONE,
    PROJECTS,
    PageView,
    _l,
    db,
    expose_guarded,
    local_today,
    strict_id,
)
from plugins.warranty import words
from plugins.warranty.admin.marks import (
    age_mark,
    priority_mark,
)
from plugins.warranty.models import (
    Order,
    Visit,
)
from plugins.warranty.services import orders

COLUMNS: Sequence[tuple[Any, tuple[str, ...]]] = (
    (_l("To assess"), ("reported",)),
    (_l("To dispatch"), ("triaged", "reopened")),
    (_l("To visit"), ("dispatched", "contacted")),
    (_l("To plan"), ("visited",)),
    (_l("In repair"), ("planned", "repairing")),
    (_l("Waiting"), ("suspended",)),
    (_l("To accept"), ("self_checked", "engineer_accepted")),
    (_l("To close"), ("owner_accepted",)),
    (_l("To call back"), ("closed",)),
)
CARDS = 25


class BoardView(PageView):
    """The orders as cards in columns, and the visits of a day."""

    @expose_guarded("/", permission="warranty.view")
    def index(self) -> Any:
        """Show what waits at which step, the most urgent first, and who comes where today."""
        key = strict_id(request.args.get("project", ""))
        project = PROJECTS.get(key) if key else None
        conditions = [Order.project_id == project.id] if project is not None else []
        columns = []
        for label, states in COLUMNS:
            where = [Order.state.in_(states), *conditions]
            found = db.session.scalars(
                sa.select(Order)
                .where(*where)
                .options(joinedload(Order.unit), joinedload(Order.contractor))
                .order_by(Order.priority, Order.due_at, Order.id)
                .limit(CARDS)
            ).all()
            limited = sa.select(Order.id).where(*where).limit(1000).subquery()
            count = db.session.scalar(sa.select(sa.func.count()).select_from(limited)) or 0
            columns.append((label, states, found, count))
        day = local_today()
        begin = dt.datetime.combine(day, dt.time(), LOCAL_ZONE)
        visits = db.session.scalars(
            sa.select(Visit)
            .where(
                Visit.booked_from >= begin,
                Visit.booked_from < begin + dt.timedelta(days=1),
                *([Visit.project_id == project.id] if project is not None else []),
            )
            .options(joinedload(Visit.order).joinedload(Order.unit), joinedload(Visit.engineer))
            .order_by(Visit.booked_from, Visit.id)
            .limit(100)
        ).all()
        return self.render(
            "warranty/admin/board.html",
            columns=columns,
            visits=visits,
            project=project,
            problem=words.problem,
            clock=lambda moment: words.moment_text(moment)[11:],
            overdue=orders.is_overdue,
            purposes=words.PURPOSES,
            visit_states=words.VISIT_STATES,
            priority=priority_mark,
            age=age_mark,
        )
