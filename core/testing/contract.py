"""The contract that every plugin keeps, as tests to inherit::

    from core.testing.contract import PluginContract

    class TestHandover(PluginContract):
        slug = "handover"

        def make_records(self, world, rows):
            return {"handover.defect": make_defect(rows.unit_ids[0], rows.canary)}

What a plugin declares is found by itself; only how to make its records must be told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po
from flask import Flask
from werkzeug.routing import Rule

from core.admin import list_rows
from core.database.base import CORE, metadata
from core.database.scope import Scope, Unscoped, all_departments
from core.extensions import db
from core.machinery.documents.services import preview
from core.people.permissions import Public, required_permission
from core.people.settings import setting
from core.plugin_system import dispatch, migrating, schema, switching
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import Declarations, PluginState, current_runtime
from core.plugin_system.tables import bases_of, tables_of
from core.plugin_system.validation import manifest_faults, view_endpoint
from core.testing.jobs import job_faults
from core.testing.scoping import acting_as
from core.testing.staff_client import StaffClient
from core.testing.world import ProjectRows, World

TRANSLATED = ("zh_Hans_CN",)
"""Languages that need a catalogue; English is the language of the code."""

_KEYWORDS = {
    **DEFAULT_KEYWORDS,
    "_l": None,
    "_n": (1, 2),
    "lazy_gettext": None,
    "lazy_ngettext": (1, 2),
    "lazy_pgettext": ((1, "c"), 2),
}
_METHODS = [("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2"), ("**.py", "python")]
_NOT_CODE = {"tests", "migrations", "translations", "static", "__pycache__"}
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)|<style\b|\sstyle=|\son[a-z]+=", re.IGNORECASE)
_SIGN_IN = (301, 302, 303, 401, 403, 404)

SignIn = Callable[..., StaffClient]
ScopeOf = Callable[..., AbstractContextManager[Scope]]
Prepared = Callable[[str, Callable[[], Any]], Any]


class PluginContract:
    """What holds for every plugin. Inherit it and set ``slug``; tell ``make_records`` when it declares record kinds."""

    slug: ClassVar[str]
    unscoped_kinds: ClassVar[frozenset[str]] = frozenset()
    """Record kinds whose rows belong to nobody in particular, by intention (a catalogue)."""
    city_kinds: ClassVar[frozenset[str]] = frozenset()
    """Record kinds whose rows belong to a city company (``ByDepartment``): every group of the city sees them, so those
    made for the sibling project are no secret and must not hold its canary; those of the other city are."""
    job_columns_that_differ: ClassVar[frozenset[str]] = frozenset()
    """Columns in which two runs of the same job differ by intention (random codes, keys of new rows), as
    ``table.column``."""
    page_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Further arguments of pages by endpoint, when an id of a record is not enough."""

    def make_records(self, world: World, rows: ProjectRows) -> Mapping[str, Any]:
        """Make one record of each kind of the plugin in a project, flush, and return them by the code of their kind.

        Texts of the records hold ``rows.canary``, and their customers are among ``rows.customer_ids``. It is called for
        several projects, with the wall open.

        Args:
            world: The departments and users.
            rows: The project.
        """
        del world, rows
        return {}

    def start_jobs(self, world: World, rows: ProjectRows) -> Mapping[str, Callable[[], Any]]:
        """Return, for each kind of job of the plugin, a function that starts one over the records of ``make_records``.

        It is called in the scope of the administrator, and what it starts is committed then.

        Args:
            world: The departments and users.
            rows: The project.
        """
        del world, rows
        return {}

    # What the tests share

    @pytest.fixture(autouse=True)
    def lists_read_what_they_show(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Fail where the rows of a list with ``list_reads`` would each read their record once more."""

        def refuse(model: Any, key: int, name: str) -> Any:
            raise AssertionError(
                f"A list shows {name} of {model.__name__} {key}, which its list_reads does not name."
            )

        monkeypatch.setattr(list_rows, "read_record", refuse)

    @pytest.fixture
    def plugin(self, running_app: Flask) -> PluginState:
        """The state of the plugin; it must be healthy."""
        found = current_runtime(running_app).plugins.get(self.slug)
        assert found is not None, f"No entry point in the group doorstep.plugins is called {self.slug}."
        assert found.healthy, f"{self.slug} is {found.state}: {found.reason}"
        return found

    @pytest.fixture
    def declared(self, running_app: Flask, plugin: PluginState) -> Declarations:
        """What the plugin declares."""
        return current_runtime(running_app).declared.of(plugin.slug)

    @pytest.fixture
    def switched_on(self, world: World, prepared: Prepared, plugin: PluginState) -> World:
        """The world with the plugin, and what it needs, on in every department."""
        prepared(f"{plugin.slug} is on", lambda: self._switch_on(plugin, world))
        return world

    @pytest.fixture
    def records(
        self, switched_on: World, prepared: Prepared, plugin: PluginState, declared: Declarations
    ) -> dict[str, dict[str, int]]:
        """Ids of the plugin's records by project (own, sibling, foreign) and kind."""

        def make() -> dict[str, dict[str, int]]:
            self._switch_on(plugin, switched_on)
            made: dict[str, dict[str, int]] = {}
            for name in ("own", "sibling", "foreign"):
                found = self.make_records(switched_on, getattr(switched_on, name))
                db.session.flush()
                made[name] = {code: record.id for code, record in found.items()}
            missing = {kind.code for kind in declared.get("record_kinds", ())} - made["own"].keys()
            assert not missing, f"make_records does not make {', '.join(sorted(missing))}."
            return made

        made: dict[str, dict[str, int]] = prepared(f"{plugin.slug} has records", make)
        return made

    @staticmethod
    def _switch_on(plugin: PluginState, world: World) -> None:
        for slug in (*current_runtime().dependencies(plugin.slug), plugin.slug):
            switching.switch_on(slug, world.departments["region"])
        db.session.flush()

    # Work in the background

    def test_jobs_are_idempotent(
        self,
        running_app: Flask,
        records: dict[str, Any],
        switched_on: World,
        prepared: Prepared,
        declared: Declarations,
    ) -> None:
        """A job whose steps are broken off right before their commit, and done again, ends as it would undisturbed."""
        del records
        kinds = {kind.code for kind in declared.get("job_kinds", ())}
        starters = self.start_jobs(switched_on, switched_on.own)
        missing = kinds - starters.keys()
        assert not missing, f"start_jobs does not start {', '.join(sorted(missing))}."
        for code in sorted(kinds):

            def start(begin: Callable[[], Any] = starters[code]) -> None:
                with acting_as(running_app, switched_on.users["admin"]):
                    begin()
                    db.session.commit()

            def restore() -> None:
                prepared(f"{self.slug} has records", dict)

            faults = job_faults(running_app, start, restore, self.job_columns_that_differ)
            assert faults == [], f"{code} is not idempotent."

    # The code

    def test_manifest(self, running_app: Flask, plugin: PluginState) -> None:
        """The manifest is complete, and what it depends on is there."""
        with running_app.app_context():
            assert manifest_faults(plugin.manifest, self.slug) == []
            assert plugin.manifest is not None
            assert str(plugin.manifest.summary).strip(), (
                "The module manager shows the summary; write one sentence."
            )
            for other in plugin.depends:
                assert current_runtime().is_healthy(other)

    def test_imports(self, running_app: Flask, plugin: PluginState) -> None:
        """It imports of Doorstep only core.toolkit, core.testing, itself and what it depends on."""
        runtime = current_runtime(running_app)
        packages = {
            component.slug: component.module.__name__.rpartition(".")[0]
            for component in runtime.components
            if component.slug != CORE
        }
        allowed = {packages[slug] for slug in (self.slug, *runtime.dependencies(self.slug))}
        wrong = []
        for path, line, imported in _imports(_folder(plugin)):
            of_core = imported == CORE or imported.startswith(f"{CORE}.")
            if of_core and not _is_within(imported, ("core.toolkit", "core.testing")):
                wrong.append(f"{path}:{line} imports {imported}")
            if _is_within(imported, packages.values()) and not _is_within(imported, allowed):
                wrong.append(f"{path}:{line} imports {imported}, which is not in depends")
        assert wrong == []

    def test_migrations_stand_alone(self, plugin: PluginState) -> None:
        """The migrations import nothing of Doorstep: the models of today are not those of their day."""
        folder = _folder(plugin) / "migrations"
        own = current_package(plugin)
        wrong = [
            f"{path}:{line} imports {imported}"
            for path, line, imported in _imports(folder, skip=frozenset())
            if _is_within(imported, (CORE, own)) and imported != "core.database.types"
        ]
        assert wrong == []

    def test_templates_keep_the_content_security_policy(self, plugin: PluginState) -> None:
        """No inline script, style or event handler, except in documents, which are printed and not served."""
        wrong = []
        for path in sorted((_folder(plugin) / "templates").rglob("*.html")):
            if "documents" in path.parts:
                continue
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                if _INLINE.search(line):
                    wrong.append(f"{path.name}:{number} {line.strip()[:80]}")
        assert wrong == []

    @pytest.mark.parametrize("locale", TRANSLATED)
    def test_translations(self, plugin: PluginState, locale: str) -> None:
        """Every text has a translation."""
        folder = _folder(plugin)
        path = folder / "translations" / locale / "LC_MESSAGES" / "messages.po"
        texts = _texts(folder)
        if not texts:
            return
        assert path.is_file(), f"{path} is missing."
        with path.open("rb") as file:
            catalog = read_po(file, locale=locale)
        missing = []
        for text, context in texts:
            message = catalog.get(text, context)
            strings = message.string if message is not None else ""
            if (
                message is None
                or message.fuzzy
                or not all(strings if isinstance(strings, (tuple, list)) else [strings])
            ):
                missing.append(text)
        assert missing == []

    # The data

    def test_table_names(self, running_app: Flask, plugin: PluginState) -> None:
        """Tables start with the slug, and foreign keys say what happens on delete."""
        mapped = {mapper.local_table.name for base in bases_of(self.slug) for mapper in base.registry.mappers}
        owned = {table.name for table in tables_of(self.slug, current_runtime(running_app).plugins)}
        assert mapped <= owned
        assert all(name.startswith(f"{plugin.slug}_") for name in owned)

    def test_migrations(
        self, plugin: PluginState, app_settings: dict[str, Any], create_database: Callable[[], str]
    ) -> None:
        """Up, the tables are what the models say; down, nothing is left; up again, the same."""
        from core.app import create_app

        app = create_app(app_settings | {"DATABASE_URL": create_database()})
        with app.app_context():
            own = {table.name for table in tables_of(self.slug, current_runtime().plugins)}
            if not own:
                assert plugin.head is None
                return
            _make_tables_below(app, self.slug)
            for _round in range(2):
                migrating.upgrade(self.slug)
                assert migrating.differences(self.slug) == []
                assert own <= set(sa.inspect(db.engine).get_table_names())
                migrating.downgrade(self.slug)
                assert not own & set(sa.inspect(db.engine).get_table_names())
            db.engine.dispose()

    def test_the_change_log_has_words(self, running_app: Flask, plugin: PluginState) -> None:
        """Tables and fields of the change log are called by words: labels of views, or ``record_words``."""
        from core.admin.audit_log import has_words

        del plugin
        missing: list[str] = []
        with running_app.test_request_context():
            for mapper in (mapper for base in bases_of(self.slug) for mapper in base.registry.mappers):
                table = str(mapper.class_.__tablename__)
                if not getattr(mapper.class_, "__audited__", True):
                    continue
                if not has_words(table):
                    missing.append(table)
                missing += [
                    f"{table}.{column.key}"
                    for column in mapper.column_attrs
                    if not has_words(table, column.key)
                ]
        assert missing == []

    def test_reference_data_loads_twice(
        self, running_app: Flask, switched_on: World, declared: Declarations
    ) -> None:
        """Loading the reference data again changes no number of rows."""
        del switched_on
        with running_app.app_context(), all_departments("plugin contract"):
            counts = []
            for _round in range(2):
                for seed in declared.get("seed_data", ()):
                    seed.load()
                    db.session.flush()
                counts.append(_row_counts(self.slug))
            db.session.rollback()
        assert counts[0] == counts[1]

    def test_settings_have_their_defaults(
        self, scope_of: ScopeOf, switched_on: World, declared: Declarations
    ) -> None:
        """Every setting is read with its default."""
        del switched_on
        with scope_of("head"):
            for each in declared.get("settings", ()):
                assert setting(self.slug, each.key) == each.default

    def test_merging_customers_leaves_nothing_behind(
        self, running_app: Flask, switched_on: World, records: dict[str, dict[str, int]]
    ) -> None:
        """After a merge no row names the merged customer, and merging again does no harm."""
        del records
        merged, kept = switched_on.own.customer_ids[0], switched_on.own.customer_ids[1]
        with running_app.app_context(), all_departments("plugin contract"):
            before = _row_counts(self.slug)
            for _round in range(2):
                _call_own_hook(self.slug, "customers_merged", kept_id=kept, merged_id=merged)
            assert _rows_of_customer(self.slug, merged) == {}
            assert all(count <= before[table] for table, count in _row_counts(self.slug).items())
            db.session.rollback()

    def test_erasing_a_customer_leaves_nothing_behind(
        self, running_app: Flask, switched_on: World, records: dict[str, dict[str, int]]
    ) -> None:
        """After an erasure neither the telephone number nor the name of the customer is in any row."""
        del records
        from core.customers.models import Customer

        customer_id, phone = switched_on.own.customer_ids[0], switched_on.own.phones[0]
        with running_app.app_context(), all_departments("plugin contract"):
            name = db.session.get_one(Customer, customer_id).name
            for _round in range(2):
                _call_own_hook(self.slug, "customer_erased", customer_id=customer_id)
            db.session.flush()
            told = repr(_all_rows(self.slug))
            db.session.rollback()
        assert phone not in told
        assert name not in told

    def test_the_export_of_a_customer_is_plain_data(
        self, running_app: Flask, switched_on: World, records: dict[str, dict[str, int]]
    ) -> None:
        """What is exported about a customer can be written as JSON."""
        import json

        del records
        with running_app.app_context(), all_departments("plugin contract"):
            for answer in dispatch.call("customer_export", customer_id=switched_on.own.customer_ids[0]):
                json.dumps(answer.value)

    def test_switching_off_keeps_the_rows(
        self, running_app: Flask, switched_on: World, records: dict[str, dict[str, int]]
    ) -> None:
        """Off is not erased."""
        del records
        region = switched_on.departments["region"]
        with running_app.app_context(), all_departments("plugin contract"):
            before = _row_counts(self.slug)
            for slug in (*reversed(current_runtime().dependents(self.slug)), self.slug):
                if is_on(slug, region):
                    switching.switch_off(slug, region)
            assert not is_on(self.slug, region)
            assert _row_counts(self.slug) == before
            switching.switch_on(self.slug, region)
            assert is_on(self.slug, region)
            db.session.rollback()

    # The doors

    def test_every_page_has_a_permission(self, running_app: Flask, declared: Declarations) -> None:
        """Each function that can be reached by an address names a declared permission, or says why it is public."""
        known = {permission.code for permission in current_runtime(running_app).declared.permissions()}
        for view in declared.get("admin_views", ()):
            rights = getattr(view.view, "permissions", None)
            if rights is not None:
                assert rights.codes() <= known
        for rule in self._rules(running_app, declared):
            view = _admin_view(running_app, rule)
            function = running_app.view_functions[rule.endpoint]
            if view is None:
                assert required_permission(function) is not None, f"{rule.endpoint} has no permission."
            permission = required_permission(function)
            assert permission is None or isinstance(permission, Public) or permission in known

    def test_pages_open_for_those_who_may(
        self, running_app: Flask, sign_in: SignIn, declared: Declarations, records: dict[str, dict[str, int]]
    ) -> None:
        """Lists, record pages and forms of own records answer, and none fails."""
        client = sign_in("admin", "group")
        for address in self._addresses(running_app, declared, records["own"], "GET"):
            answer = client.get(address)
            assert answer.status_code < 500, address
        for kind in declared.get("record_kinds", ()):
            page = client.get(self._record_address(running_app, kind, records["own"][kind.code]))
            assert page.status_code == 200, kind.code

    def test_without_permission_every_page_answers_403(
        self, running_app: Flask, sign_in: SignIn, declared: Declarations, records: dict[str, dict[str, int]]
    ) -> None:
        """A user without any right is refused at every door, before anything is looked up."""
        client = sign_in("nobody")
        for method, address in self._doors(running_app, declared, records["own"]):
            assert client.open(address, method=method).status_code == 403, f"{method} {address}"

    def test_a_visitor_sees_nothing(
        self,
        running_app: Flask,
        client: StaffClient,
        declared: Declarations,
        records: dict[str, dict[str, int]],
    ) -> None:
        """Who is not signed in is refused or sent to the sign-in page."""
        for method, address in self._doors(running_app, declared, records["own"]):
            assert client.open(address, method=method).status_code in _SIGN_IN, f"{method} {address}"

    def test_switched_off_every_page_answers_404(
        self, running_app: Flask, sign_in: SignIn, declared: Declarations, records: dict[str, dict[str, int]]
    ) -> None:
        """Where the plugin is off its pages are not there, even for who may do everything."""
        client = sign_in("admin", "group")
        with running_app.app_context(), all_departments("plugin contract"):
            region = client_region(running_app)
            for slug in (*reversed(current_runtime().dependents(self.slug)), self.slug):
                if is_on(slug, region):
                    switching.switch_off(slug, region)
            db.session.commit()
        for method, address in self._doors(running_app, declared, records["own"], public=True):
            assert client.open(address, method=method).status_code == 404, f"{method} {address}"

    def test_no_row_of_another_project_on_any_page(
        self,
        running_app: Flask,
        sign_in: SignIn,
        switched_on: World,
        declared: Declarations,
        records: dict[str, dict[str, int]],
    ) -> None:
        """A user of one group meets no text of the sibling's or the other city's project, asked for or not."""
        client = sign_in("head")
        # Ids of the three projects are the same now and then, and pages without one are asked for once.
        addresses = dict.fromkeys(
            address
            for whose in ("own", "sibling", "foreign")
            for address in self._addresses(running_app, declared, records[whose], "GET")
        )
        for address in addresses:
            answer = client.get(address)
            for name in ("sibling", "foreign"):
                canary = getattr(switched_on, name).canary.encode()
                assert canary not in answer.data, f"{address} shows a row of the {name} project"
        for whose in ("sibling", "foreign"):
            for kind in declared.get("record_kinds", ()):
                if kind.code in self.unscoped_kinds or (whose == "sibling" and kind.code in self.city_kinds):
                    continue
                address = self._record_address(running_app, kind, records[whose][kind.code])
                assert client.get(address).status_code == 404, f"{address} of the {whose} project"

    def test_no_row_of_another_project_in_any_count(
        self, scope_of: ScopeOf, declared: Declarations, records: dict[str, dict[str, int]]
    ) -> None:
        """Queries of a user of one group count and find the rows of the own project alone."""
        foreign = {
            (code, record_id)
            for whose in ("sibling", "foreign")
            for code, record_id in records[whose].items()
            if not (whose == "sibling" and code in self.city_kinds)
        }
        with scope_of("head"):
            for kind in declared.get("record_kinds", ()):
                if kind.code in self.unscoped_kinds:
                    continue
                assert not isinstance(kind.model.__scope__, Unscoped), f"{kind.code} is not scoped."
                ids = set(db.session.scalars(sa.select(kind.model.id)))
                assert records["own"][kind.code] in ids
                assert not ids & {record_id for code, record_id in foreign if code == kind.code}
                assert db.session.scalar(sa.select(sa.func.count()).select_from(kind.model)) == len(ids)

    # What it adds

    def test_documents_render_in_every_language(
        self,
        running_app: Flask,
        scope_of: ScopeOf,
        declared: Declarations,
        records: dict[str, dict[str, int]],
    ) -> None:
        """Every document of a record can be printed."""
        kinds = {kind.code: kind for kind in current_runtime(running_app).declared.record_kinds()}
        for document in declared.get("document_types", ()):
            record_id = records["own"].get(document.record_kind)
            assert record_id is not None, f"make_records does not make {document.record_kind}."
            with running_app.test_request_context(), scope_of("admin", "group"):
                record = db.session.get_one(kinds[document.record_kind].model, record_id)
                for language in document.languages:
                    assert preview(document.code, record, language).startswith(b"%PDF"), document.code

    def test_panels_load(
        self,
        running_app: Flask,
        scope_of: ScopeOf,
        declared: Declarations,
        records: dict[str, dict[str, int]],
    ) -> None:
        """Every section of the plugin's own records and of the home page loads."""
        kinds = {kind.code: kind for kind in declared.get("record_kinds", ())}
        for panel in declared.get("panels", ()):
            with running_app.test_request_context(), scope_of("admin", "group"):
                record = None
                if panel.record_kind in kinds:
                    record = db.session.get_one(
                        kinds[panel.record_kind].model, records["own"][panel.record_kind]
                    )
                elif panel.record_kind != "home":
                    continue
                panel.load(record)

    def test_search_answers_anything(
        self,
        running_app: Flask,
        scope_of: ScopeOf,
        switched_on: World,
        declared: Declarations,
        records: dict[str, dict[str, int]],
    ) -> None:
        """Search sources answer odd queries, keep to the limit, and show nothing of other projects."""
        del records
        for source in declared.get("search_sources", ()):
            for query in (switched_on.foreign.canary, "%", "_", "'", "\\", "3-2-1502", "鹊", "x" * 500):
                with running_app.test_request_context(), scope_of("head"):
                    hits = source.search(query, 5)
                    assert len(hits) <= 5
                    assert switched_on.foreign.canary not in repr(hits), source.code

    # Addresses

    def _endpoints(self, declared: Declarations) -> set[str]:
        views = {view_endpoint(self.slug, view) for view in declared.get("admin_views", ())}
        return views | {item.blueprint.name for item in declared.get("blueprints", ())}

    def _rules(self, app: Flask, declared: Declarations) -> list[Rule]:
        endpoints = self._endpoints(declared)
        return [
            rule
            for rule in app.url_map.iter_rules()
            if rule.endpoint.rpartition(".")[0] in endpoints and not rule.endpoint.endswith(".static")
        ]

    def _addresses(
        self, app: Flask, declared: Declarations, ids: Mapping[str, int], method: str
    ) -> list[str]:
        """Return the addresses of all pages: once alone, and once for each record whose id could be meant."""
        return [
            address
            for rule in self._rules(app, declared)
            if method in (rule.methods or ())
            for address in self._addresses_of(app, rule, ids)
        ]

    def _addresses_of(self, app: Flask, rule: Rule, ids: Mapping[str, int]) -> Iterator[str]:
        with app.test_request_context():
            adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
            if not rule.arguments:
                yield adapter.build(rule.endpoint)
            further = dict(self.page_arguments.get(rule.endpoint, {}))
            for record_id in sorted({*ids.values(), 1}):
                arguments = dict.fromkeys(rule.arguments, record_id) | {"id": record_id} | further
                try:
                    yield adapter.build(rule.endpoint, arguments)
                except ValueError:
                    # A converter that takes no number, for example of a file name.
                    yield adapter.build(rule.endpoint, dict.fromkeys(rule.arguments, "x") | further)

    def _doors(
        self, app: Flask, declared: Declarations, ids: Mapping[str, int], *, public: bool = False
    ) -> Iterator[tuple[str, str]]:
        """Yield method and address of every function; those that are public by intention only when asked for."""
        for rule in self._rules(app, declared):
            permission = required_permission(app.view_functions[rule.endpoint])
            if isinstance(permission, Public) and not public:
                continue
            for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
                yield method, next(iter(self._addresses_of(app, rule, ids)))

    def _record_address(self, app: Flask, kind: Any, record_id: int) -> str:
        with app.test_request_context():
            adapter = app.create_url_adapter(None) or app.url_map.bind("localhost")
            return adapter.build(kind.endpoint, {"id": record_id})


def current_package(plugin: PluginState) -> str:
    """Return the name of a plugin's package."""
    import sys

    folder = _folder(plugin)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if file is not None and Path(file) == folder / "plugin.py":
            return name.rpartition(".")[0]
    return plugin.slug


def client_region(app: Flask) -> int:
    """Return the id of the region of the world in an application's database."""
    world: World = app.extensions["doorstep.testing.world"]
    return world.departments["region"]


def _folder(plugin: PluginState) -> Path:
    assert plugin.folder is not None
    return plugin.folder


def _is_within(name: str, packages: Any) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _imports(
    folder: Path, skip: frozenset[str] = frozenset({"migrations", "__pycache__"})
) -> Iterator[tuple[str, int, str]]:
    """Yield file, line and full name of each import in a folder."""
    for path in sorted(folder.rglob("*.py")):
        inside = path.relative_to(folder)
        if skip & set(inside.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield str(inside), node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom) and node.module:
                if node.module == CORE:
                    for alias in node.names:
                        yield str(inside), node.lineno, f"{CORE}.{alias.name}"
                else:
                    yield str(inside), node.lineno, node.module


def _texts(folder: Path) -> list[tuple[Any, str | None]]:
    found = extract_from_dir(
        folder,
        method_map=_METHODS,
        options_map={
            pattern: {"trimmed": "true", "silent": "false"} for pattern, kind in _METHODS if kind == "jinja2"
        },
        keywords=_KEYWORDS,
        directory_filter=lambda name: Path(name).name not in _NOT_CODE,
    )
    return [(message, context) for _file, _line, message, _comments, context in found if message]


def _tables(slug: str) -> list[sa.Table]:
    return tables_of(slug, current_runtime().plugins)


def _row_counts(slug: str) -> dict[str, int]:
    db.session.flush()
    connection = db.session.connection()
    return {
        table.name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
        for table in _tables(slug)
    }


def _all_rows(slug: str) -> dict[str, list[Any]]:
    db.session.flush()
    connection = db.session.connection()
    return {
        table.name: [tuple(row) for row in connection.execute(sa.select(table))] for table in _tables(slug)
    }


def _rows_of_customer(slug: str, customer_id: int) -> dict[str, int]:
    """Return how many rows of each table name a customer by a foreign key."""
    db.session.flush()
    connection = db.session.connection()
    found = {}
    for table in _tables(slug):
        for column in table.columns:
            if any(key.target_fullname == "customer.id" for key in column.foreign_keys):
                count = connection.scalar(
                    sa.select(sa.func.count()).select_from(table).where(column == customer_id)
                )
                if count:
                    found[f"{table.name}.{column.name}"] = count
    return found


def _call_own_hook(slug: str, hook: str, **arguments: Any) -> None:
    for component in current_runtime().components:
        if component.slug == slug:
            getattr(component.hooks.hook, hook)(**arguments)
    db.session.flush()


def _admin_view(app: Flask, rule: Rule) -> Any:
    """Return the view of the back office that a rule belongs to; its door checks permissions of its own."""
    admin = app.extensions["doorstep.admin"]
    endpoint = rule.endpoint.rpartition(".")[0]
    return next((view for view in admin._views if view.endpoint == endpoint), None)


def _make_tables_below(app: Flask, slug: str) -> None:
    """Make the tables that a plugin stands on: those of the core and of what it depends on."""
    runtime = current_runtime(app)
    for component in (CORE, *runtime.dependencies(slug)):
        folder = migrating.folder_of(component)
        if schema.heads(folder):
            migrating.upgrade(component)
        else:
            metadata.create_all(db.engine, tables=tables_of(component, runtime.plugins))
