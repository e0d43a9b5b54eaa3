"""``doorstep plugin new`` writes a plugin that keeps the contract from its first minute."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from core.cli.plugin import plugin
from core.scaffold import ScaffoldError, write_plugin

ROOT = Path(__file__).parents[2]


@pytest.mark.one_database
@pytest.mark.in_turns(3)
def test_a_new_plugin_keeps_the_contract(tmp_path: Path) -> None:
    folder = write_plugin("fresh_idea", tmp_path)
    info = folder / "doorstep_fresh_idea-1.0.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: doorstep-fresh-idea\nVersion: 1.0.0\n")
    (info / "entry_points.txt").write_text("[doorstep.plugins]\nfresh_idea = doorstep_fresh_idea.plugin\n")
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"],
        cwd=folder,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
        capture_output=True,
        text=True,
    )
    assert re.search(r"\b[23]\d passed", outcome.stdout), outcome.stdout + outcome.stderr
    assert outcome.returncode == 0
    assert "@@" not in "".join(
        path.read_text() for path in folder.rglob("*.*") if path.suffix in (".py", ".md", ".toml")
    )


def test_it_refuses_a_bad_slug_and_an_existing_folder(tmp_path: Path) -> None:
    with pytest.raises(ScaffoldError, match="no slug"):
        write_plugin("Fresh Idea", tmp_path)
    write_plugin("fresh", tmp_path)
    with pytest.raises(ScaffoldError, match="exists already"):
        write_plugin("fresh", tmp_path)


def test_the_command(make_app: Callable[..., Flask], tmp_path: Path) -> None:
    runner = make_app(tables=False).test_cli_runner()
    outcome = runner.invoke(plugin, ["new", "fresh", "--folder", str(tmp_path)])
    assert outcome.exit_code == 0
    assert (tmp_path / "doorstep-fresh" / "doorstep_fresh" / "plugin.py").is_file()
    assert runner.invoke(plugin, ["new", "fresh", "--folder", str(tmp_path)]).exit_code == 1
