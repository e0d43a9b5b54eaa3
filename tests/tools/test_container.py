"""The image and the compose file agree with each other and with what lies in the project."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools.container import FOLDER, ROOT, command_of, ignored_patterns, left_out, read_dockerfile

pytestmark = pytest.mark.no_database

IMAGE = read_dockerfile((FOLDER / "Dockerfile").read_text())
COMPOSE = (FOLDER / "compose.yaml").read_text()


def test_the_project_is_copied_to_where_its_commands_are_run() -> None:
    assert IMAGE.copies == [(".", IMAGE.workdir)]


def test_what_the_commands_and_the_server_need_is_not_kept_out() -> None:
    named = {
        word
        for command in IMAGE.after
        for word in re.findall(r"[\w/.]+", command)
        if not word.startswith(".") and (ROOT / word).is_file()
    }
    assert "tools/translations.py" in named
    for path in (*named, "setup.cfg", "wsgi.py", "gunicorn.conf.py", "core/app.py", "plugins", "migrations"):
        parts = Path(path).parts
        assert (ROOT / path).exists()
        assert not any(
            left_out(part, ignored_patterns(), at_top=place == 0) for place, part in enumerate(parts)
        ), path


def test_nothing_runs_as_root_and_the_volume_is_the_users_home() -> None:
    created = next(
        command for command in IMAGE.before if f" {IMAGE.user}" in command and "useradd" in command
    )
    assert IMAGE.user != "root"
    [volume] = IMAGE.volumes
    assert f"--home-dir {volume} " in created and "--create-home" in created
    assert IMAGE.environment["DOORSTEP_INSTANCE_PATH"] == volume
    assert f":{volume}\n" in COMPOSE


def test_server_and_worker_are_found_in_the_environment_of_the_image() -> None:
    assert IMAGE.environment["PATH"] == f"{IMAGE.workdir}/.venv/bin:$PATH"
    assert any(command.startswith("python3 -m venv .venv ") for command in IMAGE.after)
    assert [IMAGE.command[0], command_of(COMPOSE, "worker")[:2]] == ["gunicorn", ["doorstep", "worker"]]
    assert command_of(COMPOSE, "web") == []


def test_the_ports_are_the_same_and_reached_from_this_machine_alone() -> None:
    [port] = IMAGE.ports
    assert f"0.0.0.0:{port}" in IMAGE.command
    assert re.findall(r'^      - "(.*)"$', COMPOSE, re.M) == [f"127.0.0.1:{port}:{port}"]


def test_both_are_asked_to_end_by_sigterm() -> None:
    assert IMAGE.stop_signal == "SIGTERM"
    assert re.findall(r"stop_signal: (\w+)", COMPOSE) == ["SIGTERM"]


def test_an_instruction_that_is_not_understood_is_named() -> None:
    with pytest.raises(ValueError, match="ONBUILD"):
        read_dockerfile("FROM debian\nONBUILD RUN true")


@pytest.mark.parametrize(
    ("name", "at_top", "kept_out"),
    [("instance", False, True), (".git", True, True), ("tests", False, False), ("core", True, False)],
)
def test_what_is_kept_out(name: str, at_top: bool, kept_out: bool) -> None:
    assert left_out(name, ignored_patterns(), at_top=at_top) is kept_out
