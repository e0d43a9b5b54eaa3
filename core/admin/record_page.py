"""The page of a record, assembled from the registry: heading, path, and the sections that modules add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import render_template
from markupsafe import Markup

from core.people.permissions import has_permission
from core.plugin_system.declarations import Panel, RecordKind
from core.plugin_system.dispatch import isolated
from core.plugin_system.runtime import HOME, current_runtime


@dataclass(frozen=True)
class Section:
    """A section of a record page or of the home page.

    Attributes:
        code: Code of the panel.
        anchor: Id of the element on the page.
        title: Heading.
        html: The rendered panel; empty when it failed.
        count: How many entries it shows, if the panel says so (value ``count``).
        failed: Whether its module failed; then the page says so in a calm line.
        module: Name of the module that it comes from, "" for the core.
        incident: Number under which a failure is logged.
    """

    code: str
    anchor: str
    title: Any
    html: Markup | str = ""
    count: int | None = None
    failed: bool = False
    module: Any = ""
    incident: str = ""


@dataclass(frozen=True)
class RecordPage:
    """What the details template shows around the fields of a record.

    Attributes:
        heading: The record's title.
        kind: What kind of record it is, as staff read it, or "".
        breadcrumbs: ``(text, url or None)`` from the project down, without the record itself.
        sections: The sections below the fields.
    """

    heading: str
    kind: Any
    breadcrumbs: Sequence[tuple[str, str | None]]
    sections: Sequence[Section]


def record_page(record: Any) -> RecordPage:
    """Assemble the page of a loaded record that the user may see.

    Args:
        record: The mapped instance.
    """
    kind = current_runtime().declared.record_kind_of(record)
    return RecordPage(
        heading=heading_of(record, kind),
        kind=kind.label if kind else "",
        breadcrumbs=tuple(kind.breadcrumbs(record)) if kind and kind.breadcrumbs else (),
        sections=sections_for(record),
    )


def heading_of(record: Any, kind: RecordKind | None = None) -> str:
    """Return the heading of a record: what its kind says, else its text form."""
    kind = kind or current_runtime().declared.record_kind_of(record)
    return kind.title(record) if kind else str(record)


def sections_for(record: Any) -> list[Section]:
    """Return the sections of a record by order: those of its kind and those that every record has.

    A panel whose module is switched off, whose permission is missing or that has nothing to show is left out. Each is
    loaded and rendered in a SAVEPOINT of its own; one that fails becomes a line that names its module.
    """
    kind = current_runtime().declared.record_kind_of(record)
    return _sections(kind.code, record) if kind else []


def sections_for_home() -> list[Section]:
    """Return the sections of the home page by order; their panels are loaded with None for a record."""
    return _sections(HOME, None)


def _sections(record_kind: str, record: Any) -> list[Section]:
    panels = current_runtime().declared.panels(record_kind)
    allowed = [panel for panel in panels if panel.permission is None or has_permission(panel.permission)]
    return [section for panel in allowed if (section := _section(panel, record)) is not None]


def _section(panel: Panel, record: Any) -> Section | None:
    runtime = current_runtime()
    component = runtime.declared.component_of(panel)
    plugin = runtime.plugins.get(component)
    module = plugin.name if plugin else ""
    anchor = "section-" + panel.code.replace(".", "-").replace("_", "-")
    answer = isolated(component, f"panel {panel.code}", _render, panel, record)
    if answer.failed:
        return Section(panel.code, anchor, panel.title, failed=True, module=module, incident=answer.incident)
    if answer.value is None:
        return None
    html, count = answer.value
    return Section(panel.code, anchor, panel.title, html, count, module=module)


def _render(panel: Panel, record: Any) -> tuple[Markup, int | None] | None:
    values = panel.load(record)
    if values is None:
        return None
    count = values.get("count")
    html = Markup(render_template(panel.template, **{"record": record, "panel": panel, **values}))  # noqa: S704 (a rendered template)
    return html, count if isinstance(count, int) else None
