"""The cluster of the tests is gone when its command is over, whatever became of the command."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote

import pytest

from tools.setup import temporary_postgresql

pytestmark = pytest.mark.no_database

SCRIPT = Path(temporary_postgresql.__file__)

REPORT = """
import os, sys, psycopg
url = os.environ["CLUSTER_URL"].replace("+psycopg", "")
with psycopg.connect(url, autocommit=True) as connection:
    connection.execute("CREATE EXTENSION pg_trgm")
    print(url, connection.execute("SELECT similarity('金地格林小城', '金地格林')").fetchone()[0], flush=True)
"""


def run(program: str) -> subprocess.Popen[str]:
    command = [sys.executable, SCRIPT, "CLUSTER_URL", sys.executable, "-c", REPORT + program]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def folder_of(line: str) -> Path:
    return Path(unquote(line.split()[0].partition("?host=")[2]))


def ended(pid: int) -> bool:
    """Whether the process is gone, at once or when the init process has taken note of its end."""
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    return not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("exit_code", [0, 3])
def test_the_exit_code_is_passed_on_and_nothing_is_left(exit_code: int) -> None:
    process = run(f"sys.exit({exit_code})")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == exit_code, errors
    assert float(output.split()[1]) > 0.3, "trigrams of Chinese text need a locale that knows its letters"
    assert folder_of(output).name.startswith("doorstep-pg-")
    assert not folder_of(output).exists()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_command_leaves_nothing(signal_number: signal.Signals) -> None:
    process = run("import time; time.sleep(60)")
    assert process.stdout is not None
    folder = folder_of(process.stdout.readline())
    assert (folder / "data" / "postmaster.pid").exists()
    server = int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    process.send_signal(signal_number)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal_number
    assert not folder.exists()
    assert ended(server)


def test_a_missing_server_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(temporary_postgresql.Path, "glob", lambda *_: iter(()))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert temporary_postgresql.main(["CLUSTER_URL", "true"]) == 1
    assert "apt-get install postgresql" in capsys.readouterr().err
