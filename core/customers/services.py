"""Rules of customers: registering, linking to units, consent, merging, erasing, revealing personal data."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import joinedload, selectinload

from core.customers import identity
from core.customers.life_cycle import LifeCycle, compute_life_cycle, survey_class
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
from core.database.scope import all_departments
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.audit import services as audit
from core.machinery.audit.bulk import insert_logged
from core.plugin_system import dispatch
from core.projects.models import Project, Unit
from core.projects.services import unit_dates_changed


class CustomerRuleError(ValueError):
    """A rule of customers forbids the change; the message is a full sentence for the user.

    Attributes:
        field: Name of the attribute that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


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


def register_customers(project: Project, rows: Sequence[Mapping[str, Any]], source: str = "") -> list[int]:
    """Make many customers at once and link them to a project, for imports.

    The rules are those of :func:`register_customer`; the numbers were normalised before, by the functions of
    :mod:`core.customers.identity`.

    Args:
        project: The project through which they came.
        rows: Values by attribute for each customer, ``name`` among them.
        source: Where they came from.

    Returns:
        Their keys in the order of the rows.

    Raises:
        CustomerRuleError: A name is missing.
    """
    prepared = []
    for row in rows:
        unknown = row.keys() - {*_IDENTITY, *_PLAIN}
        if unknown:
            raise TypeError(f"A customer is not made with {sorted(unknown)}.")
        name = " ".join(str(row.get("name") or "").split())
        if not name:
            raise CustomerRuleError(_("The customer needs a name."), field="name")
        number = row.get("identity_number")
        prepared.append(
            {
                "source": source,
                **row,
                "name": name,
                "identity_type": (row.get("identity_type") or IdentityType.ID_CARD) if number else None,
                "identity_index": identity.identity_index(number) if number else None,
            }
        )
    keys = insert_logged(Customer, prepared, links={"project_links": [project.id]})
    insert_logged(
        CustomerProject,
        [{"customer_id": key, "project_id": project.id, "source": source} for key in keys],
        is_link=True,
    )
    return keys


def remove_registration(customer: Customer) -> None:
    """Remove a customer who was registered by mistake, for example by an import that is taken back.

    Raises:
        CustomerRuleError: Something is known of him beyond the registration: a unit, another project, a document or
            what a module keeps.
    """
    links = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(CustomerProject)
        .where(CustomerProject.customer_id == customer.id)
    )
    with all_departments("a customer is removed only when nobody keeps anything of him"):
        units = db.session.scalar(
            sa.select(sa.func.count(CustomerUnit.id)).where(CustomerUnit.customer_id == customer.id)
        )
        hanging = sum(
            db.session.scalar(sa.select(sa.func.count(model.id)).where(model.customer_id == customer.id)) or 0
            for model in (CustomerContact, Consent, CustomerPreference)
        )
        shared = db.session.scalar(
            sa.select(sa.func.count())
            .select_from(CustomerProject)
            .where(CustomerProject.customer_id == customer.id)
        )
    answers = dispatch.call("obstacles", record_kind="core.customer", record_id=customer.id)
    sentences = [str(sentence) for answer in answers for sentence in answer.value or ()]
    if units or hanging or shared != links or links != 1 or sentences:
        raise CustomerRuleError(
            " ".join(sentences) or _("More is known of this customer by now, so the record stays.")
        )
    db.session.delete(customer)
    db.session.flush()


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
        raise CustomerRuleError(_("The customer needs a name."), field="name")
    customer.name = " ".join(name.split())
    if phone != customer.phone:
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


_IDENTITY = ("name", "phone", "identity_type", "identity_number", "credit_code")
_PLAIN = ("kind", "email", "born_on", "address", "language", "source", "note")


def change_customer(customer: Customer, **values: Any) -> None:
    """Change what is known about a customer; what is not named stays.

    Args:
        customer: The customer.
        values: Attributes by name.

    Raises:
        CustomerRuleError: The name is missing, or the record was merged or erased.
        PersonalValueError: A number is not possible.
    """
    unknown = values.keys() - {*_IDENTITY, *_PLAIN}
    if unknown:
        raise TypeError(f"A customer is not changed by {sorted(unknown)}.")
    _require_living(customer)
    set_identity(customer, **{name: values.get(name, getattr(customer, name)) for name in _IDENTITY})
    for name in _PLAIN:
        if name in values:
            setattr(customer, name, values[name])
    db.session.flush()


def _require_living(*customers: Customer) -> None:
    for customer in customers:
        if customer.merged_into_id is not None or customer.erased_at is not None:
            raise CustomerRuleError(
                _(
                    "%(name)s was merged or erased before, so nothing can be changed there.",
                    name=customer.name,
                )
            )


def link_project(customer: Customer, project: Project, source: str = "") -> None:
    """Link a customer to a project, once; whoever sees the project then sees the customer."""
    held = db.session.get(CustomerProject, (customer.id, project.id))
    if held is None:
        db.session.add(CustomerProject(customer_id=customer.id, project_id=project.id, source=source))
        db.session.flush()


def unlink_project(customer: Customer, project: Project) -> None:
    """Take back the link of a customer to a project, while he is linked to another and holds nothing in this one.

    Raises:
        CustomerRuleError: He would be linked to nothing, or holds a part in a unit of the project.
    """
    held = db.session.get(CustomerProject, (customer.id, project.id))
    if held is None:
        return
    units = db.session.scalar(
        sa.select(sa.func.count(CustomerUnit.id)).where(
            CustomerUnit.customer_id == customer.id, CustomerUnit.project_id == project.id
        )
    )
    links = db.session.scalar(
        sa.select(sa.func.count())
        .select_from(CustomerProject)
        .where(CustomerProject.customer_id == customer.id)
    )
    if units or links == 1:
        raise CustomerRuleError(
            _("%(name)s stays linked to %(project)s.", name=customer.name, project=project.name)
        )
    db.session.delete(held)
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
    _require_living(customer)
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
            ),
            field="role",
        )
    _check_share(unit, role, share_percent, None)
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


def change_holding(holding: CustomerUnit, **values: Any) -> None:
    """Change role, share, dates or contract number of a customer's part in a unit.

    Raises:
        CustomerRuleError: The dates are in the wrong order, or the shares exceed 100 %.
    """
    names = (
        "role", "share_percent", "subscribed_on", "signed_on", "contract_number", "cancelled_on", "from_date",
        "to_date",
    )  # fmt: skip
    held = {name: values.get(name, getattr(holding, name)) for name in names}
    _check_dates(held)
    ends = held["cancelled_on"] is not None or held["to_date"] is not None
    if not ends:
        _check_share(holding.unit, held["role"], held["share_percent"], holding.id)
    for name in names:
        setattr(holding, name, held[name])
    db.session.flush()
    refresh_life_cycle(holding.customer)


def unlink_unit(holding: CustomerUnit) -> None:
    """Remove a part in a unit that was entered by mistake; a resale is ended by its last day instead.

    Raises:
        CustomerRuleError: A contract was signed; it can be cancelled, not removed.
    """
    if holding.signed_on is not None:
        raise CustomerRuleError(
            _(
                "A signed purchase cannot be removed. Enter the day of the cancellation or the last day instead."
            )
        )
    customer = holding.customer
    db.session.delete(holding)
    db.session.flush()
    refresh_life_cycle(customer)


def _check_share(unit: Unit, role: UnitRole, share: Decimal | None, own_id: int | None) -> None:
    if share is None or role not in _OWNING_ROLES:
        return
    if not 0 < share <= 100:
        raise CustomerRuleError(_("A share lies above 0 and up to 100 %."), field="share_percent")
    held = sum(
        (
            row.share_percent or Decimal(0)
            for row in holders_of(unit)
            if row.role in _OWNING_ROLES and row.id != own_id
        ),
        Decimal(0),
    )
    if held + share > 100:
        raise CustomerRuleError(
            _(
                "The owners of %(code)s would hold %(total)s %%. Shares cannot exceed 100 %%.",
                code=unit.code,
                total=held + share,
            ),
            field="share_percent",
        )


def _check_dates(fields: Mapping[str, Any]) -> None:
    steps = [
        ("subscribed_on", _("subscription")),
        ("signed_on", _("signing")),
        ("cancelled_on", _("cancellation")),
    ]
    dated = [(fields[name], label, name) for name, label in steps if fields.get(name) is not None]
    for (earlier, first, _name), (later, second, name) in itertools.pairwise(dated):
        if later < earlier:
            raise CustomerRuleError(
                _(
                    "The %(second)s cannot lie before the %(first)s. Check both dates.",
                    first=first,
                    second=second,
                ),
                field=name,
            )
    start, end = fields.get("from_date"), fields.get("to_date")
    if start is not None and end is not None and end < start:
        raise CustomerRuleError(
            _("The relation cannot end before it begins. Check both dates."), field="to_date"
        )


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


_ALL_PURCHASES = "a customer's stage counts all purchases, also in projects that the acting user does not see"


def refresh_life_cycle(customer: Customer, today: dt.date | None = None) -> None:
    """Compute the customer's stage again; called after each change of a holding or a unit's dates."""
    if customer.erased_at is not None:
        stage = LifeCycle.ERASED
    elif customer.merged_into_id is not None:
        stage = LifeCycle.MERGED
    else:
        with all_departments(_ALL_PURCHASES):
            holdings = db.session.scalars(
                sa.select(CustomerUnit)
                .where(CustomerUnit.customer_id == customer.id)
                .options(joinedload(CustomerUnit.unit))
            ).all()
            stage = compute_life_cycle(holdings, today or local_today())
    if customer.life_cycle != stage:
        customer.life_cycle = stage
        db.session.flush()


@unit_dates_changed.connect
def refresh_holders(unit: Unit) -> None:
    """Compute the stage of everybody again who holds a part in a unit, because one of its dates changed."""
    holders = db.session.scalars(
        sa.select(Customer).where(
            Customer.id.in_(sa.select(CustomerUnit.customer_id).where(CustomerUnit.unit_id == unit.id))
        )
    )
    for customer in holders.all():
        refresh_life_cycle(customer)


def refresh_life_cycles(today: dt.date | None = None, batch: int = 500) -> int:
    """Compute the stages of all customers with a purchase again, because days passed; for a daily run by the system.

    Each batch is committed by itself, so that nobody waits for the whole run.

    Args:
        today: The day for which they are computed.
        batch: Customers at a time.

    Returns:
        How many stages changed.
    """
    day = today or local_today()
    changed, last = 0, 0
    with all_departments("computing the stages of customers for a new day"):
        while True:
            ids = db.session.scalars(
                sa.select(CustomerUnit.customer_id)
                .where(CustomerUnit.customer_id > last)
                .distinct()
                .order_by(CustomerUnit.customer_id)
                .limit(batch)
            ).all()
            if not ids:
                return changed
            customers = db.session.scalars(
                sa.select(Customer)
                .where(Customer.id.in_(ids))
                .options(selectinload(Customer.units).joinedload(CustomerUnit.unit))
            )
            for customer in customers.unique():
                if customer.erased_at is None and customer.merged_into_id is None:
                    stage = compute_life_cycle(customer.units, day)
                    if customer.life_cycle != stage:
                        customer.life_cycle = stage
                        changed += 1
            last = ids[-1]
            db.session.commit()
            db.session.expunge_all()


def survey_classes(customer: Customer, today: dt.date | None = None) -> list[str]:
    """Return the industry's survey classes of a customer's visible purchases, each once (domain reference 0.2)."""
    day = today or local_today()
    found = [
        survey_class(row.signed_on, row.unit.delivered_on, day)
        for row in customer.units
        if row.role in _OWNING_ROLES
        and row.cancelled_on is None
        and (row.to_date is None or row.to_date >= day)
    ]
    return list(dict.fromkeys(code for code in found if code is not None))


CONTACT_KINDS = ("phone", "email", "wechat", "address")


def add_contact(customer: Customer, kind: str, value: str, **fields: Any) -> CustomerContact:
    """Add a further way to reach a customer.

    Args:
        customer: The customer.
        kind: One of ``CONTACT_KINDS``.
        value: Number, address or name.
        fields: ``label``, ``person_name``, ``preferred``.

    Raises:
        CustomerRuleError: The value is empty, or the record was merged or erased.
        PersonalValueError: A telephone number is not possible.
    """
    _require_living(customer)
    contact = CustomerContact(customer_id=customer.id, kind=kind, value=_contact_value(kind, value))
    _set_contact(contact, fields)
    db.session.add(contact)
    db.session.flush()
    return contact


def change_contact(contact: CustomerContact, **values: Any) -> None:
    """Change a further contact; what is not named stays.

    Raises:
        CustomerRuleError: The value is empty.
        PersonalValueError: A telephone number is not possible.
    """
    kind = values.pop("kind", contact.kind)
    contact.value = _contact_value(kind, values.pop("value", contact.value))
    contact.kind = kind
    _set_contact(contact, values)
    db.session.flush()


def _contact_value(kind: str, value: str) -> str:
    if not value or not value.strip():
        raise CustomerRuleError(_("Write the number or address."), field="value")
    if kind != "phone":
        return value.strip()
    try:
        return identity.normalise_phone(value) or ""
    except identity.PersonalValueError as error:
        raise identity.PersonalValueError(str(error), "value") from error


def _set_contact(contact: CustomerContact, values: Mapping[str, Any]) -> None:
    for name in ("label", "person_name", "preferred"):
        if name in values:
            setattr(contact, name, values[name])


def give_consent(customer: Customer, purpose: str, channel: str, notice_version: str) -> Consent:
    """Record consent to one purpose of processing (PIPL 13, 14).

    Raises:
        CustomerRuleError: The consent holds already, or the record was merged or erased.
    """
    _require_living(customer)
    if has_consent(customer, purpose):
        raise CustomerRuleError(_("The customer's consent to this purpose holds already."), field="purpose")
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
    held = db.session.scalar(
        sa.select(Consent.id)
        .where(Consent.customer_id == customer.id, Consent.purpose == purpose, Consent.withdrawn_at.is_(None))
        .limit(1)
    )
    return held is not None


def find_duplicates(
    *,
    phone: str | None = None,
    identity_number: str | None = None,
    credit_code: str | None = None,
    besides_id: int | None = None,
) -> Sequence[Customer]:
    """Return visible customers who share a telephone, identity number or credit code; nothing of others is told.

    Args:
        phone: Normalised number.
        identity_number: Normalised number.
        credit_code: Normalised code.
        besides_id: A customer who is left out.
    """
    same = []
    if phone:
        same.append(Customer.phone == phone)
    if identity_number:
        same.append(Customer.identity_index == identity.identity_index(identity_number))
    if credit_code:
        same.append(Customer.credit_code == credit_code)
    if not same:
        return []
    query = sa.select(Customer).where(
        sa.or_(*same), Customer.merged_into_id.is_(None), Customer.erased_at.is_(None)
    )
    if besides_id is not None:
        query = query.where(Customer.id != besides_id)
    return db.session.scalars(query.order_by(Customer.id).limit(20)).all()


def duplicates_of(customer: Customer) -> Sequence[Customer]:
    """Return the visible customers who may be the same as this one."""
    return find_duplicates(
        phone=customer.phone,
        identity_number=customer.identity_number,
        credit_code=customer.credit_code,
        besides_id=customer.id,
    )


def is_known_elsewhere(customer: Customer) -> bool:
    """Return whether a customer is linked to a project that the acting user does not see."""
    query = (
        sa.select(sa.func.count())
        .select_from(CustomerProject)
        .where(CustomerProject.customer_id == customer.id)
    )
    visible = db.session.scalar(query)
    with all_departments("whether a customer is known in projects out of reach, not in which"):
        return db.session.scalar(query) != visible


def _require_in_reach(*customers: Customer) -> None:
    if any(is_known_elsewhere(customer) for customer in customers):
        raise CustomerRuleError(
            _(
                "The customer is also known in projects that you do not see. Ask a department above yours to do this, "
                "or switch to it in the bar above."
            )
        )


_MOVED = (CustomerUnit, CustomerContact, Consent)


def merge_preview(kept: Customer, merged: Customer) -> dict[str, int]:
    """Return how many rows of the core a merge would move, by table name.

    Raises:
        CustomerRuleError: The two cannot be merged.
    """
    _check_merge(kept, merged)
    counts = {
        model.__tablename__: db.session.scalar(
            sa.select(sa.func.count(model.id)).where(model.customer_id == merged.id)
        )
        or 0
        for model in _MOVED
    }
    held = {link.project_id for link in kept.project_links}
    counts["customer_project"] = sum(1 for link in merged.project_links if link.project_id not in held)
    return counts


def _check_merge(kept: Customer, merged: Customer) -> None:
    if kept.id == merged.id:
        raise CustomerRuleError(_("A customer cannot be merged with itself."))
    if kept.merged_into_id or merged.merged_into_id or kept.erased_at or merged.erased_at:
        raise CustomerRuleError(_("One of the two was merged or erased before. Reload the page."))
    if kept.kind != merged.kind:
        raise CustomerRuleError(_("A person and a company cannot be merged."))
    _require_in_reach(kept, merged)


def merge_customers(kept: Customer, merged: Customer) -> None:
    """Merge one customer into another: what hangs on ``merged`` moves to ``kept``; the empty row stays as a signpost.

    The log of ``merged`` stays with it, because entries of the log never change.

    Raises:
        CustomerRuleError: Both are the same, one was merged or erased before, or one is known out of reach.
        PluginFailed: A module could not move its rows; nothing is merged then.
    """
    _check_merge(kept, merged)
    with all_departments("merging two customers moves the rows of all modules"):
        dispatch.call("customers_merged", kept_id=kept.id, merged_id=merged.id)
        _merge_rows(kept, merged)
        _merge_values(kept, merged)
        for earlier in db.session.scalars(sa.select(Customer).where(Customer.merged_into_id == merged.id)):
            earlier.merged_into_id = kept.id
        merged.merged_into_id = kept.id
        merged.archived_at = utc_now()
        audit.record_event("merged", kept, merged_id=merged.id)
        audit.record_event("merged", merged, kept_id=kept.id)
        db.session.flush()
        for customer in (kept, merged):
            db.session.expire(customer, ["units", "contacts", "consents", "preference", "project_links"])
            refresh_life_cycle(customer)


def _merge_rows(kept: Customer, merged: Customer) -> None:
    held = {link.project_id for link in kept.project_links}
    for link in merged.project_links:
        if link.project_id not in held:
            db.session.add(
                CustomerProject(
                    customer_id=kept.id, project_id=link.project_id, source=link.source, since=link.since
                )
            )
    db.session.flush()
    own = {
        (row.unit_id, row.role): row
        for row in db.session.scalars(sa.select(CustomerUnit).where(CustomerUnit.customer_id == kept.id))
        if row.to_date is None and row.cancelled_on is None
    }
    for row in db.session.scalars(sa.select(CustomerUnit).where(CustomerUnit.customer_id == merged.id)).all():
        same = own.get((row.unit_id, row.role))
        if same is None or row.to_date is not None or row.cancelled_on is not None:
            row.customer = kept
            continue
        for name in ("share_percent", "subscribed_on", "signed_on", "from_date"):
            if getattr(same, name) is None:
                setattr(same, name, getattr(row, name))
        same.contract_number = same.contract_number or row.contract_number
        db.session.delete(row)
    for model in (CustomerContact, Consent):
        belongings: Any = db.session.scalars(sa.select(model).where(model.customer_id == merged.id)).all()
        for belonging in belongings:
            belonging.customer = kept
    if merged.preference is not None:
        if kept.preference is None:
            merged.preference.customer = kept
        else:
            db.session.delete(merged.preference)
    db.session.flush()


def _merge_values(kept: Customer, merged: Customer) -> None:
    if merged.phone and kept.phone and merged.phone != kept.phone:
        db.session.add(
            CustomerContact(customer_id=kept.id, kind="phone", value=merged.phone, label=_("merged record"))
        )
    if merged.email and kept.email and merged.email != kept.email:
        db.session.add(
            CustomerContact(customer_id=kept.id, kind="email", value=merged.email, label=_("merged record"))
        )
    if kept.identity_number is None and merged.identity_number is not None:
        kept.identity_type, kept.identity_number = merged.identity_type, merged.identity_number
        kept.identity_index = merged.identity_index
    for name in ("phone", "email", "credit_code", "born_on"):
        if getattr(kept, name) is None and getattr(merged, name) is not None:
            setattr(kept, name, getattr(merged, name))
    kept.address = kept.address or merged.address
    kept.note = "\n".join(text for text in (kept.note, merged.note) if text)
    _blank(merged)


def _blank(customer: Customer) -> None:
    customer.phone = customer.email = customer.identity_number = customer.identity_index = None
    customer.identity_type = customer.credit_code = customer.born_on = None
    customer.address = customer.note = ""


def erasure_obstacles(customer: Customer) -> list[str]:
    """Return sentences that say why a customer's data must be kept for now; empty when it may be erased.

    Asked are the core and every installed module, on or off.
    """
    if customer.merged_into_id is not None or customer.erased_at is not None:
        return [_("The customer was merged or erased before.")]
    if is_known_elsewhere(customer):
        return [
            _(
                "The customer is also known in projects that you do not see. Ask a department above yours to do this."
            )
        ]
    sentences = []
    going = [
        row
        for row in customer.units
        if row.role in _OWNING_ROLES and row.cancelled_on is None and row.to_date is None
    ]
    if going:
        sentences.append(
            _(
                "%(name)s still owns a unit. A contract obliges the developer to keep the data until it has ended.",
                name=customer.name,
            )
        )
    with all_departments("asking all modules what binds us to keep a customer's data"):
        answers = dispatch.call("obstacles", record_kind="core.customer", record_id=customer.id)
    return sentences + [str(sentence) for answer in answers for sentence in answer.value or ()]


def erase_customer(customer: Customer, reason: str) -> None:
    """Erase a person's data (PIPL 47): values are blanked, modules are told, the key of the log's values is destroyed.

    Records that were merged into the customer are erased with it.

    Raises:
        CustomerRuleError: A reason is missing, or something binds the developer to keep the data.
        PluginFailed: A module could not erase its part; nothing is erased then.
    """
    if len(reason.strip()) < 4:
        raise CustomerRuleError(
            _("Say in a few words why the customer is erased; the reason is kept in the log."), field="reason"
        )
    sentences = erasure_obstacles(customer)
    if sentences:
        raise CustomerRuleError(" ".join(sentences))
    with all_departments("erasing a customer reaches the rows of all modules"):
        signposts = db.session.scalars(
            sa.select(Customer).where(Customer.merged_into_id == customer.id)
        ).all()
        for person in (customer, *signposts):
            dispatch.call("customer_erased", customer_id=person.id)
            for contact in list(person.contacts):
                db.session.delete(contact)
            if person.preference is not None:
                db.session.delete(person.preference)
            person.name = _("Erased customer %(id)s", id=person.id)
            _blank(person)
            person.erased_at = utc_now()
            person.archived_at = person.archived_at or person.erased_at
            db.session.flush()
            refresh_life_cycle(person)
            audit.record_event("erased", person, reason=reason.strip())
            audit.destroy_subject_key(f"customer:{person.id}")


def export_of(customer: Customer) -> dict[str, Any]:
    """Return what is held about a customer, from the core and every module, as plain data (PIPL 45).

    Only what the acting user may see is in it; ``complete`` says whether the customer is known elsewhere too.
    """
    answers = dispatch.call("customer_export", customer_id=customer.id)
    preference = customer.preference
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
        "language": customer.language,
        "source": customer.source,
        "note": customer.note,
        "stage": customer.life_cycle,
        "registered_at": customer.created_at.isoformat(),
        "contacts": [{"kind": row.kind, "value": row.value, "label": row.label} for row in customer.contacts],
        "consents": [
            {
                "purpose": row.purpose,
                "given_at": row.given_at.isoformat(),
                "withdrawn_at": row.withdrawn_at.isoformat() if row.withdrawn_at else None,
                "channel": row.channel,
                "notice_version": row.notice_version,
            }
            for row in customer.consents
        ],
        "preference": None
        if preference is None
        else {
            "channel": preference.channel,
            "best_time": preference.best_time,
            "do_not_call": preference.do_not_call,
            "opted_out": preference.opted_out,
        },
        "projects": [link.project.name for link in customer.project_links],
        "units": [
            {
                "project": row.unit.project.name,
                "unit": row.unit.code,
                "role": row.role,
                "share_percent": str(row.share_percent) if row.share_percent is not None else None,
                "contract_number": row.contract_number,
                "signed_on": row.signed_on.isoformat() if row.signed_on else None,
            }
            for row in customer.units
        ],
    }
    parts: dict[str, Any] = {"complete": not is_known_elsewhere(customer), "customer": own}
    for answer in answers:
        if answer.value:
            parts.setdefault(answer.slug, {}).update(answer.value)
    return parts


def set_preference(customer: Customer, **values: Any) -> CustomerPreference:
    """Set how a customer wishes to be contacted.

    Args:
        customer: The customer.
        values: ``channel``, ``best_time``, ``do_not_call``, ``opted_out``.

    Raises:
        CustomerRuleError: The record was merged or erased.
    """
    _require_living(customer)
    preference = preference_of(customer)
    for name in ("channel", "best_time", "do_not_call", "opted_out"):
        if name in values:
            setattr(preference, name, values[name])
    db.session.flush()
    return preference


def preference_of(customer: Customer) -> CustomerPreference:
    """Return the customer's preferences, making the row when there is none."""
    if customer.preference is None:
        customer.preference = CustomerPreference(customer_id=customer.id)
        db.session.flush()
    return customer.preference
