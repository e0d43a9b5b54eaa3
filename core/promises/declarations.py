"""What the promise register declares."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.plugin_system.declarations import (
    AdminView,
    Area,
    CalendarSource,
    Panel,
    Permission,
    RecordKind,
    TimelineKind,
)
from core.plugin_system.hookspecs import hookimpl
from core.promises import panels as sections
from core.promises import services
from core.promises.admin import PromiseView
from core.promises.models import Promise

_SEEING = ("HEAD", "BCS", "CCS", "CMK", "PCM", "MKT", "ENG", "PM", "LEG")
_KEEPING = ("HEAD", "BCS", "CCS", "PCM", "MKT")


@hookimpl
def permissions() -> Sequence[Permission]:
    """Declare the rights."""
    return (
        Permission("promises.view", _l("See the promise register"), default_roles=_SEEING),
        Permission("promises.create", _l("Register promises"), default_roles=_KEEPING),
        Permission("promises.edit", _l("Change promises"), default_roles=("HEAD", "BCS", "PCM")),
        Permission(
            "promises.settle",
            _l("Say whether promises were kept"),
            default_roles=("HEAD", "BCS", "CCS", "PCM"),
        ),
        Permission("promises.export", _l("Export the promise register"), default_roles=("HEAD",)),
    )


@hookimpl
def record_kinds() -> Sequence[RecordKind]:
    """Declare promises."""
    return (
        RecordKind(
            "core.promise",
            Promise,
            _l("Promise"),
            "promises.view",
            "promises.edit",
            "promises.details_view",
            lambda promise: promise.number,
            path_of_promise,
            {"evidence": _l("Evidence")},
        ),
    )


def path_of_promise(promise: Promise) -> list[tuple[str, str | None]]:
    """Return the way down to a promise: project and unit."""
    path: list[tuple[str, str | None]] = [
        (promise.project.name, url_for("projects.details_view", id=promise.project_id))
    ]
    if promise.unit is not None:
        path.append((promise.unit.code, url_for("units.details_view", id=promise.unit_id)))
    return path


@hookimpl
def admin_views() -> Sequence[AdminView]:
    """Declare the register."""
    return (
        AdminView(PromiseView, "promises", _l("Promise register"), Area.CUSTOMERS, order=60, model=Promise),
    )


@hookimpl
def panels() -> Sequence[Panel]:
    """Declare the promises on customers, units and projects."""
    loaders: Mapping[str, Any] = {
        "customer": sections.of_customer,
        "unit": sections.of_unit,
        "project": sections.of_project,
    }
    return tuple(
        Panel(
            f"core.promises_of_{noun}",
            f"core.{noun}",
            _l("Promises"),
            "promises/panel.html",
            load,
            "promises.view",
            order=500,
        )
        for noun, load in loaders.items()
    )


@hookimpl
def timeline_kinds() -> Sequence[TimelineKind]:
    """Declare what the register writes on timelines."""
    return (
        TimelineKind("core.promise_made", _l("Promise"), "wait"),
        TimelineKind("core.promise_settled", _l("Promise settled"), "ok"),
    )


@hookimpl
def calendar_sources() -> Sequence[CalendarSource]:
    """Declare the promises that are to be kept."""
    return (CalendarSource("core.promises", _l("Promises"), sections.calendar_entries, "promises.view", 30),)


@hookimpl
def customers_merged(kept_id: int, merged_id: int) -> None:
    """Move the promises."""
    services.move_to_customer(kept_id, merged_id)


@hookimpl
def customer_erased(customer_id: int) -> None:
    """Blank what they say."""
    services.erase_of_customer(customer_id, _("Erased at the customer's request."))


@hookimpl
def customer_export(customer_id: int) -> Mapping[str, Any] | None:
    """Return the promises."""
    return {"promises": services.of_customer(customer_id)}


@hookimpl
def obstacles(record_kind: str, record_id: int) -> Sequence[str]:
    """Say that a unit about which something was promised cannot be deleted."""
    if record_kind != "core.unit":
        return ()
    count = db.session.scalar(sa.select(sa.func.count(Promise.id)).where(Promise.unit_id == record_id))
    if not count:
        return ()
    return (_("Promises in the register are about this unit (%(count)s).", count=count),)
