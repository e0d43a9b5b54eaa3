"""When a virtual environment counts as up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.setup.virtualenv import TARGETS

pytestmark = pytest.mark.no_database


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project without environments."""
    for target in TARGETS.values():
        (tmp_path / target.folder).mkdir(exist_ok=True)
        for name in target.declarations:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


def note_installation(name: str, root: Path) -> None:
    TARGETS[name].note(root).write_text(TARGETS[name].fingerprint(root))


@pytest.mark.parametrize(
    ("target", "declaration"),
    [(name, declaration) for name, target in TARGETS.items() for declaration in target.declarations],
)
def test_a_changed_declaration_asks_for_a_new_installation(root: Path, target: str, declaration: str) -> None:
    assert not TARGETS[target].is_current(root)
    note_installation(target, root)
    assert TARGETS[target].is_current(root)
    with (root / declaration).open("a") as file:
        file.write("another-dependency\n")
    assert not TARGETS[target].is_current(root)


def test_the_installation_for_tests_serves_the_run_but_not_the_other_way_round(root: Path) -> None:
    note_installation("run", root)
    assert not TARGETS["test"].is_current(root)
    TARGETS["run"].note(root).unlink()
    note_installation("test", root)
    assert TARGETS["run"].is_current(root)
    assert not TARGETS["bench"].is_current(root)
