"""What to-dos declare: rights, and what happens to them with their customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.machinery.todos import services
from core.plugin_system.declarations import Permission
from core.plugin_system.hookspecs import hookimpl

_ALL_STAFF = (
    "HEAD",
    "BCS",
    "CCS",
    "CMK",
    "PCM",
    "MKT",
    "FIN",
    "ENG",
    "PM",
    "CLB",
    "DSN",
    "LEG",
    "COST",
    "APR",
)


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission(
            "todos.view",
            _l("See and do to-dos"),
            _l("One's own, and those of one's departments; the calendar."),
            default_roles=_ALL_STAFF,
        ),
        Permission(
            "todos.assign",
            _l("Give to-dos to departments"),
            _l("Make to-dos for any department of the company, and hand on those of others."),
            default_roles=("HEAD", "BCS", "CCS", "CMK", "PCM"),
        ),
        Permission(
            "todos.oversee",
            _l("See overdue to-dos of other departments"),
            _l("Customer relations sees what other departments owe customers (procedure 4.1.2)."),
            default_roles=("HEAD", "BCS", "CCS", "CMK", "PCM"),
        ),
    )


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the to-dos."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank what they say."""
    services.erase_of_customer(customer_id, _l("Erased at the customer's request."))


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the to-dos."""
    return {"todos": services.of_customer(customer_id)}
