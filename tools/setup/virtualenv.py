"""Create a virtual environment and install Doorstep into it, as far as that is not done already.

    python3 tools/setup/virtualenv.py run      Doorstep and its dependencies, in .venv
    python3 tools/setup/virtualenv.py test     the same, and the tools of its developers (extra `dev`)
    python3 tools/setup/virtualenv.py bench    Doorstep and the products it is measured against, in .venv-bench

An environment keeps a note of what it was made from: the files that declare the dependencies, and the
interpreter. While both are unchanged this returns at once.

This runs before the virtual environment exists: the standard library is all it may use.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Target:
    """What is installed where.

    Attributes:
        name: the word on the command line.
        folder: the environment's folder below the root.
        requirements: the arguments of `pip install`.
        declarations: the files in which the dependencies are declared.
        included_in: the name of a target of the same folder that brings all of this one.
    """

    name: str
    folder: str
    requirements: tuple[str, ...]
    declarations: tuple[str, ...] = ("setup.cfg", "pyproject.toml")
    included_in: str | None = None

    def fingerprint(self, root: Path = ROOT) -> str:
        """A hash over the declared dependencies, the place and the interpreter."""
        digest = hashlib.sha256(f"{root} {sys.version}".encode())
        for name in self.declarations:
            digest.update((root / name).read_bytes())
        return digest.hexdigest()

    def note(self, root: Path = ROOT) -> Path:
        """The file that holds the fingerprint of the last complete installation."""
        return root / self.folder / f"doorstep-{self.name}.installed"

    def is_current(self, root: Path = ROOT) -> bool:
        """Whether just this is installed, by this target or by the one that includes it."""
        notes = [target.note(root) for target in (self, TARGETS.get(self.included_in or "")) if target]
        wanted = self.fingerprint(root)
        return any(note.is_file() and note.read_text() == wanted for note in notes)


TARGETS = {
    target.name: target
    for target in (
        Target("run", ".venv", ("--editable", "."), included_in="test"),
        Target("test", ".venv", ("--editable", ".[dev]")),
        Target(
            "bench",
            ".venv-bench",
            ("--requirement", "bench/requirements.txt"),
            ("setup.cfg", "pyproject.toml", "bench/requirements.txt"),
        ),
    )
}


def install(target: Target) -> int:
    """Make the environment if there is none, and install; returns pip's exit code."""
    environment = ROOT / target.folder
    python = environment / "bin" / "python"
    # An environment that was broken off has no pip; one whose interpreter is gone has a dangling link.
    usable = python.exists() and any(environment.glob("lib/*/site-packages/pip"))
    if not usable:
        print(f"Creating the virtual environment {target.folder}", flush=True)
        venv.create(environment, with_pip=True, clear=environment.exists())
    print("Installing Doorstep and its dependencies; the first time this takes a minute or two", flush=True)
    options = [
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--use-pep517",
        "--root-user-action=ignore",
    ]
    command = [str(python), "-m", "pip", "install", *options, *target.requirements]
    return subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in TARGETS:
        print(__doc__, file=sys.stderr)
        return 2
    target = TARGETS[arguments[0]]
    if target.is_current():
        return 0
    code = install(target)
    if code:
        print("pip could not install the dependencies: the reason stands above.", file=sys.stderr)
        return code
    target.note().write_text(target.fingerprint())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
