"""Standing in: a colleague answers for some days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.approvals.base import ApprovalRefused
from core.machinery.approvals.models import ApprovalDelegation

LONGEST_DELEGATION = 366
"""Days."""


def delegate(delegate_to: Any, from_on: dt.date, until_on: dt.date, reason: str = "") -> ApprovalDelegation:
    """Let a colleague answer in the acting user's place for some days. He still sees only what he may see.

    Args:
        delegate_to: The colleague.
        from_on: The first day, in China.
        until_on: The last day, included.
        reason: Why, for example a journey.

    Raises:
        ApprovalRefused: The days make no sense, or it is oneself.
    """
    user_id = require_scope().user_id
    if user_id is None or delegate_to is None or delegate_to.id == user_id:
        raise ApprovalRefused(_("Choose a colleague who answers in your place."), field="delegate_id")
    if until_on < from_on or until_on < local_today():
        raise ApprovalRefused(
            _("The last day must not lie before the first one, nor in the past."), field="until_on"
        )
    if (until_on - from_on).days > LONGEST_DELEGATION:
        raise ApprovalRefused(_("Let a colleague stand in for a year at most."), field="until_on")
    made = ApprovalDelegation(
        user_id=user_id,
        delegate_id=delegate_to.id,
        from_on=from_on,
        until_on=until_on,
        reason=reason.strip()[:200],
    )
    db.session.add(made)
    db.session.flush()
    return made


def end_delegation(delegation: ApprovalDelegation) -> None:
    """End it before its time.

    Raises:
        ApprovalRefused: It is not the acting user's, or it has ended.
    """
    if delegation.user_id != require_scope().user_id or delegation.ended_at is not None:
        raise ApprovalRefused(_("This has ended already. Reload the page."))
    delegation.ended_at = utc_now()
    db.session.flush()


def delegations_of_mine() -> Sequence[ApprovalDelegation]:
    """Return the delegations that the acting user gave and that have not passed."""
    return db.session.scalars(
        sa.select(ApprovalDelegation)
        .where(
            ApprovalDelegation.user_id == require_scope().user_id,
            ApprovalDelegation.ended_at.is_(None),
            ApprovalDelegation.until_on >= local_today(),
        )
        .order_by(ApprovalDelegation.from_on, ApprovalDelegation.id)
    ).all()


def stand_ins_for(user_ids: Collection[int], day: dt.date) -> set[int]:
    """Return the ids of the accounts that answer for others on a day.

    Args:
        user_ids: Ids of those who may be away.
        day: The day, in China.
    """
    query = sa.select(ApprovalDelegation.delegate_id).where(
        ApprovalDelegation.user_id.in_(sorted(user_ids)),
        ApprovalDelegation.ended_at.is_(None),
        ApprovalDelegation.from_on <= day,
        ApprovalDelegation.until_on >= day,
    )
    return set(db.session.scalars(query))
