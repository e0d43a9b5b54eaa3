"""Applications of the engine with chosen sample plugins: the layers up to the timeline, nothing of the back office."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

import core
from core import config, languages, secrets
from core.database.base import metadata
from core.database.scope import all_departments
from core.database.setup import set_up_database
from core.extensions import db
from core.people.models import Department
from core.plugin_system import discovery, migrating, start
from core.plugin_system.tables import bases_of, owner_of_table
from core.projects.models import Project

SAMPLES = Path(__file__).parents[1] / "sample_plugins"
ALL_SAMPLES = sorted(path.name for path in SAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.fixture(autouse=True)
def _leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Take the sample plugins out of the process again: their tables would show in the databases of other tests."""
    tables, modules = set(metadata.tables), set(sys.modules)
    gc.freeze()  # so that the collection below looks at what the test made alone
    yield
    for name in set(sys.modules) - modules:
        if name.startswith(("sample_", "tried_")):
            del sys.modules[name]
    samples = {*ALL_SAMPLES, "tried"}
    for name in set(metadata.tables) - tables:
        slug = owner_of_table(name, samples)
        # Tables of the real plugins stay: this test may just have been the first to load them.
        if slug not in samples:
            continue
        for base in bases_of(slug):
            base.registry.dispose(cascade=True)
        metadata.remove(metadata.tables[name])
    gc.collect()


@pytest.fixture(scope="session")
def tables_without_samples(create_database: Callable[..., str]) -> str:
    """The URL of a database with the tables that there are before a sample plugin is loaded, to be copied."""
    import core.app  # noqa: F401 (it loads all models)

    url = create_database()
    engine = sa.create_engine(url)
    metadata.create_all(engine)
    engine.dispose()
    return url


@pytest.fixture
def make_app(
    create_database: Callable[..., str],
    tables_without_samples: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Flask]]:
    """A function that makes an application with the plugins in the given folders.

    The tables exist and are at their newest revisions, unless ``tables=False``. Further keywords are configuration.
    """
    urls: list[str] = []
    made: list[Flask] = []

    def build(folders: list[Path], settings: dict[str, Any]) -> Flask:
        for folder in folders:
            if str(folder) not in sys.path:
                monkeypatch.syspath_prepend(folder)
        importlib.invalidate_caches()
        path = [str(folder) for folder in folders]
        monkeypatch.setattr(start, "discover", lambda: discovery.discover(path))
        app = Flask("core", instance_path=str(tmp_path), root_path=str(Path(core.__file__).parent))
        english = {"DEFAULT_LOCALE": "en", "TESTING": True}
        config.load_config(app, {"DATABASE_URL": urls[0], **english, **settings})
        secrets.load_secrets(app)
        set_up_database(app)
        languages.set_up_languages(app)
        made.append(app)
        start.start_plugins(
            app, ["core_declarations"], add_catalogue=languages.add_catalogue, locales=languages.LOCALES
        )
        return app

    def make(*plugins: str | Path, tables: bool = True, **settings: Any) -> Flask:
        folders = [SAMPLES / plugin if isinstance(plugin, str) else plugin for plugin in plugins]
        monkeypatch.syspath_prepend(Path(__file__).parent)
        if not urls:
            urls.append(create_database(tables_without_samples if tables else None))
        if tables:
            app = build(folders, settings | {"PLUGINS_STRICT": False})
            with app.app_context():
                metadata.create_all(db.engine)
                for component in migrating.components():
                    if component != "core":
                        migrating.stamp(component)
        return build(folders, settings)

    yield make
    for app in made:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def place() -> Callable[[], tuple[dict[str, int], int]]:
    """A function that makes a tree of departments and a project: ids of departments by code, id of the project."""

    def make() -> tuple[dict[str, int], int]:
        with all_departments("setting up a test"):
            ids: dict[str, int] = {}
            for code, parent in (("R", None), ("R-SZ", "R"), ("R-SZ-CS", "R-SZ"), ("R-GZ", "R")):
                department = Department(
                    kind="group", code=code, name=f"部门{code}", parent_id=ids.get(parent or "")
                )
                db.session.add(department)
                db.session.flush()
                above = db.session.get_one(Department, ids[parent]).path if parent else "/"
                department.path = f"{above}{department.id}/"
                ids[code] = department.id
            project = Project(department_id=ids["R-SZ"], code="YQW", name="云栖湾")
            db.session.add(project)
            db.session.flush()
            project_id = project.id
            db.session.commit()
            return ids, project_id

    return make


@pytest.fixture
def write_plugin(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a plugin with the slug ``tried`` into a new folder and returns the folder."""

    def write(
        slug: str,
        body: str = "",
        *,
        package: str = "tried_plugin",
        entry_point: str | None = None,
        files: dict[str, str] | None = None,
    ) -> Path:
        root = tmp_path / package
        info = root / f"{package}-1.0.dist-info"
        (root / package).mkdir(parents=True)
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n"
        )
        (info / "entry_points.txt").write_text(
            f"[doorstep.plugins]\n{entry_point or slug} = {package}.plugin\n"
        )
        (root / package / "__init__.py").write_text("")
        manifest = "" if "manifest =" in body else f'manifest = Manifest("{slug}", "Tried", "1.0", 1)\n'
        (root / package / "plugin.py").write_text(f"from core.toolkit import *\n\n{manifest}{body}\n")
        for name, text in (files or {}).items():
            path = root / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write
