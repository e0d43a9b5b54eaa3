"""The long lists of the modules: search and sorting by index as the migrations made it, and counts that stop."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from core.admin import counting
from core.admin.listing import is_sorted_in_projects
from core.database.base import metadata
from core.extensions import db
from core.toolkit import Unit, count_each
from plugins.handover.models import DEFECT_SEARCH, INSPECTION_SEARCH, NOTICE_SEARCH, Defect, Inspection
from plugins.reservations.models import BOOKING_SEARCH, Booking
from plugins.warranty.models import ORDER_SEARCH, REQUEST_SEARCH, Order, Request

INDEXES = (
    DEFECT_SEARCH,
    INSPECTION_SEARCH,
    NOTICE_SEARCH,
    ORDER_SEARCH,
    REQUEST_SEARCH,
    BOOKING_SEARCH,
)


def _made(connection: sa.Connection) -> dict[str, str]:
    """What stands in the database under the names of search indexes."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master")
    else:
        found = connection.exec_driver_sql("SELECT indexname, indexdef FROM pg_indexes")
    return dict(found.tuples().all())


def _plain(text: str) -> str:
    """A statement without what PostgreSQL adds when it shows it."""
    return text.replace("::text", "").replace("public.", "").replace("((", "(").replace("))", ")")


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.table)
def test_migrations_made_the_search_index_that_the_model_declares(index, running_app):
    """A migration carries the text of the statements: it has to be the text that the index writes today."""
    with running_app.app_context():
        connection = db.session.connection()
        made = _made(connection)
        assert metadata.tables[index.table].info["search_index"] is index
        for statement in index.create_statements(connection.dialect.name):
            if not statement.startswith(("CREATE VIRTUAL TABLE", "CREATE TRIGGER", "CREATE INDEX")):
                continue
            words = statement.split()
            name = words[3] if words[1] == "VIRTUAL" else words[2]
            assert name in made, f"The migrations do not make {name}."
            if connection.dialect.name == "sqlite":
                assert made[name] == statement
            else:
                method = statement.split(" USING ")[1]
                assert _plain(method) in _plain(made[name])


@pytest.mark.parametrize("model", [Defect, Inspection, Booking, Order, Request])
def test_numbers_are_in_order_within_each_project(model):
    """The number begins with the code of the project, so that the rows of who sees some projects lie far apart."""
    assert is_sorted_in_projects(model, "project_id", "number")


def test_counts_stop_at_the_last_row_that_they_show(world, system, monkeypatch):
    monkeypatch.setattr(counting, "COUNTED_TO", 2)
    with system():
        all_units = db.session.scalar(sa.select(sa.func.count(Unit.id)))
        assert all_units > 2
        every, none, one = count_each(Unit, Unit.id > 0, Unit.id < 0, Unit.id == world.own.unit_ids[0])
        assert (str(every), str(none), str(one)) == ("2+", "0", "1")
        assert count_each(Unit) == []


def test_counts_are_of_visible_rows(world, scope_of, running_app):
    with running_app.app_context(), scope_of("head"):
        own, foreign = count_each(Unit, Unit.id.in_(world.own.unit_ids), Unit.id.in_(world.foreign.unit_ids))
        assert (own.number, foreign.number) == (len(world.own.unit_ids), 0)
