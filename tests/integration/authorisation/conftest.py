"""The stage of the authorisation tests: made once, brought back before each test."""

from __future__ import annotations

from collections.abc import Iterator
from unittest import mock

import pytest
from flask import Flask

from core.testing.fixtures import _restore
from core.testing.world import World
from tests.integration.authorisation.scene import Scene, plain_documents

_STATE = "authorisation"
SUMMARY: list[str] = []
"""Lines for the end of the run: how many cells there were."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the count of cells."""
    for line in SUMMARY:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def _stage(running_app: Flask, permission_codes: list[str]) -> Iterator[list[Scene]]:
    held: list[Scene] = []
    yield held
    for scene in held:
        scene.close()


@pytest.fixture
def scene(running_app: Flask, request: pytest.FixtureRequest, _stage: list[Scene]) -> Iterator[Scene]:
    """The world with a row of every kind in each project, and a browser for each actor."""
    states = running_app.extensions["doorstep.testing.states"]
    if not _stage:
        world: World = request.getfixturevalue("world")
        _stage.append(Scene(running_app, world))
        states.remember(_STATE)
    _restore(running_app, _STATE)
    _stage[0].remember()
    # A fault becomes the page that users would see, with 500, which is a wrong cell.
    with plain_documents(), mock.patch.dict(running_app.config, {"PROPAGATE_EXCEPTIONS": False}):
        yield _stage[0]
