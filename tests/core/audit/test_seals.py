"""The chain of seals: whatever is changed in a sealed log is found."""

from __future__ import annotations

import datetime as dt
import threading

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.database.scope import all_departments
from core.extensions import db
from core.machinery.audit import seals
from core.machinery.audit import services as audit
from core.machinery.audit.models import AuditEntry, AuditSeal

ENTRY, SEAL = AuditEntry.__table__, AuditSeal.__table__


@pytest.fixture
def sealed_log(place, monkeypatch):
    """Three seals: of four, four and two or more entries, and some entries that are not sealed yet."""
    monkeypatch.setattr(seals, "BATCH", 4)
    with all_departments("testing seals"):
        for number in range(9):
            audit.record_event("tested", reason=f"原因 {number}", number=number, note="注意")
            db.session.commit()
        assert audit.seal() >= 9
        audit.record_event("tested", reason="after the seal")
        db.session.commit()
    assert audit.verify().is_sound


def tamper(statement) -> None:
    with db.engine.begin() as connection:
        assert connection.execute(statement).rowcount > 0


def test_a_sealed_log_is_sound_and_says_what_is_not_sealed_yet(sealed_log):
    report = audit.verify()
    assert report.is_sound
    assert report.unsealed == 1
    assert report.seals >= 3
    assert audit.seal() == 1
    assert audit.verify().unsealed == 0
    assert audit.seal() == 0


def test_an_empty_log_is_sound(app):
    assert audit.seal() == 0
    assert audit.verify() == audit.Report(0, 0, 0, seals.FIRST_HASH)


def other_value(column: sa.Column, value: object) -> st.SearchStrategy[object]:
    """A value of the column's type that differs from ``value``."""
    if isinstance(column.type, sa.JSON):
        choice: st.SearchStrategy[object] = st.recursive(
            st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc中", max_size=4),
            lambda inner: (
                st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2)
            ),
            max_leaves=4,
        )
        choice = choice.filter(
            lambda other: seals.canonical(other) != seals.canonical(value) and other is not None
        )
    elif isinstance(value, dt.datetime):
        choice = st.integers(1, 10**12).map(lambda delta: value + dt.timedelta(microseconds=delta))
    elif isinstance(column.type, sa.BigInteger | sa.Integer):
        choice = st.integers(1, 2**31 - 1)
    else:
        limit = getattr(column.type, "length", None) or 60
        # No NUL: PostgreSQL refuses it in text.
        choice = st.text(
            st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=min(limit, 40)
        )
    if column.nullable:
        choice = st.none() | choice
    return choice.filter(lambda other: other != value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_any_field_is_found(sealed_log, data):
    table = data.draw(st.sampled_from([ENTRY, SEAL]))
    sealed_to = db.session.connection().execute(sa.select(sa.func.max(SEAL.c.last_entry_id))).scalar_one()
    where = ENTRY.c.id <= sealed_to if table is ENTRY else sa.true()
    rows = db.session.connection().execute(sa.select(table).where(where).order_by(table.c.id)).all()
    db.session.rollback()
    row = data.draw(st.sampled_from(rows))
    column = data.draw(st.sampled_from(list(table.columns)))
    value = data.draw(other_value(column, row._mapping[column]))
    if column is table.c.id:
        assume_free(table, value)
    before = row._mapping[column]
    tamper(sa.update(table).where(table.c.id == row.id).values({column.name: value}))
    try:
        assert not audit.verify().is_sound
    finally:
        now = value if column is table.c.id else row.id
        restored = sa.null() if before is None else before
        tamper(sa.update(table).where(table.c.id == now).values({column.name: restored}))
    assert audit.verify().is_sound


def assume_free(table, value) -> None:
    from hypothesis import assume

    with db.engine.connect() as connection:
        assume(connection.execute(sa.select(table.c.id).where(table.c.id == value)).first() is None)


def test_a_removed_entry_is_found_and_named(sealed_log):
    tamper(sa.delete(ENTRY).where(ENTRY.c.id == 6))
    (problem,) = audit.verify().problems
    assert (problem.kind, problem.seal_id) == ("removed", 2)
    assert problem.first_entry_id <= 6 <= problem.last_entry_id


def test_an_entry_put_into_a_gap_of_a_sealed_range_is_found(place, monkeypatch):
    with all_departments("testing seals"):
        audit.record_event("tested")
        db.session.commit()
        with db.engine.begin() as connection:
            last = connection.execute(sa.select(sa.func.max(ENTRY.c.id))).scalar_one()
            row = dict(connection.execute(sa.select(ENTRY).where(ENTRY.c.id == last)).one()._mapping)
            connection.execute(ENTRY.insert().values(row | {"id": last + 5}))
    audit.seal()
    assert audit.verify().is_sound
    with db.engine.begin() as connection:
        connection.execute(ENTRY.insert().values(row | {"id": last + 2}))
    (problem,) = audit.verify().problems
    assert problem.kind == "inserted"
    with db.engine.begin() as connection:
        connection.execute(ENTRY.delete().where(ENTRY.c.id == last + 2))
        connection.execute(ENTRY.insert().values(row | {"id": -3}))
    (problem,) = audit.verify().problems
    assert problem.kind == "inserted"


def test_a_removed_seal_is_found(sealed_log):
    tamper(sa.delete(SEAL).where(SEAL.c.id == 2))
    assert {problem.kind for problem in audit.verify().problems} == {"chain"}


def test_a_chain_that_was_cut_or_made_anew_lacks_the_noted_head(sealed_log):
    head = audit.verify().head
    assert audit.verify(head).is_sound
    last = audit.verify().seals
    with db.engine.begin() as connection:
        first = connection.execute(sa.select(SEAL.c.first_entry_id).where(SEAL.c.id == last)).scalar_one()
        connection.execute(SEAL.delete().where(SEAL.c.id == last))
        connection.execute(ENTRY.delete().where(ENTRY.c.id >= first))
    assert audit.verify().is_sound
    assert [problem.kind for problem in audit.verify(head).problems] == ["chain"]


def test_without_the_key_nobody_can_make_a_new_seal(sealed_log, monkeypatch):
    from core.database import encryption

    keys = encryption._keyring.fernet, encryption._keyring.index_key
    encryption.use_keys([encryption.generate_key()], encryption.generate_key())
    with db.engine.begin() as connection:
        connection.execute(SEAL.delete())
    audit.seal()
    encryption._keyring.fernet, encryption._keyring.index_key = keys
    assert not audit.verify().is_sound


def test_the_sealer_waits_for_writers_that_hold_smaller_ids(app, place):
    """An entry whose transaction is still running when a larger id is committed must not be left out."""
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time, so ids appear in order")
    with db.engine.connect() as writer:
        values = {
            "at": dt.datetime.now(dt.UTC),
            "action": "slow",
            "record_kind": "",
            "record_id": "",
            "changes": {},
            "label": "",
            "reason": "",
            "user_name": "",
            "request_id": "",
            "address": "",
        }
        slow_id = writer.execute(ENTRY.insert().values(values).returning(ENTRY.c.id)).scalar_one()
        with db.engine.begin() as other:
            quick_id = other.execute(ENTRY.insert().values(values).returning(ENTRY.c.id)).scalar_one()
        assert quick_id > slow_id
        outcome: list[object] = []

        def run() -> None:
            with app.app_context():
                try:
                    outcome.append(audit.seal())
                except Exception as error:
                    outcome.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join(0.5)
        assert thread.is_alive(), "the sealer did not wait for the running writer"
        with db.engine.begin() as third:
            third.execute(ENTRY.insert().values(values))
        writer.commit()
        thread.join(10)
    assert isinstance(outcome[0], int)
    assert outcome[0] > 0
    assert audit.verify().is_sound
    with db.engine.connect() as connection:
        covered = connection.execute(sa.select(sa.func.max(SEAL.c.last_entry_id))).scalar_one()
    assert covered >= quick_id


def test_a_writer_that_never_ends_stops_the_sealer_not_the_writers(app, place, monkeypatch):
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    monkeypatch.setattr(seals, "WAIT_SECONDS", 0.2)
    with db.engine.connect() as writer:
        with all_departments("testing"):
            audit.record_event("tested")
            db.session.commit()
        writer.execute(ENTRY.delete().where(ENTRY.c.id == -1))
        with pytest.raises(audit.SealingBusy):
            audit.seal()
        writer.rollback()
    assert audit.seal() > 0
