"""Jobs in the background: what waits, what runs, what came out; and the bell in the top bar."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, current_app, flash, jsonify, redirect, request, send_file, url_for
from flask_admin import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from werkzeug.wrappers import Response

from core.admin.ajax import strict_id
from core.admin.cells import moment_words
from core.admin.saving import SaveRefused, commit
from core.admin.views import PageView
from core.database.types import utc_now
from core.extensions import db
from core.machinery.jobs import services
from core.machinery.jobs.models import ENDED, Job, JobState
from core.machinery.jobs.services import JobRefused
from core.people.models import User
from core.people.permissions import has_permission, public

OWN = "everybody sees the jobs that he started himself; of others those whom the service lets see them, else 404"
PAGE_SIZE = 30
NEW_SECONDS = 60
"""So long after the bell was pressed its jobs are marked in the list."""
MOST_POLLED = 60
_LARGEST_ID = 2**63 - 1
_ONE = f"/<int(max={_LARGEST_ID}):job_id>/"

STATES: Mapping[str, tuple[Any, sa.ColumnElement[bool] | None]] = {
    "": (_l("All"), None),
    "active": (_l("Not ended"), Job.ended_at.is_(None)),
    "trouble": (_l("With failures"), sa.or_(Job.failed > 0, Job.state == JobState.FAILED)),
}


class JobsView(PageView):
    """``/admin/jobs/``: the user's own jobs, and with a permission those of the department."""

    @expose("/")
    @public(OWN)
    def index(self) -> str:
        """Show the newest jobs."""
        whole = request.args.get("of") == "department" and has_permission(services.VIEW)
        state = request.args.get("state", "")
        condition = STATES.get(state, STATES[""])[1]
        query = services.visible_jobs(whole_department=whole)
        if condition is not None:
            query = query.where(condition)
        before = strict_id(request.args.get("before", ""))
        if before is not None:
            query = query.where(Job.id < before)
        jobs = db.session.scalars(query.order_by(Job.id.desc()).limit(PAGE_SIZE + 1)).all()
        shown = jobs[:PAGE_SIZE]
        chosen: dict[str, Any] = {
            "of": "department" if whole else None,
            "state": state if state in STATES and state else None,
        }
        page: str = self.render(
            "admin/jobs/list.html",
            jobs=[_row(job) for job in shown],
            starters=_names(shown),
            whole=whole,
            may_see_all=has_permission(services.VIEW),
            tabs=[
                {
                    "label": label,
                    "url": url_for(".index", of=chosen["of"], state=code or None),
                    "current": code == (chosen["state"] or ""),
                }
                for code, (label, _condition) in STATES.items()
            ],
            older=url_for(".index", before=shown[-1].id, **chosen) if len(jobs) > PAGE_SIZE else None,
            newest=url_for(".index", **chosen) if before is not None else None,
            **_waiting_note(shown),
        )
        return page

    @expose(_ONE)
    @public(OWN)
    def details(self, job_id: int) -> str:
        """Show a job with its progress, failures, log and files."""
        job = _asked(job_id)
        starter = db.session.get(User, job.starter_id) if job.starter_id is not None else None
        page: str = self.render(
            "admin/jobs/details.html",
            row=_row(job),
            job=job,
            kind=_kind_label(job),
            starter=(starter.name or starter.email) if starter is not None else _("The system"),
            failures=services.failures_of(job),
            log=services.log_of(job),
            files=services.files_of(job) if services.may_download(job) else (),
            kept_back=not services.may_download(job) and bool(services.files_of(job)),
            may_change=services.may_change(job),
            may_repeat=services.may_repeat(job),
            when=moment_words,
            **_waiting_note([job]),
        )
        return page

    @expose("/progress")
    @public(OWN)
    def progress(self) -> Response:
        """Tell how far jobs are, for pages that show them."""
        asked = [strict_id(part) for part in request.args.get("ids", "").split(",")[:MOST_POLLED]]
        query = services.visible_jobs(whole_department=True).where(
            Job.id.in_([key for key in asked if key is not None])
        )
        told = {str(job.id): _row(job) for job in db.session.scalars(query)}
        return _unkept(jsonify(jobs=told))

    @expose("/bell")
    @public(OWN)
    def bell(self) -> Response:
        """Tell what the bell in the top bar shows."""
        unseen = services.unseen()
        return _unkept(jsonify(ended=unseen.ended, active=unseen.active))

    @expose("/notice", methods=("POST",))
    @public(OWN)
    def notice(self) -> Response:
        """Note that the user has seen how his jobs ended, and show them."""
        services.take_notice()
        return _after(url_for(".index"))

    @expose(f"{_ONE}cancel", methods=("POST",))
    @public(OWN)
    def cancel(self, job_id: int) -> Response:
        """Cancel a job."""
        job = _changeable(job_id)
        try:
            services.cancel(job)
        except JobRefused as refusal:
            return _refused(job_id, refusal)
        return _after(
            url_for(".details", job_id=job_id),
            _("The job is cancelled. A step that is being done is finished first."),
        )

    @expose(f"{_ONE}repeat", methods=("POST",))
    @public(OWN)
    def repeat(self, job_id: int) -> Response:
        """Let a job go on with what failed or was not done."""
        job = _changeable(job_id)
        try:
            services.repeat(job)
        except JobRefused as refusal:
            return _refused(job_id, refusal)
        return _after(
            url_for(".details", job_id=job_id),
            _("What failed is tried again; what was done stays as it is."),
        )

    @expose(f"{_ONE}files/<int(max={_LARGEST_ID}):file_id>", methods=("POST",))
    @public(OWN)
    def download(self, job_id: int, file_id: int) -> Any:
        """Answer a file, and write that into the audit log."""
        job = _asked(job_id)
        try:
            found, content = services.read_file(job, file_id)
        except LookupError:
            abort(404)
        name, content_type = found.name, found.content_type
        commit()
        response = send_file(
            io.BytesIO(content), mimetype=content_type, download_name=name, as_attachment=True
        )
        return _unkept(response)


def _asked(job_id: int) -> Job:
    job = services.find_job(job_id)
    if job is None:
        abort(404)
    return job


def _changeable(job_id: int) -> Job:
    job = _asked(job_id)
    if not services.may_change(job):
        abort(403)
    return job


def _refused(job_id: int, refusal: JobRefused) -> Response:
    db.session.rollback()
    flash(str(refusal), "error")
    return redirect(url_for(".details", job_id=job_id))


def _after(address: str, sentence: str = "") -> Response:
    try:
        commit()
    except SaveRefused as refusal:
        flash(refusal.sentence, "error")
    else:
        if sentence:
            flash(sentence, "success")
    return redirect(address)


def _unkept(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _names(jobs: Sequence[Job]) -> dict[int, str]:
    keys = {job.starter_id for job in jobs if job.starter_id is not None}
    rows = db.session.execute(sa.select(User.id, User.name, User.email).where(User.id.in_(keys)))
    return {row.id: row.name or row.email for row in rows}


def _kind_label(job: Job) -> str:
    kind = services.kind_of(job.kind)
    return str(kind.label) if kind is not None else job.kind


def _row(job: Job) -> dict[str, Any]:
    """Return what a page shows of the progress of a job; plain data, so that a script can ask for it too."""
    tone, words = status(job)
    is_new = job.seen_at is not None and utc_now() - job.seen_at < dt.timedelta(seconds=NEW_SECONDS)
    return {
        "id": job.id,
        "title": str(job.title),
        "kind": _kind_label(job),
        "url": url_for("jobs.details", job_id=job.id),
        "starter_id": job.starter_id,
        "done": job.done + job.failed,
        "failed": job.failed,
        "total": job.total,
        "tone": tone,
        "words": words,
        "counted": counted(job),
        "active": job.ended_at is None,
        "at_work": job.state == JobState.RUNNING,
        "new": is_new and job.state in ENDED,
        "started": moment_words(job.created_at),
    }


def _is_silent(job: Job) -> bool:
    """Return whether the worker of a job has missed a sign of life; it gives three of them within a lease."""
    missed = dt.timedelta(seconds=current_app.config["JOB_LEASE_SECONDS"]) / 2
    return job.lease_until is not None and job.lease_until < utc_now() + missed


def status(job: Job) -> tuple[str, str]:
    """Return tone and words of how far a job is."""
    if job.state == JobState.RUNNING:
        if _is_silent(job):
            return "wait", _(
                "Interrupted; another worker goes on after %(time)s", time=moment_words(job.lease_until)
            )
        return "wait", _("Is being cancelled") if job.cancel_requested_at else _("At work")
    if job.state == JobState.WAITING:
        if not services.may_run_now(job.kind, job.department_id):
            return "wait", _("Waits: the module is off")
        if job.not_before is not None and job.not_before > utc_now():
            return "calm", _("Waits until %(time)s", time=moment_words(job.not_before))
        return "calm", _("Waiting")
    if job.state == JobState.FAILED:
        return "late", _("Ended in failure")
    if job.state == JobState.CANCELLED:
        return "calm", _("Cancelled")
    if job.failed:
        return "wait", ngettext("Done, %(num)s failure", "Done, %(num)s failures", job.failed)
    return "ok", _("Done")


def counted(job: Job) -> str:
    """Return how much of a job is behind it, in words."""
    behind = job.done + job.failed
    if job.total is None:
        return str(behind) if behind else ""
    return _("%(done)s of %(total)s", done=behind, total=job.total)


def _waiting_note(jobs: Sequence[Job]) -> dict[str, Any]:
    active = [job.id for job in jobs if job.ended_at is None]
    return {
        "active_ids": active,
        "no_worker": bool(active) and not services.workers_are_there(),
    }
