"""What an order says, the verdict on it, and who pays."""

from __future__ import annotations

import datetime as dt

from core.toolkit import (
    User,
    _,
    _l,
    add_todo,
    db,
    has_permission,
    require_scope,
    utc_now,
)
from plugins.warranty import deadlines
from plugins.warranty.catalogue import faults
from plugins.warranty.coverage import Bearer, Cover
from plugins.warranty.errors import WarrantyRuleError
from plugins.warranty.models import (
    Exclusion,
    Order,
    Responsibility,
    Saying,
)
from plugins.warranty.services import telling
from plugins.warranty.services.coverage import category_of
from plugins.warranty.services.intake import apply_verdict, note_event, verdict_of
from plugins.warranty.services.steps import end_work, require_open
from plugins.warranty.sla import Priority, Step
from plugins.warranty.words import RESPONSIBLE
from plugins.warranty.workflows import ORDER

_BEARER = {
    Responsibility.CONTRACTOR: None,
    Responsibility.DEVELOPER: Bearer.DEVELOPER,
    Responsibility.PROPERTY: Bearer.PROPERTY,
    Responsibility.OWNER: Bearer.OWNER,
    Responsibility.THIRD_PARTY: Bearer.OWNER,
    Responsibility.FORCE_MAJEURE: Bearer.OWNER,
    Responsibility.UNDETERMINED: None,
}
"""Who bears the cost beyond what the dates say."""


def change_order(
    order: Order,
    *,
    room_name: str | None = None,
    description: str | None = None,
    fault_code: str | None = None,
    engineer: User | None = None,
    promised_at: dt.datetime | None = None,
) -> None:
    """Correct what an order says; what is None stays. The verdict and the limits follow.

    Raises:
        WarrantyRuleError: It has ended, or a value is missing or unknown.
    """
    require_open(order)
    if room_name is not None:
        order.room_name = room_name.strip()[:60]
    if description is not None:
        if not description.strip():
            raise WarrantyRuleError(_("Describe in a few words what is wrong."), "description")
        order.description = description.strip()[:2000]
    if fault_code is not None and fault_code != order.fault_code:
        if fault_code not in faults():
            raise WarrantyRuleError(_("Choose what is wrong from the list."), "fault_code")
        order.fault_code = fault_code
        order.is_rain_leak = faults()[fault_code].is_rain_leak
        order.trade_code = faults()[fault_code].trade
        deadlines.restart(order, order.priority)
    if engineer is not None:
        order.engineer_id = engineer.id
        deadlines.hand_on(order)
    if promised_at is not None:
        order.promised_at = _later(order, promised_at)
    db.session.flush()


def _later(order: Order, promised: dt.datetime) -> dt.datetime:
    if promised < order.reported_at:
        raise WarrantyRuleError(_("The promised date cannot lie before the report."), "promised_at")
    return promised


def triage(
    order: Order,
    *,
    responsibility: Responsibility,
    category_code: str | None = None,
    priority: str | None = None,
    system: str | None = None,
) -> None:
    """Assess an order: category, priority, whose fault it is; the verdict and who pays follow.

    Args:
        order: A reported order.
        responsibility: Whose fault it is.
        category_code: The warranty category, if another one than proposed.
        priority: P1 to P4, if another one than proposed; clocks that run get its limits.
        system: ``heating`` or ``cooling`` for W05.

    Raises:
        TransitionRefused: The state or the right forbids it.
        WarrantyRuleError: Category or priority is unknown.

    Source: domain reference 5.7.2.
    """
    responsibility = Responsibility(responsibility)
    if category_code:
        code = category_of(category_code).code
        if code != order.category_code:
            order.category_code, order.system = code, system or ""
    if system is not None:
        order.system = system
    old = order.priority
    if priority and priority != old:
        if priority not in list(Priority):
            raise WarrantyRuleError(_("Choose the priority from P1 to P4."), "priority")
        order.priority = Priority(priority)
        deadlines.restart(order, old)
    db.session.flush()
    is_first = order.triaged_at is None
    ORDER.move(
        order,
        "triage",
        comment=RESPONSIBLE[responsibility],
        responsibility=responsibility,
        triaged_at=utc_now() if is_first else order.triaged_at,
    )
    decide_cover(order)
    note_event(order, "triaged", saying=Saying.ASSESSED, cover=order.cover)
    from plugins.warranty.services.cases import look_for_case

    look_for_case(order)
    if needs_authority(order):
        add_todo(
            order,
            _l("Notify the authority and the original design unit: %(number)s", number=order.number),
            role="LEG",
            note=_l("A problem of foundation or main structure (建设工程质量管理条例 Art. 40)."),
            dedupe_key=f"warranty:structure:{order.id}",
        )


def needs_authority(order: Order) -> bool:
    """Return whether the authority and the original design unit hear of an order: it is about the structure.

    Source: domain reference 3.4.2, 0.4: legal hears of it too.
    """
    return order.category_code == "W01" or faults()[order.fault_code].is_structural


def decide_cover(order: Order) -> None:
    """Write the verdict of the dates into an order, and who pays by the responsibility; a decision by hand stays."""
    if order.cover_reason and order.exclusion is None:
        return
    apply_verdict(order, verdict_of(order))
    bearer = _BEARER[Responsibility(order.responsibility)]
    if bearer is not None:
        order.borne_by = bearer
    db.session.flush()


def override_cover(order: Order, covered: bool, reason: str) -> None:
    """Decide otherwise than the dates: goodwill after the end, or no cover before it.

    Args:
        order: An order that has not ended.
        covered: Whether the owner pays nothing.
        reason: Why; kept, and printed where the owner asks.

    Raises:
        WarrantyRuleError: The reason is missing, the right is missing, or the order has ended.
    """
    require_open(order)
    if not has_permission("warranty.override_cover"):
        raise WarrantyRuleError(
            _("Deciding otherwise than the dates needs a right that your role does not have.")
        )
    if not reason.strip():
        raise WarrantyRuleError(
            _("Say why the cover is decided otherwise than by the dates."), "cover_reason"
        )
    order.cover = Cover.GAP if covered else Cover.EXPIRED
    order.borne_by = Bearer.DEVELOPER if covered else Bearer.OWNER
    order.cover_reason, order.cover_decided_by_id = reason.strip(), require_scope().user_id
    note_event(order, "cover", reason)


def refuse(order: Order, explanation: str, exclusion: Exclusion | None = None) -> None:
    """Explain to the owner that it is no warranty: the term has ended, or a reason excludes it with evidence.

    Args:
        order: The order.
        explanation: For the owner; printed on the letter.
        exclusion: The reason that excludes it; needs a photo attached as ``evidence``.

    Raises:
        TransitionRefused: The state or the right forbids it, or the explanation or the evidence is missing.
        WarrantyRuleError: It is covered by the dates and no reason excludes it.

    Source: domain reference 3.4.2, exclusions.
    """
    if exclusion is None and order.cover in (Cover.IN_WARRANTY, Cover.GAP, Cover.NOT_STARTED):
        raise WarrantyRuleError(
            _(
                "%(number)s is covered until %(end)s. Name a reason that excludes it, or repair it.",
                number=order.number,
                end=order.owner_end.isoformat() if order.owner_end else "—",
            ),
            "exclusion",
        )
    ORDER.move(order, "refuse", closing_reason=explanation.strip(), exclusion=exclusion)
    if exclusion is not None:
        order.cover, order.borne_by = Cover.EXCLUDED, Bearer.OWNER
        order.cover_decided_by_id = require_scope().user_id
    end_work(order)
    note_event(order, "not_warranty", explanation, is_public=True)
    telling.not_covered(order)


def accept_paid(order: Order, consent: str) -> None:
    """Repair although it is no warranty: the owner agreed to the offer, or goodwill was approved.

    Raises:
        TransitionRefused: The state or the right forbids it, or the consent is missing.
    """
    ORDER.move(order, "accept_paid", cover_reason=consent.strip())
    order.borne_by = Bearer.OWNER
    for step in (Step.CONTACT, Step.ARRIVAL, Step.COMPLETE):
        deadlines.start(order, step, utc_now())
    note_event(order, "accept_paid", consent, is_public=True)
