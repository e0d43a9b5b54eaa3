"""What the attachments declare: their section on every record page, and what happens to them with their customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.database.scope import require_scope
from core.machinery.attachments import markup, services
from core.machinery.attachments.intake import MAX_BYTES
from core.plugin_system.declarations import Panel, Setting
from core.plugin_system.hookspecs import hookimpl


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the section with photos and files of every record."""
    return (
        Panel(
            code="core.attachments",
            record_kind="*",
            title=_l("Photos and files"),
            template="admin/attachments/panel.html",
            load=panel_values,
            order=700,
        ),
    )


@hookimpl
def settings() -> Sequence[Setting]:
    """Declare whether photos carry place and time."""
    return (
        Setting(
            key="photo_watermark",
            default=True,
            label=_l("Place and time on photos"),
            help=_l(
                "Draws project, house, time and user on the lower edge of each photo that is added to a record."
            ),
            source=_l("Practice of the trade"),
        ),
    )


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the files."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Remove the files that show nothing but the customer."""
    services.erase_of_customer(customer_id)


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Name the files."""
    return {"attachments": services.of_customer(customer_id)}


def panel_values(record: Any) -> Mapping[str, Any] | None:
    """Return the files of a record by slot; nothing where a reader may not add and none is there."""
    kind = services.kind_of(record)
    held = services.attachments_of(record)
    may_edit = kind.edit_permission in require_scope().permissions
    if not held and not may_edit:
        return None
    slots = {"": _("Files") if kind.attachment_slots else "", **kind.attachment_slots}
    groups = [(slot, label, [item for item in held if item.slot == slot]) for slot, label in slots.items()]
    known = set(slots)
    # Files of a slot that its plugin no longer declares are shown all the same.
    groups[0][2].extend(item for item in held if item.slot not in known)
    layers = services.markups_of(held)
    return {
        "kind": kind,
        "layers": {
            item.id: markup.svg(layers[item.id].shapes, item.width, item.height)
            for item in held
            if item.id in layers and item.width and item.height
        },
        "groups": groups,
        "may_edit": may_edit,
        "count": len(held),
        "max_bytes": MAX_BYTES,
        "max_files": services.MAX_FILES,
    }
