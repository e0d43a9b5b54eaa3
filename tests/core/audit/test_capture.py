"""What a change of a row leaves in the log."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import pytest
import sqlalchemy as sa

from core.customers.models import Customer, CustomerContact, CustomerUnit
from core.database.scope import Scope, ScopeError, all_departments, use_scope
from core.extensions import db
from core.machinery.audit import services as audit
from core.machinery.audit.capture import AuditLogImmutable, UnloggedChange
from core.machinery.audit.models import AuditEntry
from core.people.models import Department, Role
from core.projects.models import Building, Phase, Project, Unit


@pytest.fixture(autouse=True)
def _open_wall(place):
    with all_departments("testing the log"):
        yield


def entries(kind: str | None = None) -> list[AuditEntry]:
    query = sa.select(AuditEntry).order_by(AuditEntry.id)
    if kind is not None:
        query = query.where(AuditEntry.record_kind == kind)
    return list(db.session.scalars(query))


def newest() -> AuditEntry:
    return entries()[-1]


def add_unit(place, number: str = "1502", **fields) -> Unit:
    phase = db.session.scalar(sa.select(Phase)) or Phase(project_id=place.project_id, code="1", name="一期")
    db.session.add(phase)
    db.session.flush()
    building = db.session.scalar(sa.select(Building)) or Building(
        project_id=place.project_id, phase_id=phase.id, code="3"
    )
    db.session.add(building)
    db.session.flush()
    unit = Unit(
        project_id=place.project_id, building_id=building.id, number=number, code=f"3-{number}", **fields
    )
    db.session.add(unit)
    db.session.flush()
    return unit


def test_a_new_row_is_logged_with_its_values_and_owner(place):
    unit = add_unit(place, price=Decimal("1234567.80"), delivered_on=dt.date(2026, 11, 1))
    entry = newest()
    assert (entry.action, entry.record_kind, entry.record_id) == ("created", "unit", str(unit.id))
    assert entry.changes["price"] == [None, "1234567.8"]
    assert entry.changes["delivered_on"] == [None, "2026-11-01"]
    assert entry.changes["decoration"] == [None, "fitted"]
    assert entry.label == "3-1502"
    assert entry.project_id == place.project_id
    assert entry.reason == "testing the log"
    assert not {"id", "created_at", "updated_at", "row_version"} & set(entry.changes)


def test_a_change_is_logged_field_by_field(place):
    project = db.session.get(Project, place.project_id)
    project.name = "云栖湾二期"
    project.sales_opening_on = dt.date(2026, 12, 1)
    db.session.flush()
    assert newest().changes == {"name": ["云栖湾", "云栖湾二期"], "sales_opening_on": [None, "2026-12-01"]}
    assert newest().action == "changed"


def test_a_value_that_was_overwritten_unread_is_logged_with_what_it_was(place):
    project = db.session.get(Project, place.project_id)
    db.session.expire(project)
    project.name = "新名"
    db.session.flush()
    assert newest().changes == {"name": ["云栖湾", "新名"]}


def test_setting_the_same_value_is_no_change(place):
    count = len(entries())
    project = db.session.get(Project, place.project_id)
    project.name = "别名"
    project.name = "云栖湾"
    db.session.flush()
    assert len(entries()) == count


def test_a_deletion_keeps_what_was_there(place):
    unit = add_unit(place, price=Decimal("10.00"))
    db.session.commit()
    db.session.delete(db.session.get(Unit, unit.id))
    db.session.flush()
    entry = newest()
    assert entry.action == "deleted"
    assert entry.changes["price"] == ["10", None]
    assert entry.project_id == place.project_id


def test_a_foreign_key_set_through_a_relationship_is_logged(place):
    unit = add_unit(place)
    customer = db.session.get(Customer, place.customer_id)
    other = Customer(name="周宁")
    db.session.add(other)
    db.session.flush()
    holding = CustomerUnit(project_id=place.project_id, unit_id=unit.id, customer_id=customer.id)
    db.session.add(holding)
    db.session.flush()
    holding.customer = other
    db.session.flush()
    assert newest().changes["customer_id"] == [customer.id, other.id]


def test_rows_removed_by_a_cascade_are_logged(place):
    customer = db.session.get(Customer, place.customer_id)
    customer.contacts.append(CustomerContact(kind="wechat", value="linlan"))
    db.session.flush()
    customer.contacts.clear()
    db.session.flush()
    assert [entry.action for entry in entries("customer_contact")] == ["created", "deleted"]


def test_links_of_many_to_many_are_logged(place):
    group = Department(kind="group", code="SZ-1", name="客服组", parent_id=place.city_id)
    db.session.add(group)
    db.session.flush()
    project = db.session.get(Project, place.project_id)
    project.groups.append(group)
    db.session.flush()
    assert newest().changes == {"groups": [[], [str(group.id)]]}
    project.groups.remove(group)
    db.session.flush()
    assert newest().changes == {"groups": [[str(group.id)], []]}


def test_hidden_values_are_never_stored(place):
    from core.people.models import User

    user = User(email="lin@example.com", password="hash-one", fs_uniquifier="u1", active=True, name="林")
    db.session.add(user)
    db.session.flush()
    user.password = "hash-two"
    db.session.flush()
    assert newest().changes["password"] == {"hidden": True}
    stored = db.session.connection().exec_driver_sql("SELECT changes FROM audit_entry").scalars().all()
    assert not any("hash-" in (row if isinstance(row, str) else json.dumps(row)) for row in stored)


def test_personal_values_never_reach_the_database_in_plain(place):
    customer = db.session.get(Customer, place.customer_id)
    customer.phone = "13900139000"
    customer.note = "住在深圳湾"
    db.session.flush()
    rows = db.session.connection().exec_driver_sql("SELECT changes, label FROM audit_entry").all()
    text = json.dumps([[str(value) for value in row] for row in rows], ensure_ascii=False)
    for value in ("林岚", "13800138000", "13900139000", "11010519491231002X", "深圳湾", "老客户"):
        assert value not in text
        assert json.dumps(value).strip('"') not in text
    assert newest().subject == f"customer:{place.customer_id}"
    assert newest().customer_id == place.customer_id


def test_readers_see_personal_values_by_right_only(place):
    customer = db.session.get(Customer, place.customer_id)
    customer.phone = "13900139000"
    customer.note = "下午打电话"
    db.session.flush()
    scope = Scope(project_ids=None, department_ids=None)
    with use_scope(scope):
        line = audit.entries_of(customer)[0]
    changes = {change.name: change for change in line.changes}
    assert changes["phone"].after == audit.Value(audit.Visibility.MASKED)
    assert changes["note"].after == audit.Value(audit.Visibility.SHOWN, "下午打电话")
    with use_scope(Scope(project_ids=None, department_ids=None, permissions=frozenset({"personal.view"}))):
        line = audit.entries_of(customer)[0]
    changes = {change.name: change for change in line.changes}
    assert changes["phone"].before.plain == "13800138000"
    assert changes["phone"].after.plain == "13900139000"


def test_destroying_the_key_erases_the_person_from_the_log_and_keeps_the_rest(place):
    customer = db.session.get(Customer, place.customer_id)
    customer.phone, customer.source = "13900139000", "walk-in"
    db.session.commit()
    assert audit.seal() > 0
    audit.destroy_subject_key(f"customer:{place.customer_id}")
    db.session.commit()
    with use_scope(Scope(project_ids=None, department_ids=None, permissions=frozenset({"personal.view"}))):
        changes = {change.name: change for change in audit.entries_of(customer)[0].changes}
    assert changes["phone"].after.visibility is audit.Visibility.ERASED
    assert changes["source"].after.plain == "walk-in"
    db.session.rollback()
    assert audit.verify().is_sound
    customer.phone = "13700137000"
    db.session.flush()
    assert newest().changes["phone"] == [{"personal": None}, {"personal": None}]


def test_a_key_made_in_a_savepoint_that_was_undone_is_not_used_again(place):
    customer = Customer(name="甲")
    db.session.add(customer)
    db.session.flush()
    with pytest.raises(RuntimeError), db.session.begin_nested():
        audit.encrypt_bytes("customer:9999", b"x")
        raise RuntimeError
    content = audit.encrypt_bytes("customer:9999", b"kept")
    db.session.commit()
    assert audit.decrypt_bytes("customer:9999", content) == b"kept"


def test_the_blind_index_of_an_identity_stays_out_of_the_log(place):
    customer = db.session.get(Customer, place.customer_id)
    customer.identity_index = "0123456789abcdef"
    db.session.flush()
    assert newest().changes == {"identity_index": {"hidden": True}}


def test_what_is_rolled_back_was_never_logged(place):
    count = len(entries())
    add_unit(place)
    db.session.rollback()
    assert len(entries()) == count


def test_context_of_the_request_is_kept(app, place):
    from flask import g

    with app.test_request_context("/", environ_base={"REMOTE_ADDR": "10.1.2.3"}):
        g.request_id = "req-1"
        with use_scope(Scope(user_id=7, department_id=place.city_id, project_ids=None, department_ids=None)):
            db.session.get(Project, place.project_id).name = "改名"
            db.session.flush()
            entry = newest()
    assert (entry.user_id, entry.acting_department_id) == (7, place.city_id)
    assert (entry.request_id, entry.address) == ("req-1", "10.1.2.3")


def test_entries_are_seen_by_those_who_see_the_record(place):
    add_unit(place)
    db.session.commit()
    with use_scope(Scope(project_ids=frozenset({place.project_id + 99}), department_ids=frozenset())):
        assert entries() == []
    with use_scope(Scope(project_ids=frozenset({place.project_id}), department_ids=frozenset())):
        kinds = {entry.record_kind for entry in entries()}
    assert kinds == {"project", "customer", "customer_project", "phase", "building", "unit"}


def test_events_carry_the_record_the_reason_and_details(place):
    customer = db.session.get(Customer, place.customer_id)
    audit.record_event("revealed", customer, reason="回电", field="phone")
    entry = newest()
    assert (entry.action, entry.record_kind, entry.record_id) == ("revealed", "customer", str(customer.id))
    assert entry.changes == {"field": [None, "phone"]}
    assert (entry.reason, entry.customer_id) == ("回电", customer.id)


def test_bulk_updates_are_logged_row_by_row(place):
    for number in ("1501", "1502", "1503"):
        add_unit(place, number, floor=15)
    count = len(entries())
    db.session.execute(sa.update(Unit).where(Unit.number != "1501").values(floor=Unit.floor + 1))
    added = entries()[count:]
    assert [entry.changes for entry in added] == [{"floor": [15, 16]}, {"floor": [15, 16]}]
    assert {entry.label for entry in added} == {"3-1502", "3-1503"}
    assert {entry.project_id for entry in added} == {place.project_id}


def test_bulk_deletes_are_logged_row_by_row(place):
    add_unit(place, "1501", price=Decimal("5.00"))
    db.session.execute(sa.delete(Unit))
    assert newest().action == "deleted"
    assert newest().changes["price"] == ["5", None]


def test_bulk_statements_reach_and_log_only_rows_within_the_wall(place):
    add_unit(place, floor=1)
    db.session.commit()
    count = len(entries())
    with use_scope(Scope(project_ids=frozenset({place.project_id + 1}), department_ids=frozenset())):
        db.session.execute(sa.update(Unit).values(floor=9))
    assert len(entries()) == count
    assert db.session.scalar(sa.select(Unit.floor)) == 1


def test_personal_values_of_bulk_updates_are_encrypted(place):
    db.session.execute(
        sa.update(Customer).values(phone="13900139000").execution_options(synchronize_session=False)
    )
    assert set(newest().changes["phone"][1]) == {"personal"}
    assert newest().subject == f"customer:{place.customer_id}"


@pytest.mark.parametrize(
    "statement",
    [
        lambda: sa.update(Role.__table__).values(label="x"),
        lambda: sa.delete(Role.__table__),
        lambda: sa.insert(Role).values(name="r"),
    ],
)
def test_statements_that_cannot_be_logged_are_refused(place, statement):
    with pytest.raises(UnloggedChange):
        db.session.execute(statement())


def test_bulk_insert_by_rows_is_refused(place):
    with pytest.raises(UnloggedChange):
        db.session.execute(sa.insert(Role), [{"name": "a"}, {"name": "b"}])


def test_too_many_rows_are_refused_unless_a_summary_is_declared(place, monkeypatch):
    for number in ("1501", "1502", "1503"):
        add_unit(place, number)
    monkeypatch.setattr("core.machinery.audit.capture.BULK_LIMIT", 2)
    with pytest.raises(UnloggedChange):
        db.session.execute(sa.update(Unit).values(floor=2))
    db.session.execute(
        sa.update(Unit).values(floor=2).execution_options(audit_summary="renumbering the floors")
    )
    entry = newest()
    assert (entry.action, entry.record_kind) == ("bulk_changed", "unit")
    assert entry.changes == {"columns": [None, ["floor"]], "rows": [None, 3]}
    assert "renumbering the floors" in entry.reason


def test_entries_cannot_be_changed_or_removed_through_the_session(place):
    entry = newest()
    entry.reason = "nothing to see"
    with pytest.raises(AuditLogImmutable):
        db.session.flush()
    db.session.rollback()
    db.session.delete(newest())
    with pytest.raises(AuditLogImmutable):
        db.session.flush()
    db.session.rollback()
    for statement in (sa.update(AuditEntry).values(reason=""), sa.delete(AuditEntry)):
        with pytest.raises(AuditLogImmutable):
            db.session.execute(statement)


def test_outside_a_scope_nothing_is_written(place):
    from flask import g

    g._scopes.clear()
    db.session.add(Unit(project_id=place.project_id, building_id=1, number="1", code="1"))
    with pytest.raises(ScopeError):
        db.session.flush()
