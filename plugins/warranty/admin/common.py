"""What the screens of the module share: references to records, days, and buttons that take a step of a service."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from flask import abort, flash, redirect, request, url_for
from markupsafe import Markup
from sqlalchemy.orm.attributes import set_committed_value
from werkzeug.wrappers import Response

from core.toolkit import (
    ApprovalRefused,
    Building,
    Customer,
    RecordView,
    SaveRefused,
    TransitionRefused,
    UploadRefused,
    colleagues_with,
    commit,
    db,
    has_permission,
    mask_all,
    sees_personal_data,
    status_mark,
    strict_id,
)
from plugins.warranty.errors import WarrantyRuleError

ENGINEERS = colleagues_with("warranty.work_order")
"""Who may work on repair orders, in whichever group of a project."""

REFUSALS = (WarrantyRuleError, TransitionRefused, UploadRefused, ApprovalRefused)


def status(tone: str, text: Any) -> Markup:
    """Return a coloured word."""
    return status_mark(tone, text)


def of_address(model: Any, name: str) -> Any:
    """Return the visible record that the address names, None when it names none; a wrong one answers 404."""
    given = request.args.getlist(name)
    if not given:
        return None
    key = strict_id(given[0]) if len(given) == 1 else None
    return (visible(model, key) if key is not None else None) or abort(404)


def visible(model: Any, key: int) -> Any:
    """Return the row with this key if the acting user may see it, else None."""
    return db.session.scalar(sa.select(model).where(model.id == key))


def customer_name(customer: Customer) -> str:
    """Return the name of a customer for whoever may see customers, as in their list; stars for others.

    Telephone numbers are masked beside it, and names of reporters who need not be customers always, without the right
    to personal data.
    """
    may_see = has_permission("customers.view") or sees_personal_data()
    return customer.name if may_see else mask_all(customer.name)


def customer_link(customer: Customer | None) -> Any:
    """Return the name of a customer, leading to his page for whoever may see it; empty for None."""
    if customer is None:
        return ""
    name = customer_name(customer)
    if not has_permission("customers.view"):
        return name
    address = url_for("customers.details_view", id=customer.id)
    return Markup('<a href="{}">{}</a>').format(address, name)


def load_buildings(records: Sequence[Any]) -> None:
    """Load the buildings of requests or orders for common parts at once, which their ``house`` reads one by one.

    Args:
        records: Rows of a list, with ``unit_id`` and ``building_id`` loaded.
    """
    of_common_parts = [record for record in records if record.unit_id is None]
    if not of_common_parts:
        return
    wanted = {record.building_id for record in of_common_parts}
    found = db.session.scalars(sa.select(Building).where(Building.id.in_(wanted)))
    buildings = {building.id: building for building in found}
    for record in of_common_parts:
        if record.building_id in buildings:
            set_committed_value(record, "building", buildings[record.building_id])


def typed(name: str, longest: int = 2000) -> str:
    """Return what was typed into a field of the posted form, cut and without blanks around."""
    return request.form.get(name, "").replace("\0", "")[:longest].strip()


def take_step(address: str, step: Callable[[], Any], done: Any) -> Response:
    """Carry out a step of a service and go to an address; what a rule refuses is said there.

    Args:
        address: Where the browser goes afterwards, also after a refusal.
        step: The call of the service.
        done: The sentence that says what was done, or a function that makes it, called before the commit.
    """
    try:
        result = step()
        sentence = str(done(result) if callable(done) else done)
        commit()
    except (*REFUSALS, SaveRefused) as refused:
        db.session.rollback()
        flash(str(refused), "error")
    else:
        flash(sentence, "success")
    return redirect(address, 303)


class WarrantyView(RecordView):
    """What the views of this module share: the refusals of its services are sentences for the user."""

    refusals: tuple[type[Exception], ...] = REFUSALS
