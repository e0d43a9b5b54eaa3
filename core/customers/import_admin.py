"""The import of units and owners in the back office: upload, preview, confirmation, result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from flask import Response, abort, current_app, flash, redirect, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf.file import FileField
from werkzeug.datastructures import CombinedMultiDict
from wtforms import BooleanField

from core.admin.access import expose_guarded
from core.admin.ajax import ReferenceField, strict_id
from core.admin.forms import GuardedForm
from core.admin.saving import SaveRefused, commit, saving
from core.admin.views import PageView
from core.customers import importing
from core.customers.import_rows import ImportRefused, RowInput
from core.customers.models import UnitImport
from core.extensions import db
from core.machinery.exchange.workbooks import WorkbookUnreadable
from core.machinery.exchange.writing import write_workbook
from core.projects.models import Phase, Project, Unit
from core.projects.references import OPEN_PROJECTS, PHASES
from core.projects.services import ProjectRuleError

PERMISSION = "import.units"
SHOWN_ROWS = 300
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

COLUMN_WORDS = {
    "location": _l("Unit (房源)"),
    "building": _l("Building (楼栋)"),
    "entrance": _l("Entrance (单元)"),
    "number": _l("Room number (房号)"),
    "floor": _l("Floor (楼层)"),
    "layout": _l("Layout (户型)"),
    "orientation": _l("Orientation (朝向)"),
    "gross_area_contract": _l("Gross area (建筑面积)"),
    "net_area": _l("Net area (套内面积)"),
    "price": _l("Price (总价)"),
    "owner": _l("Owner (业主)"),
    "name": _l("Name (姓名)"),
    "phone": _l("Telephone (电话)"),
    "identity_number": _l("Document number (证件号)"),
    "credit_code": _l("Company code (统一社会信用代码)"),
    "subscribed_on": _l("Subscribed (认购日期)"),
    "signed_on": _l("Signed (签约日期)"),
    "contract_number": _l("Contract number (合同号)"),
    "contract_delivery_on": _l("Delivery by contract (交付日期)"),
}


class UploadForm(GuardedForm):
    """The file, the project, and whether missing buildings are made."""

    project_id = ReferenceField(
        _l("Project"),
        reference=OPEN_PROJECTS,
        required=True,
        default=lambda: strict_id(request.args.get("project")),
    )
    file = FileField(
        _l("Excel file"),
        description=_l(".xlsx, .xls or .csv, up to 10 MB and 20,000 rows; nothing is written yet."),
    )
    make_buildings = BooleanField(
        _l("Make buildings that the project lacks"),
        description=_l("Otherwise a row with an unknown building is an error."),
    )
    phase_id = ReferenceField(_l("Phase of the new buildings"), reference=PHASES)

    def upload(self) -> tuple[bytes, str] | None:
        """Return content and name of the file, or None when none was chosen."""
        storage = self.file.data
        if storage is None or not getattr(storage, "filename", ""):
            return None
        return storage.read(), storage.filename


class UnitImportPage(PageView):
    """Units and owners from an Excel file: nothing is written before the confirmation."""

    @expose_guarded("/", permission=PERMISSION, methods=("GET", "POST"))
    def start(self) -> Any:
        """Ask for the file; read it and lead to its preview."""
        posted = request.method == "POST"
        form = UploadForm(CombinedMultiDict((request.files, request.form)) if posted else None)
        for field in (form.project_id, form.phase_id):
            field.lookup_url = url_for(".lookup", name=field.name)
        if posted and self._accept(form):
            record = self._preview(form)
            if record is not None:
                return redirect(url_for(".preview", id=record), 303)
        html = self.render("customers/import_start.html", form=form, earlier=importing.recent_imports())
        return (html, 422) if posted else html

    @staticmethod
    def _accept(form: UploadForm) -> bool:
        valid = bool(form.validate())
        if form.make_buildings.data and form.phase_id.data is None:
            form.phase_id.errors = [_("Choose the phase in which missing buildings are made.")]
            valid = False
        if not getattr(form.file.data, "filename", ""):
            form.file.errors = [_("Choose an Excel file.")]
            valid = False
        return valid

    @staticmethod
    def _preview(form: UploadForm) -> int | None:
        upload = form.upload()
        if upload is None:
            return None
        project = db.session.get_one(Project, form.project_id.data)
        phase = db.session.get_one(Phase, form.phase_id.data) if form.make_buildings.data else None
        try:
            with saving():
                made = importing.preview(project, upload[0], upload[1], phase)
            commit()
        except (WorkbookUnreadable, ImportRefused) as error:
            db.session.rollback()
            form.file.errors = [str(error)]
            return None
        except SaveRefused as refused:
            form.form_errors = [*form.form_errors, refused.sentence]
            return None
        return made.id

    @expose_guarded("/lookup/", permission=PERMISSION)
    def lookup(self) -> Any:
        """Propose projects and phases while somebody types."""
        reference = {"project_id": OPEN_PROJECTS, "phase_id": PHASES}.get(request.args.get("name", ""))
        if reference is None:
            abort(404)
        offset = strict_id(request.args.get("offset")) or 0
        return current_app.json.response(reference.proposals(request.args.get("query", ""), None, offset, 20))

    @expose_guarded("/preview/", permission=PERMISSION)
    def preview(self) -> Any:
        """Show the verdict of every row."""
        record = self._record(request.args.get("id"))
        if record.confirmed_at is not None:
            return redirect(url_for(".result", id=record.id), 303)
        try:
            found = importing.load_preview(record)
        except ImportRefused as error:
            flash(str(error), "error")
            return redirect(url_for(".start"), 303)
        rows: dict[str, list[Any]] = {kind: [] for kind in ("error", "changed", "new", "unchanged")}
        for verdict in found.verdicts:
            rows[verdict.kind].append(verdict)
        return self.render(
            "customers/import_preview.html",
            preview=found,
            project=record.project,
            counts=found.counts,
            ignored=sum(found.ignored.values()),
            rows=rows,
            shown=SHOWN_ROWS,
            columns=COLUMN_WORDS,
        )

    @expose_guarded("/bad-rows/", permission=PERMISSION)
    def bad_rows(self) -> Any:
        """Return the rows with errors as a workbook, with the reason beside each."""
        record = self._record(request.args.get("id"))
        try:
            found = importing.load_preview(record)
        except ImportRefused as error:
            flash(str(error), "error")
            return redirect(url_for(".start"), 303)
        bad = [verdict for verdict in found.verdicts if verdict.kind == "error"]
        names = _columns_of([verdict.row for verdict in bad])
        heads = [_("Sheet"), _("Row"), _("Reason"), *(str(COLUMN_WORDS.get(name, name)) for name in names)]
        lines = [
            [
                verdict.row.sheet,
                str(verdict.row.row),
                "\n".join(
                    _(
                        "%(what)s: %(value)s",
                        what=COLUMN_WORDS.get(error.column, error.column),
                        value=error.reason,
                    )
                    for error in verdict.errors
                ),
                *(verdict.row.typed.get(name, "") for name in names),
            ]
            for verdict in bad
        ]
        answer: Response = current_app.response_class(
            write_workbook(_("Rows with errors"), heads, lines), mimetype=_XLSX
        )
        answer.headers["Content-Disposition"] = f'attachment; filename="rows-with-errors-{record.id}.xlsx"'
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @expose_guarded("/confirm/", permission=PERMISSION, methods=("POST",))
    def confirm(self) -> Any:
        """Write the good rows; sent twice it writes once."""
        record = self._record(request.form.get("id"))
        key = record.id
        try:
            with saving():
                importing.confirm(record)
            commit()
        except (ImportRefused, ProjectRuleError, SaveRefused) as error:
            db.session.rollback()
            flash(str(error), "error")
            return redirect(url_for(".preview", id=key), 303)
        flash(_("The import is done."), "success")
        return redirect(url_for(".result", id=key), 303)

    @expose_guarded("/result/", permission=PERMISSION)
    def result(self) -> Any:
        """Show exactly the units that were made and changed."""
        record = self._record(request.args.get("id"))
        if record.confirmed_at is None:
            return redirect(url_for(".preview", id=record.id), 303)
        number = min(strict_id(request.args.get("page")) or 0, 1_000)
        created, changed = set(record.result["created"]), set(record.result["changed"])
        keys = sorted(created | changed)
        part = keys[number * SHOWN_ROWS : (number + 1) * SHOWN_ROWS]
        units = (
            db.session.scalars(sa.select(Unit).where(Unit.id.in_(part)).order_by(Unit.id)).all()
            if part
            else ()
        )
        return self.render(
            "customers/import_result.html",
            record=record,
            project=record.project,
            units=units,
            created=created,
            changed=changed,
            number=number,
            has_next=len(keys) > (number + 1) * SHOWN_ROWS,
        )

    @staticmethod
    def _record(text: str | None) -> UnitImport:
        key = strict_id(text)
        record = importing.find_import(key) if key is not None else None
        return record if record is not None else abort(404)


def _columns_of(rows: Sequence[RowInput]) -> list[str]:
    present = {name for row in rows for name in row.typed}
    return [name for name in COLUMN_WORDS if name in present]
