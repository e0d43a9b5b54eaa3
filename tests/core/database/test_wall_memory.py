"""What the wall remembers of a statement is true in every scope and forgotten with the statement."""

from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url

from core.customers.models import Customer, CustomerProject
from core.database import scope as walls
from core.database.scope import ScopeError, register_scoped_table
from core.extensions import db
from core.projects.models import Unit
from core.testing import World


def test_one_statement_is_narrowed_anew_in_each_scope(
    app: Flask, scope_of: Callable[..., object], world: World
) -> None:
    statement = sa.select(Unit.id).order_by(Unit.id)
    for name, rows in (("engineer", world.own), ("sibling", world.sibling), ("other", world.foreign)) * 2:
        with scope_of(name):  # type: ignore[attr-defined]
            assert tuple(db.session.scalars(statement)) == rows.unit_ids
    with app.app_context(), pytest.raises(ScopeError):
        db.session.scalars(statement)


def test_a_refused_statement_is_refused_each_time(app: Flask, scope_of: Callable[..., object]) -> None:
    bare = sa.select(Unit.__table__.c.id)
    with scope_of("engineer"):  # type: ignore[attr-defined]
        for _ in range(2):
            with pytest.raises(ScopeError):
                db.session.scalars(bare)


def test_a_statement_made_from_another_is_looked_at_itself(
    app: Flask, scope_of: Callable[..., object], world: World
) -> None:
    plain = sa.select(sa.literal(1))
    with scope_of("engineer"):  # type: ignore[attr-defined]
        assert db.session.scalars(plain).all() == [1]
        assert db.session.scalar(sa.select(sa.func.count()).select_from(Unit)) == len(world.own.unit_ids)
        with pytest.raises(ScopeError):
            db.session.scalars(plain.where(sa.exists().where(Unit.__table__.c.id > 0)))


def test_the_memory_ends_with_the_statement_and_with_a_further_table(
    app: Flask, scope_of: Callable[..., object]
) -> None:
    statement = sa.select(Unit.id)
    with scope_of("engineer"):  # type: ignore[attr-defined]
        db.session.scalars(statement).all()
    known = walls._tables_of_statements
    assert statement in known
    register_scoped_table(Unit)
    assert statement not in known
    with scope_of("engineer"):  # type: ignore[attr-defined]
        db.session.scalars(statement).all()
    size = len(known)
    del statement
    gc.collect()
    assert len(known) < size


def test_only_sqlite_is_kept_from_the_index_of_projects() -> None:
    asked = walls._AskedOfEachRow(CustomerProject.__table__.c.project_id).in_([1, 2])
    statement = sa.select(Customer.id).where(asked)
    assert "+customer_project.project_id IN" in str(statement.compile(dialect=sqlite.dialect()))
    assert "WHERE customer_project.project_id IN" in str(statement.compile(dialect=postgresql.dialect()))


def test_a_limited_list_is_read_along_the_customers_own_links(
    app: Flask, scope_of: Callable[..., object], world: World
) -> None:
    if make_url(app.config["DATABASE_URL"]).get_backend_name() != "sqlite":
        pytest.skip("a plan of SQLite")
    plans: list[str] = []

    def explain(
        _connection: object, cursor: object, statement: str, parameters: object, *_rest: object
    ) -> None:
        if not statement.startswith("SELECT"):
            return
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[attr-defined]
        plans.append(" | ".join(row[3] for row in cursor.fetchall()))  # type: ignore[attr-defined]

    with scope_of("engineer"):  # type: ignore[attr-defined]
        sa.event.listen(db.engine, "before_cursor_execute", explain)
        try:
            found = db.session.scalars(sa.select(Customer.id).order_by(Customer.id.desc()).limit(50)).all()
        finally:
            sa.event.remove(db.engine, "before_cursor_execute", explain)
    assert set(found) == {*world.own.customer_ids, world.shared_customer_id}
    assert "(customer_id=?" in plans[0]
    assert "project_id=?" not in plans[0].replace("customer_project_1 USING", "")
