"""What the engine knows after start-up: the state of every plugin and all declarations of the healthy ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import pluggy
from flask import Flask, current_app
from flask_babel import lazy_gettext as _l

from core.database.base import CORE
from core.database.types import utc_now
from core.plugin_system import declarations as d

EXTENSION_KEY = "doorstep"
HOME = "home"
"""The record kind of panels on the home page."""
EVERY_RECORD = "*"
"""The record kind of panels on every record page."""

Declarations = Mapping[str, tuple[Any, ...]]
"""What one component declares: the items by the name of the declaring hook."""

_D = TypeVar("_D")


class State(StrEnum):
    """How a plugin is doing."""

    HEALTHY = "healthy"
    QUARANTINED = "quarantined"
    """Found, but not mounted; the reason says why."""
    MISSING = "missing"
    """Its tables are in the database, its package is gone."""


@dataclass
class PluginState:
    """A plugin of this installation and how it is doing.

    Attributes:
        slug: The slug; for a broken entry point its name.
        state: Healthy, quarantined or missing.
        manifest: The manifest, as soon as the plugin could be imported.
        version: Version of the manifest, else of the distribution.
        reason: Why it is not healthy, in full sentences, translatable.
        behind_schema: Whether the only fault is that its migrations were not run.
        revision: Revision of its tables in the database, or None.
        head: Newest revision of its migrations, or None when it has none.
        folder: Folder of its package, as soon as it could be imported.
        distribution: Name of the distribution that brought it.
        seconds: How long it took to import, ask and check it.
    """

    slug: str
    state: State = State.HEALTHY
    manifest: d.Manifest | None = None
    version: str = ""
    reason: d.Text = ""
    behind_schema: bool = False
    revision: str | None = None
    head: str | None = None
    folder: Path | None = None
    distribution: str = ""
    seconds: float = 0.0

    @property
    def healthy(self) -> bool:
        """Whether the plugin is mounted."""
        return self.state is State.HEALTHY

    @property
    def depends(self) -> tuple[str, ...]:
        """Slugs that must be healthy and on wherever this plugin is on."""
        return self.manifest.depends if self.manifest else ()

    @property
    def name(self) -> d.Text:
        """What staff read."""
        return self.manifest.name if self.manifest else self.slug


@dataclass(frozen=True)
class Component:
    """A module with hook implementations: ``plugin.py`` of a plugin or ``declarations.py`` of a package of the core."""

    slug: str
    module: Any
    hooks: pluggy.PluginManager


@dataclass(frozen=True)
class PluginFault:
    """A failure of a plugin at run time, for the health page."""

    slug: str
    what: str
    error: str
    incident: str
    at: dt.datetime = field(default_factory=utc_now)


class Declared:
    """The validated declarations of the core and of all healthy plugins.

    The accessors return the declarations themselves; :meth:`component_of` tells whose they are. Where
    ``enabled_only`` is true, only what is on in the acting department is returned (of the core everything).
    """

    def __init__(self, by_component: Mapping[str, Declarations], is_on: Callable[[str], bool]) -> None:
        """Index the declarations.

        Args:
            by_component: Declarations by component, the core first, then the plugins, dependencies first.
            is_on: Tells whether a component is on in the acting department.
        """
        self._by_component = dict(by_component)
        self._is_on = is_on
        self._owner: dict[int, str] = {
            id(item): slug
            for slug, hooks in self._by_component.items()
            for items in hooks.values()
            for item in items
        }
        self._permissions = {item.code: item for item in self._all("permissions")}
        self._record_kinds = {item.code: item for item in self._all("record_kinds")}
        self._kind_of_model = {item.model: item for item in self._record_kinds.values()}
        self._record_words = {item.model.__tablename__: item for item in self._all("record_words")}
        self._document_types = {item.code: item for item in self._all("document_types")}
        self._workflows = {item.name: item for item in self._all("workflows")}

        self._signables = {item.record_kind: item for item in self._all("signables")}
        self._approval_kinds = {item.code: item for item in self._all("approval_kinds")}
        self._timeline_kinds = {item.code: item for item in self._all("timeline_kinds")}
        self._clock_policies = {item.code: item for item in self._all("clock_policies")}
        self._job_kinds = {item.code: item for item in self._all("job_kinds")}
        self._periodic_tasks = {item.code: item for item in self._all("periodic_tasks")}
        self._message_templates = {item.code: item for item in self._all("message_templates")}
        self._message_channels = {item.code: item for item in self._all("message_channels")}
        self._link_purposes = {item.code: item for item in self._all("link_purposes")}
        self._panels: dict[str, list[d.Panel]] = {}
        for panel in sorted(self._all("panels"), key=lambda panel: (panel.order, panel.code)):
            self._panels.setdefault(panel.record_kind, []).append(panel)

    def _all(self, hook: str) -> list[Any]:
        return [item for hooks in self._by_component.values() for item in hooks.get(hook, ())]

    def _on(self, items: Sequence[_D], enabled_only: bool) -> tuple[_D, ...]:
        if not enabled_only:
            return tuple(items)
        verdicts: dict[str, bool] = {}
        chosen = []
        for item in items:
            component = self.component_of(item)
            if component not in verdicts:
                verdicts[component] = self._is_on(component)
            if verdicts[component]:
                chosen.append(item)
        return tuple(chosen)

    def components(self) -> tuple[str, ...]:
        """Return ``core`` and the slugs of the healthy plugins in the order of their dependencies."""
        return tuple(self._by_component)

    def of(self, component: str) -> Declarations:
        """Return everything that one component declares, by the name of the declaring hook."""
        return self._by_component.get(component, {})

    def component_of(self, declaration: Any) -> str:
        """Return whose declaration it is: ``core`` or a slug.

        Raises:
            KeyError: It is a copy, or was never declared.
        """
        return self._owner[id(declaration)]

    def permissions(self) -> tuple[d.Permission, ...]:
        """Return all permissions."""
        return tuple(self._permissions.values())

    def permission(self, code: str) -> d.Permission | None:
        """Return the permission with this code."""
        return self._permissions.get(code)

    def record_kinds(self) -> tuple[d.RecordKind, ...]:
        """Return all record kinds, also of plugins that are off in the acting department."""
        return tuple(self._record_kinds.values())

    def record_kind(self, code: str) -> d.RecordKind | None:
        """Return the record kind with this code, also when its plugin is off (then ask :mod:`gate`)."""
        return self._record_kinds.get(code)

    def record_kind_of(self, model: Any) -> d.RecordKind | None:
        """Return the record kind of a mapped class or of one of its instances."""
        cls = model if isinstance(model, type) else type(model)
        return next((self._kind_of_model[base] for base in cls.__mro__ if base in self._kind_of_model), None)

    def record_words(self, table_name: str) -> d.RecordWords | None:
        """Return what the change log calls a table and its fields, if a plugin says so."""
        return self._record_words.get(table_name)

    def admin_views(self) -> tuple[d.AdminView, ...]:
        """Return all views of the back office; they are mounted at start and gated at each request."""
        return tuple(self._all("admin_views"))

    def blueprints(self) -> tuple[d.PublicBlueprint, ...]:
        """Return all blueprints; they are mounted at start and gated at each request."""
        return tuple(self._all("blueprints"))

    def menu_links(self, enabled_only: bool = True) -> tuple[d.MenuLink, ...]:
        """Return the links in the sidebar."""
        return self._on(self._all("menu_links"), enabled_only)

    def settings(self, component: str) -> tuple[d.Setting, ...]:
        """Return the settings that a component declares."""
        return self.of(component).get("settings", ())

    def setting(self, component: str, key: str) -> d.Setting | None:
        """Return one declared setting."""
        return next((item for item in self.settings(component) if item.key == key), None)

    def components_with_settings(self, enabled_only: bool = True) -> tuple[str, ...]:
        """Return the components that have something to configure."""
        return tuple(
            slug
            for slug in self._by_component
            if self.settings(slug) and (not enabled_only or self._is_on(slug))
        )

    def document_type(self, code: str, enabled_only: bool = True) -> d.DocumentType | None:
        """Return the document type with this code."""
        found = self._document_types.get(code)
        return next(iter(self._on((found,), enabled_only)), None) if found is not None else None

    def document_types(
        self, record_kind: str | None = None, enabled_only: bool = True
    ) -> tuple[d.DocumentType, ...]:
        """Return the document types, of one record kind or of all."""
        return self._on(
            [item for item in self._document_types.values() if record_kind in (None, item.record_kind)],
            enabled_only,
        )

    def clock_policy(self, code: str) -> d.ClockPolicy | None:
        """Return the clock policy with this code, also when its plugin is off."""
        return self._clock_policies.get(code)

    def clock_policies(self) -> tuple[d.ClockPolicy, ...]:
        """Return all clock policies, also of plugins that are off in the acting department."""
        return tuple(self._clock_policies.values())

    def calendar_sources(self, enabled_only: bool = True) -> tuple[d.CalendarSource, ...]:
        """Return the sources of the calendar by order."""
        sources = sorted(self._all("calendar_sources"), key=lambda source: (source.order, source.code))
        return self._on(sources, enabled_only)

    def imports(self, enabled_only: bool = True) -> tuple[d.ImportDeclaration, ...]:
        """Return what staff may take in from files, by order."""
        return self._on(sorted(self._all("imports"), key=lambda item: (item.order, item.code)), enabled_only)

    def import_declaration(self, code: str, enabled_only: bool = True) -> d.ImportDeclaration | None:
        """Return the declaration of an import with this code."""
        return next((item for item in self.imports(enabled_only) if item.code == code), None)

    def signable(self, record_kind: str) -> d.Signable | None:
        """Return how records of a kind are signed, or None when they are not, or their plugin is off."""
        found = self._signables.get(record_kind)
        return next(iter(self._on((found,), True)), None) if found is not None else None

    def panels(self, record_kind: str, enabled_only: bool = True) -> tuple[d.Panel, ...]:
        """Return the panels of a record kind (``home`` for the home page) by order, with those of every record page."""
        found = list(self._panels.get(record_kind, ()))
        if record_kind != HOME:
            found += self._panels.get(EVERY_RECORD, ())
        return self._on(sorted(found, key=lambda panel: (panel.order, panel.code)), enabled_only)

    def timeline_kinds(self) -> tuple[d.TimelineKind, ...]:
        """Return all kinds of timeline entries; entries of a plugin that is off stay readable."""
        return tuple(self._timeline_kinds.values())

    def timeline_kind(self, code: str) -> d.TimelineKind | None:
        """Return the kind of timeline entry with this code."""
        return self._timeline_kinds.get(code)

    def workflows(self) -> tuple[d.WorkflowDeclaration, ...]:
        """Return all workflows; what was moved by a plugin that is off stays readable."""
        return tuple(self._workflows.values())

    def workflow(self, name: str) -> d.WorkflowDeclaration | None:
        """Return the workflow with this name."""
        return self._workflows.get(name)

    def message_template(self, code: str) -> d.MessageTemplate | None:
        """Return the message template with this code, also when its plugin is off."""
        return self._message_templates.get(code)

    def message_templates(self, enabled_only: bool = True) -> tuple[d.MessageTemplate, ...]:
        """Return all message templates."""
        return self._on(tuple(self._message_templates.values()), enabled_only)

    def message_channel(self, code: str) -> d.MessageChannel | None:
        """Return the channel with this code."""
        return self._message_channels.get(code)

    def message_channels(self, kind: str | None = None) -> tuple[d.MessageChannel, ...]:
        """Return the channels, of one kind or of all, those of plugins before the core's."""
        found = [item for item in self._message_channels.values() if kind in (None, item.kind)]
        return tuple(sorted(found, key=lambda item: self.component_of(item) == CORE))

    def link_purpose(self, code: str) -> d.LinkPurpose | None:
        """Return the purpose of personal links with this code, also when its plugin is off."""
        return self._link_purposes.get(code)

    def link_purposes(
        self, record_kind: str | None = None, enabled_only: bool = True
    ) -> tuple[d.LinkPurpose, ...]:
        """Return the purposes of personal links, of one record kind or of all."""
        found = [item for item in self._link_purposes.values() if record_kind in (None, item.record_kind)]
        return self._on(found, enabled_only)

    def approval_kinds(self) -> tuple[d.ApprovalKind, ...]:
        """Return all kinds of approvals."""
        return tuple(self._approval_kinds.values())

    def approval_kind(self, code: str) -> d.ApprovalKind | None:
        """Return the kind of approvals with this code."""
        return self._approval_kinds.get(code)

    def search_sources(self, enabled_only: bool = True) -> tuple[d.SearchSource, ...]:
        """Return the sources of the global search by order."""
        return self._on(
            sorted(self._all("search_sources"), key=lambda source: (source.order, source.code)), enabled_only
        )

    def job_kinds(self, enabled_only: bool = True) -> tuple[d.JobKind, ...]:
        """Return the kinds of jobs that users start."""
        return self._on(tuple(self._job_kinds.values()), enabled_only)

    def job_kind(self, code: str) -> d.JobKind | None:
        """Return the kind of job with this code, also when its plugin is off (then ask :mod:`gate`)."""
        return self._job_kinds.get(code)

    def periodic_tasks(self) -> tuple[d.PeriodicTask, ...]:
        """Return what comes again and again, also of plugins that are off everywhere (then ask :mod:`gate`)."""
        return tuple(self._periodic_tasks.values())

    def periodic_task(self, code: str) -> d.PeriodicTask | None:
        """Return the periodic task with this code."""
        return self._periodic_tasks.get(code)

    def commands(self) -> tuple[d.Command, ...]:
        """Return the commands of the command line."""
        return tuple(self._all("commands"))

    def seed_data(self) -> tuple[d.SeedData, ...]:
        """Return the loaders of reference data, dependencies first."""
        return tuple(self._all("seed_data"))

    def demo_data(self) -> tuple[d.DemoData, ...]:
        """Return the loaders of demo data, dependencies first."""
        return tuple(self._all("demo_data"))


class Runtime:
    """The engine of one application.

    Attributes:
        plugins: State by slug: the healthy ones in the order of their dependencies, then the others by slug.
        core: The state of the core itself: its schema revision, and whether its migrations were not run.
        declared: The validated declarations of all healthy components.
        components: The hook implementations of all healthy components, the core's first.
        order: Slugs of all plugins that could be resolved, dependencies first; also those whose schema is behind.
        safe_mode: Whether the core was started alone.
        faults: The latest failures of plugins at run time in this process, newest last.
    """

    KEPT_FAULTS = 50

    def __init__(
        self,
        plugins: Mapping[str, PluginState],
        declarations: Mapping[str, Declarations],
        components: Sequence[Component],
        is_on: Callable[[str], bool],
        *,
        core: PluginState | None = None,
        order: Sequence[str] = (),
        safe_mode: bool = False,
        strict: bool = False,
    ) -> None:
        self.plugins = dict(plugins)
        self.core = core or PluginState(CORE)
        self.components = tuple(components)
        self.order = tuple(order)
        self.safe_mode = safe_mode
        self.strict = strict
        self.faults: list[PluginFault] = []
        self._declarations = dict(declarations)
        self._is_on = is_on
        self.declared = Declared(self._declarations, is_on)

    def healthy(self) -> tuple[PluginState, ...]:
        """Return the plugins that are mounted, dependencies first."""
        return tuple(plugin for plugin in self.plugins.values() if plugin.healthy)

    def is_healthy(self, slug: str) -> bool:
        """Return whether a component is mounted."""
        return slug == CORE or (slug in self.plugins and self.plugins[slug].healthy)

    def dependents(self, slug: str) -> tuple[str, ...]:
        """Return the healthy plugins that need ``slug``, directly or through others."""
        found: list[str] = []
        for plugin in self.healthy():
            if {slug, *found} & set(plugin.depends):
                found.append(plugin.slug)
        return tuple(found)

    def dependencies(self, slug: str) -> tuple[str, ...]:
        """Return the plugins that ``slug`` needs, directly or through others, in the order to switch them on."""
        needed: set[str] = set()
        waiting = list(self.plugins[slug].depends)
        while waiting:
            other = waiting.pop()
            if other not in needed:
                needed.add(other)
                waiting.extend(self.plugins[other].depends if other in self.plugins else ())
        return tuple(
            sorted(needed, key=lambda other: (self.order.index(other) if other in self.order else -1, other))
        )

    def quarantine(self, slug: str, reason: d.Text) -> None:
        """Take a plugin and its dependents out before they are mounted, because mounting it would fail.

        Args:
            slug: The plugin.
            reason: Why, in full sentences.

        Raises:
            PluginsRefused: The application was started with ``PLUGINS_STRICT``.
        """
        for dependent in self.dependents(slug):
            self._take_out(
                dependent, _l("It needs the plugin %(slug)s, which is in quarantine.", slug=repr(slug))
            )
        self._take_out(slug, reason)
        self.declared = Declared(self._declarations, self._is_on)
        if self.strict:
            raise PluginsRefused([self.plugins[slug]])

    def _take_out(self, slug: str, reason: d.Text) -> None:
        self.plugins[slug].state = State.QUARANTINED
        self.plugins[slug].reason = reason
        self._declarations.pop(slug, None)
        self.components = tuple(component for component in self.components if component.slug != slug)

    def note_fault(self, fault: PluginFault) -> None:
        """Remember a failure for the health page of this process."""
        self.faults.append(fault)
        del self.faults[: -self.KEPT_FAULTS]


class PluginsRefused(RuntimeError):
    """Plugins are faulty and ``PLUGINS_STRICT`` forbids to start without them."""

    def __init__(self, plugins: Sequence[PluginState]) -> None:
        super().__init__("\n".join(f"{plugin.slug}: {plugin.reason}" for plugin in plugins))
        self.plugins = tuple(plugins)


def current_runtime(app: Flask | None = None) -> Runtime:
    """Return the engine of the current application.

    Raises:
        RuntimeError: There is no application context, or its plugins were not started.
    """
    runtime = (app or current_app).extensions.get(EXTENSION_KEY)
    if not isinstance(runtime, Runtime):
        raise RuntimeError(
            "The plugins of this application were not started; make it with core.app.create_app()."
        )
    return runtime
