"""What an insider tries with forms of his own: moving rows, forbidden fields, forms without a token."""

from __future__ import annotations

import secrets
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.routing import Rule as Route

from core.admin.ajax import ReferenceField, ReferenceListField
from core.admin.forms import INTERNAL_FIELDS, NONCE
from core.admin.views import RecordView
from core.database.base import metadata
from core.database.scope import use_scope
from core.extensions import db
from core.people.permissions import Public, required_permission
from tests.integration.authorisation.attempts import (
    PUBLIC,
    SPECIAL,
    SYSTEM,
    Unfillable,
    attempts,
    create_form,
    edit_form,
)
from tests.integration.authorisation.matrix import out_of_reach, routes_of
from tests.integration.authorisation.oracle import ACTORS
from tests.integration.authorisation.records import is_unscoped
from tests.integration.authorisation.scene import Scene

KEEPER = next(actor for actor in ACTORS if actor.name == "keeper")
VISITOR = next(actor for actor in ACTORS if actor.name == "visitor")


def _record_views(scene: Scene) -> list[RecordView]:
    return [view for view in scene.views.values() if isinstance(view, RecordView)]


def _changes(scene: Scene) -> list[Any]:
    with scene.app.app_context():
        changes = scene.ledger.changes()
        scene.ledger.undo(changes)
    return changes


def _references(view: RecordView, is_new: bool) -> dict[str, Any]:
    form = view._forms.get((is_new, False))
    found = {}
    for name in view.form_columns if form is not None else ():
        unbound = getattr(form, name, None)
        if unbound is not None and issubclass(unbound.field_class, (ReferenceField, ReferenceListField)):
            found[name] = unbound.kwargs["reference"].model
    return found


@pytest.mark.parametrize("target", ["sibling", "foreign"])
def test_no_reference_of_a_form_reaches_a_foreign_row(scene: Scene, target: str) -> None:
    """Each reference in turn names a foreign row; the rest of the form is in order."""
    tried, wrong = 0, []
    for view in _record_views(scene):
        for is_new, right in ((True, view.permissions.create), (False, view.permissions.edit)):
            for name, model in _references(view, is_new).items() if right else ():
                if is_unscoped(model):
                    continue
                with scene.app.test_request_context(), use_scope(SYSTEM):
                    form = (create_form if is_new else edit_form)(scene, view, KEEPER, "own")
                key = scene.records.key(view.model, "own")
                address = f"/admin/{view.url.removeprefix('/admin/')}/" + (
                    "new/" if is_new else f"edit/?id={key}"
                )
                answer = scene.send(
                    KEEPER, "POST", address, data={**form, name: str(scene.records.key(model, target))}
                )
                changes = _changes(scene)
                tried += 1
                if answer.status_code != 422 or changes:
                    wrong.append(
                        f"{view.endpoint}.{name} ({'new' if is_new else 'edit'}): {answer.status_code}, {changes}"
                    )
    assert wrong == []
    assert tried >= 15


def test_fields_that_a_form_does_not_have_are_not_written(scene: Scene) -> None:
    """Every column of the row is sent along with the form; only those of the form change."""
    foreign = scene.world.foreign
    wrong, saved = [], 0
    for view in _record_views(scene):
        if not view.permissions.edit:
            continue
        with scene.app.test_request_context(), use_scope(SYSTEM):
            form = edit_form(scene, view, KEEPER, "own")
        own = {name for name in view.form_columns if name not in view.create_only_columns}
        # A price may follow from an area; the owner and the keys never follow from anything.
        forbidden = {column.name for column in view.model.__table__.columns} - own - INTERNAL_FIELDS
        sent: dict[str, Any] = dict.fromkeys(forbidden, "1") | {
            name: str(value)
            for name, value in (
                ("id", scene.records.key(view.model, "foreign")),
                ("project_id", foreign.project_id),
                ("department_id", scene.world.departments["other_city"]),
                ("customer_id", foreign.customer_ids[0]),
                ("unit_id", foreign.unit_ids[0]),
                ("building_id", foreign.building_id),
                ("is_admin", "y"),
                ("password", "stolen"),
                ("fs_uniquifier", "stolen"),
                ("permissions", "people.manage"),
            )
            if name not in own
        }
        key = scene.records.key(view.model, "own")
        answer = scene.send(KEEPER, "POST", f"{view.url}/edit/?id={key}", data={**sent, **form})
        for change in _changes(scene):
            if change.table == view.model.__tablename__ and change.key == (key,):
                stray = (change.columns & forbidden) - {"updated_at"}
                if stray & (set(sent) | {"id"}) and any(
                    str((change.after or {}).get(name)) == sent.get(name) for name in stray
                ):
                    wrong.append(f"{view.endpoint} wrote {sorted(stray)}")
        wrong += [f"{view.endpoint} answered {answer.status_code}"] if answer.status_code >= 500 else []
        saved += answer.status_code == 303
    assert wrong == []
    assert saved >= 5


SIGNED = {"message_reports.sms"}
"""Routes for programs, which hold no session: each of their requests is signed (test_links.py)."""


def test_every_form_needs_its_token(scene: Scene) -> None:
    """Each POST route answers 400 to a form without the token of its session, and writes nothing."""
    wrong, tried = [], 0
    for route, method in routes_of(scene):
        if method == "GET" or route.endpoint in SIGNED:
            continue
        for attempt in attempts(scene, route, method, KEEPER, "own")[:1]:
            answer = scene.send(KEEPER, method, attempt.address, token=False, **attempt.options())
            tried += 1
            if answer.status_code != 400 or _changes(scene):
                wrong.append(f"{route.endpoint}: {answer.status_code}")
    assert wrong == []
    assert tried >= 60


def test_every_route_declares_its_permission(scene: Scene) -> None:
    """A route has a permission, or is public by intention: marked with a reason, and listed in ``PUBLIC``."""
    known = set(scene.permissions["admin"])
    wrong = []
    for route, _method in routes_of(scene):
        owner, _dot, function = route.endpoint.rpartition(".")
        view = scene.views.get(owner)
        if isinstance(view, RecordView) and function in view._function_needs:
            missing = view.permissions.codes() - known
            wrong += [f"{route.endpoint} names {code}, which nobody declares" for code in missing]
            continue
        mark = required_permission(
            getattr(type(view), function) if view is not None else scene.app.view_functions[route.endpoint]
        )
        if isinstance(mark, str):
            wrong += [] if mark in known else [f"{route.endpoint} names {mark}, which nobody declares"]
        elif route.endpoint in PUBLIC:
            assert PUBLIC[route.endpoint]
        elif not (isinstance(mark, Public) and mark.reason and route.endpoint in SPECIAL):
            wrong.append(f"{route.endpoint} declares no permission")
    assert wrong == []


def test_a_route_without_a_permission_is_noticed(scene: Scene) -> None:
    """The generator refuses a route that it cannot fill, instead of leaving it out."""
    route = Route("/forgotten", endpoint="forgotten.page", methods=["GET"])
    scene.app.view_functions["forgotten.page"] = lambda: "open to all"
    try:
        with pytest.raises(Unfillable):
            attempts(scene, route, "GET", KEEPER, "own")
    finally:
        del scene.app.view_functions["forgotten.page"]


def test_a_nonce_of_somebody_else_is_refused(scene: Scene) -> None:
    """Who sends the nonce of another user's form learns nothing of the record that came of it."""
    nonce, administrator = secrets.token_urlsafe(32), ACTORS[0]
    view = scene.views["phases"]
    with scene.app.test_request_context(), use_scope(SYSTEM):
        form = create_form(scene, view, administrator, "foreign")
    made = scene.send(administrator, "POST", "/admin/phases/new/", data={**form, NONCE: nonce})
    assert made.status_code == 303
    answer = scene.send(KEEPER, "POST", "/admin/phases/new/", data={**form, NONCE: nonce})
    assert answer.status_code == 400
    assert scene.world.foreign.canary.encode() not in answer.data
    with scene.app.app_context():
        scene.ledger.undo(scene.ledger.changes(everywhere=True))


def test_merging_with_a_foreign_customer_is_refused(scene: Scene) -> None:
    """Neither side of a merge may be a customer out of reach, nor one who is known there too."""
    own = scene.world.own.customer_ids[0]
    for other in (scene.world.sibling.customer_ids[0], scene.world.foreign.customer_ids[0]):
        for kept, merged in ((own, other), (other, own)):
            for method in ("GET", "POST"):
                data = {"merged": str(merged)} if method == "POST" else None
                answer = scene.send(
                    KEEPER, method, f"/admin/customers/merge/?id={kept}&merged={merged}", data=data
                )
                assert answer.status_code == 404
                assert not _changes(scene)
    shared = scene.world.shared_customer_id
    answer = scene.send(KEEPER, "POST", f"/admin/customers/merge/?id={own}", data={"merged": str(shared)})
    assert answer.status_code == 303
    assert not _changes(scene)


def test_rights_and_people_of_others_cannot_be_taken(scene: Scene) -> None:
    """Who manages people in a group changes no account and no role that reaches beyond it."""
    world = scene.world
    administrator, role = world.users["admin"], world.roles["head"]
    forms: list[tuple[str, dict[str, Any]]] = [
        (f"/admin/users/password/?id={administrator}", {"password": "seven-Lanterns-drift-90"}),
        (f"/admin/users/two-factor/?id={administrator}", {}),
        (f"/admin/users/activate/?id={administrator}", {"active": "0"}),
        (
            f"/admin/users/grant/?id={world.users['engineer']}",
            {"department_id": world.departments["region"], "role_id": world.roles["admin"]},
        ),
        (
            f"/admin/users/grant/?id={world.users['engineer']}",
            {"department_id": world.departments["sibling_group"], "role_id": world.roles["engineer"]},
        ),
        (f"/admin/roles/permissions/?id={role}", {"permission": ["people.manage"]}),
        (f"/admin/departments/archive/?id={world.departments['city']}", {}),
    ]
    for address, data in forms:
        answer = scene.send(KEEPER, "POST", address, data=data)
        assert answer.status_code in (303, 404), address
        assert not _changes(scene), address


def test_a_role_that_is_held_elsewhere_is_neither_renamed_nor_deleted(scene: Scene) -> None:
    """Roles are one list for the installation: who manages a group leaves those of others as they are."""
    view = scene.views["roles"]
    with scene.app.test_request_context(), use_scope(SYSTEM):
        form = edit_form(scene, view, KEEPER, "own")
    role = scene.world.roles["head"]
    version = _stored(scene, "role", role)["row_version"]
    scene.send(
        KEEPER,
        "POST",
        f"/admin/roles/edit/?id={role}",
        data={**form, "label": "Renamed", "row_version": str(version)},
    )
    assert not _changes(scene)
    unheld = scene.world.roles["service"]
    with scene.app.app_context(), db.engine.begin() as connection:
        connection.execute(
            sa.delete(metadata.tables["membership"]).where(metadata.tables["membership"].c.role_id == unheld)
        )
        connection.execute(
            sa.update(metadata.tables["role"])
            .where(metadata.tables["role"].c.id == unheld)
            .values(permissions=["no.such_right_of_the_keeper"])
        )
    scene.remember()
    answer = scene.send(KEEPER, "POST", "/admin/roles/delete/", data={"id": str(unheld)})
    assert answer.status_code in (303, 422)
    assert not _changes(scene)


def _stored(scene: Scene, table: str, key: int) -> dict[str, Any]:
    found = metadata.tables[table]
    with scene.app.app_context(), db.engine.connect() as connection:
        return dict(connection.execute(sa.select(found).where(found.c.id == key)).mappings().one())


def test_a_visitor_learns_nothing_from_addresses(scene: Scene) -> None:
    """Who is not signed in gets the same answer for rows that exist and rows that do not."""
    for address in ("/admin/units/details/?id={}", "/files/{}", "/documents/issued/{}.pdf"):
        there = scene.send(VISITOR, "GET", address.format(scene.attachments["own"]))
        missing = scene.send(VISITOR, "GET", address.format(999999999))
        assert there.status_code == missing.status_code
        assert len(there.data) - len(missing.data) < 40


def test_changes_out_of_reach_would_be_noticed(scene: Scene) -> None:
    """The judge of the matrix sees a foreign row that somebody changed."""
    with scene.app.app_context():
        unit = metadata.tables["unit"]
        with db.engine.begin() as connection:
            connection.execute(
                sa.update(unit).where(unit.c.id == scene.world.foreign.unit_ids[0]).values(layout="changed")
            )
        changes = scene.ledger.changes()
        assert out_of_reach(scene, KEEPER, changes) == ["changed a row of unit out of reach"]
        before = scene.ledger.fingerprint()
        scene.ledger.undo(changes)
        assert scene.ledger.fingerprint() != before
        assert scene.ledger.changes(everywhere=True) == []
