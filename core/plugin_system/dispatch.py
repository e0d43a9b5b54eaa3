"""Calling plugins at run time: each by itself, under the failure policy of the hook."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import g
from flask_babel import gettext as _
from sqlalchemy.exc import ResourceClosedError

from core.database.base import CORE
from core.extensions import db
from core.plugin_system import gate
from core.plugin_system.declarations import FailurePolicy
from core.plugin_system.hookspecs import RUNTIME
from core.plugin_system.runtime import Component, PluginFault, current_runtime

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PluginAnswer:
    """What one component answered.

    Attributes:
        slug: The plugin, or ``core``.
        value: What it returned; None when it failed.
        failed: Whether it failed. What it had written is rolled back.
        incident: Id under which the failure is logged, to show to the user.
    """

    slug: str
    value: Any = None
    failed: bool = False
    incident: str = ""


class PluginFailed(RuntimeError):
    """A plugin failed where the whole transaction depends on it. ``str()`` is a sentence for the user."""

    def __init__(self, slug: str, what: str, incident: str) -> None:
        name = _name_of(slug)
        super().__init__(
            _(
                "The module %(name)s could not do its part (%(what)s), so nothing was saved. "
                "Tell your administrator the incident number %(incident)s.",
                name=name,
                what=what,
                incident=incident,
            )
        )
        self.slug = slug
        self.what = what
        self.incident = incident


def call(hook: str, *, department_id: int | None = None, **arguments: Any) -> list[PluginAnswer]:
    """Call a run-time hook of the core and of every plugin that implements it, one after the other.

    Plugins that are off in the department are left out, unless the hook goes to every installed plugin.

    Args:
        hook: Name of a run-time hook of :mod:`core.plugin_system.hookspecs`.
        department_id: Whose switches count; the acting department when None.
        **arguments: The arguments of the hook.

    Returns:
        One answer for each component that implements the hook, the core first, then in the order of dependencies.

    Raises:
        PluginFailed: A plugin failed and the policy of the hook is *abort*; or a plugin ended the caller's transaction.
    """
    policy, also_when_off = RUNTIME[hook]
    answers = []
    for component in current_runtime().components:
        if not _implements(component, hook):
            continue
        if also_when_off:
            # One whose tables are gone has nothing to say, and would fail.
            if component.slug != CORE and gate.was_erased(component.slug):
                continue
        elif not gate.is_on(component.slug, department_id):
            continue
        answers.append(_call_one(component, hook, policy, arguments))
    return answers


def isolated(component: str, what: str, function: Callable[..., Any], *arguments: Any) -> PluginAnswer:
    """Call a function that a component declared (a panel, a badge, …) so that the page lives when it fails.

    Args:
        component: Whose function it is.
        what: What it is for, as ``panel handover.progress``; for the log and the health page.
        function: The function.
        *arguments: Its arguments.

    Raises:
        PluginFailed: The function ended the caller's transaction.
    """
    return _run(component, what, FailurePolicy.ISOLATE, function, arguments)


def _implements(component: Component, hook: str) -> bool:
    return bool(getattr(component.hooks.hook, hook).get_hookimpls())


def _call_one(
    component: Component, hook: str, policy: FailurePolicy, arguments: dict[str, Any]
) -> PluginAnswer:
    def call_hook() -> Any:
        # A component has a plugin manager of its own, with one implementation (the core with one per package);
        # pluggy drops None.
        return _joined(getattr(component.hooks.hook, hook)(**arguments))

    return _run(component.slug, f"hook {hook}", policy, call_hook)


def _joined(answers: list[Any]) -> Any:
    """Return the answers of the packages of one component as one: mappings merged, lists one after the other."""
    if len(answers) <= 1:
        return answers[0] if answers else None
    if all(isinstance(answer, Mapping) for answer in answers):
        return {key: value for answer in answers for key, value in answer.items()}
    return [item for answer in answers for item in answer]


def _run(
    slug: str, what: str, policy: FailurePolicy, function: Callable[..., Any], arguments: tuple[Any, ...] = ()
) -> PluginAnswer:
    # What the caller wrote is sent before the SAVEPOINT, so that its faults are not laid at the plugin's door.
    db.session.flush()
    savepoint = db.session.begin_nested()
    try:
        value = function(*arguments)
        savepoint.commit()
        return PluginAnswer(slug, value)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    # SystemExit too: a plugin must not be able to end the worker.
    except BaseException as raised:
        error = raised
    try:
        savepoint.rollback()
        caller_is_whole = True
    except ResourceClosedError:
        # The plugin itself committed or rolled back, and with it the work of its caller.
        caller_is_whole = False
    incident = _note(slug, what, error)
    if not caller_is_whole or policy is FailurePolicy.ABORT:
        raise PluginFailed(slug, what, incident) from error
    return PluginAnswer(slug, failed=True, incident=incident)


def _note(slug: str, what: str, error: BaseException) -> str:
    request_id: str | None = g.get("request_id")
    incident = request_id or secrets.token_hex(4)
    _log.error("Plugin %s failed in %s, incident %s", slug, what, incident, exc_info=error)
    # The message of an error may hold personal data: the health page shows its kind, the log the rest.
    current_runtime().note_fault(PluginFault(slug, what, type(error).__name__, incident))
    return incident


def _name_of(slug: str) -> Any:
    plugin = current_runtime().plugins.get(slug)
    return plugin.name if plugin is not None else slug
