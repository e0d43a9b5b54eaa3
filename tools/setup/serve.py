"""Serve Doorstep on this machine: gunicorn, and beside it the worker that runs jobs and seals the audit log.

    python tools/setup/serve.py 8000

Both run until Ctrl-C (or SIGTERM) and end together; should one of them end by itself, so does the other.
This is what `make run` starts. For production see docs/operations/production.md.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
BINARIES = Path(sys.executable).parent
HOST = "127.0.0.1"
STARTUP_SECONDS = 60
SHUTDOWN_SECONDS = 15


class Stopped(Exception):
    """A signal asked us to end."""


def stop(signal_number: int, _frame: FrameType | None) -> None:
    raise Stopped(signal.Signals(signal_number).name)


def is_free(port: int) -> bool:
    """Whether a server may listen on `port` of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    """Whether something accepts connections on `port` of the loopback address."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def start(port: int) -> dict[str, subprocess.Popen[bytes]]:
    """Start the server and the worker; each in its own session, so that Ctrl-C reaches only us."""
    commands: dict[str, list[str | Path]] = {
        "The web server": [BINARIES / "gunicorn", "--bind", f"{HOST}:{port}", "wsgi:app"],
        "The worker": [BINARIES / "doorstep", "worker"],
    }
    # Links and QR codes lead to this address unless another one is configured.
    environment = {"DOORSTEP_BASE_URL": f"http://{HOST}:{port}", **os.environ}
    return {
        name: subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
        )
        for name, command in commands.items()
    }


def first_ended(processes: dict[str, subprocess.Popen[bytes]]) -> str | None:
    """The name of a process that is no longer running, if there is one."""
    return next((name for name, process in processes.items() if process.poll() is not None), None)


def end(processes: dict[str, subprocess.Popen[bytes]]) -> None:
    """End all processes, gently at first."""
    for process in processes.values():
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    for process in processes.values():
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def run(port: int) -> int:
    """Serve until a signal comes (returns 0) or one of the processes ends by itself (returns 1)."""
    processes = start(port)
    deadline = time.monotonic() + STARTUP_SECONDS
    announced = False
    try:
        while True:
            ended = first_ended(processes)
            if ended:
                print(
                    f"{ended} ended by itself with exit code {processes[ended].returncode}.", file=sys.stderr
                )
                return 1
            if not announced and answers(port):
                print(f"\nDoorstep is at http://{HOST}:{port}   Ctrl-C stops it.\n", flush=True)
                announced = True
            elif not announced and time.monotonic() > deadline:
                print(f"The web server did not answer within {STARTUP_SECONDS} seconds.", file=sys.stderr)
                return 1
            time.sleep(0.5 if announced else 0.1)
    except Stopped:
        return 0
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end(processes)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or not arguments[0].isdecimal() or not 0 < int(arguments[0]) < 65536:
        print("Give the port as a number from 1 to 65535, for example: make run PORT=8001", file=sys.stderr)
        return 2
    port = int(arguments[0])
    if not is_free(port):
        print(
            f"Port {port} of {HOST} is taken or not permitted. Choose another one, for example: "
            f"make run PORT={port + 1}",
            file=sys.stderr,
        )
        return 1
    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    try:
        return run(port)
    except Stopped:
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
