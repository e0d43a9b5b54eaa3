"""Create the virtual environment `.venv` and install Doorstep into it, as far as that is not done already.

    python3 tools/setup/virtualenv.py run     Doorstep and its dependencies
    python3 tools/setup/virtualenv.py test    the same, and the tools of its developers (extra `dev`)

The environment keeps a note of what it was made from: the files that declare the dependencies, and the
interpreter. While both are unchanged this returns at once.

This runs before the virtual environment exists: the standard library is all it may use.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = ROOT / ".venv"
DECLARATIONS = ("setup.cfg", "pyproject.toml")
TARGETS = {"run": ".", "test": ".[dev]"}


def fingerprint(root: Path = ROOT) -> str:
    """A hash over the declared dependencies, the place and the interpreter."""
    digest = hashlib.sha256(f"{root} {sys.version}".encode())
    for name in DECLARATIONS:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def note_of(target: str, environment: Path = ENVIRONMENT) -> Path:
    """The file in the environment that holds the fingerprint of the last complete installation."""
    return environment / f"doorstep-{target}.installed"


def is_current(target: str, wanted: str, environment: Path = ENVIRONMENT) -> bool:
    """Whether `target`, or the larger set of the tests, was installed from just these declarations."""
    notes = [note_of(name, environment) for name in {target, "test"}]
    return any(note.is_file() and note.read_text() == wanted for note in notes)


def main(arguments: Sequence[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in TARGETS:
        print(__doc__, file=sys.stderr)
        return 2
    target = arguments[0]
    wanted = fingerprint()
    if is_current(target, wanted):
        return 0
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        print(f"Creating the virtual environment {ENVIRONMENT.name}", flush=True)
        venv.create(ENVIRONMENT, with_pip=True, clear=ENVIRONMENT.exists())
    print("Installing Doorstep and its dependencies; the first time this takes a minute or two", flush=True)
    options = ["--quiet", "--disable-pip-version-check", "--no-input", "--editable", TARGETS[target]]
    command = [str(python), "-m", "pip", "install", *options]
    code = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL).returncode
    if code:
        print("pip could not install the dependencies: the reason stands above.", file=sys.stderr)
        return code
    note_of(target).write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
