"""Starting the engine: discover, resolve, load, check, and put the healthy plugins at the application's disposal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader

from core.database.base import CORE
from core.plugin_system import declarations as d
from core.plugin_system import gate, schema
from core.plugin_system.discovery import Candidate, discover
from core.plugin_system.loader import (
    PluginRefused,
    collect,
    configure_mappers,
    folder_of,
    forget,
    import_core,
    import_plugin,
    join,
)
from core.plugin_system.resolver import needs_quarantined, resolve
from core.plugin_system.runtime import (
    EXTENSION_KEY,
    Component,
    Declarations,
    PluginsRefused,
    PluginState,
    Runtime,
    State,
)
from core.plugin_system.tables import tables_of
from core.plugin_system.validation import Surroundings, core_faults, declaration_faults

_log = logging.getLogger(__name__)
_SLOW_SECONDS = 1.0
_RESTART_KEY = f"{EXTENSION_KEY}.restart"
_RESERVED_KEY = f"{EXTENSION_KEY}.reserved_addresses"


_MISSING = _l(
    "Its package is not installed any more. Its tables and their rows are kept; install it again to use them."
)


class CoreDeclarationError(RuntimeError):
    """The core's own declarations contradict each other."""


def start_plugins(
    app: Flask,
    core_components: Sequence[str],
    *,
    add_catalogue: Callable[[Flask, Path], None],
    locales: Iterable[str],
    check_view: Callable[[d.AdminView], Iterable[d.Text]] | None = None,
) -> Runtime:
    """Load the core's declarations and all plugins; leave a :class:`Runtime` at ``app.extensions["doorstep"]``.

    A plugin with a fault is put into quarantine with the reason, and so are the plugins that need it.
    Nothing is mounted here.

    Args:
        app: The application, with its configuration (``SAFE_MODE``, ``PLUGINS_STRICT``) and database.
        core_components: Names of the modules in which the core declares itself.
        add_catalogue: Adds a folder of translations to an application.
        locales: Locale codes of the installation.
        check_view: Returns what is wrong with the class of an admin view.

    Returns:
        The engine of the application.

    Raises:
        CoreDeclarationError: The core's declarations contradict each other.
        PluginsRefused: A plugin is faulty and ``PLUGINS_STRICT`` is set.
    """
    app.extensions[_RESTART_KEY] = partial(
        start_plugins,
        app,
        core_components,
        add_catalogue=add_catalogue,
        locales=locales,
        check_view=check_view,
    )
    # At a restart the plugins' own pages are mounted already, so the first look at the addresses counts.
    reserved = app.extensions.setdefault(_RESERVED_KEY, _first_parts(app) | {"admin"})
    starting = _Start(app, locales, check_view, reserved)
    starting.load_core(core_components)
    if not app.config["SAFE_MODE"]:
        starting.load_plugins()
    runtime = starting.finish()
    app.extensions[EXTENSION_KEY] = runtime
    _add_templates(app, runtime)
    for plugin in runtime.healthy():
        if plugin.folder is not None:
            add_catalogue(app, plugin.folder / "translations")
    return runtime


def restart_plugins(app: Flask) -> Runtime:
    """Start the engine of an application again, after migrations: for commands, which need no pages mounted."""
    runtime: Runtime = app.extensions[_RESTART_KEY]()
    return runtime


class _Start:
    """The start-up of one application, step by step."""

    def __init__(
        self,
        app: Flask,
        locales: Iterable[str],
        check_view: Callable[[d.AdminView], Iterable[d.Text]] | None,
        reserved_addresses: frozenset[str],
    ) -> None:
        self.app = app
        self.locales = frozenset(locales)
        self.check_view = check_view
        self.reserved_addresses = reserved_addresses
        self.components: list[Component] = []
        self.declarations: dict[str, Declarations] = {}
        self.states: dict[str, PluginState] = {}
        self.order: tuple[str, ...] = ()
        with app.app_context():
            self.revisions = schema.current_revisions()

    def load_core(self, module_names: Sequence[str]) -> None:
        self.components = import_core(list(module_names))
        merged: dict[str, tuple[Any, ...]] = {}
        for component in self.components:
            for hook, items in collect(component).items():
                merged[hook] = (*merged.get(hook, ()), *items)
        configure_mappers(CORE)
        faults = core_faults(merged)
        if faults:
            raise CoreDeclarationError(_in_english(self.app, join(faults)))
        self.declarations[CORE] = merged

    def load_plugins(self) -> None:
        candidates, rejected = discover()
        for state in rejected:
            self.states[state.slug] = state
        loaded: dict[str, tuple[Candidate, Component]] = {}
        for candidate in candidates:
            self.states[candidate.slug] = PluginState(
                candidate.slug, version=candidate.version, distribution=candidate.distribution
            )
            with self._timing(candidate.slug):
                try:
                    loaded[candidate.slug] = (candidate, import_plugin(candidate))
                except PluginRefused as refusal:
                    self._refuse(candidate.slug, refusal.reason)
        manifests: dict[str, d.Manifest] = {}
        folders: dict[str, Path] = {}
        for slug, (_candidate, component) in loaded.items():
            manifests[slug] = component.module.manifest
            state = self.states[slug]
            state.manifest, state.version = manifests[slug], manifests[slug].version
            state.folder = folders[slug] = folder_of(component)
            state.head = next(iter(schema.heads(schema.migrations_folder(slug, folders[slug]))), None)
            state.revision = self.revisions.get(slug)
        resolution = resolve(manifests, [slug for slug, state in self.states.items() if not state.healthy])
        self.order = resolution.order
        for slug, reason in resolution.rejected.items():
            self._refuse(slug, reason)
        for slug in resolution.order:
            with self._timing(slug):
                self._load(*loaded[slug], manifests[slug], folders[slug])
        for state in self.states.values():
            if state.seconds > _SLOW_SECONDS:
                _log.warning("Plugin %s took %.1f s to load", state.slug, state.seconds)

    def _load(self, candidate: Candidate, component: Component, manifest: d.Manifest, folder: Path) -> None:
        state = self.states[candidate.slug]
        out = [other for other in state.depends if not self.states[other].healthy]
        if out:
            self._refuse(state.slug, needs_quarantined(out[0]))
            state.behind_schema = self.states[out[0]].behind_schema
            return
        try:
            configure_mappers(state.slug)
        except PluginRefused as refusal:
            own = {table.name for table in tables_of(state.slug, self.states)}
            forget(candidate, own)
            self._refuse(state.slug, refusal.reason)
            return
        try:
            declarations = collect(component)
            faults = declaration_faults(manifest, folder, declarations, self._surroundings())
            if faults:
                raise PluginRefused(join(faults))
        except PluginRefused as refusal:
            self._refuse(state.slug, refusal.reason)
            return
        fault = schema.schema_fault(
            state.slug,
            schema.migrations_folder(state.slug, folder),
            self.revisions,
            has_tables=bool(tables_of(state.slug, self.states)),
        )
        if fault is not None:
            self._refuse(state.slug, fault.reason)
            state.behind_schema = fault.behind
            return
        self.declarations[state.slug] = declarations
        self.components.append(component)

    @contextmanager
    def _timing(self, slug: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.states[slug].seconds += time.perf_counter() - begin

    def _surroundings(self) -> Surroundings:
        return Surroundings(
            declared=self.declarations,
            slugs=frozenset(self.states) | frozenset(self.revisions) - {CORE},
            reserved_addresses=self.reserved_addresses,
            locales=self.locales,
            check_view=self.check_view,
        )

    def _refuse(self, slug: str, reason: d.Text) -> None:
        self.states[slug].state = State.QUARANTINED
        self.states[slug].reason = reason

    def finish(self) -> Runtime:
        if not self.app.config["SAFE_MODE"]:
            for slug in sorted(self.revisions.keys() - self.states.keys() - {CORE}):
                self.states[slug] = PluginState(
                    slug, State.MISSING, revision=self.revisions[slug], reason=_MISSING
                )
        placed = [slug for slug in self.order if self.states[slug].healthy]
        others = sorted(self.states.keys() - set(placed))
        runtime = Runtime(
            {slug: self.states[slug] for slug in [*placed, *others]},
            self.declarations,
            self.components,
            gate.is_on,
            core=self._core_state(),
            order=self.order,
            safe_mode=self.app.config["SAFE_MODE"],
            strict=self.app.config["PLUGINS_STRICT"],
        )
        faulty = [
            state
            for state in runtime.plugins.values()
            if state.state is State.QUARANTINED and not state.behind_schema
        ]
        for state in runtime.plugins.values():
            if not state.healthy:
                _log.warning(
                    "Plugin %s is %s: %s", state.slug, state.state, _in_english(self.app, state.reason)
                )
        if faulty and runtime.strict:
            with self.app.app_context(), force_locale("en"):
                raise PluginsRefused(faulty)
        return runtime

    def _core_state(self) -> PluginState:
        folder = schema.migrations_folder(CORE)
        fault = schema.schema_fault(CORE, folder, self.revisions, has_tables=True)
        if fault is not None:
            _log.warning("The tables of the core: %s", _in_english(self.app, fault.reason))
        return PluginState(
            CORE,
            reason=fault.reason if fault else "",
            behind_schema=fault is not None,
            revision=self.revisions.get(CORE),
            head=next(iter(schema.heads(folder)), None),
        )


def _add_templates(app: Flask, runtime: Runtime) -> None:
    """Add the plugins' templates behind the core's: the core wins."""
    folders = [plugin.folder / "templates" for plugin in runtime.healthy() if plugin.folder is not None]
    loaders: list[BaseLoader] = [FileSystemLoader(folder) for folder in folders if folder.is_dir()]
    if loaders:
        core_loader = app.jinja_loader
        app.jinja_loader = ChoiceLoader([*([core_loader] if core_loader is not None else []), *loaders])


def _first_parts(app: Flask) -> frozenset[str]:
    parts = (rule.rule.split("/")[1] for rule in app.url_map.iter_rules())
    return frozenset(part for part in parts if part and not part.startswith("<"))


def _in_english(app: Flask, text: d.Text) -> str:
    with app.app_context(), force_locale("en"):
        return str(text)
