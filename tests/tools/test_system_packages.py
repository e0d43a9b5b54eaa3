"""The script that brings the system packages, with a system that lacks them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.setup import system_packages
from tools.setup.system_packages import Requirement

pytestmark = pytest.mark.no_database

SCRIPT = Path(system_packages.__file__)
ABSENT = Requirement("libmissing0", "draws what is missing", lambda: False)
THERE = Requirement("libthere0", "draws what is there", lambda: True)


def fake_apt(folder: Path, exit_code: int = 0) -> Path:
    """An apt-get which only notes its arguments, in a folder to be used as PATH."""
    folder.mkdir()
    log = folder / "calls"
    program = folder / "apt-get"
    program.write_text(f'#!/bin/sh\necho "$DEBIAN_FRONTEND $*" >> {log}\nexit {exit_code}\n')
    program.chmod(0o755)
    return log


@pytest.fixture(autouse=True)
def requirements(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_packages, "RUN_REQUIREMENTS", (THERE, ABSENT))


def test_nothing_missing_changes_and_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_packages, "RUN_REQUIREMENTS", (THERE,))
    monkeypatch.setenv("PATH", "/nonexistent")
    assert system_packages.main(["run"]) == 0
    assert capsys.readouterr() == ("", "")


def test_without_apt_the_packages_and_the_command_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert system_packages.main(["run"]) == 1
    said = capsys.readouterr().err
    assert "no apt-get" in said
    assert "libmissing0           draws what is missing" in said
    assert "apt-get update && apt-get install --yes --no-install-recommends libmissing0\n" in said
    assert "libthere0" not in said


def test_without_root_the_command_is_named_and_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = fake_apt(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert system_packages.main(["run"]) == 1
    said = capsys.readouterr().err
    assert "sudo sh -c 'apt-get update && apt-get install --yes --no-install-recommends libmissing0'" in said
    assert not calls.exists()


def test_as_root_the_missing_packages_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls = fake_apt(tmp_path / "bin")
    answers = iter([False, True])
    late = Requirement("libmissing0", "is there after the installation", lambda: next(answers))
    monkeypatch.setattr(system_packages, "RUN_REQUIREMENTS", (THERE, late))
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert system_packages.main(["run"]) == 0
    assert calls.read_text().splitlines() == [
        "noninteractive update --quiet=2",
        "noninteractive install --yes --no-install-recommends libmissing0 --quiet=2",
    ]


def test_a_package_that_does_not_bring_what_is_needed_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_apt(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert system_packages.main(["run"]) == 1
    assert "still does not find what it needs: libmissing0" in capsys.readouterr().err


def test_a_failure_of_apt_is_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_apt(tmp_path / "bin", exit_code=100)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert system_packages.main(["run"]) == 100
    assert "'apt-get update --quiet=2' failed with exit code 100" in capsys.readouterr().err


def test_an_old_python_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(system_packages, "MINIMUM_PYTHON", (99, 0))
    assert system_packages.main(["run"]) == 1
    assert "Doorstep needs Python 99.0 or later" in capsys.readouterr().err


def test_probes_find_what_is_there_and_miss_what_is_not(tmp_path: Path) -> None:
    assert system_packages.library("libc.so.6")()
    assert not system_packages.library("libdoorstep-missing.so.0")()
    assert system_packages.any_file(f"{tmp_path}/none", str(SCRIPT.parent / "*.py"))()
    assert not system_packages.any_file(f"{tmp_path}/**/none*")()


def test_the_script_runs_with_the_standard_library_alone() -> None:
    result = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "test"], capture_output=True, text=True)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
