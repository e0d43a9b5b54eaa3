"""Imports in the back office: choose what, upload, confirm the columns, look at every verdict, write, list, undo."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from werkzeug.datastructures import CombinedMultiDict
from wtforms import BooleanField, SelectField
from wtforms.fields.choices import SelectChoice

from core.admin.access import expose_guarded
from core.admin.ajax import ReferenceField, strict_id
from core.admin.cells import moment_words
from core.admin.forms import GuardedForm
from core.admin.import_files import bad_rows_workbook, template_workbook
from core.admin.import_jobs import go_on, stopped
from core.admin.listing import IMPORT
from core.admin.saving import SaveRefused, commit, saving
from core.admin.searching import clean_text
from core.admin.views import PageView
from core.extensions import db
from core.machinery.exchange import services
from core.machinery.exchange.importer import KINDS, MODES, ImportRefused
from core.machinery.exchange.models import ImportBatch, ImportState
from core.machinery.exchange.staging import SheetPlan, unpack_content
from core.machinery.exchange.tables import IGNORED
from core.machinery.exchange.workbooks import WorkbookUnreadable
from core.people.permissions import has_permission
from core.plugin_system.declarations import ImportDeclaration
from core.plugin_system.runtime import current_runtime

PERMISSION = "imports.use"
SHOWN_ROWS = 100
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RUNNING = (ImportState.CHECKING, ImportState.WRITING, ImportState.UNDOING)
_WORK = {ImportState.CHECKING: "check", ImportState.WRITING: "write", ImportState.UNDOING: "undo"}
_MODE_WORDS = {
    "both": _l("Add new rows and change known ones"),
    "create": _l("Only add new rows"),
    "change": _l("Only change known rows"),
}
_STATE_WORDS = {
    ImportState.READ: ("calm", _l("columns to confirm")),
    ImportState.CHECKING: ("wait", _l("being checked")),
    ImportState.CHECKED: ("wait", _l("checked, not written")),
    ImportState.WRITING: ("wait", _l("being written")),
    ImportState.WRITTEN: ("ok", _l("written")),
    ImportState.UNDOING: ("wait", _l("being taken back")),
    ImportState.UNDONE: ("calm", _l("taken back")),
}


def allowed_imports() -> list[ImportDeclaration]:
    """Return the declared imports that the acting user may use."""
    return [item for item in current_runtime().declared.imports() if has_permission(item.permission)]


def declaration_of(code: str | None) -> ImportDeclaration:
    """Return the declaration of an import that the acting user may use; answers 404 or 403 otherwise."""
    found = current_runtime().declared.import_declaration(code or "")
    if found is None:
        abort(404)
    if not has_permission(found.permission):
        abort(403)
    return found


class StartForm(GuardedForm):
    """The file, where its rows go, and how they are recognised."""

    file = FileField(
        _l("Excel or CSV file"),
        description=_l(".xlsx, .xls or .csv, up to 10 MB and 200,000 rows; nothing is written yet."),
    )
    match = SelectField(_l("A row is known by"), description=_l("Only what you may see is found."))
    mode = SelectField(_l("What the file may do"))


def _start_form(declaration: ImportDeclaration, posted: bool) -> GuardedForm:
    importer = declaration.importer
    fields: dict[str, Any] = {}
    if importer.project is not None:
        fields["project_id"] = ReferenceField(
            _l("Project"),
            reference=importer.project,
            required=True,
            default=lambda: strict_id(request.args.get("project")),
        )
    for name, (label, description) in importer.options.items():
        fields[name] = BooleanField(label, description=description)
    for name, (label, reference) in importer.references.items():
        fields[name] = ReferenceField(label, reference=reference)
    form_class = type("ImportForm", (StartForm,), fields)
    form: GuardedForm = form_class(CombinedMultiDict((request.files, request.form)) if posted else None)
    form["match"].choices = [SelectChoice(key.code, str(key.label)) for key in importer.match_keys]
    form["mode"].choices = [
        SelectChoice(mode, str(_MODE_WORDS[mode])) for mode in MODES if mode in importer.modes
    ]
    for field in form:
        if isinstance(field, ReferenceField):
            field.lookup_url = url_for(".lookup", kind=declaration.code, name=field.name)
    return form


class ImportPage(PageView):
    """Imports from Excel and CSV files."""

    # ------------------------------------------------------------------ choosing and uploading

    @expose_guarded("/", permission=PERMISSION)
    def index(self) -> Any:
        """Show what can be imported, and the latest imports of the user."""
        kinds = allowed_imports()
        labels = {item.code: item.label for item in kinds}
        return self.render(
            "admin/imports/index.html",
            kinds=kinds,
            labels=labels,
            earlier=services.recent_imports(list(labels)),
            states=_STATE_WORDS,
            address=_address,
            moment=moment_words,
        )

    @expose_guarded("/start/", permission=PERMISSION, methods=("GET", "POST"))
    def start(self) -> Any:
        """Ask for the file, read it, and lead to its columns."""
        declaration = declaration_of(request.args.get("kind"))
        posted = request.method == "POST"
        form = _start_form(declaration, posted)
        if posted and self._accept(form):
            batch = self._read(declaration, form)
            if batch is not None:
                return redirect(url_for(".columns", id=batch), 303)
        html = self.render(
            "admin/imports/start.html",
            form=form,
            declaration=declaration,
            importer=declaration.importer,
            earlier=services.recent_imports([declaration.code], 5),
            labels={declaration.code: declaration.label},
            states=_STATE_WORDS,
            address=_address,
            moment=moment_words,
        )
        return (html, 422) if posted else html

    @staticmethod
    def _accept(form: GuardedForm) -> bool:
        valid = bool(form.validate())
        if not getattr(form["file"].data, "filename", ""):
            form["file"].errors = [_("Choose an Excel or CSV file.")]
            valid = False
        return valid

    @staticmethod
    def _read(declaration: ImportDeclaration, form: GuardedForm) -> int | None:
        importer, storage = declaration.importer, form["file"].data
        options = {name: form[name].data for name in (*importer.options, *importer.references)}
        try:
            importer.check_options(options)
            with saving():
                services.forget_expired()
                project = form["project_id"].record if importer.project is not None else None
                batch, _read = services.start_import(
                    declaration.code,
                    importer,
                    storage.read(),
                    storage.filename,
                    project=project,
                    match=form["match"].data or "",
                    mode=form["mode"].data or "both",
                    options=options,
                )
                key = batch.id
            commit()
        except (WorkbookUnreadable, ImportRefused) as error:
            db.session.rollback()
            name = getattr(error, "field", "") or "file"
            form[name].errors = [str(error)]
            return None
        except SaveRefused as refused:
            form.form_errors = [*form.form_errors, refused.sentence]
            return None
        return key

    @expose_guarded("/lookup/", permission=PERMISSION)
    def lookup(self) -> Any:
        """Propose projects and what an importer refers to while somebody types."""
        declaration = declaration_of(request.args.get("kind"))
        references = dict(declaration.importer.references)
        name = request.args.get("name", "")
        if name == "project_id" and declaration.importer.project is not None:
            reference = declaration.importer.project
        elif name in references:
            reference = references[name][1]
        else:
            abort(404)
        offset = strict_id(request.args.get("offset")) or 0
        parent = strict_id(request.args.get("parent"))
        return current_app.json.response(
            reference.proposals(request.args.get("query", ""), parent, offset, 20)
        )

    @expose_guarded("/template/", permission=PERMISSION)
    def template(self) -> Any:
        """Return an empty workbook with the heads, and a sheet that explains them."""
        declaration = declaration_of(request.args.get("kind"))
        return _workbook(
            template_workbook(declaration), f"{declaration.code.replace('.', '-')}-template.xlsx"
        )

    # ------------------------------------------------------------------ columns

    @expose_guarded("/columns/", permission=PERMISSION, methods=("GET", "POST"))
    def columns(self) -> Any:
        """Show what each column is taken for, and let the user correct it; then every row is checked."""
        posted = request.method == "POST"
        batch, declaration = self._batch(request.args.get("id"), locked=posted)
        if batch.state in _RUNNING or batch.state in (ImportState.WRITTEN, ImportState.UNDONE):
            return redirect(_address(batch), 303)
        chosen = None
        if posted:
            chosen = [
                [request.form.get(f"c{sheet}-{column}", IGNORED) for column in range(len(each["heads"]))]
                for sheet, each in enumerate(batch.sheets)
            ]
            key = batch.id
            try:
                with saving():
                    services.set_columns(batch, declaration.importer, chosen)
                    go_on(batch, declaration, "check")
                commit()
                return redirect(url_for(".preview", id=key), 303)
            except (ImportRefused, SaveRefused, ValueError) as error:
                db.session.rollback()
                flash(str(error), "error")
                batch, declaration = self._batch(str(key))
        html = self.render(
            "admin/imports/columns.html",
            batch=batch,
            declaration=declaration,
            importer=declaration.importer,
            sheets=_plans(batch, chosen),
            ignored=IGNORED,
        )
        return (html, 422) if posted else html

    # ------------------------------------------------------------------ verdicts

    @expose_guarded("/preview/", permission=PERMISSION)
    def preview(self) -> Any:
        """Show the verdict of every row, page by page."""
        batch, declaration = self._batch(request.args.get("id"))
        if batch.state == ImportState.READ:
            return redirect(url_for(".columns", id=batch.id), 303)
        if batch.state in (ImportState.WRITTEN, ImportState.UNDONE):
            return redirect(url_for(".result", id=batch.id), 303)
        if batch.state in _RUNNING:
            return self._progress(batch, declaration)
        counts = services.counts_of(batch)
        shown = request.args.get("show", "")
        if shown not in (*KINDS, "ignored"):
            shown = next((kind for kind in ("error", "changed", "new", "unchanged") if counts[kind]), "new")
        page = min(strict_id(request.args.get("page")) or 0, 100_000)
        importer = declaration.importer
        rows = list(services.rows_of(batch, importer, (shown,), page * SHOWN_ROWS, SHOWN_ROWS))
        return self.render(
            "admin/imports/preview.html",
            batch=batch,
            declaration=declaration,
            importer=importer,
            counts=counts,
            shown=shown,
            rows=rows,
            number=page,
            has_next=counts[shown] > (page + 1) * SHOWN_ROWS,
            columns=importer.labels(),
            shown_columns=_used_columns(batch, importer),
            record_address=_record_address(declaration),
        )

    @expose_guarded("/row/", permission=PERMISSION, methods=("GET", "POST"))
    def row(self) -> Any:
        """Correct one row on the page and see its new verdict."""
        posted = request.method == "POST"
        batch, declaration = self._batch(request.args.get("id"), locked=posted)
        if batch.state != ImportState.CHECKED:
            return redirect(_address(batch), 303)
        position = strict_id(request.args.get("row"))
        found = (
            services.row_at(batch, declaration.importer, min(position, 10**7))
            if position is not None
            else None
        )
        if found is None:
            abort(404)
        if posted:
            texts = {
                each.name: clean_text(request.form.get(f"f-{each.name}"))
                for each in declaration.importer.fields
                if f"f-{each.name}" in request.form
            }
            key, place = batch.id, found.position
            try:
                with saving():
                    found = services.correct_row(batch, declaration.importer, place, texts) or abort(404)
                commit()
            except (ImportRefused, SaveRefused) as error:
                db.session.rollback()
                flash(str(error), "error")
                return redirect(url_for(".preview", id=key), 303)
            if found.kind != "error":
                flash(_("Row %(row)s is right now.", row=found.number), "success")
                return redirect(url_for(".preview", id=key, show=request.args.get("show") or None), 303)
        html = self.render(
            "admin/imports/row.html",
            batch=batch,
            declaration=declaration,
            importer=declaration.importer,
            row=found,
            columns=declaration.importer.labels(),
            wrong={error.column for error in found.errors},
        )
        return (html, 422) if posted else html

    @expose_guarded("/bad-rows/", permission=PERMISSION)
    def bad_rows(self) -> Any:
        """Return the rows with errors as a workbook that can be corrected and uploaded, the reason beside each."""
        batch, declaration = self._batch(request.args.get("id"))
        content = bad_rows_workbook(
            declaration, _used_columns(batch, declaration.importer), self._bad_rows(batch, declaration)
        )
        return _workbook(content, f"rows-with-errors-{batch.id}.xlsx")

    @staticmethod
    def _bad_rows(batch: ImportBatch, declaration: ImportDeclaration) -> Sequence[services.ShownRow]:
        if batch.state in (ImportState.READ, ImportState.CHECKING):
            return ()
        return list(services.rows_of(batch, declaration.importer, ("error",), 0, 20_000))

    # ------------------------------------------------------------------ writing

    @expose_guarded("/confirm/", permission=PERMISSION, methods=("POST",))
    def confirm(self) -> Any:
        """Write; sent twice it writes once."""
        batch, declaration = self._batch(request.form.get("id"), locked=True)
        key = batch.id
        all_or_nothing = request.form.get("policy") == "all"
        try:
            with saving():
                if batch.state == ImportState.CHECKED:
                    services.begin_write(batch, all_or_nothing=all_or_nothing)
                    go_on(batch, declaration, "write")
            commit()
        except (ImportRefused, SaveRefused, ValueError) as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(url_for(".preview", id=key), 303)
        if batch.state == ImportState.WRITTEN:
            flash(_("The import is done."), "success")
        return redirect(url_for(".result", id=key), 303)

    @expose_guarded("/result/", permission=PERMISSION)
    def result(self) -> Any:
        """Show exactly the records that were made and changed."""
        batch, declaration = self._batch(request.args.get("id"))
        if batch.state in _RUNNING:
            return self._progress(batch, declaration)
        if batch.state not in (ImportState.WRITTEN, ImportState.UNDONE):
            return redirect(_address(batch), 303)
        page = min(strict_id(request.args.get("page")) or 0, 100_000)
        pairs, total = services.written_records(batch, page * SHOWN_ROWS, SHOWN_ROWS)
        importer = declaration.importer
        records = importer.records([key for _kind, key in pairs])
        return self.render(
            "admin/imports/result.html",
            batch=batch,
            declaration=declaration,
            rows=[
                (kind, records[key], importer.title(records[key])) for kind, key in pairs if key in records
            ],
            gone=sum(1 for _kind, key in pairs if key not in records),
            total=total,
            number=page,
            has_next=total > (page + 1) * SHOWN_ROWS,
            why_not=services.why_not_undo(batch),
            kept=[answer for _place, _outcome, answer in services.undo_answers(batch) if answer][:SHOWN_ROWS]
            if batch.state == ImportState.UNDONE
            else [],
            record_address=_record_address(declaration),
            list_address=_list_address(batch, declaration) if batch.state == ImportState.WRITTEN else None,
            moment=moment_words,
        )

    @expose_guarded("/undo/", permission=PERMISSION, methods=("POST",))
    def undo(self) -> Any:
        """Take back what an import wrote, as far as nothing else changed it."""
        batch, declaration = self._batch(request.form.get("id"), locked=True)
        key = batch.id
        try:
            with saving():
                if batch.state == ImportState.WRITTEN:
                    go_on(batch, declaration, "undo")
            commit()
        except (ImportRefused, SaveRefused, ValueError) as error:
            db.session.rollback()
            flash(str(error), "error")
        return redirect(url_for(".result", id=key), 303)

    @expose_guarded("/resume/", permission=PERMISSION, methods=("POST",))
    def resume(self) -> Any:
        """Go on with an import whose job was cancelled or failed."""
        batch, declaration = self._batch(request.form.get("id"), locked=True)
        key = batch.id
        try:
            with saving():
                if batch.state in _RUNNING and stopped(batch):
                    go_on(batch, declaration, _WORK[batch.state])
            commit()
        except (ImportRefused, SaveRefused, ValueError) as error:
            db.session.rollback()
            flash(str(error), "error")
        return redirect(url_for(".result", id=key), 303)

    @expose_guarded("/discard/", permission=PERMISSION, methods=("POST",))
    def discard(self) -> Any:
        """Remove an import that was not written, with its rows."""
        batch, declaration = self._batch(request.form.get("id"), locked=True)
        kind, key = declaration.code, batch.id
        try:
            with saving():
                services.discard(batch)
            commit()
        except (ImportRefused, SaveRefused) as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(url_for(".result", id=key), 303)
        flash(_("The upload was removed; nothing was imported."), "success")
        return redirect(url_for(".start", kind=kind), 303)

    # ------------------------------------------------------------------ helpers

    @staticmethod
    def _batch(text: str | None, *, locked: bool = False) -> tuple[ImportBatch, ImportDeclaration]:
        key = strict_id(text)
        batch = services.find_import(key, locked=locked) if key is not None else None
        if batch is None:
            abort(404)
        return batch, declaration_of(batch.kind)

    def _progress(self, batch: ImportBatch, declaration: ImportDeclaration) -> Any:
        done, total = services.progress_of(batch)
        return self.render(
            "admin/imports/progress.html",
            batch=batch,
            declaration=declaration,
            done=done,
            total=total,
            states=_STATE_WORDS,
            stopped=stopped(batch),
        )


def _address(batch: ImportBatch) -> str:
    """Return the page on which an import goes on."""
    if batch.state == ImportState.READ:
        return url_for("imports.columns", id=batch.id)
    if batch.state in (ImportState.CHECKING, ImportState.CHECKED):
        return url_for("imports.preview", id=batch.id)
    return url_for("imports.result", id=batch.id)


def _used_columns(batch: ImportBatch, importer: Any) -> list[str]:
    used = {name for sheet in batch.sheets for name in sheet["columns"]}
    return [each.name for each in importer.fields if each.name in used]


def _record_address(declaration: ImportDeclaration) -> Callable[[int], str | None]:
    kind = current_runtime().declared.record_kind(declaration.record_kind)
    if kind is None or not has_permission(kind.view_permission):
        return lambda _key: None
    return lambda key: url_for(kind.endpoint, id=key)


def _list_address(batch: ImportBatch, declaration: ImportDeclaration) -> str | None:
    """Return the list of the model with exactly the rows of an import, where the acting user may see such a list."""
    kind = current_runtime().declared.record_kind(declaration.record_kind)
    name = kind.endpoint.partition(".")[0] if kind is not None else ""
    view = next(
        (each for each in current_app.extensions["doorstep.admin"]._views if each.endpoint == name), None
    )
    model = getattr(view, "model", None)
    if kind is None or model is not declaration.importer.model or not has_permission(kind.view_permission):
        return None
    arguments: dict[str, Any] = {IMPORT: batch.id}
    return url_for(f"{name}.index_view", **arguments)


def _plans(batch: ImportBatch, chosen: Sequence[Sequence[str]] | None) -> list[SheetPlan]:
    """Return the sheets with three sample rows each."""
    plans = [SheetPlan(each["name"], each["heads"], list(each["columns"])) for each in batch.sheets]
    for plan, columns in zip(plans, chosen or (), strict=False):
        plan.columns = list(columns)
    for number in services.chunk_numbers(batch)[:20]:
        text = services.content_of(batch, number)
        for row in unpack_content(text).rows if text else ():
            if len(plans[row.sheet].samples) < 3:
                plans[row.sheet].samples.append(row.cells)
        if all(len(plan.samples) == 3 for plan in plans):
            break
    return plans


def _workbook(content: bytes, name: str) -> Response:
    answer: Response = current_app.response_class(content, mimetype=XLSX)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "no-store"
    return answer


__all__ = ["PERMISSION", "ImportPage", "allowed_imports", "declaration_of"]
