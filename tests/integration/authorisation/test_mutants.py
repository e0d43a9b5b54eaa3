"""Each guard is taken out in turn; the matrix, or the check that is named here, must notice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

import pytest
import sqlalchemy as sa

import core.admin.access
import core.admin.actions
import core.admin.ajax
import core.admin.document_batches
import core.admin.documents
import core.admin.exporting
import core.admin.files
import core.admin.http
import core.admin.imports
import core.admin.listing
import core.admin.modules
import core.admin.mounting
import core.admin.redirects
import core.admin.search
import core.admin.shell
import core.admin.signatures
import core.admin.transitions
import core.admin.views
import core.database.scope
import core.machinery.attachments.services
import core.machinery.exchange.services
import core.machinery.jobs.services
import core.people.admin
import core.people.services
from core.admin.views import RecordView
from core.database.scope import ByCustomer, Owned, ScopeError, _ByColumn, all_departments, use_scope
from core.extensions import db
from core.machinery.jobs.models import Job
from core.projects.models import Unit
from core.testing.scoping import acting_as
from tests.integration.authorisation.attempts import SYSTEM, edit_form
from tests.integration.authorisation.mutating import (
    Mutant,
    actor_called,
    any_import,
    assert_missed,
    every_department,
    matrix,
    opened,
    replaced,
    several,
    unauthorised_record,
    unscoped_get_one,
)
from tests.integration.authorisation.scene import Scene

# --- What notices


def foreign_row_is_refused_at_flush(scene: Scene) -> list[str]:
    """Moving a row to a foreign project past every form is refused by the session."""
    with acting_as(scene.app, scene.accounts["keeper"]):
        unit = db.session.get_one(Unit, scene.world.own.unit_ids[0])
        unit.project_id = scene.world.foreign.project_id
        try:
            db.session.flush()
        except ScopeError:
            return []
        except sa.exc.IntegrityError:
            return ["only the foreign key of the database refused the row"]
    return ["the row was moved"]


def counts_are_of_visible_rows(scene: Scene) -> list[str]:
    """The pager of a list counts what its reader sees."""
    view = scene.views["units"]
    with scene.app.test_request_context(), acting_as(scene.app, scene.accounts["keeper"]):
        counted = core.admin.listing.Lister(view, core.admin.listing.read_request(view, {})).count().number
        seen = len(list(db.session.scalars(sa.select(Unit.id))))
    return [] if counted == seen == 3 else [f"{counted} counted, {seen} seen"]


def sidebar_shows_what_may_be_opened(scene: Scene) -> list[str]:
    """The sidebar of a user without rights leads nowhere."""
    page = scene.send(actor_called("nobody"), "GET", "/admin/").get_data(as_text=True)
    return [
        address
        for address in ("/admin/units/", "/admin/customers/", "/admin/users/")
        if f'href="{address}"' in page
    ]


def forms_need_their_token(scene: Scene) -> list[str]:
    """A form without the token of its session is refused."""
    key = scene.records.key(Unit, "own")
    answer = scene.send(actor_called("keeper"), "POST", "/admin/units/delete/", token=False, data={"id": key})
    return [] if answer.status_code == 400 else [f"answered {answer.status_code}"]


def redirects_stay_here(scene: Scene) -> list[str]:
    """What a form says of where to go afterwards never leads to another site."""
    found = []
    for target in ("//evil.example", "http:evil.example", "/\\evil.example", "https://evil.example/admin/"):
        answer = scene.send(
            actor_called("keeper"), "POST", "/admin/units/action/", data={"action": "no", "url": target}
        )
        page = scene.send(
            actor_called("keeper"), "POST", "/preferences/language", data={"locale": "en", "next": target}
        )
        for each in (answer, page):
            if "evil" in each.headers.get("Location", "") or each.status_code >= 500:
                found.append(each.headers.get("Location", str(each.status_code)))
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))
    return found


def stale_forms_are_refused(scene: Scene) -> list[str]:
    """A form whose version is not that of the row is answered 409 and changes nothing."""
    view, keeper = scene.views["units"], actor_called("keeper")
    with scene.app.test_request_context(), use_scope(SYSTEM):
        form = edit_form(scene, view, keeper, "own")
    key = scene.records.key(Unit, "own")
    answer = scene.send(
        keeper, "POST", f"/admin/units/edit/?id={key}", data={**form, "layout": "stale", "row_version": "77"}
    )
    with scene.app.app_context():
        changes = scene.ledger.changes()
        scene.ledger.undo(changes)
    return (
        []
        if answer.status_code == 409 and not changes
        else [f"answered {answer.status_code}, {len(changes)} changes"]
    )


# --- What is taken out


def _unchecked_rows(view: RecordView, texts: list[str]) -> list[Any]:
    with all_departments("a guard mutant"):
        return list(
            db.session.scalars(
                sa.select(view.model).where(
                    view.model.id.in_([int(text) for text in texts if text.isdigit()])
                )
            )
        )


def _unauthorised_file(attachment_id: int) -> Any:
    from core.machinery.attachments.models import Attachment
    from core.machinery.attachments.services import AttachedFile
    from core.plugin_system.runtime import current_runtime

    with all_departments("a guard mutant"):
        found = db.session.get(Attachment, attachment_id)
        if found is None:
            return None
        kind = current_runtime().declared.record_kind(found.record_kind)
        assert kind is not None
        return AttachedFile(found, kind, db.session.get(kind.model, found.record_id))


def _whatever_is_asked(kind: Any, keys: Any) -> list[Any]:
    with all_departments("a guard mutant"):
        return [record for key in keys if (record := db.session.get(kind.model, key)) is not None]


def _any_ticket(view: RecordView, file_format: str, ticket: str | None) -> Any:
    held = core.admin.exporting._serializer().loads(ticket or "")
    return core.admin.exporting.Ticket(tuple(held[4]), dict(held[5]))


@contextlib.contextmanager
def _no_csrf(scene: Scene) -> Iterator[None]:
    with mock.patch.dict(scene.app.config, {"WTF_CSRF_ENABLED": False}):
        yield


@contextlib.contextmanager
def _open_sidebar(scene: Scene) -> Iterator[None]:
    sidebar = scene.app.extensions["doorstep_shell"]
    with mock.patch.object(RecordView, "is_accessible", lambda _self: True):
        sidebar._areas.cache_clear()
        yield
    sidebar._areas.cache_clear()


@contextlib.contextmanager
def _export_for_readers(scene: Scene) -> Iterator[None]:
    view = scene.views["units"]
    with mock.patch.dict(view._function_permissions, {"export": view.permissions.view}):
        yield


class _First(dict[Any, Any]):
    def get(self, key: Any, default: Any = None) -> Any:
        del key
        return next(iter(self.values()), default)


class _ForEverybody(WeakKeyDictionary[Any, Any]):
    def setdefault(self, key: Any, default: Any = None) -> Any:
        del default
        return super().setdefault(key, _First())


MUTANTS = (
    Mutant(
        "rows of projects are not narrowed",
        replaced(_ByColumn, "criterion", lambda *_: None),
        matrix("units", "contractors_companies"),
    ),
    Mutant(
        "rows of customers are not narrowed",
        replaced(ByCustomer, "criterion", lambda *_: None),
        matrix("customers", "customer_contacts"),
    ),
    Mutant(
        "rows that hang on records are not narrowed",
        replaced(Owned, "criterion", lambda *_: None),
        matrix("documents_issued", "documents.download", "approvals.details_view"),
    ),
    Mutant(
        "how a list is narrowed is remembered for everybody",
        replaced(core.database.scope, "_narrowed_selects", _ForEverybody()),
        matrix("units.index_view", "contractors_companies"),
    ),
    Mutant(
        "rows are not checked at flush",
        replaced(core.database.scope, "_check_rows", lambda *_, **__: None),
        foreign_row_is_refused_at_flush,
    ),
    Mutant(
        "one record is read past the wall",
        replaced(RecordView, "get_one", unscoped_get_one),
        matrix("units.details_view"),
    ),
    Mutant(
        "lists count past the wall", opened(core.admin.listing, "bounded_count"), counts_are_of_visible_rows
    ),
    Mutant(
        "references propose past the wall",
        opened(core.admin.ajax.Reference, "proposals"),
        matrix("units.ajax_lookup"),
    ),
    Mutant(
        "references accept past the wall",
        several(
            opened(core.admin.ajax.Reference, "get"),
            replaced(core.database.scope, "_check_rows", lambda *_, **__: None),
            replaced(_ByColumn, "criterion", lambda *_: None),
        ),
        matrix("phases.create_view", "buildings.create_view"),
    ),
    Mutant(
        "everybody holds every permission",
        replaced(core.admin.access, "holds", lambda _code: True),
        matrix("units.index_view", "users.index_view"),
    ),
    Mutant("every view is shown in the sidebar", _open_sidebar, sidebar_shows_what_may_be_opened),
    Mutant(
        "plugins are on everywhere",
        several(
            replaced(core.admin.access, "is_on", lambda *_: True),
            replaced(core.admin.mounting, "is_on", lambda *_: True),
        ),
        matrix("contractors_companies.index_view", "handover.index", is_on=False),
    ),
    Mutant(
        "marks of blueprint pages are ignored",
        replaced(core.admin.mounting, "admit", lambda *_: None),
        matrix("handover.index", "handover.inspection"),
    ),
    Mutant(
        "marks of record views are ignored",
        replaced(core.admin.views, "admit", lambda *_: None),
        matrix("customers.index_view", "customers.merge"),
    ),
    Mutant(
        "marks of the steps that prepare a handover are ignored",
        replaced(core.admin.views, "admit", lambda *_: None),
        matrix("handover_batches.send_letters", "handover_units.contact", "handover_fee_rules.standard"),
    ),
    Mutant(
        "keys of an action are not looked up",
        replaced(core.admin.actions, "chosen_records", _unchecked_rows),
        matrix("handover_defects.action_view"),
    ),
    Mutant(
        "steps are open to whoever sees the record",
        replaced(core.admin.transitions, "holds", lambda _code: True),
        matrix("handover_notices.transition_view"),
    ),
    Mutant("forms need no token", _no_csrf, forms_need_their_token),
    Mutant(
        "personal data is not masked",
        replaced(core.admin.views, "sees_personal_data", lambda: True),
        matrix("customers.index_view", "customers.details_view"),
    ),
    Mutant(
        "files are handed to anybody",
        replaced(core.admin.files.attachments, "find", _unauthorised_file),
        matrix("files.show"),
    ),
    Mutant(
        "records of uploads are not looked up",
        replaced(core.admin.files.attachments, "record_of", unauthorised_record),
        matrix("files.upload"),
    ),
    Mutant(
        "records of documents are not looked up",
        replaced(core.admin.documents, "record_of", unauthorised_record),
        matrix("documents.preview"),
    ),
    Mutant(
        "photos of others are drawn on",
        replaced(core.admin.files.attachments, "find", _unauthorised_file),
        matrix("files.markup"),
    ),
    Mutant(
        "records that are signed are not looked up",
        replaced(core.admin.signatures, "record_of", unauthorised_record),
        matrix("signatures.pad"),
    ),
    Mutant(
        "supplements are added without a right",
        replaced(core.admin.signatures, "require", lambda _code: None),
        matrix("signatures.supplement"),
    ),
    Mutant(
        "pictures of signatures are shown to everybody",
        replaced(core.admin.signatures, "sees_personal_data", lambda: True),
        matrix("signatures.picture"),
    ),
    Mutant(
        "records of batches are not looked up",
        replaced(core.admin.document_batches, "record_of", unauthorised_record),
        matrix("document_batches.order"),
    ),
    Mutant(
        "the ticked rows of a batch are taken as they come",
        replaced(core.admin.document_batches.batches, "visible_records", _whatever_is_asked),
        matrix("document_batches.order"),
    ),
    Mutant(
        "issued documents are handed to anybody",
        replaced(core.admin.documents, "_may_read", lambda _issued: True),
        matrix("documents.download"),
    ),
    Mutant(
        "jobs of others are shown to anybody",
        replaced(core.machinery.jobs.services, "visible_jobs", lambda **_: sa.select(Job)),
        matrix("jobs.details", "jobs.cancel"),
    ),
    Mutant(
        "files of jobs are handed to colleagues",
        replaced(core.machinery.jobs.services, "may_download", lambda _job: True),
        matrix("jobs.download"),
    ),
    Mutant(
        "jobs of others are cancelled by anybody",
        replaced(core.machinery.jobs.services, "may_change", lambda _job: True),
        matrix("jobs.cancel", "jobs.repeat"),
    ),
    Mutant("who may read may export", _export_for_readers, matrix("units.export")),
    Mutant(
        "tickets of exports are good for anybody",
        replaced(core.admin.exporting, "read_ticket", _any_ticket),
        matrix("units.export"),
    ),
    Mutant(
        "modules of any department can be switched",
        replaced(core.admin.modules, "departments_in_reach", every_department),
        matrix("modules"),
    ),
    Mutant(
        "settings of any department can be changed",
        several(
            replaced(core.people.services, "departments_in_reach", every_department),
            replaced(core.people.services, "is_within_reach", lambda _department: True),
        ),
        matrix("settings"),
    ),
    Mutant(
        "anybody may act anywhere",
        replaced(core.people.services, "departments_of", every_department),
        matrix("shell.choose_department"),
    ),
    Mutant("the search looks past the wall", opened(core.admin.search, "_ask"), matrix("search")),
    Mutant(
        "imports of others can be opened",
        replaced(core.machinery.exchange.services, "find_import", any_import),
        matrix("imports.preview", "imports.confirm"),
    ),
    Mutant(
        "whoever may open the pages of imports may import anything",
        replaced(core.admin.imports, "has_permission", lambda _code: True),
        matrix("imports.start", "imports.template"),
    ),
    Mutant(
        "redirects lead anywhere",
        several(
            replaced(core.admin.redirects, "safe_path", lambda target: target),
            replaced(core.admin.http, "safe_path", lambda target: target),
            replaced(core.admin.shell, "safe_path", lambda target: target),
        ),
        redirects_stay_here,
    ),
    Mutant(
        "versions of forms are not compared",
        replaced(
            core.admin.views, "version_of", lambda *_: core.admin.views.request.form.get("row_version", "1")
        ),
        stale_forms_are_refused,
    ),
)


# Each takes away a piece of the program, and whether that is noticed is not a question of the database.
@pytest.mark.one_database
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_guard_is_missed_when_it_is_gone(mutant: Mutant, scene: Scene) -> None:
    assert_missed(mutant, scene)


def test_there_are_enough_mutants() -> None:
    assert len(MUTANTS) >= 12
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
