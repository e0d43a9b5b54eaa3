"""Printing the documents of many records: ticked rows, all rows of a list, or all that lie below a record.

What is wanted is asked for on a page that shows how many records match; starting it makes a job. The records are found
behind the wall, by the list's own conditions, and read once more with the rights of the user when they are printed.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, abort, current_app, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _

from core.admin.actions import MOST_ROWS, TooManyRows
from core.admin.ajax import strict_id
from core.admin.listing import Lister, read_request
from core.admin.saving import SaveRefused, commit
from core.admin.views import RecordView
from core.database.scope import require_scope
from core.extensions import db
from core.languages import LOCALES
from core.machinery.attachments.services import record_of
from core.machinery.documents import batches
from core.machinery.documents.printing import DocumentRefused
from core.machinery.jobs.services import JobRefused
from core.people.permissions import requires
from core.plugin_system.declarations import DocumentType, RecordKind
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

document_batches = Blueprint("document_batches", __name__)

_OWN_FIELDS = frozenset(
    {"csrf_token", "document", "language", "mode", "output", "renews", "nonce", "rowid", "url"}
)


@dataclass(frozen=True)
class Selection:
    """The records that somebody chose.

    Attributes:
        keys: Their keys in order; one more than a batch may have, when there are too many.
        words: Where they come from, for the page.
        back: Address to return to.
        fields: What names the selection, as fields of a form.
    """

    keys: Sequence[int]
    words: str
    back: str
    fields: Sequence[tuple[str, str]]


@document_batches.route("/<kind>", methods=("GET", "POST"))
@requires(batches.PERMISSION)
def order(kind: str) -> Any:
    """Ask which document is wanted, and how; shows how many records match."""
    declared, types = _asked(kind)
    try:
        selection = _selection(declared)
    except TooManyRows as refused:
        flash(str(refused), "error")
        return redirect(url_for(_list_of(declared)), 303)
    if not request.form.get("document"):
        return _page(declared, types, selection)
    try:
        job = batches.start_batch(_order(selection), _nonce())
        job_id = job.id
        commit()
    except (DocumentRefused, JobRefused) as refusal:
        db.session.rollback()
        return _page(declared, types, selection, str(refusal)), 422
    except SaveRefused as refusal:
        return _page(declared, types, selection, refusal.sentence), 409
    return redirect(url_for("jobs.details", job_id=job_id), 303)


def _asked(code: str) -> tuple[RecordKind, list[DocumentType]]:
    declared = current_runtime().declared
    kind = declared.record_kind(code)
    if kind is None or not is_on(declared.component_of(kind)):
        abort(404)
    if kind.view_permission not in require_scope().permissions:
        abort(403)
    types = batches.batch_types(code)
    return (kind, types) if types else abort(404)


def _order(selection: Selection) -> batches.BatchOrder:
    form = request.form
    return batches.BatchOrder(
        document=form.get("document", ""),
        record_ids=tuple(selection.keys),
        language=form.get("language", ""),
        issues=form.get("mode") == "issue",
        zipped=form.get("output") == "zip",
        renews=form.get("renews") == "1",
    )


def _nonce() -> str:
    nonce = request.form.get("nonce", "")
    if not 20 <= len(nonce) <= 43 or not nonce.isascii():
        abort(400)
    return nonce


# Which records


def _selection(kind: RecordKind) -> Selection:
    if request.values.getlist("rowid"):
        return _ticked(kind)
    if request.values.get("view"):
        return _listed(kind)
    if request.values.get("below"):
        return _below(kind)
    abort(404)


def _ticked(kind: RecordKind) -> Selection:
    """Return the ticked rows, all of which the user must see; else it answers 404 and nothing is done."""
    texts = request.values.getlist("rowid")
    if len(texts) > MOST_ROWS:
        raise TooManyRows
    keys = [key for text in texts if (key := strict_id(text)) is not None]
    found = {record.id for record in batches.visible_records(kind, keys)}
    if len(keys) != len(texts) or found != set(keys):
        abort(404)
    return Selection(
        list(dict.fromkeys(keys)), _("Ticked rows"), _back(kind), [("rowid", str(key)) for key in keys]
    )


def _listed(kind: RecordKind) -> Selection:
    view = _view(request.values["view"])
    if view is None or view.model is not kind.model or not view.is_accessible():
        abort(404)
    arguments = {name: value for name, value in request.values.items() if name not in _OWN_FIELDS | {"view"}}
    asked = read_request(view, arguments)
    keys = Lister(view, asked).keys(batches.MOST_RECORDS + 1)
    words = [str(view.name), *(f"{chip.label} {chip.words}" for chip in asked.chips)]
    if asked.search:
        words.append(" ".join((_("Search"), asked.search)))
    given = {name: str(value) for name, value in asked.arguments.items() if value not in (None, "")}
    return Selection(
        keys,
        " · ".join(words),
        view.address("index_view", **given),
        [("view", view.endpoint), *given.items()],
    )


def _below(kind: RecordKind) -> Selection:
    code, _colon, text = request.values["below"].partition(":")
    key = strict_id(text)
    held = record_of(code, key) if key is not None else None
    if held is None:
        abort(404)
    condition = batches.below(kind, held[0], held[1].id)
    if condition is None:
        abort(404)
    narrowing = kind.narrow() if kind.narrow is not None else ()
    statement = sa.select(kind.model.id).where(condition, *narrowing).order_by(kind.model.id)
    keys = list(db.session.scalars(statement.limit(batches.MOST_RECORDS + 1)))
    return Selection(
        keys,
        f"{held[0].label} {held[0].title(held[1])}",
        url_for(held[0].endpoint, id=key),
        [("below", f"{code}:{key}")],
    )


def _view(endpoint: str) -> RecordView | None:
    views = current_app.extensions["admin"][0]._views
    return next((view for view in views if isinstance(view, RecordView) and view.endpoint == endpoint), None)


def _list_of(kind: RecordKind) -> str:
    return f"{kind.endpoint.rpartition('.')[0]}.index_view"


def _back(kind: RecordKind) -> str:
    view = _view(kind.endpoint.rpartition(".")[0])
    return view.address("index_view") if view is not None else url_for("admin.index")


# The page


def _page(kind: RecordKind, types: Sequence[DocumentType], selection: Selection, complaint: str = "") -> str:
    permissions = require_scope().permissions
    languages = list(dict.fromkeys(code for item in types for code in item.languages if code in LOCALES))
    count = len(selection.keys)
    return render_template(
        "admin/documents/batch.html",
        kind=kind,
        types=types,
        languages=[(code, LOCALES[code]) for code in languages],
        issuable={item.code for item in types if item.issue_permission in permissions},
        selection=selection,
        count=count,
        limit=batches.MOST_RECORDS,
        too_many=count > batches.MOST_RECORDS,
        complaint=complaint,
        typed=_typed(types, languages),
        nonce=request.form.get("nonce") or secrets.token_urlsafe(24),
    )


def _typed(types: Sequence[DocumentType], languages: Sequence[str]) -> Mapping[str, str]:
    first = {
        "document": types[0].code,
        "language": languages[0] if languages else "",
        "mode": "preview",
        "output": "merged",
        "renews": "",
    }
    asked = {name: request.values.get(name, "") for name in first}
    return {name: asked[name] or value for name, value in first.items()}
