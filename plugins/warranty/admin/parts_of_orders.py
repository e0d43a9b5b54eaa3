"""The pages of what belongs to an order and is printed or signed: visits, plans, new dates, verdicts, third parties."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import joinedload, undefer

from core.toolkit import (
    PROJECTS,
    ChoiceFilter,
    DateRangeFilter,
    ReferenceFilter,
    ViewPermissions,
    _,
    _l,
    mask_all,
    signatures_of,
)
from plugins.warranty import words
from plugins.warranty.admin.common import ENGINEERS, WarrantyView, status
from plugins.warranty.admin.marks import kept_mark, order_link
from plugins.warranty.models import Acceptance, Extension, Order, Plan, ThirdPartyRepair, Visit
from plugins.warranty.signed import is_plan_signed

SEEN = ViewPermissions("warranty.view", None, None, None, "warranty.export")


def _yes(value: bool | None) -> Any:
    if value is None:
        return ""
    return status("ok", _("Yes")) if value else status("late", _("No"))


def _order_options(model: Any) -> tuple[Any, ...]:
    return (
        undefer(model.order_id),
        joinedload(model.order).load_only(Order.number, Order.unit_id, Order.building_id),
        joinedload(model.order).joinedload(Order.unit),
        joinedload(model.order).joinedload(Order.building),
    )


def _signed(record: Any) -> Markup | str:
    made = [each for each in signatures_of(record) if each.supplement_id is None]
    return status("ok", _("Signature given")) if made else ""


class VisitView(WarrantyView):
    """Who comes where and when, and what was found or done."""

    permissions = SEEN
    record_kind = "warranty.visit"
    column_list = ("booked_from", "booked_to", "house", "order", "purpose", "engineer", "progress")
    column_details_list = (
        "order",
        "house",
        "purpose",
        "progress",
        "booked_from",
        "booked_to",
        "arrived_at",
        "left_at",
        "persons",
        "findings",
        "materials",
        "minutes",
        "return_reason",
        "engineer",
        "signed",
    )
    column_export_list = ("booked_from", "booked_to", "purpose", "state", "arrived_at", "left_at", "minutes")
    column_labels = {
        "order": _l("Order"),
        "order_id": _l("Order"),
        "project_id": _l("Project"),
        "house": _l("House"),
        "purpose": _l("Why"),
        "progress": _l("State"),
        "state": _l("State"),
        "booked_from": _l("From"),
        "booked_to": _l("Until"),
        "arrived_at": _l("On site"),
        "left_at": _l("Left"),
        "persons": _l("Who came"),
        "findings": _l("Found or done"),
        "materials": _l("Materials"),
        "minutes": _l("Minutes of all persons"),
        "return_reason": _l("Why another visit is needed"),
        "engineer": _l("Engineer"),
        "engineer_id": _l("Engineer"),
        "signed": _l("Signature"),
    }
    choices = {
        "purpose": tuple(words.PURPOSES.items()),
        "state": tuple((code, text) for code, (_tone, text) in words.VISIT_STATES.items()),
    }
    cells = {
        "order": lambda row: order_link(row.order),
        "house": lambda row: row.order.house,
        "engineer": lambda row: row.engineer.name if row.engineer else "",
        "progress": lambda row: status(*words.VISIT_STATES[row.state]),
        "signed": _signed,
    }
    list_options = (
        *_order_options(Visit),
        undefer(Visit.state),
        undefer(Visit.engineer_id),
        joinedload(Visit.engineer),
    )
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("purpose"),
        ChoiceFilter("state"),
        ReferenceFilter("engineer_id", reference=ENGINEERS),
        DateRangeFilter("booked_from"),
    )
    sortable = ()
    empty_list_hint = _l("A visit is booked on the page of an order.")


class PlanView(WarrantyView):
    """How defects are to be repaired."""

    permissions = SEEN
    record_kind = "warranty.plan"
    column_list = ("order", "house", "method", "days", "signature")
    column_details_list = (
        "order",
        "house",
        "method",
        "days",
        "crew",
        "materials",
        "signature",
        "signed_name",
        "signed_at",
        "made_by",
    )
    column_export_list = ("method", "days", "needs_signature", "signed_at")
    column_labels = {
        "order": _l("Order"),
        "order_id": _l("Order"),
        "project_id": _l("Project"),
        "house": _l("House"),
        "method": _l("How it is repaired"),
        "days": _l("Days"),
        "crew": _l("Crew"),
        "materials": _l("Materials"),
        "signature": _l("Signature"),
        "needs_signature": _l("Needs the owner's signature"),
        "signed_name": _l("Who signed"),
        "signed_at": _l("Signed"),
        "made_by": _l("Made by"),
        "made_by_id": _l("Made by"),
    }
    cells = {
        "order": lambda row: order_link(row.order),
        "house": lambda row: row.order.house,
        "made_by": lambda row: row.made_by.name if row.made_by else "",
        "signature": lambda row: plan_mark(row),
    }
    personal_columns = {"signed_name": mask_all}
    list_options = (*_order_options(Plan), undefer(Plan.needs_signature), undefer(Plan.signed_at))
    filters = (ReferenceFilter("project_id", reference=PROJECTS),)
    empty_list_hint = _l("A plan is written on the page of an order that was surveyed.")


def plan_mark(plan: Plan) -> Markup | str:
    """Return whether a plan is signed, or has to be."""
    if is_plan_signed(plan):
        return status("ok", _("Signature given"))
    return status("wait", _("Not signed")) if plan.needs_signature else _("not needed")


class ExtensionView(WarrantyView):
    """New dates that owners were promised."""

    permissions = SEEN
    record_kind = "warranty.extension"
    column_list = ("order", "house", "old_date", "new_date", "reason", "told")
    column_details_list = ("order", "house", "old_date", "new_date", "reason", "told", "told_how", "by")
    column_export_list = ("old_date", "new_date", "reason", "told_at", "told_how")
    column_labels = {
        "order": _l("Order"),
        "order_id": _l("Order"),
        "project_id": _l("Project"),
        "house": _l("House"),
        "old_date": _l("Old date"),
        "new_date": _l("New date"),
        "reason": _l("Reason"),
        "told": _l("Told to the owner"),
        "told_at": _l("Told to the owner"),
        "told_how": _l("How the owner was told"),
        "by": _l("By"),
        "by_id": _l("By"),
    }
    cells = {
        "order": lambda row: order_link(row.order),
        "house": lambda row: row.order.house,
        "by": lambda row: row.by.name if row.by else "",
        "told": lambda row: told_mark(row),
    }
    choices = {"told_how": tuple(words.TOLD_HOW.items())}
    list_options = (*_order_options(Extension), undefer(Extension.told_at))
    filters = (ReferenceFilter("project_id", reference=PROJECTS), DateRangeFilter("new_date"))
    empty_list_hint = _l("A new date is promised on the page of an order.")


def told_mark(extension: Extension) -> Markup:
    """Return when the owner was told of a new date; late when that was after the old one had passed."""
    if extension.told_at is None:
        return status("wait", _("not yet"))
    late = extension.old_date is not None and extension.told_at > extension.old_date
    return status("late" if late else "ok", words.moment_text(extension.told_at))


class AcceptanceView(WarrantyView):
    """The verdicts of engineers and owners on finished repairs."""

    permissions = SEEN
    record_kind = "warranty.acceptance"
    column_list = ("at", "order", "house", "who", "verdict", "signed")
    column_details_list = (
        "order",
        "house",
        "at",
        "who",
        "cycle",
        "verdict",
        "work_done",
        "quality",
        "on_time",
        "clean",
        "attitude",
        "satisfied",
        "note",
        "signer_name",
        "silent",
        "by",
        "signed",
    )
    column_export_list = ("at", "kind", "passed", "cycle", "score")
    column_labels = {
        "order": _l("Order"),
        "order_id": _l("Order"),
        "project_id": _l("Project"),
        "house": _l("House"),
        "at": _l("Time"),
        "who": _l("Who accepts"),
        "kind": _l("Who accepts"),
        "cycle": _l("Repair cycles"),
        "verdict": _l("Result"),
        "passed": _l("Passed"),
        "room_name": _l("Room"),
        "fault_code": _l("Kind of problem"),
        "work_done": _l("Work done"),
        "quality": _l("Quality"),
        "quality_ok": _l("Quality"),
        "on_time": _l("On time"),
        "on_time_ok": _l("On time"),
        "clean": _l("Clean"),
        "clean_ok": _l("Clean"),
        "attitude": _l("Attitude"),
        "attitude_ok": _l("Attitude"),
        "satisfied": _l("Satisfaction"),
        "score": _l("Satisfaction"),
        "note": _l("Remark"),
        "signer_name": _l("Who accepted"),
        "silent": _l("Accepted by silence"),
        "by_silence": _l("Accepted by silence"),
        "by": _l("By"),
        "by_id": _l("By"),
        "signed": _l("Signature"),
    }
    choices = {"kind": tuple(words.ACCEPTERS.items())}
    cells = {
        "order": lambda row: order_link(row.order),
        "house": lambda row: row.order.house,
        "who": lambda row: words.ACCEPTERS[row.kind],
        "verdict": lambda row: status("ok", _("accepted")) if row.passed else status("late", _("sent back")),
        "quality": lambda row: _yes(row.quality_ok),
        "on_time": lambda row: _yes(row.on_time_ok),
        "clean": lambda row: _yes(row.clean_ok),
        "attitude": lambda row: _yes(row.attitude_ok),
        "satisfied": lambda row: words.SCORES.get(row.score, ""),
        "silent": lambda row: _yes(True) if row.by_silence else "",
        "by": lambda row: row.by.name if row.by else "",
        "signed": _signed,
    }
    personal_columns = {"signer_name": mask_all}
    list_options = (*_order_options(Acceptance), undefer(Acceptance.kind), undefer(Acceptance.passed))
    filters = (
        ReferenceFilter("project_id", reference=PROJECTS),
        ChoiceFilter("kind"),
        DateRangeFilter("at"),
    )
    empty_list_hint = _l("A repair is accepted on the page of its order.")


class ThirdPartyView(WarrantyView):
    """Repairs by others at the contractor's cost."""

    permissions = SEEN
    record_kind = "warranty.third_party"
    column_list = ("order", "house", "company_name", "quotation", "arrival", "invoice_amount", "progress")
    column_details_list = (
        "order",
        "house",
        "company_name",
        "quotation",
        "ordered_at",
        "ordered_by",
        "arrival",
        "invoice_number",
        "invoice_amount",
        "finished_at",
        "progress",
    )
    column_export_list = ("company_name", "quotation", "state", "ordered_at", "arrived_at", "invoice_amount")
    column_labels = {
        "order": _l("Order"),
        "order_id": _l("Order"),
        "project_id": _l("Project"),
        "house": _l("House"),
        "company_name": _l("Company"),
        "quotation": _l("Quotation (yuan)"),
        "ordered_at": _l("Ordered"),
        "ordered_by": _l("By"),
        "ordered_by_id": _l("By"),
        "arrival": _l("On site"),
        "site_due_at": _l("On site by"),
        "arrived_at": _l("On site"),
        "invoice_number": _l("Number of the invoice"),
        "invoice_amount": _l("Invoice"),
        "finished_at": _l("Finished"),
        "progress": _l("State"),
        "state": _l("State"),
    }
    choices = {"state": tuple((code, text) for code, (_tone, text) in words.THIRD_PARTIES.items())}
    cells = {
        "order": lambda row: order_link(row.order),
        "house": lambda row: row.order.house,
        "arrival": lambda row: kept_mark(row.arrived_at, row.site_due_at),
        "ordered_by": lambda row: row.ordered_by.name if row.ordered_by else "",
        "progress": lambda row: status(*words.THIRD_PARTIES[row.state]),
    }
    list_options = (
        *_order_options(ThirdPartyRepair),
        undefer(ThirdPartyRepair.state),
        undefer(ThirdPartyRepair.arrived_at),
        undefer(ThirdPartyRepair.site_due_at),
    )
    filters = (ReferenceFilter("project_id", reference=PROJECTS), ChoiceFilter("state"))
    empty_list_hint = _l(
        "A third party is ordered on the page of an order whose contractor answered no notice."
    )
