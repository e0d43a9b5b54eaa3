"""The houses of the batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.toolkit import (
    UNITS,
    ChoiceFilter,
    DateRangeFilter,
    GuardedForm,
    ReferenceFilter,
    Transition,
    ViewPermissions,
    _l,
    bulk_action,
    local_today,
    mask_all,
    ngettext,
)
from plugins.handover import forms, services, words
from plugins.handover.admin.common import BATCHES, HandoverView, tones
from plugins.handover.models import (
    HandoverUnit,
    InspectionKind,
)
from plugins.handover.preparation.record_pages import HousePreparation
from plugins.handover.workflows import HANDOVER_UNIT


class HandoverUnitView(HousePreparation, HandoverView):
    """The houses of the batches."""

    permissions = ViewPermissions("handover.view", None, None, None, "handover.export")
    record_kind = "handover.unit"
    column_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "booked_for",
        "state",
        "fee_state",
        "papers_state",
        "keys_state",
    )
    column_details_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "unit.gross_area_contract",
        "unit.contract_delivery_on",
        "state",
        "notice_sent_at",
        "notice_received_at",
        "payment_complete",
        "capable_at",
        "booked_for",
        "accompanied",
        "arrived_at",
        "attorney_name",
        "attorney_document",
        "fee_state",
        "fee_exempt_reason",
        "papers_state",
        "keys_state",
        "refusal",
        "reply_due_at",
        "replied_at",
        "reply_text",
        "deemed_on",
        "deemed_reason",
        "legal_reviewed_at",
        "delivered_at",
        "unit.delivered_on",
    )
    column_export_list = (
        "unit.code",
        "batch.name",
        "unit.layout",
        "state",
        "notice_sent_at",
        "arrived_at",
        "fee_state",
        "papers_state",
        "keys_state",
        "delivered_at",
    )
    column_labels = {
        "unit.code": _l("House"),
        "batch.name": _l("Batch"),
        "batch_id": _l("Batch"),
        "unit.layout": _l("Layout"),
        "unit.floor": _l("Floor"),
        "unit.gross_area_contract": _l("Gross area (contract)"),
        "unit.contract_delivery_on": _l("Contract delivery date (T)"),
        "unit.delivered_on": _l("Handed over on"),
        "state": _l("State"),
        "notice_sent_at": _l("Notice sent"),
        "notice_received_at": _l("Notice received"),
        "payment_complete": _l("Purchase price paid in full"),
        "booked_for": _l("Booked for"),
        "accompanied": _l("Accompanied by"),
        "capable_at": _l("Ready for delivery since"),
        "arrived_at": _l("Arrived"),
        "attorney_name": _l("Attorney"),
        "attorney_document": _l("Power of attorney"),
        "fee_state": _l("Fees"),
        "fee_exempt_reason": _l("Reason of the exemption"),
        "papers_state": _l("Papers"),
        "keys_state": _l("Keys"),
        "refusal": _l("Reason for the refusal"),
        "refusal_reason": _l("Reason for the refusal"),
        "reply_due_at": _l("Reply due"),
        "replied_at": _l("Replied"),
        "reply_text": _l("Reply to the refusal"),
        "deemed_on": _l("Deemed delivered on"),
        "deemed_reason": _l("Why deemed delivered"),
        "legal_reviewed_at": _l("Reviewed by legal"),
        "delivered_at": _l("Delivered"),
    }
    workflow = HANDOVER_UNIT
    status_columns = {
        "state": tones(HANDOVER_UNIT),
        "fee_state": words.FEE_STATES,
        "papers_state": words.PAPERS_STATES,
        "keys_state": words.KEYS_STATES,
    }
    personal_columns = {"attorney_name": mask_all, "attorney_document": mask_all}
    step_fields = {"refusal_reason": forms.refusal_field()}
    sortable = ("booked_for",)
    cells = {
        "accompanied": lambda row: row.engineer.name if row.engineer else "",
        "refusal": lambda row: (
            f"{row.refusal_reason} {words.refusal_reasons().get(row.refusal_reason, '')}".strip()
        ),
    }
    filters = (
        ReferenceFilter("batch_id", reference=BATCHES),
        ReferenceFilter("unit_id", label=_l("House"), reference=UNITS),
        ChoiceFilter("state"),
        ChoiceFilter("fee_state"),
        ChoiceFilter("keys_state"),
        DateRangeFilter("booked_for"),
    )
    actions_declared = {
        "plan_formal": "handover.plan",
        "plan_household": "handover.plan",
        "letters": "handover.send_letters",
    }
    empty_list_hint = _l("Open a batch and add a building to it.")

    def prepare_step(self, form: GuardedForm, record: HandoverUnit | None, transition: Transition) -> None:
        """Offer R1 to R9."""
        if "refusal_reason" in form._fields:
            form["refusal_reason"].choices = forms.refusal_choices()

    def take_step(self, record: HandoverUnit, transition: Transition, values: Mapping[str, Any]) -> None:
        """Take a step of a house by its service."""
        services.take_step(record, transition.code, values)

    @bulk_action("plan_formal", _l("Plan formal inspection"))
    def plan_formal(self, records: Sequence[HandoverUnit]) -> str:
        """Plan the first or next formal round of the chosen houses for today."""
        return self._plan(records, InspectionKind.FORMAL)

    @bulk_action("plan_household", _l("Plan household inspection"))
    def plan_household(self, records: Sequence[HandoverUnit]) -> str:
        """Plan the first or next household inspection of the chosen houses for today."""
        return self._plan(records, InspectionKind.HOUSEHOLD)

    def _plan(self, records: Sequence[HandoverUnit], kind: InspectionKind) -> str:
        for record in records:
            services.plan_inspection(record.unit, kind, planned_on=local_today())
        return ngettext("%(num)d inspection was planned.", "%(num)d inspections were planned.", len(records))
