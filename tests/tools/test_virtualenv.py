"""When the virtual environment counts as up to date."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.setup.virtualenv import DECLARATIONS, fingerprint, is_current, note_of


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in DECLARATIONS:
        (tmp_path / name).write_text(f"{name}\n")
    return tmp_path


@pytest.mark.parametrize("name", DECLARATIONS)
def test_a_changed_declaration_asks_for_a_new_installation(project: Path, name: str) -> None:
    before = fingerprint(project)
    assert fingerprint(project) == before
    with (project / name).open("a") as file:
        file.write("another-dependency\n")
    assert fingerprint(project) != before


def test_the_installation_for_tests_serves_the_run_but_not_the_other_way_round(tmp_path: Path) -> None:
    assert not is_current("run", "abc", tmp_path)
    note_of("run", tmp_path).write_text("abc")
    assert is_current("run", "abc", tmp_path)
    assert not is_current("test", "abc", tmp_path)
    assert not is_current("run", "abd", tmp_path)
    note_of("test", tmp_path).write_text("abd")
    assert is_current("test", "abd", tmp_path)
    assert is_current("run", "abd", tmp_path)
