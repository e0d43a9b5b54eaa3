"""What messages and personal links need to know of customers, handed over when the application is put together."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.customers import identity, words
from core.customers.models import Consent, Customer, CustomerContact, CustomerProject
from core.customers.services import give_consent, has_consent, holders_of
from core.database.scope import all_departments
from core.extensions import db
from core.languages import Text
from core.machinery.messages.outgoing import Recipient
from core.machinery.messages.services import CustomerFacts
from core.people.models import Department, Membership, Role, User
from core.people.services import department_path, is_within_reach
from core.people.settings import setting
from core.projects.letterhead import letterhead_of
from core.projects.models import Project, Unit
from core.projects.services import find_unit
from core.timeline import services as timeline


def core_setting(key: str, department_id: int | None) -> Any:
    """Return a setting of the core in a department."""
    return setting("core", key, department_id)


def departments_above(department_id: int) -> list[int]:
    """Return the ids of the departments from the root down to one."""
    return department_path(department_id)


def department_is_within_reach(department: Department) -> bool:
    """Return whether the acting user may change what holds in a department."""
    return is_within_reach(department)


def facts_of(customer: Customer) -> CustomerFacts:
    """Return how a customer is addressed, and where he can be reached."""
    addresses = {
        "sms": customer.phone if _can_read_text(customer.phone) else None,
        "email": customer.email,
        "letter": customer.address,
    }
    contacts = db.session.scalars(
        sa.select(CustomerContact)
        .where(CustomerContact.customer_id == customer.id)
        .order_by(CustomerContact.preferred.desc(), CustomerContact.id)
    ).all()
    for contact in contacts:
        kind = {"phone": "sms", "address": "letter"}.get(contact.kind, contact.kind)
        if kind == "sms" and not _can_read_text(contact.value):
            continue
        if contact.preferred or not addresses.get(kind):
            addresses[kind] = contact.value
    preference = customer.preference
    return CustomerFacts(
        customer.name,
        customer.language,
        {kind: value for kind, value in addresses.items() if value},
        preference.channel if preference is not None else "",
        customer.merged_into_id is not None or customer.erased_at is not None,
    )


def colleagues(
    department_id: int | None, role: str, owner_id: int | None, project_id: int | None = None
) -> list[tuple[int, Recipient]]:
    """Return the accounts that a step of a ladder goes to, with their id: the owner, or else who holds the role there.

    Where nobody in the department holds the role, those below it are asked, of a project only its groups; then those
    above it, the nearest first. So whoever gets the to-do by his role is written to as well.

    Args:
        department_id: The department.
        role: Code of the role, "" for none.
        owner_id: The account that has to act, or None.
        project_id: The project of the record, or None: groups of other projects are never written to.
    """
    active = sa.select(User).where(User.active.is_(sa.true())).order_by(User.id)
    if owner_id is not None:
        found = list(db.session.scalars(active.where(User.id == owner_id)))
    else:
        found = _holders(active, department_id, role, project_id) if role and department_id else []
    return [
        (user.id, Recipient(user.name or user.email, user.phone, user.email, language=user.locale))
        for user in found
    ]


def _holders(active: Any, department_id: int, role: str, project_id: int | None) -> list[User]:
    with all_departments("finding who holds a role in a department, below it or above it"):
        path = db.session.scalar(sa.select(Department.path).where(Department.id == department_id)) or ""
        below = sa.select(Department.id).where(
            Department.path.startswith(path, autoescape=True), Department.id != department_id
        )
        if project_id is not None:
            groups = Department.metadata.tables["project_group"].c
            below = below.where(
                Department.id.in_(sa.select(groups.department_id).where(groups.project_id == project_id))
            )
        above = [int(part) for part in reversed(path.split("/")) if part and int(part) != department_id]
        for places in ([department_id], list(db.session.scalars(below)), *([each] for each in above)):
            holders = (
                sa.select(Membership.user_id)
                .join(Role, Role.id == Membership.role_id)
                .where(Role.name == role, Membership.department_id.in_(places))
            )
            if places and (found := list(db.session.scalars(active.where(User.id.in_(holders))))):
                return found
    return []


def _can_read_text(phone: str | None) -> bool:
    """Return whether a number may be that of a mobile: eleven digits from 1 on, or one of another country."""
    return phone is not None and (phone.startswith("+") or (len(phone) == 11 and phone.startswith("1")))


def unwanted(customer: Customer, purpose: str) -> Text | None:
    """Return why a customer gets no messages of a purpose: he said so, or withdrew his consent; else None."""
    names = dict(words.MESSAGE_PURPOSES)
    preference = customer.preference
    if preference is not None and purpose in (preference.opted_out or ()):
        return _l("The customer wants no messages about “%(purpose)s”.", purpose=names.get(purpose, purpose))
    withdrawn = db.session.scalar(
        sa.select(Consent.id)
        .where(
            Consent.customer_id == customer.id, Consent.purpose == purpose, Consent.withdrawn_at.is_not(None)
        )
        .limit(1)
    )
    if withdrawn is not None and not has_consent(customer, purpose):
        return _l(
            "The customer has withdrawn the consent to “%(purpose)s”.", purpose=names.get(purpose, purpose)
        )
    return None


def places(
    project_id: int | None, unit: Unit | None, department_id: int | None, language: str
) -> Mapping[str, str]:
    """Return what texts call the company, the project and the unit."""
    head = letterhead_of(project_id, department_id, language)
    return {
        "company": head.company,
        "project": head.project,
        "unit": unit.code if unit is not None else "",
    }


def write_timeline(
    kind: str,
    summary: Text,
    *,
    customer_id: int | None,
    unit_id: int | None,
    project_id: int | None,
    record_id: int,
    details: Mapping[str, Any],
) -> None:
    """Add an entry about a message to the timeline."""
    timeline.write(
        kind,
        summary,
        customer=SimpleNamespace(id=customer_id) if customer_id is not None else None,
        unit=SimpleNamespace(id=unit_id, project_id=project_id) if unit_id is not None else None,
        project=SimpleNamespace(id=project_id) if project_id is not None else None,
        record_kind="core.message",
        record_id=record_id,
        details=details,
    )


# --- Personal links


def phone_of(customer: Customer) -> str | None:
    """Return the number of which a visitor has to know the last digits."""
    return customer.phone


def agree(customer: Customer, purpose: str, notice_version: str) -> None:
    """Record the consent that a customer gave on a public page; one that holds already stays as it is."""
    if not has_consent(customer, purpose):
        give_consent(customer, purpose, "web", notice_version)


def household(project_id: int, typed_unit: str, typed_phone: str) -> tuple[Customer, Unit] | None:
    """Return who reads a poster: the holder of a unit of the project whose telephone number was typed.

    Args:
        project_id: The project in which the poster hangs.
        typed_unit: The house as people write it, for example ``3-1-1201`` or ``3栋1单元1201``.
        typed_phone: The whole telephone number.
    """
    try:
        phone = identity.normalise_phone(typed_phone)
    except identity.PersonalValueError:
        return None
    units = find_unit(typed_unit, project_id)
    if phone is None:
        return None
    for unit in units:
        for holding in holders_of(unit):
            if phone in (holding.customer.phone, *_further_numbers(holding.customer)):
                return holding.customer, unit
    return None


def _further_numbers(customer: Customer) -> list[str | None]:
    found = []
    for contact in customer.contacts:
        if contact.kind == "phone":
            try:
                found.append(identity.normalise_phone(contact.value))
            except identity.PersonalValueError:
                continue
    return found


def projects_of(customer_id: int) -> frozenset[int]:
    """Return the projects that a customer is linked to."""
    return frozenset(
        db.session.scalars(
            sa.select(CustomerProject.project_id).where(CustomerProject.customer_id == customer_id)
        )
    )


def departments_of_visit(
    department_id: int | None, project_id: int | None
) -> tuple[int | None, frozenset[int]]:
    """Return the department in which a visit by link acts, and those whose rows it sees.

    Args:
        department_id: The department that made the link, or None when the system did.
        project_id: The project of its record.

    Returns:
        That department, else the city company of the project; and all departments on the way down to both.
    """
    of_project = None
    if project_id is not None:
        of_project = db.session.scalar(sa.select(Project.department_id).where(Project.id == project_id))
    acting = department_id if department_id is not None else of_project
    seen = {
        each for start in (department_id, of_project) if start is not None for each in department_path(start)
    }
    return acting, frozenset(seen)
