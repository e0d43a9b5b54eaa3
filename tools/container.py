"""Do what the Dockerfile and the compose file say in a folder of its own, where there is no Docker.

    python tools/container.py

The files that the image would get are copied as .dockerignore says; the commands behind COPY are run there with the
system's Python; then web server and worker are started as another user with the image's environment and commands, the
server is asked whether it is well, and both get the stop signal. What needs a machine of its own (packages of the
system, the user) is not done. Exit code 1 when something is not as the files say.
"""

from __future__ import annotations

import fnmatch
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "operations" / "container"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""As in the image of Debian."""
STARTUP_SECONDS, SHUTDOWN_SECONDS = 120, 120
"""The latter is ``stop_grace_period`` of the worker."""


@dataclass
class Image:
    """What a Dockerfile says.

    Attributes:
        before: Commands before the files of the project are there.
        after: Commands behind them.
        copies: Source and target of each COPY.
        workdir: The folder in which commands are run.
        environment: What ENV sets.
        user: Who runs the programs.
        volumes: Folders that outlive a container.
        ports: What it listens to.
        stop_signal: How it is asked to end.
        command: What is started.
    """

    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    copies: list[tuple[str, str]] = field(default_factory=list)
    workdir: str = "/"
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "root"
    volumes: list[str] = field(default_factory=list)
    ports: list[int] = field(default_factory=list)
    stop_signal: str = "SIGTERM"
    command: list[str] = field(default_factory=list)


def read_dockerfile(text: str) -> Image:
    """Return what a Dockerfile says.

    Args:
        text: The file.

    Raises:
        ValueError: It has an instruction that is not understood here.
    """
    image = Image()
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in re.sub(r"\\\n\s*", " ", lines).splitlines():
        word, _, rest = line.strip().partition(" ")
        match word:
            case "" | "FROM":
                pass
            case "RUN":
                (image.after if image.copies else image.before).append(rest)
            case "COPY":
                source, target = rest.split()
                image.copies.append((source, target))
            case "WORKDIR":
                image.workdir = rest
            case "ENV":
                image.environment |= dict(pair.split("=", 1) for pair in shlex.split(rest))
            case "USER":
                image.user = rest
            case "VOLUME":
                image.volumes.append(rest)
            case "EXPOSE":
                image.ports.append(int(rest))
            case "STOPSIGNAL":
                image.stop_signal = rest
            case "CMD":
                image.command = re.findall(r'"([^"]*)"', rest)
            case _:
                raise ValueError(f"{word} is not understood here.")
    return image


def command_of(compose: str, service: str) -> list[str]:
    """Return what a service of the compose file starts.

    Args:
        compose: The file.
        service: Its name.
    """
    section = re.search(rf"^  {service}:\n((?:    .*\n|\n)+)", compose, re.M)
    found = re.search(r"^    command: \[(.*)\]$", section[1], re.M) if section is not None else None
    return re.findall(r'"([^"]*)"', found[1]) if found is not None else []


def left_out(name: str, patterns: Sequence[str], *, at_top: bool) -> bool:
    """Return whether .dockerignore keeps a file or folder out.

    Args:
        name: Its name.
        patterns: Lines of .dockerignore: ``name`` at the top, ``**/name`` everywhere.
        at_top: Whether it lies at the top of the project.
    """
    everywhere = [pattern.removeprefix("**/") for pattern in patterns if pattern.startswith("**/")]
    top = [pattern for pattern in patterns if not pattern.startswith("**/")] if at_top else []
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in (*everywhere, *top))


def ignored_patterns() -> list[str]:
    """Return the lines of .dockerignore that say something."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def copy_context(target: Path) -> None:
    """Copy what the image gets.

    Args:
        target: A folder that is not there yet.
    """
    patterns = ignored_patterns()

    def ignore(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if left_out(name, patterns, at_top=Path(folder) == ROOT)]

    shutil.copytree(ROOT, target, ignore=ignore)


class Rehearsal:
    """An image without Docker.

    Args:
        image: What the Dockerfile says.
        root: A folder in the place of ``/``.
    """

    def __init__(self, image: Image, root: Path) -> None:
        self.image = image
        self.root = root
        self.port = _free_port()
        self.user = 900 if os.geteuid() == 0 else None
        moved = [image.workdir, *image.volumes]
        self._moved = {path: str(root / path.lstrip("/")) for path in moved}
        environment = {name: self.here(value) for name, value in image.environment.items()}
        environment["PATH"] = environment.get("PATH", "$PATH").replace("$PATH", PATH)
        pip = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "CERT" in name}
        self.environment = {
            **pip,
            "HOME": str(root),
            "LANG": "C.UTF-8",
            **environment,
            "DOORSTEP_BASE_URL": f"http://127.0.0.1:{self.port}",
        }

    def here(self, text: str) -> str:
        """Return a text with the paths of the image led into the folder."""
        for path, place in self._moved.items():
            text = text.replace(path, place)
        return text

    def build(self) -> None:
        """Copy the files and run the commands behind them."""
        copy_context(Path(self.here(self.image.copies[0][1])))
        for volume in self.image.volumes:
            folder = Path(self.here(volume))
            folder.mkdir(parents=True)
            if self.user is not None:
                os.chown(folder, self.user, self.user)
        for command in self.image.after:
            print("RUN", command, flush=True)
            self._check(["sh", "-ec", command], user=None)

    def serve(self, worker: Sequence[str]) -> None:
        """Set the installation up, start server and worker, ask the server, and end both by the stop signal.

        Args:
            worker: The command of the worker.

        Raises:
            RuntimeError: One of them does not start, answer, or end as it should.
        """
        self._check(["doorstep", "setup"], user=self.user)
        listens = [
            argument.replace("0.0.0.0:8000", f"127.0.0.1:{self.port}") for argument in self.image.command
        ]
        running = {"web": self._start(listens), "worker": self._start(worker)}
        try:
            self._wait_for_answer(running)
            number = getattr(signal, self.image.stop_signal)
            for name, process in running.items():
                process.send_signal(number)
                code = process.wait(SHUTDOWN_SECONDS)
                print(f"{name}: {' '.join(process.args)} ended with {code} at {self.image.stop_signal}")  # type: ignore[arg-type]
                if code:
                    raise RuntimeError(f"The {name} did not end in good order.")
        finally:
            for process in running.values():
                process.kill()

    def _wait_for_answer(self, running: dict[str, subprocess.Popen[bytes]]) -> None:
        deadline = time.monotonic() + STARTUP_SECONDS
        while time.monotonic() < deadline:
            for name, process in running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"The {name} ended with {process.returncode} at its start.")
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                    print("healthz:", answer.status, answer.read().decode())
                    return
            except OSError:
                time.sleep(0.5)
        raise RuntimeError(f"The web server did not answer within {STARTUP_SECONDS} seconds.")

    def _check(self, command: Sequence[str], user: int | None) -> None:
        subprocess.run(
            command,
            cwd=self.here(self.image.workdir),
            env=self.environment,
            user=user,
            group=user,
            check=True,
        )

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=self.here(self.image.workdir),
            env=self.environment,
            user=self.user,
            group=self.user,
            start_new_session=True,
        )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> int:
    """Rehearse the image."""
    image = read_dockerfile((FOLDER / "Dockerfile").read_text(encoding="utf-8"))
    worker = command_of((FOLDER / "compose.yaml").read_text(encoding="utf-8"), "worker")
    for command in image.before:
        print("not run here:", command)
    with tempfile.TemporaryDirectory(prefix="doorstep-container-") as folder:
        root = Path(folder)
        root.chmod(0o755)
        rehearsal = Rehearsal(image, root)
        try:
            rehearsal.build()
            rehearsal.serve(worker)
        except (RuntimeError, subprocess.SubprocessError) as error:
            print(error, file=sys.stderr)
            return 1
    print("The image does what its files say.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
