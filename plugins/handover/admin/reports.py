"""The daily reports, and the state of a building as a grid."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from flask import abort, request
from werkzeug.wrappers import Response

from core.toolkit import (
    Building,
    DateRangeFilter,
    GuardedForm,
    PageView,
    ReferenceFilter,
    Unit,
    ViewPermissions,
    _,
    _l,
    db,
    expose_guarded,
    has_permission,
    strict_id,
)
from plugins.handover import services, words
from plugins.handover.admin.common import BATCHES, HandoverView
from plugins.handover.models import DailyReport, HandoverBatch, HandoverUnit


class DailyReportView(HandoverView):
    """The daily reports of the batches."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None)
    record_kind = "handover.daily_report"
    column_list = ("day", "batch.name", "arrived", "accepted", "refused", "delivered")
    column_details_list = (
        "day",
        "batch.name",
        "prepared_at",
        "due",
        "arrived",
        "accepted",
        "refused",
        "delivered",
        "note",
    )
    column_labels = {
        "day": _l("Date"),
        "batch_id": _l("Batch"),
        "batch.name": _l("Batch"),
        "prepared_at": _l("Counted at"),
        "due": _l("Due (notice sent, price paid)"),
        "arrived": _l("Arrived"),
        "accepted": _l("Accepted, with defects included"),
        "refused": _l("Refused"),
        "delivered": _l("Delivered"),
        "note": _l("Incidents and measures for tomorrow"),
    }
    cells = {
        "due": lambda row: str(row.figures["due"]),
        "arrived": lambda row: str(row.figures["arrived"]),
        "accepted": lambda row: str(row.figures["accepted"] + row.figures["accepted_with_defects"]),
        "refused": lambda row: str(row.figures["refused"]),
        "delivered": lambda row: str(row.figures["delivered"]),
    }
    filters = (ReferenceFilter("batch_id", reference=BATCHES), DateRangeFilter("day"))
    sortable = ("day",)
    form_columns = ("batch_id", "day", "note")
    create_only_columns = frozenset({"batch_id", "day"})
    references = {"batch_id": BATCHES}
    details_template = "handover/admin/daily_report.html"
    empty_list_hint = _l("Reports are prepared by themselves in the evening of a day with owners.")

    def create_record(self, form: GuardedForm) -> DailyReport:
        """Prepare the report of a day."""
        values = form.values()
        report = services.prepare_report(form["batch_id"].record, values["day"])
        report.note = values["note"] or ""
        return report

    def update_record(self, record: DailyReport, form: GuardedForm) -> None:
        """Change the remarks; the figures stay."""
        record.note = form.values()["note"] or ""

    @expose_guarded("/count/", permission="handover.plan", methods=("POST",))
    def count(self) -> Response:
        """Count the figures anew."""
        record = self.get_one(request.args.get("id"))
        return self.carry_out(
            record,
            lambda: services.prepare_report(record.batch, record.day),
            _("The figures are counted anew."),
        )


class TowerView(PageView):
    """A building as a grid: floors down, houses across, each with its state."""

    @expose_guarded("/", permission="handover.view")
    def index(self) -> Any:
        """Show a building; of one batch, in one state, or with open defects only."""
        given = request.args
        building = _of_address(Building, "building")
        batch = _of_address(HandoverBatch, "batch")
        state = given.get("state", "")
        state = state if state in words.state_signs() else ""
        with_defects = given.get("defects") == "1"
        if building is None:
            building = _first_building(batch)
        if building is None:
            return self.render("handover/admin/tower.html", tower=None, building=None)
        if batch is not None and batch.project_id != building.project_id:
            abort(404)
        tower = services.tower_of(
            building, batch, states=(state,) if state else (), with_defects=with_defects
        )
        return self.render(
            "handover/admin/tower.html",
            tower=tower,
            building=building,
            batch=batch,
            state=state,
            with_defects=with_defects,
            buildings=_buildings_of(building.project_id),
            batches=_batches_of(building),
            signs=words.state_signs(),
            state_label=words.state_label,
            state_tone=words.state_tone,
            may_print=has_permission("handover.print"),
            language=services.current_language(),
        )


def _of_address(model: Any, name: str) -> Any:
    """Return the record that the address names, None when it names none, or answer 404."""
    text = request.args.get(name, "")
    if not text:
        return None
    key = strict_id(text)
    found = db.session.scalar(sa.select(model).where(model.id == key)) if key is not None else None
    return found if found is not None else abort(404)


def _first_building(batch: HandoverBatch | None) -> Building | None:
    query = (
        sa.select(Building)
        .join(Unit, Unit.building_id == Building.id)
        .join(HandoverUnit, HandoverUnit.unit_id == Unit.id)
        .order_by(HandoverUnit.id.desc())
        .limit(1)
    )
    if batch is not None:
        query = query.where(HandoverUnit.batch_id == batch.id)
    found = db.session.scalar(query)
    if found is None:
        found = db.session.scalar(sa.select(Building).order_by(Building.project_id, Building.code).limit(1))
    return found


def _buildings_of(project_id: int) -> list[Building]:
    return list(
        db.session.scalars(
            sa.select(Building).where(Building.project_id == project_id).order_by(Building.code)
        )
    )


def _batches_of(building: Building) -> list[HandoverBatch]:
    return list(
        db.session.scalars(
            sa.select(HandoverBatch)
            .where(
                HandoverBatch.id.in_(
                    sa.select(HandoverUnit.batch_id)
                    .join(Unit, Unit.id == HandoverUnit.unit_id)
                    .where(Unit.building_id == building.id)
                )
            )
            .order_by(HandoverBatch.code)
        )
    )
