"""Each component has revisions and a version table of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask

from core.cli.database import database
from core.database.base import metadata
from core.database.scope import all_departments
from core.database.types import utc_now
from core.extensions import db
from core.plugin_system import migrating, schema
from core.plugin_system.inventory import update_inventory
from core.plugin_system.models import InstalledPlugin
from core.plugin_system.runtime import current_runtime
from core.plugin_system.start import restart_plugins
from core.plugin_system.tables import tables_of

MODELS = """
from __future__ import annotations
import datetime as dt
from decimal import Decimal
from typing import Any
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from core.toolkit import Area, EncryptedText, Money, Record, Unscoped, plugin_base

Base: Any = plugin_base("tried")

class Thing(Record, Base):
    __tablename__ = "tried_thing"
    __scope__ = Unscoped("a sample")
    __table_args__: Any = (sa.UniqueConstraint("project_id", "name"), sa.CheckConstraint("size > 0", name="size"))
    project_id: Mapped[int] = mapped_column(sa.ForeignKey("project.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(sa.String(40))
    size: Mapped[int]
    price: Mapped[Decimal | None] = mapped_column(Money())
    area: Mapped[Decimal | None] = mapped_column(Area())
    secret: Mapped[str | None] = mapped_column(EncryptedText())
    at: Mapped[dt.datetime | None]
    day: Mapped[dt.date | None]
    done: Mapped[bool]
    extra: Mapped[Any] = mapped_column(sa.JSON)

class Part(Record, Base):
    __tablename__ = "tried_part"
    __scope__ = Unscoped("a sample")
    thing_id: Mapped[int] = mapped_column(sa.ForeignKey("tried_thing.id", ondelete="CASCADE"))
"""


@pytest.fixture
def app(make_app: Callable[..., Flask], write_plugin: Callable[..., Path]) -> Flask:
    """The core's tables, and two plugins without theirs."""
    folder = write_plugin("tried", "from tried_plugin import models", files={"models.py": MODELS})
    app = make_app("good", folder, tables=False)
    with app.app_context():
        metadata.create_all(db.engine, tables=tables_of("core", current_runtime().plugins))
    return app


def table_names() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names())


def test_a_written_revision_makes_what_the_models_say_and_takes_it_back(app: Flask) -> None:
    with app.app_context():
        assert not schema.heads(migrating.folder_of("tried"))
        path = migrating.write_revision("tried", "first things")
        assert path is not None
        assert path.name == "tried_0001_first_things.py"
        text = path.read_text()
        for word in ("core.", "tried_plugin", "good_note", "Money", "EncryptedText", "UtcDateTime"):
            assert word not in text
        migrating.upgrade("tried")
        assert {"tried_thing", "tried_part", "alembic_version_tried"} <= table_names()
        assert migrating.differences("tried") == []
        assert schema.current_revisions() == {"tried": "tried_0001"}
        assert migrating.write_revision("tried", "nothing") is None
        migrating.downgrade("tried")
        assert not {"tried_thing", "tried_part"} & table_names()
        migrating.upgrade("tried")
        assert migrating.differences("tried") == []


def test_a_component_never_proposes_to_touch_the_tables_of_others(app: Flask) -> None:
    with app.app_context():
        migrating.write_revision("tried", "first")
        migrating.upgrade("tried")
        migrating.upgrade("good")
        assert migrating.differences("core") == []
        assert migrating.differences("good") == []
        assert migrating.differences("tried") == []


def test_tables_of_a_plugin_that_is_gone_are_left_alone(app: Flask, make_app: Callable[..., Flask]) -> None:
    with app.app_context():
        migrating.upgrade("good")
    alone = make_app(tables=False)
    with alone.app_context():
        for slug in ("good", "tried"):
            for table in tables_of(slug, [slug]):
                metadata.remove(table)
        assert migrating.differences("core") == []
        assert current_runtime().plugins["good"].state == "missing"


def test_a_change_of_a_column_keeps_the_rows_and_those_that_refer_to_them(
    app: Flask, place: Callable[[], tuple[dict[str, int], int]]
) -> None:
    stamps = {"created_at": utc_now(), "updated_at": utc_now(), "row_version": 1}
    with app.app_context():
        migrating.write_revision("tried", "first")
        migrating.upgrade("tried")
        things, parts = metadata.tables["tried_thing"], metadata.tables["tried_part"]
        _ids, project_id = place()
        with db.engine.begin() as connection:
            connection.execute(
                things.insert().values(
                    id=1, project_id=project_id, name="a", size=1, done=True, extra={}, **stamps
                )
            )
            connection.execute(parts.insert().values(id=1, thing_id=1, **stamps))
        things.append_column(sa.Column("colour", sa.String(20)))
        things.c.name.type = sa.String(60)
        path = migrating.write_revision("tried", "colour")
        assert path is not None
        assert path.name == "tried_0002_colour.py"
        assert "colour" in path.read_text()
        migrating.upgrade("tried")
        assert migrating.differences("tried") == []
        with db.engine.connect() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(parts)) == 1
            assert connection.scalar(sa.select(things.c.name)) == "a"
        migrating.downgrade("tried", "tried_0001")
        with db.engine.connect() as connection:
            assert connection.scalar(sa.select(sa.func.count()).select_from(parts)) == 1


def test_a_plugin_behind_its_migrations_is_told_and_taken_in_after_them(app: Flask) -> None:
    with app.app_context():
        migrating.write_revision("tried", "first")
        assert "doorstep db upgrade tried" in str(restart_plugins(app).plugins["tried"].reason)
        migrating.upgrade("tried")
        assert restart_plugins(app).plugins["tried"].healthy
        migrating.write_revision("tried", "more", empty=True)
        behind = restart_plugins(app).plugins["tried"]
        assert "at revision tried_0001 and its code needs tried_0002" in str(behind.reason)
        assert (behind.revision, behind.head, behind.behind_schema) == ("tried_0001", "tried_0002", True)


def test_tables_newer_than_the_code_are_told(app: Flask) -> None:
    with app.app_context():
        path = migrating.write_revision("tried", "first")
        migrating.upgrade("tried")
        newer = migrating.write_revision("tried", "second", empty=True)
        migrating.upgrade("tried")
        assert path is not None
        assert newer is not None
        newer.unlink()
        ahead = restart_plugins(app).plugins["tried"]
        assert "which its code does not know" in str(ahead.reason)
        assert not ahead.behind_schema


def test_two_ends_of_migrations_are_told(app: Flask) -> None:
    with app.app_context():
        path = migrating.write_revision("tried", "first")
        assert path is not None
        twin = path.with_name("tried_0001b.py")
        twin.write_text(path.read_text().replace('"tried_0001"', '"tried_0001b"'))
        assert "end in several revisions (tried_0001, tried_0001b)" in str(
            restart_plugins(app).plugins["tried"].reason
        )


def test_a_revision_is_refused_while_the_database_is_behind(app: Flask) -> None:
    with app.app_context():
        migrating.write_revision("tried", "first")
        with pytest.raises(migrating.MigrationError, match="doorstep db upgrade tried"):
            migrating.write_revision("tried", "second")
        with pytest.raises(migrating.MigrationError, match="no plugin nobody"):
            migrating.upgrade("nobody")


def test_a_migration_that_leaves_orphans_changes_nothing(app: Flask) -> None:
    with app.app_context():
        if db.engine.dialect.name != "sqlite":
            pytest.skip("PostgreSQL checks foreign keys itself")
        migrating.write_revision("tried", "first")
        migrating.upgrade("tried")
        path = migrating.write_revision("tried", "orphans", empty=True)
        assert path is not None
        path.write_text(
            path.read_text().replace(
                "pass",
                'op.execute("INSERT INTO tried_part (id, thing_id, created_at, updated_at, row_version) '
                "VALUES (1, 99, '2026-01-01', '2026-01-01', 1)\")",
                1,
            )
        )
        with pytest.raises(migrating.MigrationError, match="tried_part → tried_thing"):
            migrating.upgrade("tried")
        assert schema.current_revisions()["tried"] == "tried_0001"
        with db.engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_inventory_remembers_tables(app: Flask) -> None:
    with app.app_context(), all_departments("a test"):
        update_inventory()
        update_inventory()
        rows = {row.slug: row for row in db.session.scalars(sa.select(InstalledPlugin))}
        assert rows["good"].tables == ["good_note"]
        assert rows["tried"].tables == ["tried_part", "tried_thing"]
        assert rows["good"].version == "1.0.0"


def test_the_commands(app: Flask) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        outcome = app.test_cli_runner().invoke(database, list(arguments))
        return outcome.exit_code, outcome.stdout if outcome.exit_code == 0 else outcome.output

    assert run("revision", "tried", "-m", "first")[0] == 0
    assert run("upgrade", "good") == (0, "good: good_0001\n")
    assert run("upgrade", "tried")[1].startswith("tried: tried_0001")
    assert run("check", "tried") == (0, "The database fits the models.\n")
    assert "good: good_0001" in run("current")[1]
    assert run("downgrade", "tried", "base", "--yes")[1] == "tried: no tables (newest: tried_0001)\n"
    code, output = run("check", "tried")
    assert code == 1
    assert "add_table" in output
    code, output = run("upgrade", "nobody")
    assert code == 1
    assert "There is no plugin nobody" in output


def test_the_web_process_does_without_alembic() -> None:
    program = (
        "import sys, core.plugin_system.start, core.plugin_system.health, core.cli.database, core.cli.plugin\n"
        "assert 'alembic' not in sys.modules, 'alembic was imported'"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
