"""Approvals in the back office: what waits for oneself, each request with its opinions, and who stands in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from markupsafe import Markup

from core.admin.access import ViewPermissions, expose_guarded
from core.admin.addresses import address_of
from core.admin.ajax import strict_id
from core.admin.filters import ChoiceFilter, DateRangeFilter, TextFilter
from core.admin.saving import SaveRefused, commit
from core.admin.searching import clean_text
from core.admin.views import PageView, RecordView
from core.database.scope import require_scope
from core.database.types import local_today
from core.extensions import db
from core.machinery.approvals import services
from core.machinery.approvals.declarations import STATES, TASK_STATES, VIEW, kind_label
from core.machinery.approvals.models import ApprovalDelegation, ApprovalRequest, ApprovalTask
from core.machinery.attachments.services import record_of
from core.people.models import User
from core.people.services import users_in_reach
from core.plugin_system.runtime import current_runtime

MOST_COLLEAGUES = 500
MOST_AT_ONCE = 200


def waiting_count() -> int | None:
    """Return how much waits for the acting user, for the sidebar."""
    return len(services.inbox()) or None


def money(amount: Any) -> str:
    """Return an amount in yuan."""
    return "" if amount is None else f"¥{amount:,.2f}"


def _record_link(asked: ApprovalRequest) -> Markup | str:
    kind = current_runtime().declared.record_kind(asked.record_kind)
    held = record_of(asked.record_kind, asked.record_id) if kind is not None else None
    if kind is None or held is None:
        return str(asked.title)
    return Markup('<a href="{}">{} {}</a>').format(
        address_of(kind.endpoint, id=asked.record_id), str(kind.label), asked.title
    )


class ApprovalView(RecordView):
    """The requests for approval; nobody changes them by a form."""

    permissions = ViewPermissions(view=VIEW)
    record_kind = "core.approval"
    column_list = ("number", "what", "title", "amount", "state", "requested_at")
    column_details_list = (
        "what",
        "about",
        "sum",
        "state",
        "author",
        "requested_at",
        "finished_at",
        "note",
        "withdrawal_reason",
        "round_number",
        "content_hash",
    )
    column_labels = {
        "number": _l("Number"),
        "what": _l("What for"),
        "title": _l("Record"),
        "about": _l("Record"),
        "amount": _l("Amount"),
        "sum": _l("Amount"),
        "state": _l("State"),
        "author": _l("Asked by"),
        "requested_at": _l("Asked on"),
        "finished_at": _l("Finished"),
        "note": _l("Reason"),
        "withdrawal_reason": _l("Taken back because"),
        "round_number": _l("Version"),
        "content_hash": _l("Fingerprint (SHA-256)"),
    }
    status_columns = {"state": STATES}
    cells = {
        "what": kind_label,
        "about": _record_link,
        "sum": lambda asked: money(asked.amount),
        "author": lambda asked: services.names_of([asked.author_id]).get(asked.author_id or 0, ""),
    }
    list_options = (sa.orm.load_only(ApprovalRequest.kind),)
    filters = (ChoiceFilter("state"), TextFilter("number"), DateRangeFilter("requested_at"))
    details_template = "admin/approvals/request.html"
    refusals = (services.ApprovalRefused,)
    empty_list_hint = _l("Requests appear here as soon as a record is put before those who approve it.")

    def row_conditions(self) -> Sequence[sa.ColumnElement[bool]]:
        """Leave out requests of modules that are switched off."""
        return services.of_modules_that_are_on()

    def details_extra(self, record: ApprovalRequest) -> Mapping[str, Any]:
        """Return the opinions, and the forms of those that wait for the acting user."""
        people = services.names_of(
            [
                key
                for task in record.tasks
                for key in (task.decided_by_id, task.on_behalf_of_id, task.person_id)
            ]
        )
        steps = _earlier_steps(record)
        return {
            "facts": services.facts_of(record, services.page_language()),
            "amount_words": services.amount_words(record),
            "amounts_differ": len({task.amount for task in record.tasks}) > 1,
            "opinions": [
                {
                    "task": task,
                    "label": services.label_of(record, task),
                    "state": TASK_STATES[task.state],
                    "who": people.get(task.decided_by_id or 0, ""),
                    "for_whom": people.get(task.on_behalf_of_id or 0, ""),
                    "asked": people.get(task.person_id or 0, "") or services.role_label(task.role),
                }
                for task in record.tasks
            ],
            "waiting": [
                {
                    "each": each,
                    "label": services.label_of(record, each.task),
                    "for_whom": services.names_of([each.on_behalf_of_id]).get(each.on_behalf_of_id or 0, ""),
                    "back_to": [pair for pair in steps if pair[2] < each.task.position],
                }
                for each in services.open_tasks_for_me(record)
            ],
            "may_withdraw": record.state == "pending" and record.author_id == require_scope().user_id,
            "typed": request.form,
        }

    @expose_guarded("/answer/", permission=VIEW, methods=("POST",))
    def answer(self) -> Any:
        """Give an opinion; a refused one comes back with what was typed."""
        record = self.get_one(self._single_id())
        key = strict_id(request.form.get("task"))
        task = next((task for task in record.tasks if task.id == key), None)
        if task is None:
            abort(404)
        opinion = clean_text(request.form.get("opinion", ""))
        verdict = request.form.get("verdict")
        if verdict not in ("approve", "reject"):
            abort(400)
        record_id = record.id
        try:
            if verdict == "approve":
                services.approve(task, opinion)
                done = _("%(number)s: your approval is noted.", number=record.number)
            else:
                services.reject(task, opinion, clean_text(request.form.get("back_to", "")))
                done = _("%(number)s was given back.", number=record.number)
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
        except services.ApprovalRefused as refused:
            db.session.rollback()
            flash(str(refused), "error")
            if refused.field is not None:
                return self._details(self.get_one(record_id), masked=False), 422
        else:
            flash(done, "success")
        return redirect(self.address("details_view", id=record_id), 303)

    @expose_guarded("/withdraw/", permission=VIEW, methods=("POST",))
    def withdraw(self) -> Any:
        """Take a request back."""
        record = self.get_one(self._single_id())
        record_id, number = record.id, record.number
        try:
            services.withdraw_request(record, clean_text(request.form.get("reason", ""))[:1000])
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
        except services.ApprovalRefused as refused:
            db.session.rollback()
            flash(str(refused), "error")
            if refused.field is not None:
                return self._details(self.get_one(record_id), masked=False), 422
        else:
            flash(_("%(number)s is taken back.", number=number), "success")
        return redirect(self.address("details_view", id=record_id), 303)


def _earlier_steps(asked: ApprovalRequest) -> list[tuple[str, str, int]]:
    kind = current_runtime().declared.approval_kind(asked.kind)
    steps = sorted(kind.steps, key=lambda step: step.order) if kind is not None else []
    asked_for = {task.step for task in asked.tasks}
    return [(step.code, str(step.label), step.order) for step in steps if step.code in asked_for]


class ApprovalInbox(PageView):
    """What waits for the acting user, with its age; several at once; and who stands in for him."""

    @expose_guarded("/", permission=VIEW)
    def index(self) -> Any:
        """Show what waits."""
        return self._page()

    def _page(self, status: int = 200, **values: Any) -> Any:
        waiting = services.inbox()
        people = services.names_of(
            [key for each in waiting for key in (each.request.author_id, each.on_behalf_of_id)]
        )
        delegations = services.delegations_of_mine()
        scope = require_scope()
        colleagues = db.session.scalars(
            users_in_reach()
            .where(User.active.is_(True), User.id != scope.user_id)
            .order_by(User.name, User.id)
            .limit(MOST_COLLEAGUES)
        ).all()
        html = self.render(
            "admin/approvals/inbox.html",
            waiting=[
                {
                    "each": each,
                    "what": kind_label(each.request),
                    "label": services.label_of(each.request, each.task),
                    "author": people.get(each.request.author_id or 0, ""),
                    "for_whom": people.get(each.on_behalf_of_id or 0, ""),
                    "amount": money(each.request.amount),
                }
                for each in waiting
            ],
            delegations=[
                (each, services.names_of([each.delegate_id]).get(each.delegate_id, ""))
                for each in delegations
            ],
            colleagues=colleagues,
            today=local_today(),
            typed=request.form,
            **values,
        )
        return html if status == 200 else (html, status)

    @expose_guarded("/approve/", permission=VIEW, methods=("POST",))
    def approve_many(self) -> Any:
        """Agree to the ticked ones; those that cannot be answered are listed with their reason."""
        keys = {strict_id(text) for text in request.form.getlist("task")[:MOST_AT_ONCE]}
        if not keys:
            flash(_("Choose at least one row."), "error")
            return redirect(self._address(), 303)
        if None in keys:
            abort(404)
        query = (
            sa.select(ApprovalTask)
            .join(ApprovalRequest, ApprovalRequest.id == ApprovalTask.request_id)
            .where(ApprovalTask.id.in_(keys), *services.of_modules_that_are_on())
            .order_by(ApprovalTask.id)
        )
        tasks = db.session.scalars(query).all()
        if len(tasks) != len(keys):
            abort(404)
        try:
            done, skipped = services.approve_many(tasks, clean_text(request.form.get("opinion", "")))
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
            return redirect(self._address(), 303)
        if done:
            flash(
                ngettext("%(num)s approval is noted.", "%(num)s approvals are noted.", len(done)), "success"
            )
        return self._page(skipped=skipped) if skipped else redirect(self._address(), 303)

    @expose_guarded("/delegate/", permission=VIEW, methods=("POST",))
    def delegate(self) -> Any:
        """Let a colleague stand in."""
        key = strict_id(request.form.get("delegate_id", ""))
        colleague = (
            db.session.scalar(users_in_reach().where(User.id == key, User.active.is_(True))) if key else None
        )
        try:
            services.delegate(
                colleague,
                _day(request.form.get("from_on", "")),
                _day(request.form.get("until_on", "")),
                clean_text(request.form.get("reason", "")),
            )
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
        except services.ApprovalRefused as refused:
            db.session.rollback()
            flash(str(refused), "error")
            return self._page(422)
        else:
            flash(_("Your colleague answers in your place on these days."), "success")
        return redirect(self._address(), 303)

    @expose_guarded("/end/", permission=VIEW, methods=("POST",))
    def end(self) -> Any:
        """End that somebody stands in."""
        key = strict_id(request.args.get("id", ""))
        found = (
            db.session.scalar(
                sa.select(ApprovalDelegation)
                .where(ApprovalDelegation.id == key, ApprovalDelegation.user_id == require_scope().user_id)
                .with_for_update()
            )
            if key
            else None
        )
        if found is None:
            abort(404)
        try:
            services.end_delegation(found)
            commit()
        except SaveRefused as refused:
            flash(refused.sentence, "error")
        except services.ApprovalRefused as refused:
            db.session.rollback()
            flash(str(refused), "error")
        else:
            flash(_("Nobody stands in for you any more on these days."), "success")
        return redirect(self._address(), 303)

    def _address(self) -> str:
        return address_of(f"{self.endpoint}.index")


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text.strip())
    except ValueError:
        day = None
    if day is None or not 1900 <= day.year <= 2200:
        raise services.ApprovalRefused(
            _("Enter the first and the last day, like 2026-11-23."), field="from_on"
        )
    return day
