"""The handover batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import abort, request
from werkzeug.wrappers import Response

from core.toolkit import (
    PROJECTS,
    Building,
    ChoiceFilter,
    DateRangeFilter,
    FormSection,
    GuardedForm,
    Phase,
    ReferenceFilter,
    SearchDeclaration,
    User,
    ViewPermissions,
    _,
    _l,
    colleagues_with,
    db,
    expose_guarded,
    ngettext,
    strict_id,
)
from plugins.handover import drilldown, services, words
from plugins.handover.admin.common import PHASES, HandoverView, tones
from plugins.handover.errors import HandoverRuleError
from plugins.handover.figures import COLUMNS, ONE_LINE, figures_of, parts_of
from plugins.handover.models import (
    BatchMode,
    HandoverBatch,
    HandoverUnit,
    Product,
)
from plugins.handover.preparation import words as preparation_words
from plugins.handover.preparation.record_pages import BatchPreparation
from plugins.handover.workflows import BATCH

PER_PAGE = 50
"""Records behind a figure on a page."""


class BatchView(BatchPreparation, HandoverView):
    """The handover batches."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.batch"
    column_list = ("code", "name", "project.name", "phase.name", "delivery_on", "mode", "state")
    column_details_list = (
        "code",
        "name",
        "project.name",
        "phase.name",
        "delivery_on",
        "mode",
        "opens_on",
        "closes_on",
        "product",
        "manager",
        "state",
        "place",
        "directions",
        "contact_phone",
        "complaint_phone",
        "account",
        "note",
    )
    column_export_list = ("code", "name", "project.name", "delivery_on", "mode", "state")
    column_labels = {
        "code": _l("Code"),
        "name": _l("Name"),
        "project_id": _l("Project"),
        "project.name": _l("Project"),
        "phase_id": _l("Phase"),
        "phase.name": _l("Phase"),
        "delivery_on": _l("Contract delivery date (T)"),
        "mode": _l("Mode"),
        "opens_on": _l("First concentrated day"),
        "closes_on": _l("Last concentrated day"),
        "product": _l("Kind of houses"),
        "place": _l("Where owners come to"),
        "directions": _l("How to get there, and when it is open"),
        "contact_phone": _l("Telephone of the contact"),
        "complaint_phone": _l("Complaint line"),
        "account": _l("Account for the fees"),
        "manager_id": _l("Manager"),
        "manager": _l("Manager"),
        "state": _l("State"),
        "note": _l("Note"),
    }
    choices = {
        "mode": tuple(words.BATCH_MODES.items()),
        "product": tuple(preparation_words.PRODUCTS.items()),
    }
    workflow = BATCH
    status_columns = {"state": tones(BATCH)}
    cells = {"manager": lambda batch: batch.manager.name if batch.manager else ""}
    search = SearchDeclaration(columns=("code", "name"), small_table=True, placeholder=_l("Code or name"))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("state"),
        DateRangeFilter("delivery_on"),
    )
    sortable = ("delivery_on",)
    form_columns = (
        "project_id",
        "phase_id",
        "code",
        "name",
        "delivery_on",
        "mode",
        "opens_on",
        "closes_on",
        "product",
        "manager_id",
        "note",
        "place",
        "directions",
        "contact_phone",
        "complaint_phone",
        "account",
    )
    form_sections = (
        FormSection(
            _l("What stands on the delivery notice"),
            ("place", "directions", "contact_phone", "complaint_phone", "account"),
        ),
    )
    form_args = {
        "delivery_on": {"description": _l("The plan runs back from this day, and moves with it.")},
        "account": {"description": _l("Payee, bank and account number.")},
    }
    create_only_columns = frozenset({"project_id"})
    references = {"project_id": PROJECTS, "phase_id": PHASES, "manager_id": colleagues_with("handover.plan")}
    details_template = "handover/admin/batch.html"
    empty_list_hint = _l("Make a batch for the houses that are handed over together, then add its buildings.")

    def create_record(self, form: GuardedForm) -> HandoverBatch:
        """Make a batch."""
        values = _batch_values(form)
        return services.create_batch(form["project_id"].record, **values)

    def update_record(self, record: HandoverBatch, form: GuardedForm) -> None:
        """Change a batch."""
        services.change_batch(record, **_batch_values(form))

    def details_extra(self, record: HandoverBatch) -> Mapping[str, Any]:
        """Return the buildings that can be added."""
        buildings = db.session.scalars(
            sa.select(Building).where(Building.project_id == record.project_id).order_by(Building.code)
        ).all()
        phase = record.phase_id
        return {
            "buildings": [building for building in buildings if phase is None or building.phase_id == phase],
        }

    @expose_guarded("/records/", permission="handover.view")
    def records(self) -> Any:
        """Show the records behind a figure of a batch: what its denominator counts, or its numerator."""
        record = self.get_one(request.args.get("id"))
        code, part = request.args.get("code", "K01"), request.args.get("part", drilldown.COUNTED)
        if code not in drilldown.SOURCES or part not in drilldown.PARTS:
            abort(404)
        found = {each: drilldown.SOURCES[code](record.id, each) for each in drilldown.PARTS}
        pages = max(-(-len(found[part][1]) // PER_PAGE), 1)
        page = min(max(strict_id(request.args.get("page", "")) or 1, 1), pages)
        heads, cells = COLUMNS[found[part][0]]

        def at(number: int) -> str:
            return self.address("records", id=record.id, code=code, part=part, page=number)

        return self.render(
            "handover/admin/records.html",
            batch=record,
            figure=next(each for each in figures_of(record) if each.code == code),
            tabs=[
                {
                    "label": label,
                    "url": self.address("records", id=record.id, code=code, part=each),
                    "current": each == part,
                    "count": len(found[each][1]),
                }
                for each, label in parts_of(code)
            ],
            heads=heads,
            whole=ONE_LINE,
            rows=[cells(row) for row in drilldown.page_of(found[part], (page - 1) * PER_PAGE, PER_PAGE)],
            page=page,
            pages=pages,
            previous=at(page - 1) if page > 1 else "",
            following=at(page + 1) if page < pages else "",
        )

    @expose_guarded("/add-building/", permission="handover.plan", methods=("POST",))
    def add_building(self) -> Response:
        """Put all houses of a building into a batch."""
        record = self.get_one(request.args.get("id"))
        key = strict_id(request.form.get("building_id", ""))
        building = db.session.scalar(
            sa.select(Building).where(Building.id == key, Building.project_id == record.project_id)
        )
        added: list[HandoverUnit] = []

        def add() -> None:
            if building is None:
                raise HandoverRuleError(_("Choose a building of the project."))
            added.extend(services.add_units(record, services.units_of_building(building)))

        return self.carry_out(
            record,
            add,
            lambda: ngettext("%(num)d house was added.", "%(num)d houses were added.", len(added)),
        )


def _batch_values(form: GuardedForm) -> dict[str, Any]:
    values = form.values()
    values.pop("project_id", None)
    phase, manager = values.pop("phase_id"), values.pop("manager_id")
    values["phase"] = db.session.get(Phase, phase) if phase else None
    values["manager"] = db.session.get(User, manager) if manager else None
    values["mode"] = BatchMode(values["mode"] or BatchMode.CONCENTRATED)
    values["product"] = Product(values["product"] or Product.ORDINARY)
    return values
