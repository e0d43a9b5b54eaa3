"""The units, the image and the compose file of docs/operations start what is there, with what it needs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from core.config import KEYS
from tools.setup.system_packages import RUN_REQUIREMENTS

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations"
UNITS = sorted((OPERATIONS / "systemd").glob("*.service"))
DOCKERFILE = OPERATIONS / "container" / "Dockerfile"
COMPOSE = OPERATIONS / "container" / "compose.yaml"
STARTED = (
    *(re.search(r"^ExecStart=\S+/bin/(\S+)", unit.read_text(), re.M)[1] for unit in UNITS),  # type: ignore[index]
    *re.findall(r'^\s*(?:CMD|command:) \["(\S+)"', DOCKERFILE.read_text() + COMPOSE.read_text(), re.M),
)


@pytest.mark.parametrize("program", sorted(set(STARTED)))
def test_what_is_started_is_installed(program: str) -> None:
    assert len(STARTED) == len(UNITS) + 2
    assert Path(sys.executable).with_name(program).exists()


def test_the_image_has_the_packages_that_the_server_needs() -> None:
    installed = DOCKERFILE.read_text().partition("apt-get install")[2].partition("rm -rf")[0].split()
    assert {requirement.package for requirement in RUN_REQUIREMENTS} <= set(installed)


@pytest.mark.parametrize("path", [DOCKERFILE, COMPOSE], ids=lambda path: path.name)
def test_keys_of_the_container_exist(path: Path) -> None:
    known = {f"DOORSTEP_{key.name}" for key in KEYS} | {"DOORSTEP_INSTANCE_PATH"}
    named = set(re.findall(r"DOORSTEP_[A-Z_]+", path.read_text()))
    assert named
    assert named <= known


def test_the_image_takes_no_data_and_no_environment_along() -> None:
    kept_out = set((ROOT / ".dockerignore").read_text().split())
    assert {"**/instance", "**/.env", ".git", ".venv"} <= kept_out


@pytest.mark.parametrize("path", [*UNITS, COMPOSE], ids=lambda path: path.name)
def test_workers_are_asked_to_end_and_given_time(path: Path) -> None:
    text = path.read_text()
    if "doorstep worker" in text or '"worker"' in text:
        assert re.search(r"KillSignal=SIGTERM|stop_signal: SIGTERM", text)
        assert re.search(r"TimeoutStopSec=120|stop_grace_period: 2m", text)
    else:
        assert "gunicorn" in text
