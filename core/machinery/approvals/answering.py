"""Answering: agreeing, disagreeing, taking back, and asking anew when an amount has risen."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.languages import Text, paragraphs
from core.machinery.approvals.asking import freeze, open_next, refuse_barred_author, start_round
from core.machinery.approvals.base import ApprovalRefused, kind_of, label_of, means_of_approvals
from core.machinery.approvals.deciders import Rise, needs_reopening, rise_of, tree_of
from core.machinery.approvals.models import ApprovalRequest, ApprovalTask, RequestState, TaskState
from core.machinery.approvals.reading import acting_standing, approved_request, pending_request
from core.plugin_system.declarations import ApprovalKind, ApprovalStep
from core.plugin_system.runtime import current_runtime

LONGEST_OPINION = 2000


def approve(task: ApprovalTask, opinion: str = "") -> ApprovalRequest:
    """Agree; when it was the last opinion, the request is approved.

    Args:
        task: A task that waits for the acting user.
        opinion: What stands in the box; empty for agreement without words.

    Raises:
        ApprovalRefused: It does not wait for him, or somebody has answered meanwhile.
    """
    request = _answer(task, TaskState.APPROVED, opinion)
    if not open_next(request):
        request.state, request.finished_at = RequestState.APPROVED, utc_now()
        request.approved_amount = request.amount
        db.session.flush()
        _tell(request, "approved")
    return request


def reject(task: ApprovalTask, opinion: str, back_to: str = "") -> ApprovalRequest:
    """Disagree, and give the request back to its author or to an earlier step.

    Args:
        task: A task that waits for the acting user.
        opinion: Why; it stands in the box.
        back_to: Code of an earlier step, which is asked anew with all that follow it; empty for the author.

    Raises:
        ApprovalRefused: It does not wait for him, somebody has answered meanwhile, the reason is missing, or there is
            no such earlier step.
    """
    if not opinion.strip():
        raise ApprovalRefused(_("Say why you do not agree; the author reads it."), field="opinion")
    target: ApprovalStep | None = None
    if back_to:
        steps = kind_of(task.request.kind).steps
        target = next((step for step in steps if step.code == back_to and step.order < task.position), None)
        if target is None:
            raise ApprovalRefused(_("It can go back to an earlier step only. Choose one."), field="back_to")
    request = _answer(task, TaskState.REJECTED, opinion)
    _cancel_rest(request)
    if target is None:
        request.state, request.finished_at = RequestState.REJECTED, utc_now()
        db.session.flush()
        _tell(request, "rejected")
    else:
        request.round_number += 1
        start_round(request, kind_of(request.kind), _record_of(request), target.order)
    return request


def approve_many(tasks: Sequence[ApprovalTask], opinion: str = "") -> tuple[list[str], list[tuple[str, str]]]:
    """Agree to several, each by itself.

    Args:
        tasks: Tasks that the acting user sees.
        opinion: What stands in each box.

    Returns:
        The numbers of the requests that were answered, and number and reason of those that were not.
    """
    done: list[str] = []
    skipped: list[tuple[str, str]] = []
    for task in tasks:
        number = task.request.number
        try:
            with db.session.begin_nested():
                approve(task, opinion)
        except ValueError as refused:
            skipped.append((number, str(refused)))
        else:
            done.append(number)
    return done, skipped


def withdraw_request(request: ApprovalRequest, reason: str) -> None:
    """Take a request back.

    Args:
        request: A request of the acting user that waits for an answer.
        reason: Why.

    Raises:
        ApprovalRefused: It is not his, it was answered already, or the reason is missing.
    """
    _lock(request)
    if request.author_id is None or request.author_id != require_scope().user_id:
        raise ApprovalRefused(_("Only the author of %(number)s can withdraw it.", number=request.number))
    _require_pending(request)
    if not reason.strip():
        raise ApprovalRefused(_("Say why you withdraw it; the approvers read it."), field="reason")
    _cancel_rest(request)
    request.state, request.finished_at = RequestState.WITHDRAWN, utc_now()
    request.withdrawal_reason = reason.strip()
    db.session.flush()
    _tell(request, "withdrawn")


def amount_changed(kind: str, record: Any, amount: Decimal, note: Text = "") -> ApprovalRequest | None:
    """Note another amount of a record that was approved, and ask anew where it rose too far.

    While a request waits, another amount starts its opinions anew: they were given about another one. The earlier
    opinions stay with the request, each with the amount that it was given about; :func:`amount_words` says what the
    change means. Where it is asked anew, the acting user becomes its author, so that he does not judge what he changed.

    Args:
        kind: Code of the kind.
        record: The record, with its new amount, since its ``facts`` are read anew.
        amount: The amount now, in yuan.
        note: Why it changed; those who are asked anew read it below the reason of the request, a lazy text each in his
            language.

    Returns:
        The request, which waits again (``state``) when it had to be opened again; None when nothing was ever asked.

    Raises:
        ApprovalRefused: It has to be asked anew, and the acting user may not ask for it, or nobody else could answer.

    Source: domain reference 5.4.2 [RECON], worked example 5.
    """
    request = pending_request(kind, record) or approved_request(kind, record)
    if request is None:
        return None
    _lock(request)
    declared = kind_of(kind)
    if request.state == RequestState.PENDING:
        if request.amount == amount:
            return request
    elif request.approved_amount is None or not needs_reopening(
        declared, request.approved_amount, amount, _department_of(request)
    ):
        request.amount = amount
        db.session.flush()
        return request
    was_approved = request.state == RequestState.APPROVED
    _cancel_rest(request)
    request.state, request.finished_at = RequestState.PENDING, None
    request.round_number += 1
    request.note = paragraphs((request.note, note))
    _asked_by_acting(request, declared)
    freeze(request, declared, record, amount)
    db.session.flush()
    start_round(request, declared, record)
    if was_approved:
        _tell(request, "reopened")
    return request


def _department_of(request: ApprovalRequest) -> int:
    """Return the department whose limits count for a request, wherever the acting user belongs."""
    return tree_of(request.project_id, request.department_id).path[-1]


def _asked_by_acting(request: ApprovalRequest, kind: ApprovalKind) -> None:
    """Make whoever changed the amount the author: neither he nor the author before him gives an opinion on it."""
    user_id = require_scope().user_id
    if user_id is None or user_id == request.author_id:
        return
    refuse_barred_author(kind, user_id)
    if request.author_id is not None:
        request.earlier_author_ids = [*(request.earlier_author_ids or ()), request.author_id]
    request.author_id = user_id


def amount_words(request: ApprovalRequest) -> str:
    """Return what the change of an amount means for a request, as a sentence; empty where nothing changed.

    Args:
        request: A request that waits or was approved, see :func:`amount_changed`.
    """
    kind = current_runtime().declared.approval_kind(request.kind)
    if kind is None or request.amount is None:
        return ""
    if request.state == RequestState.PENDING and request.approved_amount is None:
        earlier = [task.amount for task in request.tasks if task.round_number < request.round_number]
        if not earlier or earlier[-1] is None or earlier[-1] == request.amount:
            return ""
        return _(
            "The amount was changed from %(before)s to %(now)s while it waited, so all opinions are asked anew.",
            before=_yuan(earlier[-1]),
            now=_yuan(request.amount),
        )
    approved, decided = request.approved_amount, (RequestState.PENDING, RequestState.APPROVED)
    if approved is None or approved == request.amount or request.state not in decided:
        return ""
    rise = rise_of(kind, approved, request.amount, _department_of(request))
    if request.state == RequestState.APPROVED:
        return _stands(request, approved, rise)
    return _asked_anew(request, approved, rise)


def _stands(request: ApprovalRequest, approved: Decimal, rise: Rise) -> str:
    amounts = {"before": _yuan(approved), "now": _yuan(request.amount)}
    if request.amount is not None and request.amount < approved:
        return _("%(now)s is less than the approved %(before)s, so the approvals stand.", **amounts)
    return _(
        "%(now)s is %(percent)s %% more than the approved %(before)s and stays within the same level, "
        "so the approvals stand (up to %(limit)s %%).",
        percent=_percent(rise.percent),
        limit=_percent(rise.limit),
        **amounts,
    )


def _asked_anew(request: ApprovalRequest, approved: Decimal, rise: Rise) -> str:
    amounts = {"before": _yuan(approved), "now": _yuan(request.amount)}
    if rise.band is not None:
        return _(
            "Approved were %(before)s. %(now)s lies in a higher level (%(level)s), so all opinions are asked anew.",
            level=rise.band.label,
            **amounts,
        )
    if rise.is_above_limit and rise.percent is not None:
        return _(
            "Approved were %(before)s. %(now)s is %(percent)s %% more; above %(limit)s %% all opinions are asked "
            "anew.",
            percent=_percent(rise.percent),
            limit=_percent(rise.limit),
            **amounts,
        )
    return _("Approved were %(before)s. For %(now)s all opinions are asked anew.", **amounts)


def _yuan(amount: Decimal | None) -> str:
    return f"¥{amount or 0:,.2f}"


def _percent(value: Decimal | None) -> str:
    return f"{value or 0:.1f}".removesuffix(".0")


def _lock(request: ApprovalRequest) -> None:
    """Wait until nobody else answers the same request, and read what he wrote."""
    db.session.flush()
    db.session.scalar(
        sa.select(ApprovalRequest)
        .where(ApprovalRequest.id == request.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    db.session.refresh(request, ["tasks"])
    for task in request.tasks:
        db.session.refresh(task)


def _require_pending(request: ApprovalRequest) -> None:
    if request.state != RequestState.PENDING:
        raise ApprovalRefused(
            _(
                "%(number)s does not wait for an answer any more. Reload the page to see what happened.",
                number=request.number,
            )
        )


def _answer(task: ApprovalTask, verdict: TaskState, opinion: str) -> ApprovalRequest:
    request = task.request
    _lock(request)
    _require_pending(request)
    if task.state != TaskState.OPEN:
        raise ApprovalRefused(
            _(
                "Somebody has answered “%(step)s” of %(number)s meanwhile. Reload the page to see what happened.",
                step=label_of(request, task),
                number=request.number,
            )
        )
    standing = acting_standing()
    if standing.user_id is not None and standing.user_id in request.askers:
        raise ApprovalRefused(
            _("You asked for %(number)s yourself, so somebody else has to answer.", number=request.number)
        )
    as_whom = standing.answers_as(task, request.askers)
    if as_whom is None:
        raise ApprovalRefused(
            _(
                "“%(step)s” of %(number)s does not wait for you.",
                step=label_of(request, task),
                number=request.number,
            )
        )
    task.opinion = opinion.strip()[:LONGEST_OPINION]
    task.state, task.decided_at = verdict, utc_now()
    task.decided_by_id = standing.user_id
    task.on_behalf_of_id = None if as_whom == standing.user_id else as_whom
    db.session.flush()
    means_of_approvals().finish_todos(f"approval:{task.id}:")
    return request


def _cancel_rest(request: ApprovalRequest) -> None:
    for task in request.tasks:
        if task.state in (TaskState.OPEN, TaskState.WAITING):
            task.state = TaskState.CANCELLED
            means_of_approvals().finish_todos(f"approval:{task.id}:")
    db.session.flush()


def _record_of(request: ApprovalRequest) -> Any:
    declared = current_runtime().declared.record_kind(request.record_kind)
    record = db.session.get(declared.model, request.record_id) if declared is not None else None
    if record is None:
        raise ApprovalRefused(_("The record of %(number)s does not exist any more.", number=request.number))
    return record


def _tell(request: ApprovalRequest, what: str) -> None:
    callback = getattr(kind_of(request.kind), what)
    if callback is not None:
        callback(_record_of(request), request)
        db.session.flush()
