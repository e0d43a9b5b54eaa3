"""Removed keeps everything, erased exports and drops it."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask, current_app

from core.cli.plugin import plugin as plugin_commands
from core.components import CORE_HOLDINGS
from core.database.base import metadata
from core.database.scope import Scope, all_departments, use_scope
from core.extensions import db
from core.machinery import set_up_machinery
from core.machinery.attachments.models import Attachment
from core.machinery.audit.models import AuditEntry
from core.machinery.audit.services import record_event
from core.machinery.documents.models import IssuedDocument
from core.machinery.numbering.models import NumberSeries
from core.people.models import DefaultedPermission, DepartmentSetting, Role
from core.plugin_system import dispatch, erasing, gate, migrating, switching
from core.plugin_system.health import reports
from core.plugin_system.inventory import update_inventory
from core.plugin_system.models import InstalledPlugin, PluginSwitch
from core.plugin_system.runtime import State
from core.plugin_system.start import restart_plugins
from core.plugin_system.tables import tables_of
from core.timeline.models import TimelineEntry

Place = Callable[[], tuple[dict[str, int], int]]

MODELS = """
from __future__ import annotations
import enum
from typing import Any
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from core.toolkit import Record, SearchIndex, Unscoped, plugin_base

Base: Any = plugin_base("tried")

class Colour(enum.Enum):
    RED = "red"

class Thing(Record, Base):
    __tablename__ = "tried_thing"
    __scope__ = Unscoped("a sample")
    name: Mapped[str] = mapped_column(sa.String(40))
    number: Mapped[str] = mapped_column(sa.String(40))
    colour: Mapped[Colour]
    above_id: Mapped[int | None] = mapped_column(sa.ForeignKey("tried_thing.id", ondelete="RESTRICT"))
    part_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("tried_part.id", ondelete="RESTRICT", use_alter=True)
    )

class Part(Record, Base):
    __tablename__ = "tried_part"
    __scope__ = Unscoped("a sample")
    thing_id: Mapped[int] = mapped_column(sa.ForeignKey("tried_thing.id", ondelete="RESTRICT"))

SearchIndex("tried_thing", ("name",)).attach(Thing.__table__)
"""

DEPENDENT = """
from __future__ import annotations
from typing import Any
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column
from core.toolkit import Record, Unscoped, plugin_base

Base: Any = plugin_base("tried")

class Thing(Record, Base):
    __tablename__ = "tried_thing"
    __scope__ = Unscoped("a sample")
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("good_note.id", ondelete="CASCADE"))
"""


@pytest.fixture
def make(make_app: Callable[..., Flask]) -> Callable[..., Flask]:
    """``make_app`` with the machinery and what the core keeps of plugins."""

    def make(*plugins: str | Path, **settings: Any) -> Flask:
        app = make_app(*plugins, **settings)
        with app.app_context():
            migrating.stamp("core")
        restart_plugins(app)
        set_up_machinery(app)
        erasing.set_up_erasing(app, CORE_HOLDINGS, record_event)
        return app

    return make


def fill(ids: dict[str, int], project_id: int) -> None:
    """Write what the plugin ``good`` may leave behind, and a twin of another plugin for each."""
    means = current_app.extensions["doorstep.attachments"]
    note = metadata.tables["good_note"]
    with db.engine.begin() as connection:
        now = sa.func.now()
        connection.execute(
            note.insert().values(
                project_id=project_id,
                text="门锁松",
                cost="12.30",
                row_version=1,
                created_at=now,
                updated_at=now,
            )
        )
    for slug in ("good", "goodly"):
        db.session.add_all(
            [
                PluginSwitch(department_id=ids["R"], slug=slug, enabled=True),
                DepartmentSetting(department_id=ids["R"], component=slug, key="longest", value=5),
                DefaultedPermission(code=f"{slug}.view"),
                TimelineEntry(kind=f"{slug}.noted", component=slug, summary="记录", project_id=project_id),
                NumberSeries(prefix=f"{slug}-202601-", last=1),
                IssuedDocument(
                    number=f"{slug}-202601-0001",
                    document_type=f"{slug}.slip",
                    title="便条",
                    language="en",
                    template_version="",
                    sha256="0" * 64,
                    pages=1,
                    size=1,
                    stored_key=slug,
                    verification_code=slug,
                    record_kind=f"{slug}.note",
                    record_id=1,
                    project_id=project_id,
                ),
                *(
                    Attachment(
                        record_kind=f"{slug}.note",
                        record_id=1,
                        sha256=means.store.put(content),
                        file_name="门锁/一.jpg",
                        media_type="image/jpeg",
                        size=1,
                        project_id=project_id,
                    )
                    for content in (b"shared", slug.encode())
                ),
            ]
        )
    role = Role(
        name="ENG", label="工程师", permissions=["good.edit", "good.view", "goodly.view", "modules.erase"]
    )
    role.requires_two_factor = True
    db.session.add(role)
    db.session.commit()


def table_names() -> set[str]:
    return set(sa.inspect(db.engine).get_table_names())


def test_the_plan_tells_what_goes_and_what_stays(make: Callable[..., Flask], place: Place) -> None:
    with make("good").app_context(), all_departments("a test"):
        fill(*place())
        plan = erasing.plan("good")
        assert plan.tables == (("good_note", 1),)
        assert {line.code: line.count for line in plan.erased if line.count} == {
            "switches": 1,
            "settings": 1,
            "rights": 1,
            "attachments": 2,
        }
        assert {line.code: line.count for line in plan.kept if line.count} == {
            "issued_documents": 1,
            "number_series": 1,
            "timeline_entries": 1,
        }
        assert plan.obstacles == ()


def test_everything_is_exported_and_then_gone(make: Callable[..., Flask], place: Place) -> None:
    app = make("good")
    with app.app_context(), all_departments("a test"):
        ids, project_id = place()
        fill(ids, project_id)
        update_inventory()
        db.session.commit()
        with use_scope(Scope(user_id=7, project_ids=None, department_ids=None)):
            path = erasing.erase("good", "good", "the contract ended")
        assert path.parent == Path(app.instance_path) / "erased"
        assert path.stat().st_mode & 0o777 == 0o600
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            read = {name: archive.read(name) for name in archive.namelist()}
        note = json.loads(read["tables/good_note.jsonl"])
        assert note["text"] == "门锁松"
        assert json.loads(read["core/settings.jsonl"])["value"] == 5
        assert json.loads(read["core/rights.jsonl"]) == {
            "role": "ENG",
            "permissions": ["good.edit", "good.view"],
        }
        assert json.loads(read["core/number_series.jsonl"])["prefix"] == "good-202601-"
        assert {bytes(read[name]) for name in read if name.startswith("files/")} == {b"shared", b"good"}
        assert not any(".." in name or "门锁/" in name for name in read)
        account = json.loads(read["account.json"])
        assert account["slug"] == "good"
        assert account["parts"]["core/attachments.jsonl"]["rows"] == 2
        assert account["lost_files"] == []

        assert not {"good_note", "alembic_version_good"} & table_names()
        for model, column in (
            (PluginSwitch, PluginSwitch.slug),
            (DepartmentSetting, DepartmentSetting.component),
        ):
            assert list(db.session.scalars(sa.select(column).order_by(column))) == ["goodly"], model
        assert list(db.session.scalars(sa.select(DefaultedPermission.code))) == ["goodly.view"]
        assert set(db.session.scalars(sa.select(Attachment.record_kind))) == {"goodly.note"}
        assert db.session.scalars(sa.select(Role)).one().permissions == ["goodly.view", "modules.erase"]
        assert db.session.scalar(sa.select(sa.func.count(IssuedDocument.id))) == 2
        assert db.session.scalar(sa.select(sa.func.count(TimelineEntry.id))) == 2
        assert db.session.scalar(sa.select(sa.func.count()).select_from(NumberSeries)) == 2
        assert db.session.scalar(sa.select(sa.func.count()).select_from(InstalledPlugin)) == 0
        store = app.extensions["doorstep.attachments"].store
        kept = {path.read_bytes() for path in store.folder.rglob("*") if path.is_file()}
        assert kept == {b"shared", b"goodly"}
        event = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "plugin_erased")).one()
        assert (event.user_id, event.reason) == (7, "the contract ended")
        assert event.changes["module"] == [None, "good"]
        if db.engine.dialect.name == "sqlite":
            db.session.remove()
            with db.engine.connect() as connection:
                assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_running_process_takes_an_erased_plugin_out(make: Callable[..., Flask], place: Place) -> None:
    app = make("good")
    with app.app_context(), all_departments("a test"):
        ids, project_id = place()
        fill(ids, project_id)
        assert gate.is_on("good", ids["R"])
        erasing.erase("good", "good")
        assert not gate.is_on("good", ids["R"])
        report = next(each for each in reports() if each.plugin.slug == "good")
        assert report.plugin.state is State.QUARANTINED
        assert "erased" in str(report.plugin.reason)
        with pytest.raises(switching.SwitchRefused, match="erased"):
            switching.switch_on("good", ids["R"])
        # These go to every plugin, and would fail for want of tables.
        assert [answer.slug for answer in dispatch.call("customers_merged", kept_id=1, merged_id=2)] == []
        with pytest.raises(erasing.EraseRefused, match="nothing to erase"):
            erasing.erase("good", "good")
        db.session.rollback()
        assert "doorstep db upgrade good" in str(restart_plugins(app).plugins["good"].reason)
        migrating.upgrade("good")
        assert restart_plugins(app).plugins["good"].healthy
        assert "good_note" in table_names()


@pytest.mark.parametrize("typed", ["", "Good", "goodly"])
def test_the_slug_must_be_typed(make: Callable[..., Flask], place: Place, typed: str) -> None:
    app = make("good")
    with app.app_context(), all_departments("a test"):
        fill(*place())
        with pytest.raises(erasing.EraseRefused, match="Type good"):
            erasing.erase("good", typed)
        assert "good_note" in table_names()
        assert not (Path(app.instance_path) / "erased").exists()


@pytest.mark.parametrize("slug", ["core", "nobody", "department", "issued"])
def test_only_plugins_can_be_erased(make: Callable[..., Flask], slug: str) -> None:
    with make("good").app_context(), all_departments("a test"), pytest.raises(erasing.EraseRefused):
        erasing.erase(slug, slug)


def test_an_inventory_never_leads_to_tables_of_others(make: Callable[..., Flask]) -> None:
    with make("good").app_context(), all_departments("a test"):
        db.session.add(InstalledPlugin(slug="cus", version="1", tables=["customer", "good_note", "cus_gone"]))
        db.session.commit()
        assert erasing.plan("cus").tables == ()
        erasing.erase("cus", "cus")
        assert {"customer", "good_note"} <= table_names()


def test_a_failure_changes_nothing(
    make: Callable[..., Flask], place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make("good")
    with app.app_context(), all_departments("a test"):
        fill(*place())

        def fail(connection: sa.Connection) -> None:
            connection.execute(sa.text("SELECT nothing FROM nowhere"))

        monkeypatch.setattr(erasing, "_refuse_orphans", fail)
        with pytest.raises(erasing.EraseRefused, match="nothing was erased"):
            erasing.erase("good", "good")
        assert erasing.plan("good").tables == (("good_note", 1),)
        assert db.session.scalar(sa.select(sa.func.count(Attachment.id))) == 4
        assert list((Path(app.instance_path) / "erased").iterdir()) == []
        assert gate.is_on("good", db.session.scalar(sa.select(PluginSwitch.department_id).limit(1)))


def test_what_others_need_is_refused_until_they_are_erased(
    make: Callable[..., Flask], write_plugin: Callable[..., Path]
) -> None:
    dependent = write_plugin(
        "tried",
        'manifest = Manifest("tried", "Tried", "1.0", 1, depends=("good",))\nfrom tried_plugin import models\n',
        files={
            "models.py": DEPENDENT,
            "migrations/tried_0001.py": 'revision = "tried_0001"\ndown_revision = None\n',
        },
    )
    with make("good", dependent).app_context(), all_departments("a test"):
        with pytest.raises(erasing.EraseRefused, match=r"needed by Tried \(tried\)") as refusal:
            erasing.erase("good", "good")
        assert "tried_thing of tried refers to good_note" in str(refusal.value)
        assert "good_note" in table_names()
        erasing.erase("tried", "tried")
        assert "good_note" in table_names()
        erasing.erase("good", "good")
        assert not {"good_note", "tried_thing"} & table_names()


def test_tables_that_refer_to_each_other_search_indexes_and_types_are_dropped(
    make: Callable[..., Flask], write_plugin: Callable[..., Path]
) -> None:
    tried = write_plugin(
        "tried",
        "from tried_plugin import models\n",
        files={
            "models.py": MODELS,
            "migrations/tried_0001.py": 'revision = "tried_0001"\ndown_revision = None\n',
        },
    )
    with make("good", tried).app_context(), all_departments("a test"):
        things, parts = metadata.tables["tried_thing"], metadata.tables["tried_part"]
        stamps = {"row_version": 1, "created_at": sa.func.now(), "updated_at": sa.func.now()}
        with db.engine.begin() as connection:
            for key, above in ((1, None), (2, 1)):
                connection.execute(
                    things.insert().values(
                        id=key, name="锁", number=f"T-000{key}", colour="RED", above_id=above, **stamps
                    )
                )
            connection.execute(parts.insert().values(id=1, thing_id=2, **stamps))
            connection.execute(things.update().values(part_id=1))
        db.session.add(NumberSeries(prefix="T-", last=2))
        db.session.commit()
        plan = erasing.plan("tried")
        assert plan.tables == (("tried_part", 1), ("tried_thing", 2))
        assert next(line.count for line in plan.kept if line.code == "number_series") == 1
        erasing.erase("tried", "tried")
        assert not [name for name in table_names() if name.startswith("tried_")]
        assert "alembic_version_tried" not in table_names()
        if db.engine.dialect.name == "postgresql":
            assert sa.inspect(db.engine).get_enums() == []


def forget(slug: str) -> None:
    """Take the models of a plugin out of the process, as when its package is gone."""
    for table in tables_of(slug, [slug]):
        metadata.remove(table)


def test_a_removed_plugin_keeps_its_data_and_comes_back_with_it(
    make: Callable[..., Flask], place: Place
) -> None:
    app = make("good")
    with app.app_context(), all_departments("a test"):
        ids, project_id = place()
        fill(ids, project_id)
        update_inventory()
        db.session.commit()
    without = make(tables=False)
    with without.app_context(), all_departments("a test"):
        report = next(each for each in reports() if each.plugin.slug == "good")
        assert (report.plugin.state, report.plugin.version) == (State.MISSING, "1.0.0")
        assert report.tables == ("good_note",)
        assert not gate.is_on("good", ids["R"])
        update_inventory()
        db.session.commit()
        assert db.session.get_one(InstalledPlugin, "good").tables == ["good_note"]
    again = make("good", tables=False)
    with again.app_context(), all_departments("a test"):
        assert restart_plugins(again).plugins["good"].healthy
        assert gate.is_on("good", ids["R"])
        note = metadata.tables["good_note"]
        assert db.session.connection().scalar(sa.select(note.c.text)) == "门锁松"


def test_an_orphan_is_erased_through_the_inventory(make: Callable[..., Flask], place: Place) -> None:
    with make("good").app_context(), all_departments("a test"):
        fill(*place())
        update_inventory()
        db.session.commit()
    without = make(tables=False)
    forget("good")
    with without.app_context(), all_departments("a test"):
        plan = erasing.plan("good")
        assert (plan.plugin.state, plan.tables) == (State.MISSING, (("good_note", 1),))
        path = erasing.erase("good", "good")
        with zipfile.ZipFile(path) as archive:
            assert json.load(io.TextIOWrapper(archive.open("tables/good_note.jsonl")))["text"] == "门锁松"
        assert not {"good_note", "alembic_version_good"} & table_names()
        assert [each for each in reports() if each.plugin.slug == "good"] == []


def test_the_command(make: Callable[..., Flask], place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    app = make("good")
    with app.app_context(), all_departments("a test"):
        fill(*place())
    runner = app.test_cli_runner()
    shown = runner.invoke(plugin_commands, ["erase", "good", "--plan"])
    assert shown.exit_code == 0
    assert "1  good_note" in shown.output
    assert "Issued documents" in shown.output
    wrong = runner.invoke(plugin_commands, ["erase", "good"], input="bad\n")
    assert wrong.exit_code == 1
    assert "Type good" in wrong.output
    unknown = runner.invoke(plugin_commands, ["erase", "nobody", "--confirm", "nobody"])
    assert unknown.exit_code == 1
    assert "nothing to erase" in unknown.output
    with app.app_context():
        assert "good_note" in table_names()
    done = runner.invoke(plugin_commands, ["erase", "good"], input="good\n")
    assert done.exit_code == 0, done.output
    assert ".zip" in done.output
    with app.app_context():
        assert "good_note" not in table_names()
