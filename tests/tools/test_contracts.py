"""The architecture contracts of setup.cfg catch what they are there for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).resolve().parents[2]
LINT_IMPORTS = Path(sys.executable).with_name("lint-imports")

MODULES = (
    *(
        "core/config",
        "core/languages",
        "core/secrets",
        "core/extensions",
        "core/database/types",
        "core/plugin_system/gate",
        "core/toolkit",
    ),
    *("core/people/models", "core/projects/models", "core/customers/models", "core/timeline/models"),
    *("core/promises/models",),
    *("core/machinery/audit/services", "core/machinery/documents/services", "core/testing/fixtures"),
    *("migrations/env", "migrations/core/first"),
    *("plugins/handover/services", "plugins/handover/models", "plugins/handover/migrations/first"),
)
ALLOWED = (
    ("plugins/handover/services", "core.toolkit"),
    ("plugins/handover/services", "core.testing.fixtures"),
    ("core/plugin_system/gate", "core.database.types"),
    ("core/toolkit", "core.machinery.audit.services"),
    ("migrations/core/first", "core.database.types"),
    ("migrations/env", "core.people.models"),
)
VIOLATIONS = (
    ("core/people/models", "core.toolkit", "The core is built in layers"),
    ("core/something_new", "core.config", "The core is built in layers"),
    ("core/plugin_system/gate", "core.customers.models", "The plugin engine knows nothing of the business"),
    ("core/machinery/documents/services", "core.machinery.audit.services", "No machinery knows the insides"),
    ("core/timeline/models", "plugins.handover.models", "The core never imports a plugin"),
    ("plugins/handover/services", "core.people.models", "A plugin imports only core.toolkit"),
    ("plugins/handover/services", "core.app", "A plugin imports only core.toolkit"),
    ("migrations/core/first", "core.people.models", "Migrations stand on their own"),
    ("migrations/core/first", "plugins.handover.models", "Migrations stand on their own"),
    ("plugins/handover/migrations/first", "plugins.handover.models", "The migrations of a plugin"),
)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A small copy of the house with imports that are allowed."""
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for module in (*MODULES, "core/app"):
        add(tmp_path, module, "")
    for module, imported in ALLOWED:
        add(tmp_path, module, f"import {imported}\n")
    return tmp_path


def add(house: Path, module: str, text: str) -> None:
    """Append `text` to a module, which is made with its packages when it is new."""
    path = house / f"{module}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    for folder in path.relative_to(house).parents:
        if folder != Path():
            (house / folder / "__init__.py").touch()
    with path.open("a") as file:
        file.write(text)


def broken(house: Path) -> list[str]:
    """The names of the contracts that do not hold."""
    result = subprocess.run(
        [LINT_IMPORTS, "--no-cache"],
        cwd=house,
        env={**os.environ, "PYTHONPATH": str(house), "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    names = [line.partition(" BROKEN")[0].strip() for line in result.stdout.splitlines() if " BROKEN" in line]
    assert (result.returncode == 0) == (not names), result.stdout + result.stderr
    return names


def test_a_house_in_order_breaks_no_contract(house: Path) -> None:
    assert broken(house) == []


@pytest.mark.parametrize(("module", "imported", "contract"), VIOLATIONS)
def test_a_forbidden_import_is_caught(house: Path, module: str, imported: str, contract: str) -> None:
    add(house, module, f"import {imported}\n")
    assert any(name.startswith(contract) for name in broken(house))


def test_every_folder_with_code_is_a_package() -> None:
    """A folder without `__init__.py` would be seen neither by the contracts nor by the packaging."""
    sources = [path for name in ("core", "plugins", "migrations") for path in (ROOT / name).rglob("*.py")]
    assert sources
    # The templates of `doorstep plugin new` are not code of the house.
    folders = {path.parent for path in sources if ROOT / "core" / "scaffold" not in path.parents}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
