"""Make sure that the system packages which Doorstep needs are there.

    python3 tools/setup/system_packages.py run     what the server needs
    python3 tools/setup/system_packages.py test    the same, and what the test suite needs
    python3 tools/setup/system_packages.py bench   the same as `run`, and what the benchmark needs

What is missing is installed with apt-get when that is possible (Debian or a derivative, as root). Otherwise
the missing packages and the command that installs them are named and the exit code is 1. When nothing is
missing nothing is said and nothing is changed.

This runs before the virtual environment exists: the standard library is all it may use.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

MINIMUM_PYTHON = (3, 11)


@dataclass(frozen=True)
class Requirement:
    """One Debian package, what it is for, and a probe that tells whether what it brings is there.

    The probe looks for the thing and not for the package: Chromium or PostgreSQL may come from elsewhere.
    """

    package: str
    purpose: str
    present: Callable[[], bool]


def library(name: str) -> Callable[[], bool]:
    """A probe that is true when the dynamic linker finds the shared library `name`."""

    def present() -> bool:
        try:
            ctypes.CDLL(name)
        except OSError:
            return False
        return True

    return present


def any_file(*patterns: str) -> Callable[[], bool]:
    """A probe that is true when a file matches one of the patterns, which are absolute paths."""
    return lambda: any(any(Path("/").glob(pattern.lstrip("/"))) for pattern in patterns)


def chromium_present() -> bool:
    """Whether the browser for the tests is there: `DOORSTEP_CHROMIUM`, else Debian's path."""
    return os.access(os.environ.get("DOORSTEP_CHROMIUM") or "/usr/bin/chromium", os.X_OK)


def postgresql_present() -> bool:
    """Whether a PostgreSQL server with the trigram extension can be started."""
    if any_file("/usr/lib/postgresql/*/bin/initdb")():
        return any_file("/usr/share/postgresql/*/extension/pg_trgm.control")()
    return shutil.which("initdb") is not None


RUN_REQUIREMENTS = (
    Requirement(
        "python3-venv",
        "creates the virtual environment",
        lambda: importlib.util.find_spec("ensurepip") is not None,
    ),
    Requirement("libpangoft2-1.0-0", "lays out the text of PDFs", library("libpangoft2-1.0.so.0")),
    Requirement(
        "libharfbuzz-subset0",
        "cuts fonts down to the characters used; without it a PDF takes some 50 times longer",
        library("libharfbuzz-subset.so.0"),
    ),
    Requirement(
        "fonts-noto-cjk",
        "draws the rare Chinese characters that the bundled font lacks",
        any_file(
            "/usr/share/fonts/**/NotoSansCJK-Regular*", "/usr/local/share/fonts/**/NotoSansCJK-Regular*"
        ),
    ),
)

POSTGRESQL = Requirement(
    "postgresql", "a second database to run the tests and measure on", postgresql_present
)
TEST_REQUIREMENTS = (
    *RUN_REQUIREMENTS,
    Requirement("chromium", "runs the browser tests", chromium_present),
    Requirement("libatomic1", "is needed by Playwright, which drives the browser", library("libatomic.so.1")),
    POSTGRESQL,
)
BENCH_REQUIREMENTS = (*RUN_REQUIREMENTS, POSTGRESQL)


def missing(requirements: Sequence[Requirement]) -> list[Requirement]:
    """The requirements whose probe fails, in their order."""
    return [requirement for requirement in requirements if not requirement.present()]


def install_command(packages: Sequence[str]) -> list[str]:
    """The apt-get command that installs `packages` without questions."""
    return ["apt-get", "install", "--yes", "--no-install-recommends", *packages]


def explain(absent: Sequence[Requirement], *, has_apt: bool) -> str:
    """What a person has to do who started us without root or without apt."""
    command = f"apt-get update && {shlex.join(install_command([item.package for item in absent]))}"
    lines = ["These system packages are missing:", ""]
    lines += [f"    {item.package:<20}  {item.purpose}" for item in absent]
    if has_apt:
        lines += ["", "Installing them needs root. Run this once, then repeat your command:", ""]
        lines += [f"    sudo sh -c '{command}'"]
    else:
        lines += [
            "",
            "The names are Debian's. This system has no apt-get: install the packages that bring the",
        ]
        lines += [
            "same with its own package manager, then repeat your command. On Debian or Ubuntu it would be:"
        ]
        lines += ["", f"    {command}"]
    return "\n".join(lines)


def install(packages: Sequence[str]) -> int:
    """Install `packages` with apt-get and return its exit code."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing system packages: {' '.join(packages)}", flush=True)
    for command in (["apt-get", "update", "--quiet=2"], [*install_command(packages), "--quiet=2"]):
        code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL).returncode
        if code:
            print(f"'{shlex.join(command)}' failed with exit code {code}.", file=sys.stderr)
            return code
    return 0


def main(arguments: Sequence[str]) -> int:
    sets = {"run": RUN_REQUIREMENTS, "test": TEST_REQUIREMENTS, "bench": BENCH_REQUIREMENTS}
    if len(arguments) != 1 or arguments[0] not in sets:
        print(__doc__, file=sys.stderr)
        return 2
    if sys.version_info < MINIMUM_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        wanted = ".".join(map(str, MINIMUM_PYTHON))
        print(
            f"Doorstep needs Python {wanted} or later; {sys.executable} is {found}. "
            "Name another interpreter, for example: make run PYTHON=python3.12",
            file=sys.stderr,
        )
        return 1
    requirements = sets[arguments[0]]
    absent = missing(requirements)
    if not absent:
        return 0
    has_apt = shutil.which("apt-get") is not None
    if not has_apt or os.geteuid() != 0:
        print(explain(absent, has_apt=has_apt), file=sys.stderr)
        return 1
    code = install([item.package for item in absent])
    if code:
        return code
    still_absent = missing(absent)
    if still_absent:
        names = ", ".join(f"{item.package} ({item.purpose})" for item in still_absent)
        print(f"Installed, but {sys.executable} still does not find what it needs: {names}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
