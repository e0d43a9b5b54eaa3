"""The inspections."""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from core.toolkit import (
    PROJECTS,
    UNITS,
    ChoiceFilter,
    DateRangeFilter,
    GuardedForm,
    ReferenceFilter,
    SearchDeclaration,
    User,
    ViewPermissions,
    _,
    _l,
    colleagues_with,
    db,
    expose_guarded,
    local_today,
    mask_all,
)
from plugins.handover import services, words
from plugins.handover.admin.common import NUMBER_SEARCH, HandoverView, refusal_of
from plugins.handover.models import (
    INSPECTION_SEARCH,
    Inspection,
    InspectionKind,
)

INSPECTORS = colleagues_with("handover.inspect")


class InspectionView(HandoverView):
    """The inspections with their results."""

    permissions = ViewPermissions("handover.view", "handover.plan", "handover.plan", None, "handover.export")
    record_kind = "handover.inspection"
    column_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "planned_on",
        "inspector",
        "state",
        "passed",
    )
    column_details_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "state",
        "passed",
        "planned_on",
        "planned_inspector",
        "inspector",
        "companions",
        "attorney_name",
        "started_at",
        "finished_at",
        "weather",
        "template_title",
        "meter_water",
        "meter_electricity",
        "meter_gas",
        "meter_heat",
        "opinion",
        "refusal",
        "opinion_note",
        "override_reason",
        "cancel_reason",
        "content_hash",
    )
    column_export_list = (
        "number",
        "unit.code",
        "kind",
        "round_number",
        "planned_on",
        "state",
        "passed",
        "finished_at",
    )
    column_labels = {
        "number": _l("Number"),
        "unit.code": _l("House"),
        "unit_id": _l("House"),
        "kind": _l("Kind"),
        "round_number": _l("Round"),
        "planned_on": _l("Planned"),
        "inspector": _l("Inspector"),
        "inspector_id": _l("Inspector"),
        "planned_inspector": _l("Planned for"),
        "companions": _l("Accompanied by"),
        "attorney_name": _l("Attorney"),
        "state": _l("State"),
        "passed": _l("Result"),
        "started_at": _l("Started"),
        "finished_at": _l("Finished"),
        "weather": _l("Weather"),
        "template_title": _l("Checklist"),
        "meter_water": _l("Water (m³)"),
        "meter_electricity": _l("Electricity (kWh)"),
        "meter_gas": _l("Gas (m³)"),
        "meter_heat": _l("Heat (kWh)"),
        "opinion": _l("Owner's opinion"),
        "refusal": _l("Reason for the refusal"),
        "opinion_note": _l("In the owner's words"),
        "override_reason": _l("Started in spite of open S1–S2 defects"),
        "cancel_reason": _l("Cancelled because"),
        "content_hash": _l("Fingerprint (SHA-256)"),
    }
    choices = {"kind": tuple(words.INSPECTION_KINDS.items()), "opinion": tuple(words.OPINIONS.items())}
    status_columns = {
        "state": words.INSPECTION_STATES,
        "passed": {True: ("ok", _l("Passed")), False: ("late", _l("Not passed"))},
    }
    cells = {
        "inspector": lambda row: row.inspector.name if row.inspector else "",
        "planned_inspector": lambda row: row.planned_inspector.name if row.planned_inspector else "",
        "refusal": lambda row: (
            f"{row.refusal_reason} {words.refusal_reasons()[row.refusal_reason]}"
            if row.refusal_reason
            else ""
        ),
    }
    list_reads = ("inspector.name", "refusal_reason")
    personal_columns = {"attorney_name": mask_all}
    search = SearchDeclaration(index=INSPECTION_SEARCH, placeholder=NUMBER_SEARCH)
    filters = (
        ReferenceFilter("project_id", label=_l("Project"), reference=PROJECTS),
        ReferenceFilter("unit_id", reference=UNITS),
        ChoiceFilter("kind"),
        ChoiceFilter("state"),
        ReferenceFilter("inspector_id", reference=INSPECTORS),
        DateRangeFilter("planned_on"),
    )
    sortable = ("number", "planned_on", "finished_at")
    form_columns = ("unit_id", "kind", "planned_on", "inspector_id", "companions", "attorney_name")
    create_only_columns = frozenset({"unit_id", "kind"})
    form_args = {
        "planned_on": {"default": local_today},
        "inspector_id": {"description": _l("Empty: whoever starts it.")},
        "companions": {"description": _l("Butler, supervisor, contractor.")},
        "attorney_name": {"description": _l("If the owner sends somebody.")},
    }
    references = {"unit_id": UNITS, "inspector_id": INSPECTORS}
    details_template = "handover/admin/inspection.html"
    empty_list_hint = _l("Plan the first inspection, or tick houses of a batch and plan theirs.")

    def create_record(self, form: GuardedForm) -> Inspection:
        """Plan an inspection."""
        values = form.values()
        return services.plan_inspection(
            form["unit_id"].record,
            InspectionKind(values["kind"]),
            planned_on=values["planned_on"],
            inspector=_user(values["inspector_id"]),
            companions=values["companions"],
            attorney_name=values["attorney_name"],
        )

    def why_locked(self, record: Inspection) -> str | None:
        """Return why an inspection is not changed: it is finished or cancelled."""
        return refusal_of(lambda: services.require_not_ended(record))

    def update_record(self, record: Inspection, form: GuardedForm) -> None:
        """Change who inspects when."""
        values = {"attorney_name": record.attorney_name, **form.values()}
        services.change_plan(
            record,
            planned_on=values["planned_on"],
            inspector=_user(values["inspector_id"]),
            companions=values["companions"],
            customer=record.customer,
            attorney_name=values["attorney_name"],
        )

    @expose_guarded("/cancel/", permission="handover.plan", methods=("POST",))
    def cancel(self) -> Response:
        """Cancel a planned inspection."""
        record = self.get_one(request.args.get("id"))
        reason = request.form.get("reason", "")[:1000]
        return self.carry_out(
            record, lambda: services.cancel_inspection(record, reason), _("The inspection is cancelled.")
        )


def _user(key: int | None) -> User | None:
    return db.session.get(User, key) if key else None
