"""Rules of customers: registering, linking to units, consent, merging, erasing, revealing personal data."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.customers import identity
from core.customers.life_cycle import compute_life_cycle
from core.customers.models import (
    Consent,
    Customer,
    CustomerContact,
    CustomerKind,
    CustomerPreference,
    CustomerProject,
    CustomerUnit,
    IdentityType,
    UnitRole,
)
from core.database.scope import require_scope
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.audit import services as audit
from core.plugin_system import dispatch
from core.projects.models import Project, Unit


class CustomerRuleError(ValueError):
    """A rule of customers forbids the change; the message is a full sentence for the user."""


_OWNING_ROLES = (UnitRole.BUYER, UnitRole.JOINT_OWNER)


def register_customer(
    *,
    project: Project,
    name: str,
    kind: CustomerKind = CustomerKind.PERSON,
    phone: str | None = None,
    identity_type: IdentityType | None = None,
    identity_number: str | None = None,
    credit_code: str | None = None,
    source: str = "",
    **fields: Any,
) -> Customer:
    """Make a customer and link him to the project through which he came.

    Args:
        project: The project; without one nobody could see the customer.
        name: Full name of the person or company.
        kind: Person or company.
        phone: Main telephone number, in any usual writing.
        identity_type: The paper; an ID card when a number is given without it.
        identity_number: Its number; encrypted at rest.
        credit_code: Unified social credit code of a company.
        source: Where the customer came from.
        fields: Further attributes of :class:`core.customers.models.Customer`.

    Raises:
        CustomerRuleError: The name is missing.
        PersonalValueError: A number is not possible.
    """
    customer = Customer(kind=kind, source=source, **fields)
    set_identity(
        customer,
        name=name,
        phone=phone,
        identity_type=identity_type,
        identity_number=identity_number,
        credit_code=credit_code,
    )
    customer.project_links.append(CustomerProject(project_id=project.id, source=source))
    db.session.add(customer)
    db.session.flush()
    return customer


def set_identity(
    customer: Customer,
    *,
    name: str,
    phone: str | None = None,
    identity_type: IdentityType | None = None,
    identity_number: str | None = None,
    credit_code: str | None = None,
) -> None:
    """Set and check who a customer is; the blind index follows the identity number.

    Raises:
        CustomerRuleError: The name is missing.
        PersonalValueError: A number is not possible.
    """
    if not name or not name.strip():
        raise CustomerRuleError(_("The customer needs a name."))
    customer.name = " ".join(name.split())
    customer.phone = identity.normalise_phone(phone)
    if identity_number:
        identity_type = identity_type or IdentityType.ID_CARD
    number = (
        identity.normalise_identity(identity_type, identity_number) if identity_type is not None else None
    )
    customer.identity_type = identity_type if number else None
    if customer.identity_number != number:
        customer.identity_number = number
    customer.identity_index = identity.identity_index(number) if number else None
    customer.credit_code = identity.normalise_credit_code(credit_code)


def link_project(customer: Customer, project: Project, source: str = "") -> None:
    """Link a customer to a project, once; whoever sees the project then sees the customer."""
    held = db.session.get(CustomerProject, (customer.id, project.id))
    if held is None:
        db.session.add(CustomerProject(customer_id=customer.id, project_id=project.id, source=source))
        db.session.flush()


def link_unit(
    customer: Customer,
    unit: Unit,
    role: UnitRole = UnitRole.BUYER,
    *,
    share_percent: Decimal | None = None,
    **fields: Any,
) -> CustomerUnit:
    """Give a customer a part in a unit.

    Args:
        customer: The customer.
        unit: The unit; the customer is linked to its project.
        role: Buyer 买受人, joint owner 共有人, family, tenant or attorney.
        share_percent: Share of an owner, 0–100.
        fields: Dates and contract number.

    Raises:
        CustomerRuleError: The dates are in the wrong order, the shares exceed 100 %, or the relation exists already.
    """
    _check_dates(fields)
    existing = db.session.scalar(
        sa.select(CustomerUnit).where(
            CustomerUnit.customer_id == customer.id,
            CustomerUnit.unit_id == unit.id,
            CustomerUnit.role == role,
            CustomerUnit.to_date.is_(None),
            CustomerUnit.cancelled_on.is_(None),
        )
    )
    if existing is not None:
        raise CustomerRuleError(
            _(
                "The customer holds this role in unit %(code)s already. Change that entry instead.",
                code=unit.code,
            )
        )
    if share_percent is not None and role in _OWNING_ROLES:
        held = sum(
            (row.share_percent or Decimal(0) for row in holders_of(unit) if row.role in _OWNING_ROLES),
            Decimal(0),
        )
        if held + share_percent > 100:
            raise CustomerRuleError(
                _(
                    "The owners of %(code)s would hold %(total)s %%. Shares cannot exceed 100 %%.",
                    code=unit.code,
                    total=held + share_percent,
                )
            )
    link_project(customer, db.session.get_one(Project, unit.project_id))
    holding = CustomerUnit(
        project_id=unit.project_id,
        unit_id=unit.id,
        customer_id=customer.id,
        role=role,
        share_percent=share_percent,
        **fields,
    )
    db.session.add(holding)
    db.session.flush()
    refresh_life_cycle(customer)
    return holding


def _check_dates(fields: Mapping[str, Any]) -> None:
    steps = [
        ("subscribed_on", _("subscription")),
        ("signed_on", _("signing")),
        ("cancelled_on", _("cancellation")),
    ]
    dated = [(fields[name], label) for name, label in steps if fields.get(name) is not None]
    for (earlier, first), (later, second) in zip(dated, dated[1:], strict=False):
        if later < earlier:
            raise CustomerRuleError(
                _(
                    "The %(second)s cannot lie before the %(first)s. Check both dates.",
                    first=first,
                    second=second,
                )
            )
    start, end = fields.get("from_date"), fields.get("to_date")
    if start is not None and end is not None and end < start:
        raise CustomerRuleError(_("The relation cannot end before it begins. Check both dates."))


def holders_of(unit: Unit, on: dt.date | None = None) -> Sequence[CustomerUnit]:
    """Return who holds a part in a unit on a day, owners first.

    Args:
        unit: The unit.
        on: The day; today when omitted.
    """
    day = on or local_today()
    rows = db.session.scalars(
        sa.select(CustomerUnit)
        .where(
            CustomerUnit.unit_id == unit.id,
            CustomerUnit.cancelled_on.is_(None),
            sa.or_(CustomerUnit.from_date.is_(None), CustomerUnit.from_date <= day),
            sa.or_(CustomerUnit.to_date.is_(None), CustomerUnit.to_date >= day),
        )
        .order_by(CustomerUnit.id)
    ).all()
    order = list(UnitRole)
    return sorted(rows, key=lambda row: (order.index(UnitRole(row.role)), row.id))


def owners_of(unit: Unit, on: dt.date | None = None) -> list[Customer]:
    """Return the owners of a unit on a day, the buyer first."""
    return [row.customer for row in holders_of(unit, on) if row.role in _OWNING_ROLES]


def refresh_life_cycle(customer: Customer) -> None:
    """Compute the customer's stage again; called after each change of a holding or a unit's dates."""
    holdings = db.session.scalars(
        sa.select(CustomerUnit).where(CustomerUnit.customer_id == customer.id)
    ).all()
    customer.life_cycle = compute_life_cycle(holdings, local_today())
    db.session.flush()


def give_consent(customer: Customer, purpose: str, channel: str, notice_version: str) -> Consent:
    """Record consent to one purpose of processing (PIPL 13, 14)."""
    consent = Consent(
        customer_id=customer.id, purpose=purpose, channel=channel, notice_version=notice_version
    )
    db.session.add(consent)
    db.session.flush()
    return consent


def withdraw_consent(consent: Consent) -> None:
    """Record that a consent was withdrawn (PIPL 15); the row stays."""
    if consent.withdrawn_at is None:
        consent.withdrawn_at = utc_now()
        db.session.flush()


def has_consent(customer: Customer, purpose: str) -> bool:
    """Return whether the customer's consent to a purpose holds now."""
    return any(consent.purpose == purpose and consent.withdrawn_at is None for consent in customer.consents)


def reveal(customer: Customer, field: str, reason: str) -> str:
    """Return an unmasked personal value and log who asked for it and why.

    Args:
        customer: The customer, loaded in the acting scope.
        field: Name of a personal attribute.
        reason: Why, in words; at least four characters.

    Raises:
        CustomerRuleError: The field is not personal, the reason is missing, or the right is.
    """
    if field not in Customer.__personal__:
        raise CustomerRuleError(_("There is no personal field of this name."))
    if not require_scope().permissions & {"personal.reveal", "personal.view"}:
        raise CustomerRuleError(
            _("Showing personal data needs a right that your role does not have in this department.")
        )
    if len(reason.strip()) < 4:
        raise CustomerRuleError(
            _("Say in a few words why you need to see this; the reason is kept in the log.")
        )
    audit.record_event("revealed", customer, reason=reason.strip(), field=field)
    value = getattr(customer, field)
    return "" if value is None else str(value)


def find_duplicates(customer: Customer) -> Sequence[Customer]:
    """Return visible customers who share the telephone, identity number or credit code."""
    same = []
    if customer.phone:
        same.append(Customer.phone == customer.phone)
    if customer.identity_index:
        same.append(Customer.identity_index == customer.identity_index)
    if customer.credit_code:
        same.append(Customer.credit_code == customer.credit_code)
    if not same:
        return []
    return db.session.scalars(
        sa.select(Customer)
        .where(sa.or_(*same), Customer.id != customer.id, Customer.merged_into_id.is_(None))
        .limit(20)
    ).all()


def merge_customers(kept: Customer, merged: Customer) -> None:
    """Merge one customer into another: everything that hangs on ``merged`` moves to ``kept``; the empty row stays as a signpost.

    Raises:
        CustomerRuleError: Both are the same, or one was merged or erased before.
    """
    if kept.id == merged.id:
        raise CustomerRuleError(_("A customer cannot be merged with itself."))
    if kept.merged_into_id or merged.merged_into_id or kept.erased_at or merged.erased_at:
        raise CustomerRuleError(_("One of the two was merged or erased before. Reload the page."))
    dispatch.call("customers_merged", kept_id=kept.id, merged_id=merged.id)
    held = {link.project_id for link in kept.project_links}
    for link in list(merged.project_links):
        if link.project_id not in held:
            db.session.add(
                CustomerProject(customer_id=kept.id, project_id=link.project_id, source=link.source)
            )
    db.session.flush()
    for model in (CustomerUnit, CustomerContact, Consent):
        for row in db.session.scalars(sa.select(model).where(model.customer_id == merged.id)):
            row.customer = kept
    db.session.flush()
    if merged.phone and merged.phone != kept.phone:
        db.session.add(
            CustomerContact(customer_id=kept.id, kind="phone", value=merged.phone, label=_("merged record"))
        )
    for name in (
        "phone",
        "email",
        "identity_type",
        "identity_number",
        "identity_index",
        "credit_code",
        "born_on",
    ):
        if getattr(kept, name) is None and getattr(merged, name) is not None:
            setattr(kept, name, getattr(merged, name))
    kept.address = kept.address or merged.address
    merged.merged_into_id = kept.id
    merged.archived_at = utc_now()
    audit.record_event("merged", kept, merged_id=merged.id)
    db.session.flush()
    refresh_life_cycle(kept)


def erase_customer(customer: Customer, reason: str) -> None:
    """Erase a person's data (PIPL 47): values are blanked, plugins are told, and the key of the log's values is destroyed.

    Raises:
        CustomerRuleError: A reason is missing, or a purchase still binds the developer to keep the data.
    """
    if len(reason.strip()) < 4:
        raise CustomerRuleError(
            _("Say in a few words why the customer is erased; the reason is kept in the log.")
        )
    going = [
        row
        for row in customer.units
        if row.role in _OWNING_ROLES and row.cancelled_on is None and row.to_date is None
    ]
    if going:
        raise CustomerRuleError(
            _(
                "%(name)s still owns a unit. A contract obliges the developer to keep the data until it has ended.",
                name=customer.name,
            )
        )
    dispatch.call("customer_erased", customer_id=customer.id)
    for contact in list(customer.contacts):
        db.session.delete(contact)
    customer.name = _("Erased customer %(id)s", id=customer.id)
    customer.phone = customer.email = customer.identity_number = customer.identity_index = None
    customer.identity_type = customer.credit_code = customer.born_on = None
    customer.address = customer.note = ""
    customer.erased_at = customer.archived_at = utc_now()
    db.session.flush()
    audit.record_event("erased", customer, reason=reason.strip())
    audit.destroy_subject_key(f"customer:{customer.id}")


def export_of(customer: Customer) -> dict[str, Any]:
    """Return everything that is held about a customer, from the core and every plugin, as plain data (PIPL 45)."""
    answers = dispatch.call("customer_export", customer_id=customer.id)
    own = {
        "name": customer.name,
        "kind": customer.kind,
        "phone": customer.phone,
        "email": customer.email,
        "identity_type": customer.identity_type,
        "identity_number": customer.identity_number,
        "credit_code": customer.credit_code,
        "born_on": customer.born_on.isoformat() if customer.born_on else None,
        "address": customer.address,
        "contacts": [{"kind": row.kind, "value": row.value, "label": row.label} for row in customer.contacts],
        "consents": [
            {
                "purpose": row.purpose,
                "given_at": row.given_at.isoformat(),
                "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
            }
            for row in customer.consents
        ],
        "units": [
            {"unit": row.unit.code, "role": row.role, "contract_number": row.contract_number}
            for row in customer.units
        ],
    }
    return {"core": own} | {answer.slug: answer.value for answer in answers if answer.value}


def preference_of(customer: Customer) -> CustomerPreference:
    """Return the customer's preferences, making the row when there is none."""
    if customer.preference is None:
        customer.preference = CustomerPreference(customer_id=customer.id)
        db.session.flush()
    return customer.preference
