"""gunicorn for a product, and the memory of its workers."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

WORKERS = 2
THREADS = 4
PEER_SETTINGS = "python:bench.peers.gunicorn_settings"


def free_port() -> int:
    """A port of the loopback address that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One gunicorn master with two workers of four threads.

    Args:
        name: names the log and the control socket.
        application: what gunicorn serves, as `module:callable`.
        environment: variables added to those of this process.
        config: gunicorn's settings as `python:module` or a path.
        folder: where log and control socket are put.

    Raises:
        RuntimeError: when it does not answer within a minute; the message carries the end of its log.
    """

    def __init__(
        self, name: str, application: str, environment: Mapping[str, str], config: str, folder: Path
    ) -> None:
        self.port = free_port()
        self._log = folder / f"{name}.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable, "-m", "gunicorn", application, "--config", config,
                    "--bind", f"127.0.0.1:{self.port}",
                    "--workers", str(WORKERS), "--threads", str(THREADS), "--worker-class", "gthread",
                    "--control-socket", str(folder / f"{name}.control"),
                    "--keep-alive", "120", "--timeout", "900", "--log-level", "warning",
                ],
                env={**os.environ, **environment},
                stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                if len(self.workers()) == WORKERS:
                    return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"The server did not start. The end of its log:\n{self.log_tail()}")

    def log_tail(self) -> str:
        """The last lines of the log."""
        return "\n".join(self._log.read_text("utf-8", "replace").splitlines()[-40:])

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        master = self._process.pid
        return [int(pid) for pid in Path(f"/proc/{master}/task/{master}/children").read_text().split()]

    def resident(self) -> dict[int, int]:
        """Bytes of memory that each worker holds now."""
        return {pid: _memory(pid, "VmRSS") for pid in self.workers()}

    def forget_peaks(self) -> None:
        """Starts the measure of the highest memory afresh."""
        for pid in self.workers():
            Path(f"/proc/{pid}/clear_refs").write_text("5")

    def peaks(self) -> dict[int, int]:
        """The most bytes that each worker held since `forget_peaks`."""
        return {pid: _memory(pid, "VmHWM") for pid in self.workers()}

    def processor_seconds(self) -> float:
        """Seconds of processor time that the workers have used so far."""
        return sum(processor_seconds(pid) for pid in self.workers())

    def stop(self) -> None:
        """Ends the server and waits for it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def processor_seconds(pid: int) -> float:
    """Seconds of processor time that the threads of a process have used; 0 for one that has ended."""
    total = 0
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def _memory(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/{pid}/status has no {key}.")
