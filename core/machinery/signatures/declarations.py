"""What signatures declare: their section on the pages of records that are signed, and what happens with customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import lazy_gettext as _l

from core.database.scope import require_scope
from core.machinery.signatures import printing, services
from core.plugin_system.declarations import Panel
from core.plugin_system.hookspecs import hookimpl
from core.plugin_system.runtime import current_runtime

PERSONAL_PERMISSION = "personal.view"


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section with the signatures of every record that is signed."""
    return (
        Panel(
            code="core.signatures",
            record_kind="*",
            title=_l("Signatures"),
            template="admin/signatures/panel.html",
            load=panel_values,
            order=690,
        ),
    )


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the signatures."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Empty what is personal in the signatures."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Tell what the customer signed."""
    return {"signatures": services.of_customer(customer_id)}


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the signatures of a record with their check, and its supplements; nothing for what is not signed."""
    signable = services.signable_of(record)
    if signable is None:
        return None
    checks = services.verify(record)
    permissions = require_scope().permissions
    obstacle = signable.may_sign(record) if signable.may_sign is not None else None
    supplements = services.supplement_changes(record) if checks else []
    return {
        "kind": current_runtime().declared.record_kind_of(record),
        "signable": signable,
        "checks": checks,
        "supplements": supplements,
        "obstacle": obstacle,
        "sees_personal": PERSONAL_PERMISSION in permissions,
        "may_sign": signable.sign_permission in permissions,
        "may_supplement": bool(checks)
        and signable.supplement_permission is not None
        and signable.supplement_permission in permissions,
        "words_of": lambda path: printing.words_of(signable, path),
        "value_of": lambda path, value: printing.value_words(signable, path, value),
        "count": len(checks),
    }
