"""The generated plugins: importable distributions with an entry point each."""

from __future__ import annotations

import ast
from importlib.metadata import distributions
from pathlib import Path

import pytest

from bench.plugins import VIEWS, StartUp, check_bars, generate
from core import toolkit

pytestmark = pytest.mark.no_database


def test_each_plugin_is_a_distribution_with_an_entry_point(tmp_path: Path) -> None:
    generate(tmp_path, 3)
    found = {
        point.name: point.value
        for distribution in distributions(path=[str(tmp_path)])
        for point in distribution.entry_points.select(group="doorstep.plugins")
    }
    assert found == {f"bench{number:02d}": f"doorstep_bench{number:02d}.plugin" for number in (1, 2, 3)}


def test_the_generated_code_compiles_and_has_four_views(tmp_path: Path) -> None:
    generate(tmp_path, 1)
    files = sorted((tmp_path / "doorstep_bench01").rglob("*.py"))
    assert len(files) == 5
    for path in files:
        compile(path.read_text(), str(path), "exec")
    assert (tmp_path / "doorstep_bench01" / "admin.py").read_text().count("(RecordView)") == VIEWS == 4


def test_the_generated_code_asks_the_toolkit_for_what_it_has(tmp_path: Path) -> None:
    generate(tmp_path, 1)
    for path in (tmp_path / "doorstep_bench01").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module == "core.toolkit":
                assert {name.name for name in node.names} <= set(toolkit.__all__)
    assert "MenuArea.SERVICE" in (tmp_path / "doorstep_bench01" / "plugin.py").read_text()
    assert toolkit.MenuArea.SERVICE


def test_the_bar_is_the_time_beyond_the_core() -> None:
    (held,) = check_bars([StartUp(0, 1.0, 80), StartUp(5, 1.2, 82), StartUp(50, 2.4, 95)])
    (late,) = check_bars([StartUp(0, 1.0, 80), StartUp(5, 1.2, 82), StartUp(50, 2.6, 95)])
    (failed,) = check_bars([], "no plugin was found")
    assert held.holds
    assert not late.holds
    assert not failed.holds
    assert failed.note == "no plugin was found"
