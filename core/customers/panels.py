"""Sections on the pages of customers and units: contacts, consents, preferences, who holds which unit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from core.admin.masking import sees_personal_data
from core.customers import identity, words
from core.customers.life_cycle import stage_of_holding, survey_class
from core.customers.models import Consent, Customer, CustomerContact, CustomerUnit
from core.database.types import LOCAL_ZONE, local_today
from core.extensions import db
from core.languages import in_language
from core.projects.models import Unit


def _is_living(customer: Customer) -> bool:
    return customer.merged_into_id is None and customer.erased_at is None


def _holding_values(holding: CustomerUnit) -> dict[str, Any]:
    today = local_today()
    stage = stage_of_holding(holding, today)
    survey = survey_class(holding.signed_on, holding.unit.delivered_on, today)
    return {
        "holding": holding,
        "project": in_language(holding.unit.project.name, holding.unit.project.name_en),
        "role": dict(words.ROLES).get(holding.role, holding.role),
        "stage": words.STAGES.get(stage) if stage is not None else None,
        "survey_class": words.SURVEY_CLASSES.get(survey)
        if survey is not None and stage is not None
        else None,
        "ended": holding.cancelled_on is not None
        or (holding.to_date is not None and holding.to_date < today),
    }


def units_of_customer(customer: Customer) -> Mapping[str, Any]:
    """Return the parts in units that a customer holds or held."""
    holdings = db.session.scalars(
        sa.select(CustomerUnit)
        .where(CustomerUnit.customer_id == customer.id)
        .options(joinedload(CustomerUnit.unit).joinedload(Unit.project))
        .order_by(CustomerUnit.id)
    ).all()
    return {
        "rows": [_holding_values(holding) for holding in holdings],
        "is_living": _is_living(customer),
        "count": len(holdings),
    }


def holders_of_unit(unit: Unit) -> Mapping[str, Any]:
    """Return who holds or held a part in a unit, owners of today first."""
    holdings = db.session.scalars(
        sa.select(CustomerUnit)
        .where(CustomerUnit.unit_id == unit.id)
        .options(joinedload(CustomerUnit.customer), joinedload(CustomerUnit.unit))
        .order_by(CustomerUnit.id)
    ).all()
    order = [role for role, _words in words.ROLES]
    rows = [_holding_values(holding) for holding in holdings]
    rows.sort(key=lambda row: (row["ended"], order.index(row["holding"].role), row["holding"].id))
    hides = not sees_personal_data()
    return {
        "rows": rows,
        "phones": {
            row["holding"].customer_id: identity.mask_phone(row["holding"].customer.phone)
            if hides
            else row["holding"].customer.phone or ""
            for row in rows
        },
        "count": sum(1 for row in rows if not row["ended"]),
    }


def contacts_of(customer: Customer) -> Mapping[str, Any]:
    """Return the further contacts, masked for readers without the right."""
    contacts = db.session.scalars(
        sa.select(CustomerContact)
        .where(CustomerContact.customer_id == customer.id)
        .order_by(CustomerContact.id)
    ).all()
    hides = not sees_personal_data()
    kinds = dict(words.CONTACT_KINDS)
    return {
        "contacts": [
            (row, kinds.get(row.kind, row.kind), identity.mask_contact(row.value) if hides else row.value)
            for row in contacts
        ],
        "is_living": _is_living(customer),
        "count": len(contacts),
    }


def consents_of(customer: Customer) -> Mapping[str, Any]:
    """Return the consents, those that hold first."""
    consents = db.session.scalars(
        sa.select(Consent)
        .where(Consent.customer_id == customer.id)
        .order_by(Consent.withdrawn_at.is_not(None), Consent.given_at.desc())
    ).all()
    purposes, channels = dict(words.PURPOSES), dict(words.CONSENT_CHANNELS)
    return {
        "consents": [
            {
                "id": row.id,
                "purpose": purposes.get(row.purpose, row.purpose),
                "channel": channels.get(row.channel, row.channel),
                "notice_version": row.notice_version,
                "given_on": row.given_at.astimezone(LOCAL_ZONE).date(),
                "withdrawn_on": row.withdrawn_at.astimezone(LOCAL_ZONE).date() if row.withdrawn_at else None,
            }
            for row in consents
        ],
        "is_living": _is_living(customer),
        "count": sum(1 for row in consents if row.withdrawn_at is None),
    }


def preference_of(customer: Customer) -> Mapping[str, Any]:
    """Return how a customer wishes to be contacted."""
    held = customer.preference
    labels = dict(words.MESSAGE_PURPOSES)
    return {
        "held": held,
        "channel": dict(words.CHANNELS).get(held.channel, held.channel) if held is not None else "",
        "opted_out": [labels.get(code, code) for code in held.opted_out or ()] if held is not None else [],
        "is_living": _is_living(customer),
    }
