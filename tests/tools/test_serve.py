"""`make run`: the server and its companion start, and end, together."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.setup import serve

pytestmark = pytest.mark.no_database

DRIVER = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from tools.setup import serve
serve.BINARIES = Path({binaries!r})
sys.exit(serve.main(sys.argv[1:]))
"""

SERVER = """#!{python}
import os, socket, sys, time
open({pid!r}, "w").write(str(os.getpid()))
listener = socket.create_server(("127.0.0.1", int(sys.argv[2].rpartition(":")[2])))
while True:
    listener.accept()[0].close()
"""

COMPANION = """#!{python}
import os, sys, time
open({pid!r}, "w").write(str(os.getpid()))
time.sleep({seconds})
sys.exit(7)
"""


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind((serve.HOST, 0))
        return int(probe.getsockname()[1])


class Launch:
    """The launcher, with programs that only pretend to be gunicorn and doorstep."""

    def __init__(self, folder: Path, port: int, companion_seconds: int) -> None:
        self.pids = [folder / "gunicorn.pid", folder / "doorstep.pid"]
        programs = {
            "gunicorn": SERVER.format(python=sys.executable, pid=str(self.pids[0])),
            "doorstep": COMPANION.format(
                python=sys.executable, pid=str(self.pids[1]), seconds=companion_seconds
            ),
        }
        for name, text in programs.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        driver = DRIVER.format(root=str(serve.ROOT), binaries=str(folder))
        self.process = subprocess.Popen(
            [sys.executable, "-c", driver, str(port)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def left_over(self) -> list[str]:
        """The started processes that still run."""
        pids = [path.read_text() for path in self.pids if path.exists()]
        assert len(pids) == 2
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@pytest.fixture
def launches() -> Iterator[list[Launch]]:
    started: list[Launch] = []
    yield started
    for launch in started:
        launch.process.terminate()
        launch.process.communicate(timeout=30)


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_both_end_with_the_launcher(
    tmp_path: Path, port: int, launches: list[Launch], signal_number: signal.Signals
) -> None:
    launch = Launch(tmp_path, port, companion_seconds=60)
    launches.append(launch)
    assert launch.process.stdout is not None
    assert launch.process.stdout.readline() == "\n"
    assert launch.process.stdout.readline() == f"Doorstep is at http://127.0.0.1:{port}   Ctrl-C stops it.\n"
    launch.process.send_signal(signal_number)
    launch.process.wait(timeout=30)
    assert launch.process.returncode == 0
    assert launch.left_over() == []


def test_the_server_ends_when_its_companion_does(tmp_path: Path, port: int, launches: list[Launch]) -> None:
    launch = Launch(tmp_path, port, companion_seconds=2)
    launches.append(launch)
    _, errors = launch.process.communicate(timeout=30)
    assert launch.process.returncode == 1
    assert "The worker ended by itself with exit code 7." in errors
    assert launch.left_over() == []


def test_a_taken_port_is_named_with_a_way_out(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((serve.HOST, port)):
        assert serve.main([str(port)]) == 1
    assert f"make run PORT={port + 1}" in capsys.readouterr().err


@pytest.mark.parametrize("value", ["", "0", "65536", "80a", "-1"])
def test_a_port_that_is_none_is_refused(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve.main([value]) == 2
    assert "from 1 to 65535" in capsys.readouterr().err


def test_what_the_demo_prints_leads_to_the_port_that_is_served():
    def demo(*arguments: str) -> str:
        shown = subprocess.run(
            ["make", "--dry-run", "run", *arguments],
            cwd=serve.ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        (line,) = (each for each in shown.splitlines() if each.endswith("doorstep demo"))
        return line

    assert "DOORSTEP_BASE_URL=${DOORSTEP_BASE_URL-http://127.0.0.1:8123} " in demo("PORT=8123")
    assert "-http://127.0.0.1:8000} " in demo("PORT=8000")
