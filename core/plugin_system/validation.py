"""The rules that a plugin's manifest and declarations must keep. Everything is checked before anything is mounted."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa
from flask import Blueprint
from flask_babel import lazy_gettext as _l
from packaging.version import InvalidVersion, Version
from sqlalchemy.orm import InstrumentedAttribute, RelationshipProperty

from core.database.base import CORE
from core.plugin_system import declarations as d
from core.plugin_system.runtime import EVERY_RECORD, HOME, Declarations
from core.plugin_system.tables import bases_of, core_table_names, owner_of_table, tables_of

SLUG = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MAXIMAL_SLUG_LENGTH = 24
"""Alembic keeps a revision in 32 characters, and ours are called ``<slug>_0001``."""

RESERVED_SLUGS = frozenset(
    {CORE, "admin", "components", "documents", "doorstep", "macros", "public", "security", "site", "static"}
)
"""Names of folders in the core's templates and of parts of its addresses."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MINUTES_OF_A_DAY = 24 * 60
_PREFIX = re.compile(r"[a-z][a-z0-9_-]*(/[a-z0-9_-]+)*")

DECLARED_TYPES: Mapping[str, type] = {
    "permissions": d.Permission,
    "record_kinds": d.RecordKind,
    "record_words": d.RecordWords,
    "admin_views": d.AdminView,
    "blueprints": d.PublicBlueprint,
    "menu_links": d.MenuLink,
    "settings": d.Setting,
    "document_types": d.DocumentType,
    "imports": d.ImportDeclaration,
    "signables": d.Signable,
    "panels": d.Panel,
    "timeline_kinds": d.TimelineKind,
    "workflows": d.WorkflowDeclaration,
    "approval_kinds": d.ApprovalKind,
    "search_sources": d.SearchSource,
    "clock_policies": d.ClockPolicy,
    "calendar_sources": d.CalendarSource,
    "job_kinds": d.JobKind,
    "periodic_tasks": d.PeriodicTask,
    "message_templates": d.MessageTemplate,
    "message_channels": d.MessageChannel,
    "link_purposes": d.LinkPurpose,
    "commands": d.Command,
    "seed_data": d.SeedData,
    "demo_data": d.DemoData,
}
"""What each declaring hook returns a sequence of."""


def slug_faults(slug: str) -> list[d.Text]:
    """Return what is wrong with the form of a slug."""
    if not SLUG.fullmatch(slug) or not 2 <= len(slug) <= MAXIMAL_SLUG_LENGTH:
        return [
            _l(
                "%(slug)s is no slug: write 2 to %(longest)s lower-case letters, digits and single underscores, "
                "a letter first.",
                slug=repr(slug),
                longest=MAXIMAL_SLUG_LENGTH,
            )
        ]
    if slug in RESERVED_SLUGS or any(
        name == slug or name.startswith(f"{slug}_") for name in core_table_names()
    ):
        return [_l("The slug %(slug)s is taken by the core. Choose another one.", slug=slug)]
    return []


def manifest_faults(manifest: Any, slug: str) -> list[d.Text]:
    """Return what is wrong with a manifest.

    Args:
        manifest: What the plugin's module calls ``manifest``.
        slug: Name of the entry point.
    """
    if not isinstance(manifest, d.Manifest):
        return [
            _l("Its module has no manifest. Write `manifest = Manifest(slug=%(slug)s, …)`.", slug=repr(slug))
        ]
    if manifest.slug != slug:
        return [
            _l(
                "Its manifest has the slug %(manifest)s and its entry point is called %(entry)s. "
                "Write the same in both.",
                manifest=repr(manifest.slug),
                entry=repr(slug),
            )
        ]
    faults = slug_faults(slug)
    try:
        Version(manifest.version)
    except (InvalidVersion, TypeError):
        faults.append(
            _l("The version %(version)s of its manifest is not like 1.2.0.", version=repr(manifest.version))
        )
    if type(manifest.api) is not int:
        faults.append(
            _l("The field api of its manifest is %(api)s; write a whole number.", api=repr(manifest.api))
        )
    if not str(manifest.name).strip():
        faults.append(_l("Its manifest has no name. Staff read the name in the module manager."))
    for field in ("depends", "uses"):
        value = getattr(manifest, field)
        if not isinstance(value, tuple) or not all(
            isinstance(other, str) and SLUG.fullmatch(other) for other in value
        ):
            faults.append(
                _l(
                    'The field %(field)s of its manifest must be a tuple of slugs, like ("contractors",).',
                    field=field,
                )
            )
    if manifest.category not in ("module", "base"):
        faults.append(_l('The category of its manifest is neither "module" nor "base".'))
    return faults


def shape_faults(hook: str, answer: Any) -> list[d.Text]:
    """Return what is wrong with what a declaring hook returned: it must be a list or tuple of its kind."""
    wanted = DECLARED_TYPES[hook]
    if not isinstance(answer, (list, tuple)):
        return [
            _l(
                "Its hook %(hook)s returned %(type)s; return a list of %(wanted)s.",
                hook=hook,
                type=type(answer).__name__,
                wanted=wanted.__name__,
            )
        ]
    return [
        _l(
            "Its hook %(hook)s returned a %(type)s in its list; only %(wanted)s belongs there.",
            hook=hook,
            type=type(item).__name__,
            wanted=wanted.__name__,
        )
        for item in answer
        if not isinstance(item, wanted)
    ]


@dataclass(frozen=True)
class Surroundings:
    """What stands already when a plugin is checked.

    Attributes:
        declared: Declarations of the core and of the healthy plugins so far, by component.
        slugs: All slugs that may own tables.
        reserved_addresses: First parts of addresses that the core uses.
        locales: Locale codes of the installation.
        check_view: Returns what is wrong with the class of an admin view; the engine does not know the back office.
    """

    declared: Mapping[str, Declarations]
    slugs: Collection[str]
    reserved_addresses: Collection[str] = ()
    locales: Collection[str] = ("zh_Hans_CN", "en")
    check_view: Callable[[d.AdminView], Iterable[d.Text]] | None = None

    def all(self, hook: str) -> list[Any]:
        """Return what all components before this one declare under a hook."""
        return [item for declarations in self.declared.values() for item in declarations.get(hook, ())]


def declaration_faults(
    manifest: d.Manifest, folder: Path, declarations: Declarations, around: Surroundings
) -> list[d.Text]:
    """Return everything that is wrong with the declarations of one plugin.

    Args:
        manifest: Its manifest.
        folder: Folder of its package.
        declarations: What its declaring hooks returned.
        around: What stands already.
    """
    slug = manifest.slug
    checks: tuple[Iterator[d.Text], ...] = (
        _template_folder_faults(slug, folder),
        _table_faults(manifest, around),
        _permission_faults(slug, declarations, around),
        _record_kind_faults(slug, declarations, around),
        _record_words_faults(slug, declarations),
        _view_faults(slug, declarations, around),
        _blueprint_faults(slug, declarations, around),
        _menu_faults(slug, declarations),
        _setting_faults(declarations),
        _document_faults(slug, folder, declarations, around),
        _import_faults(slug, declarations, around),
        _panel_faults(slug, folder, declarations, around),
        _signable_faults(slug, declarations, around),
        _simple_code_faults(slug, declarations, around),
        _clock_faults(declarations),
        _step_message_faults(declarations, around),
        _job_faults(slug, declarations, around),
        _workflow_faults(slug, declarations, around),
        _message_faults(declarations),
        _link_faults(slug, declarations),
        _approval_faults(slug, declarations, around),
        _command_faults(declarations),
    )
    return [fault for check in checks for fault in check]


def core_faults(declarations: Declarations) -> list[d.Text]:
    """Return what is wrong with the declarations of the core itself: doubles and references to nothing."""
    around = Surroundings({}, ())
    faults: list[d.Text] = []
    for hook, key in _KEYS.items():
        faults += _doubles(hook, key, declarations, around)
    faults += _unknown_permissions(declarations, around)
    faults += _unknown_record_kinds(declarations, around)
    faults += _setting_faults(declarations)
    faults += _clock_faults(declarations)
    faults += _step_message_faults(declarations, around)
    faults += _work_faults(declarations)
    faults += _unknown_timeline_kinds(declarations, around)
    faults += _message_faults(declarations)
    faults += _link_faults(CORE, declarations)
    return faults


_KEYS: Mapping[str, str] = {
    "permissions": "code",
    "record_kinds": "code",
    "document_types": "code",
    "imports": "code",
    "panels": "code",
    "timeline_kinds": "code",
    "workflows": "name",
    "approval_kinds": "code",
    "search_sources": "code",
    "clock_policies": "code",
    "calendar_sources": "code",
    "job_kinds": "code",
    "periodic_tasks": "code",
    "message_templates": "code",
    "message_channels": "code",
    "link_purposes": "code",
}
"""Declarations that are found by a code, which must be unique."""


def _codes(items: Iterable[Any]) -> set[str]:
    return {item.code for item in items}


def _doubles(hook: str, key: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    own = Counter(getattr(item, key) for item in declarations.get(hook, ()))
    others = {getattr(item, key) for item in around.all(hook)}
    for value, times in own.items():
        if times > 1 or value in others:
            yield _l("It declares %(hook)s %(value)s, which exists already.", hook=hook, value=repr(value))


def _foreign_codes(slug: str, hook: str, declarations: Declarations) -> Iterator[d.Text]:
    for item in declarations.get(hook, ()):
        if not item.code.startswith(f"{slug}.") or not _CODE.fullmatch(item.code):
            yield _l(
                "The code %(code)s in %(hook)s must be %(slug)s, a dot, and lower-case letters, digits and "
                "underscores.",
                code=repr(item.code),
                hook=hook,
                slug=slug,
            )


def _template_folder_faults(slug: str, folder: Path) -> Iterator[d.Text]:
    templates = folder / "templates"
    if not templates.is_dir():
        return
    for entry in sorted(templates.iterdir()):
        if entry.name != slug and not entry.name.startswith("."):
            yield _l(
                "Its folder templates/ holds %(entry)s, which could replace a page of the core or of another plugin. "
                "It may hold the folder %(slug)s/ only.",
                entry=entry.name + ("/" if entry.is_dir() else ""),
                slug=slug,
            )


def _table_faults(manifest: d.Manifest, around: Surroundings) -> Iterator[d.Text]:
    slug = manifest.slug
    mapped = {
        mapper.local_table.name
        for base in bases_of(slug)
        for mapper in base.registry.mappers
        if isinstance(mapper.local_table, sa.Table)
    }
    for name in sorted(mapped):
        owner = owner_of_table(name, around.slugs)
        if owner != slug:
            yield _l("Its table %(table)s reads as one of %(owner)s; rename it.", table=name, owner=owner)
    for table in tables_of(slug, around.slugs):
        for foreign_key in table.foreign_keys:
            target = foreign_key.target_fullname.split(".")[0]
            owner = owner_of_table(target, around.slugs)
            if owner not in (slug, CORE, *manifest.depends):
                yield _l(
                    "Its table %(table)s refers to %(target)s of the plugin %(owner)s, which is not in its depends.",
                    table=table.name,
                    target=target,
                    owner=owner,
                )
            elif owner != slug and foreign_key.ondelete is None:
                yield _l(
                    "The foreign key from %(table)s.%(column)s to %(target)s has no ondelete; a plugin that is "
                    "switched off would block deletes. Say CASCADE, SET NULL or RESTRICT.",
                    table=table.name,
                    column=foreign_key.parent.name,
                    target=target,
                )


def relationship_faults(slug: str) -> Iterator[d.Text]:
    """Yield what is wrong with relationships of a plugin's models; called before the mappers are configured,
    because a backref changes the other class then."""
    for base in bases_of(slug):
        for mapper in base.registry.mappers:
            for attribute in vars(mapper.class_).values():
                if not isinstance(attribute, InstrumentedAttribute) or not isinstance(
                    attribute.prop, RelationshipProperty
                ):
                    continue
                if attribute.prop.backref is not None:
                    yield _l(
                        "The relationship %(model)s.%(name)s has a backref. Use back_populates within the "
                        "plugin, and nothing on classes of others.",
                        model=mapper.class_.__name__,
                        name=attribute.key,
                    )


def _permission_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "permissions", declarations)
    yield from _doubles("permissions", "code", declarations, around)
    yield from _unknown_permissions(declarations, around)


def _named_permissions(declarations: Declarations) -> Iterator[tuple[str, str]]:
    """Yield each permission that a declaration names, with the words to say where."""
    for kind in declarations.get("record_kinds", ()):
        yield kind.view_permission, f"record_kinds {kind.code!r}"
        yield kind.edit_permission, f"record_kinds {kind.code!r}"
    for document in declarations.get("document_types", ()):
        yield document.permission, f"document_types {document.code!r}"
        if document.issue_permission is not None:
            yield document.issue_permission, f"document_types {document.code!r}"
    for signable in declarations.get("signables", ()):
        yield signable.sign_permission, f"signables {signable.record_kind!r}"
        if signable.supplement_permission is not None:
            yield signable.supplement_permission, f"signables {signable.record_kind!r}"
    for panel in declarations.get("panels", ()):
        if panel.permission is not None:
            yield panel.permission, f"panels {panel.code!r}"
    for item in declarations.get("imports", ()):
        yield item.permission, f"imports {item.code!r}"
    for source in declarations.get("search_sources", ()):
        yield source.permission, f"search_sources {source.code!r}"
    for calendar in declarations.get("calendar_sources", ()):
        yield calendar.permission, f"calendar_sources {calendar.code!r}"
    for job in declarations.get("job_kinds", ()):
        if job.permission is not None:
            yield job.permission, f"job_kinds {job.code!r}"
    for link in declarations.get("menu_links", ()):
        yield link.permission, f"menu_links {link.endpoint!r}"
    for approval in declarations.get("approval_kinds", ()):
        yield approval.permission, f"approval_kinds {approval.code!r}"
    for workflow in declarations.get("workflows", ()):
        for transition in workflow.transitions:
            if transition.permission is not None:
                yield transition.permission, f"workflows {workflow.name!r}"
    for purpose in declarations.get("link_purposes", ()):
        for code in (purpose.permission, *purpose.permissions):
            yield code, f"link_purposes {purpose.code!r}"
    for view in declarations.get("admin_views", ()):
        rights = getattr(view.view, "permissions", None)
        if is_dataclass(rights):
            for field in fields(rights):
                code = getattr(rights, field.name)
                if isinstance(code, str):
                    yield code, f"admin_views {view.name!r}"


def _unknown_permissions(declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    known = _codes(around.all("permissions")) | _codes(declarations.get("permissions", ()))
    for code, where in _named_permissions(declarations):
        if code not in known:
            yield _l(
                "%(where)s names the permission %(code)s, which nobody declares.",
                where=where,
                code=repr(code),
            )


def _unknown_record_kinds(declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    known = _codes(around.all("record_kinds")) | _codes(declarations.get("record_kinds", ()))
    for document in declarations.get("document_types", ()):
        if document.record_kind not in known:
            yield _unknown_kind(document.record_kind, f"document_types {document.code!r}")
    for policy in declarations.get("clock_policies", ()):
        if policy.record_kind not in known:
            yield _unknown_kind(policy.record_kind, f"clock_policies {policy.code!r}")
    for item in declarations.get("imports", ()):
        if item.record_kind not in known:
            yield _unknown_kind(item.record_kind, f"imports {item.code!r}")
    for signable in declarations.get("signables", ()):
        if signable.record_kind not in known:
            yield _unknown_kind(signable.record_kind, "signables")
    for purpose in declarations.get("link_purposes", ()):
        if purpose.record_kind not in known:
            yield _unknown_kind(purpose.record_kind, f"link_purposes {purpose.code!r}")
    for panel in declarations.get("panels", ()):
        if panel.record_kind not in known | {HOME, EVERY_RECORD}:
            yield _unknown_kind(panel.record_kind, f"panels {panel.code!r}")
    for approval in declarations.get("approval_kinds", ()):
        if approval.record_kind not in known:
            yield _unknown_kind(approval.record_kind, f"approval_kinds {approval.code!r}")
    for workflow in declarations.get("workflows", ()):
        if workflow.record_kind not in known:
            yield _unknown_kind(workflow.record_kind, f"workflows {workflow.name!r}")


def _unknown_kind(code: str, where: str) -> d.Text:
    return _l(
        "%(where)s names the record kind %(code)s, which nobody declares.", where=where, code=repr(code)
    )


def _record_kind_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "record_kinds", declarations)
    yield from _doubles("record_kinds", "code", declarations, around)
    yield from _doubles("record_kinds", "model", declarations, around)
    endpoints = _endpoints(slug, declarations)
    for kind in declarations.get("record_kinds", ()):
        if getattr(kind.model, "__component__", None) != slug or not hasattr(kind.model, "__mapper__"):
            yield _l(
                "The record kind %(code)s needs a model of the plugin; %(model)s is none.",
                code=repr(kind.code),
                model=getattr(kind.model, "__name__", repr(kind.model)),
            )
        if kind.endpoint.rpartition(".")[0] not in endpoints:
            yield _l(
                "The record kind %(code)s names the endpoint %(endpoint)s, which is not of a view or blueprint "
                "of the plugin.",
                code=repr(kind.code),
                endpoint=repr(kind.endpoint),
            )
    yield from _unknown_record_kinds(declarations, around)


def _record_words_faults(slug: str, declarations: Declarations) -> Iterator[d.Text]:
    for words in declarations.get("record_words", ()):
        model = getattr(words.model, "__name__", repr(words.model))
        if getattr(words.model, "__component__", None) != slug or not hasattr(words.model, "__mapper__"):
            yield _l("The words for %(model)s need a model of the plugin.", model=model)
            continue
        for name in words.fields:
            if name not in words.model.__mapper__.attrs:
                yield _l(
                    "The words for %(model)s name the field %(field)s, which it does not have.",
                    model=model,
                    field=repr(name),
                )


def view_endpoint(component: str, view: d.AdminView) -> str:
    """Return the endpoint of an admin view: ``<slug>_<name>``, for the core ``<name>``."""
    return view.name if component == CORE else f"{component}_{view.name}"


def _endpoints(component: str, declarations: Declarations) -> set[str]:
    views = {view_endpoint(component, view) for view in declarations.get("admin_views", ())}
    return views | {item.blueprint.name for item in declarations.get("blueprints", ())}


def _view_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    taken = {
        endpoint
        for component, others in around.declared.items()
        for endpoint in _endpoints(component, others)
    }
    for view in declarations.get("admin_views", ()):
        if not _NAME.fullmatch(view.name):
            yield _l(
                "The name %(name)s of an admin view may hold lower-case letters, digits and underscores only.",
                name=repr(view.name),
            )
        endpoint = view_endpoint(slug, view)
        if endpoint in taken:
            yield _l("The endpoint %(endpoint)s exists already.", endpoint=repr(endpoint))
        taken.add(endpoint)
        if view.model is not None and getattr(view.model, "__component__", None) != slug:
            yield _l(
                "The admin view %(name)s shows a model of another component; show it in a panel or a document instead.",
                name=repr(view.name),
            )
        if around.check_view is not None:
            yield from around.check_view(view)


def _blueprint_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    taken = {item.prefix.split("/")[0] for item in around.all("blueprints")} | set(around.reserved_addresses)
    names = {
        item.blueprint.name for item in around.all("blueprints") if isinstance(item.blueprint, Blueprint)
    }
    own: set[str] = set()
    for item in declarations.get("blueprints", ()):
        blueprint = item.blueprint
        if not isinstance(blueprint, Blueprint):
            yield _l("The blueprint at %(prefix)s is no flask.Blueprint.", prefix=repr(item.prefix))
            continue
        if (blueprint.name != slug and not blueprint.name.startswith(f"{slug}_")) or blueprint.name in names:
            yield _l(
                "The blueprint %(name)s must be called %(slug)s or %(slug)s_…, and no other may have its name.",
                name=repr(blueprint.name),
                slug=slug,
            )
        names.add(blueprint.name)
        if blueprint.template_folder is not None:
            yield _l(
                "The blueprint %(name)s has a template folder of its own. Templates lie in "
                "templates/%(slug)s/ of the plugin.",
                name=repr(blueprint.name),
                slug=slug,
            )
        if blueprint.static_folder is not None:
            yield _l(
                "The blueprint %(name)s has a static folder of its own. Static files lie in static/ of the plugin; "
                "templates name them with asset('file.css', '%(slug)s.static').",
                name=repr(blueprint.name),
                slug=slug,
            )
        if not _PREFIX.fullmatch(item.prefix):
            yield _l("The address %(prefix)s of a blueprint is malformed.", prefix=repr(item.prefix))
        elif item.prefix.split("/")[0] in taken or item.prefix in own:
            yield _l("The address /%(prefix)s is taken already.", prefix=item.prefix)
        own.add(item.prefix)


def _menu_faults(slug: str, declarations: Declarations) -> Iterator[d.Text]:
    endpoints = _endpoints(slug, declarations)
    for link in declarations.get("menu_links", ()):
        if link.endpoint.rpartition(".")[0] not in endpoints:
            yield _l(
                "A menu link names the endpoint %(endpoint)s, which is not of a view or blueprint of the plugin.",
                endpoint=repr(link.endpoint),
            )


def _setting_faults(declarations: Declarations) -> Iterator[d.Text]:
    keys = Counter(setting.key for setting in declarations.get("settings", ()))
    for setting in declarations.get("settings", ()):
        problem: d.Text | None = None
        numeric = isinstance(setting.default, (int, Decimal)) and not isinstance(setting.default, bool)
        if not _NAME.fullmatch(setting.key) or keys[setting.key] > 1:
            problem = _l("its key is malformed or there twice")
        elif not isinstance(setting.default, (bool, int, Decimal, str, tuple)):
            problem = _l("its default is neither bool, int, Decimal, str nor a tuple")
        elif setting.choices and not _are_choices(setting):
            problem = _l("its default is not among its choices")
        elif (setting.minimum is not None or setting.maximum is not None) and not numeric:
            problem = _l("only numbers have limits")
        elif numeric and (
            (setting.minimum is not None and setting.default < setting.minimum)
            or (setting.maximum is not None and setting.default > setting.maximum)
        ):
            problem = _l("its default is beyond its limits")
        if problem is not None:
            yield _l("The setting %(key)s is wrong: %(problem)s.", key=repr(setting.key), problem=problem)


def _are_choices(setting: d.Setting) -> bool:
    allowed = [value for value, _label in setting.choices]
    chosen = setting.default if isinstance(setting.default, tuple) else (setting.default,)
    return all(value in allowed for value in chosen)


def _template_fault(slug: str, folder: Path, template: str, where: str) -> d.Text | None:
    parts = Path(template).parts
    inside = parts[:1] == (slug,) and ".." not in parts
    if inside and (folder / "templates" / template).is_file():
        return None
    return _l(
        "%(where)s names the template %(template)s, which does not lie in the folder templates/%(slug)s/ "
        "of the plugin.",
        where=where,
        template=repr(template),
        slug=slug,
    )


def _document_faults(
    slug: str, folder: Path, declarations: Declarations, around: Surroundings
) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "document_types", declarations)
    yield from _doubles("document_types", "code", declarations, around)
    for document in declarations.get("document_types", ()):
        where = f"document_types {document.code!r}"
        fault = _template_fault(slug, folder, document.template, where)
        if fault is not None:
            yield fault
        if not document.languages or not set(document.languages) <= set(around.locales):
            yield _l(
                "%(where)s names languages that the installation does not have: %(languages)s.",
                where=where,
                languages=", ".join(document.languages) or "–",
            )


_IMPORTER = ("fields", "match_keys", "model", "judge", "write", "undo")


def _import_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "imports", declarations)
    yield from _doubles("imports", "code", declarations, around)
    for item in declarations.get("imports", ()):
        missing = [name for name in _IMPORTER if not hasattr(item.importer, name)]
        names = {each.name for each in getattr(item.importer, "fields", ())}
        if missing:
            yield _l(
                "The importer of imports %(code)s lacks %(names)s; derive it from toolkit.Importer and declare an "
                "instance.",
                code=repr(item.code),
                names=", ".join(missing),
            )
            continue
        unknown = {name for key in item.importer.match_keys for name in key.fields} - names
        if unknown:
            yield _l(
                "A match key of imports %(code)s names fields that it does not have: %(names)s.",
                code=repr(item.code),
                names=", ".join(sorted(unknown)),
            )


def _panel_faults(
    slug: str, folder: Path, declarations: Declarations, around: Surroundings
) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "panels", declarations)
    yield from _doubles("panels", "code", declarations, around)
    for panel in declarations.get("panels", ()):
        fault = _template_fault(slug, folder, panel.template, f"panels {panel.code!r}")
        if fault is not None:
            yield fault


def _signable_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    yield from _doubles("signables", "record_kind", declarations, around)
    for signable in declarations.get("signables", ()):
        if not signable.record_kind.startswith(f"{slug}.") or not signable.roles:
            yield _l(
                "What it declares as signed, %(code)s, must be a record kind of its own with at least one role.",
                code=repr(signable.record_kind),
            )


def _simple_code_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    for hook in (
        "timeline_kinds",
        "search_sources",
        "clock_policies",
        "calendar_sources",
        "message_templates",
        "message_channels",
        "link_purposes",
    ):
        yield from _foreign_codes(slug, hook, declarations)
        yield from _doubles(hook, "code", declarations, around)


_UNITS = ("minutes", "hours", "days")
_LEVELS = ("", "group", "city", "region")


def _clock_faults(declarations: Declarations) -> Iterator[d.Text]:
    keys = {setting.key for setting in declarations.get("settings", ())}
    for policy in declarations.get("clock_policies", ()):
        where = f"clock_policies {policy.code!r}"
        for name, items in (("pauses", policy.pauses), ("ladder", policy.ladder)):
            codes = Counter(item.code for item in items)
            for code in sorted(code for code, times in codes.items() if times > 1):
                yield _l(
                    "%(where)s names %(code)s twice in %(name)s.", where=where, code=repr(code), name=name
                )
        named = [policy.limit_setting, *(step.after_setting for step in policy.ladder)]
        named += [reason.most_setting for reason in policy.pauses]
        named += policy.roll.setting_keys if policy.roll is not None else ()
        for key in sorted({key for key in named if key} - keys):
            yield _l(
                "%(where)s names the setting %(key)s, which its component does not declare.",
                where=where,
                key=repr(key),
            )
        if policy.limit is not None and policy.limit.total_seconds() <= 0:
            yield _l("%(where)s has a limit that is not longer than nothing.", where=where)
        if {policy.unit, *(step.unit for step in policy.ladder)} - set(_UNITS):
            yield _l("%(where)s counts in something else than minutes, hours or days.", where=where)
        if {step.level for step in policy.ladder} - set(_LEVELS):
            yield _l("%(where)s names a level that is neither group, city nor region.", where=where)
        for step in policy.ladder:
            if not step.role and not step.to_owner and not (step.message and step.to_customer):
                yield _l(
                    "%(where)s has the step %(code)s that goes to nobody; name a role or the owner.",
                    where=where,
                    code=repr(step.code),
                )
            if step.to_customer and not step.message:
                yield _l(
                    "%(where)s has the step %(code)s for the customer without a message.",
                    where=where,
                    code=repr(step.code),
                )


STEP_PLACEHOLDERS = frozenset({"record", "what", "due"})
"""What the core fills in a message of a step of a ladder."""


def _step_message_faults(declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    known = {
        each.code: each
        for each in (*around.all("message_templates"), *declarations.get("message_templates", ()))
    }
    for policy in declarations.get("clock_policies", ()):
        for step in policy.ladder:
            template = known.get(step.message)
            if step.message and (
                template is None or {each.name for each in template.placeholders} - STEP_PLACEHOLDERS
            ):
                yield _l(
                    "%(where)s sends the message %(code)s, which is not declared or holds other placeholders than "
                    "record, what and due.",
                    where=f"clock_policies {policy.code!r}",
                    code=repr(step.message),
                )


def _job_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    for hook in ("job_kinds", "periodic_tasks"):
        yield from _foreign_codes(slug, hook, declarations)
        yield from _doubles(hook, "code", declarations, around)
    yield from _work_faults(declarations)


def _work_faults(declarations: Declarations) -> Iterator[d.Text]:
    """Yield what is wrong with jobs and periodic tasks but for their codes; they share one list, and so their codes."""
    jobs, tasks = declarations.get("job_kinds", ()), declarations.get("periodic_tasks", ())
    for item in (*jobs, *tasks):
        if not callable(item.run):
            yield _l("The job %(code)s has no function to run.", code=repr(item.code))
    for code in sorted(_codes(jobs) & _codes(tasks)):
        yield _l("A job and a periodic task are both called %(code)s; rename one.", code=repr(code))
    for job in jobs:
        if (job.permission is None) != job.as_system:
            yield _l(
                "The job %(code)s needs either the permission of those who may start it, or as_system=True.",
                code=repr(job.code),
            )
    for task in tasks:
        every, at = task.minutes, task.daily_at
        if (every is None) == (at is None):
            yield _l(
                "The periodic task %(code)s needs either minutes or daily_at, and not both.",
                code=repr(task.code),
            )
        elif every is not None and (type(every) is not int or not 1 <= every <= _MINUTES_OF_A_DAY):
            yield _l(
                "The minutes of the periodic task %(code)s must be a whole number from 1 to %(most)s.",
                code=repr(task.code),
                most=_MINUTES_OF_A_DAY,
            )
        elif at is not None and not _TIME_OF_DAY.fullmatch(str(at)):
            yield _l('The time of the periodic task %(code)s must be like "03:20".', code=repr(task.code))


def _workflow_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    for workflow in declarations.get("workflows", ()):
        if not workflow.name.startswith(f"{slug}.") or not _CODE.fullmatch(workflow.name):
            yield _l(
                "The code %(code)s in %(hook)s must be %(slug)s, a dot, and lower-case letters, digits and "
                "underscores.",
                code=repr(workflow.name),
                hook="workflows",
                slug=slug,
            )
    yield from _doubles("workflows", "name", declarations, around)
    yield from _unknown_timeline_kinds(declarations, around)


def _approval_faults(slug: str, declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    yield from _foreign_codes(slug, "approval_kinds", declarations)
    yield from _doubles("approval_kinds", "code", declarations, around)
    keys = {setting.key for setting in declarations.get("settings", ())}
    for kind in declarations.get("approval_kinds", ()):
        where = f"approval_kinds {kind.code!r}"
        codes = Counter(item.code for item in (*kind.steps, *kind.bands))
        for code in sorted(code for code, times in codes.items() if times > 1):
            yield _l(
                "%(where)s names %(code)s twice in %(name)s.",
                where=where,
                code=repr(code),
                name="steps, bands",
            )
        if not codes:
            yield _l("%(where)s has neither a step nor a band, so that nobody would be asked.", where=where)
        if {item.level for item in (*kind.steps, *kind.bands)} - set(_LEVELS):
            yield _l("%(where)s names a level that is neither group, city nor region.", where=where)
        for step in kind.steps:
            if not step.role and step.person is None:
                yield _l(
                    "%(where)s has the step %(code)s that goes to nobody; name a role or a person.",
                    where=where,
                    code=repr(step.code),
                )
        limits = [band.limit_setting for band in kind.bands]
        if kind.bands and (limits[-1] or not all(limits[:-1])):
            yield _l("%(where)s needs a limit in every band but the last.", where=where)
        switches = [step.switch_setting for step in kind.steps]
        if kind.steps and not kind.bands and all(switches):
            yield _l(
                "%(where)s lets a department leave out every step, so that nobody would be asked.",
                where=where,
            )
        for key in sorted({key for key in (*limits, *switches) if key} - keys):
            yield _l(
                "%(where)s names the setting %(key)s, which its component does not declare.",
                where=where,
                key=repr(key),
            )


def _unknown_timeline_kinds(declarations: Declarations, around: Surroundings) -> Iterator[d.Text]:
    known = _codes(around.all("timeline_kinds")) | _codes(declarations.get("timeline_kinds", ()))
    for workflow in declarations.get("workflows", ()):
        for transition in workflow.transitions:
            if transition.timeline is not None and transition.timeline not in known:
                yield _l(
                    "The transition %(transition)s of %(workflow)s names the timeline kind %(kind)s, which nobody "
                    "declares.",
                    transition=repr(transition.code),
                    workflow=repr(workflow.name),
                    kind=repr(transition.timeline),
                )


MESSAGE_KINDS = ("sms", "wechat", "email", "letter")
MESSAGE_PURPOSES = (d.SERVICE, "marketing", "survey", "greetings")
ALWAYS_THERE = ("customer", "company", "project", "unit", "phone")
"""Placeholders that every message template may hold."""
SECOND_FACTS = (None, "phone_tail", "household")
_BRACES = re.compile(r"\{([^{}]*)\}")


def unknown_placeholders(text: str, names: Collection[str]) -> list[str]:
    """Return what stands in braces in a text and is no placeholder, in order, each once.

    Args:
        text: The text of a message.
        names: The names of the template's own placeholders.
    """
    known = {*names, *ALWAYS_THERE}
    return list(dict.fromkeys(found for found in _BRACES.findall(text) if found not in known))


def _message_faults(declarations: Declarations) -> Iterator[d.Text]:
    for template in declarations.get("message_templates", ()):
        names = [placeholder.name for placeholder in template.placeholders]
        problem: d.Text | None = None
        if template.purpose not in MESSAGE_PURPOSES:
            problem = _l("its purpose is not among %(known)s", known=", ".join(MESSAGE_PURPOSES))
        elif not template.channels or not set(template.channels) <= set(MESSAGE_KINDS):
            problem = _l("its channels are not among %(known)s", known=", ".join(MESSAGE_KINDS))
        elif not template.body.strip() or not template.body_en.strip():
            problem = _l("its text is missing in Chinese or in English")
        elif {"email", "letter"} & set(template.channels) and not (template.subject and template.subject_en):
            problem = _l("an e-mail or a letter needs a subject in both languages")
        elif not all(_NAME.fullmatch(name) for name in names) or len({*names, *ALWAYS_THERE}) != len(
            names
        ) + len(ALWAYS_THERE):
            problem = _l("a placeholder is malformed, is there twice or is one that every template has")
        elif template.by_hand and template.placeholders and template.values is None:
            problem = _l("staff may send it by hand, but nothing fills its placeholders")
        else:
            texts = "".join((template.subject, template.subject_en, template.body, template.body_en))
            unknown = unknown_placeholders(texts, names)
            if unknown:
                problem = _l("it holds unknown placeholders: %(names)s", names=", ".join(unknown))
        if problem is not None:
            yield _l(
                "The message template %(code)s is wrong: %(problem)s.",
                code=repr(template.code),
                problem=problem,
            )
    for channel in declarations.get("message_channels", ()):
        if channel.kind not in MESSAGE_KINDS:
            yield _l(
                "The message channel %(code)s carries %(kind)s, which is not among %(known)s.",
                code=repr(channel.code),
                kind=repr(channel.kind),
                known=", ".join(MESSAGE_KINDS),
            )


def _link_faults(slug: str, declarations: Declarations) -> Iterator[d.Text]:
    names = {getattr(item.blueprint, "name", "") for item in declarations.get("blueprints", ())}
    templates = {item.code: item for item in declarations.get("message_templates", ())}
    for purpose in declarations.get("link_purposes", ()):
        problem: d.Text | None = None
        message = templates.get(purpose.message)
        if purpose.endpoint.rpartition(".")[0] not in names:
            problem = _l(
                "its endpoint %(endpoint)s is not of a blueprint of %(slug)s",
                endpoint=repr(purpose.endpoint),
                slug=slug,
            )
        elif purpose.second_fact not in SECOND_FACTS:
            problem = _l("its second fact is unknown")
        elif purpose.poster != (purpose.second_fact == "household"):
            problem = _l("flat and telephone number identify the readers of a poster, and only of a poster")
        elif purpose.days < 1 or purpose.uses < 0:
            problem = _l("its days or uses are below what is possible")
        elif purpose.message and (
            message is None or "link" not in {each.name for each in message.placeholders}
        ):
            problem = _l("its message template does not exist or has no placeholder “link”")
        if problem is not None:
            yield _l(
                "The purpose %(code)s of personal links is wrong: %(problem)s.",
                code=repr(purpose.code),
                problem=problem,
            )


def _command_faults(declarations: Declarations) -> Iterator[d.Text]:
    for item in declarations.get("commands", ()):
        if not isinstance(item.command, click.Command):
            yield _l(
                "One of its commands is %(type)s; return click commands.", type=type(item.command).__name__
            )
