"""Importing plugins and asking them what they declare. Whatever goes wrong becomes a reason, never an exception."""

from __future__ import annotations

import importlib
import inspect
import logging
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import pluggy
import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.database.base import CORE, metadata
from core.plugin_system import declarations as d
from core.plugin_system import hookspecs
from core.plugin_system.discovery import Candidate
from core.plugin_system.runtime import Component, Declarations
from core.plugin_system.tables import bases_of, core_table_names, owner_of_table
from core.plugin_system.validation import manifest_faults, relationship_faults, shape_faults

_log = logging.getLogger(__name__)
_T = TypeVar("_T")


class PluginRefused(Exception):
    """A plugin cannot be used; ``reason`` says why in full sentences."""

    def __init__(self, reason: d.Text) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return str(self.reason)


def import_plugin(candidate: Candidate) -> Component:
    """Import the module of a plugin and check its manifest and the names of its hooks.

    A plugin that fails leaves nothing behind: neither modules nor tables.

    Raises:
        PluginRefused: It cannot be imported, or breaks a rule.
    """
    known_tables = set(metadata.tables)
    try:
        module = _guarded(candidate.slug, _l("It cannot be imported"), candidate.entry_point.load)
        if not isinstance(module, ModuleType):
            raise PluginRefused(
                _l(
                    "Its entry point %(value)s names no module. Name the module plugin of its package.",
                    value=repr(candidate.entry_point.value),
                )
            )
        faults = manifest_faults(getattr(module, "manifest", None), candidate.slug)
        faults += [
            _l(
                "Its table %(table)s must start with %(prefix)s, its slug.",
                table=repr(name),
                prefix=repr(f"{candidate.slug}_"),
            )
            for name in _stray_tables(candidate)
        ]
        if faults:
            raise PluginRefused(join(faults))
        return Component(candidate.slug, module, hook_manager(module))
    except PluginRefused:
        forget(candidate, set(metadata.tables) - known_tables)
        raise


def import_core(module_names: list[str]) -> list[Component]:
    """Import the declaring modules of the core; here a fault is an exception."""
    modules = [importlib.import_module(name) for name in module_names]
    return [Component(CORE, module, hook_manager(module)) for module in modules]


def hook_manager(module: ModuleType) -> pluggy.PluginManager:
    """Make the plugin manager of one module: one each, so that the failure of one never skips another.

    Raises:
        PluginRefused: A hook does not exist, has wrong arguments, or lost its ``@hookimpl``.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=module.__name__)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginRefused(
            _l("One of its hooks does not exist or has wrong arguments: %(error)s.", error=_first_line(error))
        ) from error
    for hook in (*hookspecs.DECLARING, *hookspecs.RUNTIME):
        function = vars(module).get(hook)
        if (
            inspect.isfunction(function)
            and function.__module__ == module.__name__
            and not getattr(manager.hook, hook).get_hookimpls()
        ):
            raise PluginRefused(
                _l("Its function %(hook)s is called like a hook. Write @hookimpl above it.", hook=hook)
            )
    return manager


def collect(component: Component) -> Declarations:
    """Call the declaring hooks of one component.

    Raises:
        PluginRefused: A hook failed or returned something else than a list of its kind of declaration.
    """
    declarations: dict[str, tuple[Any, ...]] = {}
    for hook in hookspecs.DECLARING:
        caller = getattr(component.hooks.hook, hook)
        if not caller.get_hookimpls():
            continue
        answers = _guarded(component.slug, _l("Its hook %(hook)s failed", hook=hook), caller)
        # A component has one implementation of each hook, and pluggy drops None.
        answer: Any = answers[0] if answers else None
        faults = shape_faults(hook, answer)
        if faults:
            raise PluginRefused(join(faults))
        declarations[hook] = tuple(answer)
    return declarations


def configure_mappers(slug: str) -> None:
    """Configure the models of one component now, so that a broken ``relationship()`` shows at start and hurts no other.

    Raises:
        PluginRefused: A relationship is broken or reaches into a class of another component.
    """
    faults = list(relationship_faults(slug))
    if faults:
        raise PluginRefused(join(faults))
    for base in bases_of(slug):
        _guarded(
            slug,
            _l("Its models do not fit together"),
            partial(base.registry.configure, cascade=True),
        )


def forget(candidate: Candidate, new_tables: set[str]) -> None:
    """Remove what a plugin left behind when it was imported: mappers, tables, modules.

    Args:
        candidate: The plugin.
        new_tables: Tables that appeared since; those of other plugins, which it may have imported, stay.
    """
    for base in bases_of(candidate.slug):
        base.registry.dispose(cascade=True)
    stray = _stray_tables(candidate)
    for name in new_tables:
        if name in stray or owner_of_table(name, [candidate.slug]) == candidate.slug:
            metadata.remove(metadata.tables[name])
    for module in _modules_of(candidate):
        del sys.modules[module.__name__]


def _modules_of(candidate: Candidate) -> list[ModuleType]:
    """Return the loaded modules of a plugin's package."""
    package = candidate.entry_point.module.rpartition(".")[0] or candidate.entry_point.module
    return [
        module for name, module in sys.modules.items() if name == package or name.startswith(f"{package}.")
    ]


def _stray_tables(candidate: Candidate) -> list[str]:
    """Return bare tables in a plugin's modules without its prefix; those of models were checked when they were made."""
    return sorted(
        {
            value.name
            for module in _modules_of(candidate)
            for value in vars(module).values()
            if isinstance(value, sa.Table)
            and value.metadata is metadata
            and not value.name.startswith(f"{candidate.slug}_")
            and value.name not in core_table_names()
        }
    )


def folder_of(component: Component) -> Path:
    """Return the folder of a component's package."""
    return Path(component.module.__file__).parent


def join(faults: list[d.Text]) -> d.Text:
    """Return several sentences as one text."""
    if len(faults) == 1:
        return faults[0]
    return _l("%(first)s %(rest)s", first=faults[0], rest=join(faults[1:]))


def _guarded(slug: str, what: d.Text, function: Callable[[], _T]) -> _T:
    try:
        return function()
    except (KeyboardInterrupt, GeneratorExit):
        raise
    # SystemExit and whatever else a plugin may raise.
    except BaseException as error:
        _log.warning("Plugin %s is put into quarantine", slug, exc_info=error)
        raise PluginRefused(
            _l(
                "%(what)s: %(type)s: %(error)s.",
                what=what,
                type=type(error).__name__,
                error=_first_line(error),
            )
        ) from error


def _first_line(error: BaseException) -> str:
    text = (str(error).strip() or repr(error)).splitlines()[0]
    # An ImportError ends with the path of the file, which is nobody's business on a page.
    return re.sub(r" \(\S*/\S*\)$", "", text).rstrip(".")
