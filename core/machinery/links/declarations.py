"""What personal links declare: their section on every record page, and what happens to them with their customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.database.scope import require_scope
from core.languages import LOCALES
from core.machinery.links import services
from core.plugin_system.declarations import Panel
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime

STATES: dict[str, tuple[str, Any]] = {
    "open": ("ok", _l("Can be opened")),
    "used": ("calm", _l("Used up")),
    "expired": ("calm", _l("Expired")),
    "revoked": ("late", _l("Revoked")),
    "closed": ("late", _l("Closed after five wrong answers")),
}


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section with the links of every record."""
    return (Panel("core.links", "*", _l("Personal links"), "links/panel.html", panel_values, order=680),)


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the links of a record that the user may make, and what may be made; nothing where there is neither."""
    permissions = require_scope().permissions
    declared = current_runtime().declared
    rows = []
    for link in services.links_of(record):
        purpose = declared.link_purpose(link.purpose)
        if purpose is not None and purpose.permission in permissions:
            rows.append((link, purpose, *STATES[services.state_of(link)]))
    purposes = services.purposes_for(record)
    if not rows and not purposes:
        return None
    return {
        "rows": rows,
        "purposes": [
            (purpose, [] if purpose.poster else services.recipients_of(purpose, record))
            for purpose in purposes
        ],
        "kind": declared.record_kind_of(record),
        "count": len(rows),
        "languages": LOCALES,
    }


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the links."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Remove the links."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the links."""
    return {"links": services.of_customer(customer_id)}
