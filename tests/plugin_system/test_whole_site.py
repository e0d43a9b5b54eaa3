"""The whole product in a fresh process, with every sample plugin at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "sample_plugins"
PROGRAM = """
import json
from core.app import create_app
from core.plugin_system import migrating
from core.plugin_system.runtime import current_runtime

app = create_app()
with app.app_context():
    migrating.upgrade_all()
app = create_app()
answers = {path: app.test_client().get(path).status_code for path in ("/admin/", "/login", "/admin/good/notes/")}
cli = app.test_cli_runner().invoke(args=["plugin", "status", "--json"])
print(json.dumps({"answers": answers, "status": json.loads(cli.stdout)}))
"""


def run(tmp_path: Path, database_url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    folders = [str(path) for path in sorted(SAMPLES.iterdir()) if path.is_dir()]
    return subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([*folders, str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "DOORSTEP_INSTANCE_PATH": str(tmp_path),
            "DOORSTEP_DATABASE_URL": database_url,
            "LANG": "en_US.UTF-8",
            "LC_ALL": "",
            **environment,
        },
        capture_output=True,
        text=True,
    )


def test_the_site_starts_with_all_sample_plugins(tmp_path: Path, empty_database_url: str) -> None:
    outcome = run(tmp_path, empty_database_url)
    assert outcome.returncode == 0, outcome.stderr
    told = json.loads(outcome.stdout.splitlines()[-1])
    assert told["answers"]["/login"] == 200
    assert told["answers"]["/admin/"] in (302, 401, 403)
    assert told["answers"]["/admin/good/notes/"] in (302, 401, 403)
    status = {plugin["slug"]: plugin for plugin in told["status"]}
    healthy = {slug for slug, plugin in status.items() if plugin["state"] == "healthy"}
    assert {"good", "slow", "broken_hook"} <= healthy
    for path in SAMPLES.iterdir():
        if path.is_dir() and path.name not in ("good", "slow", "broken_hook", "__pycache__"):
            assert status[path.name]["state"] == "quarantined"
            assert status[path.name]["reason"].endswith(".")
    assert status["good"]["schema_revision"] == status["good"]["newest_revision"] == "good_0001"
    assert status["good"]["departments"] == []


@pytest.mark.one_database
@pytest.mark.in_turns(3)
def test_safe_mode(tmp_path: Path, empty_database_url: str) -> None:
    outcome = run(tmp_path, empty_database_url, SAFE_MODE="1")
    assert outcome.returncode == 0, outcome.stderr
    told = json.loads(outcome.stdout.splitlines()[-1])
    assert told["status"] == []
    assert told["answers"]["/login"] == 200
    assert told["answers"]["/admin/good/notes/"] == 404


# What stops the start is found before a table is looked for.
@pytest.mark.one_database
@pytest.mark.in_turns(3)
@pytest.mark.parametrize("name", ["PLUGINS_STRICT", "DOORSTEP_PLUGINS_STRICT"])
def test_strict_stops_the_start(tmp_path: Path, empty_database_url: str, name: str) -> None:
    outcome = run(tmp_path, empty_database_url, **{name: "1"})
    assert outcome.returncode != 0
    assert "PluginsRefused" in outcome.stderr
    assert "old_api: It was written for version 0 of core.toolkit" in outcome.stderr
