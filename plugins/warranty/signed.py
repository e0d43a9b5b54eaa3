"""Whether a plan or a repair was signed: on the screen, on paper, or by the owner on his own page."""

from __future__ import annotations

from core.toolkit import attachments_of, signatures_of
from plugins.warranty.models import Acceptance, AcceptanceKind, Order, Plan

OWNER, ENGINEER = "owner", "engineer"
"""As what people sign."""


def is_plan_signed(plan: Plan) -> bool:
    """Return whether the owner signed a plan: on the screen, or on paper as it was noted."""
    return plan.signed_at is not None or bool(signatures_of(plan, OWNER))


def owner_acceptance(order: Order) -> Acceptance | None:
    """Return the last verdict by which the owner accepted an order, or None."""
    return next(
        (each for each in reversed(order.acceptances) if each.kind == AcceptanceKind.OWNER and each.passed),
        None,
    )


def is_acceptance_signed(order: Order) -> bool:
    """Return whether the owner's acceptance of an order is signed: on the screen, on a paper that was photographed, or
    given on his own page, where no user of ours is noted; silence signs nothing."""
    accepted = owner_acceptance(order)
    if accepted is None:
        return False
    return (
        (accepted.by_id is None and not accepted.by_silence)
        or bool(signatures_of(accepted, OWNER))
        or any(each.uploaded_at >= accepted.created_at for each in attachments_of(order, "signed"))
    )
