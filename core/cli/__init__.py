"""The command line: ``doorstep``."""

from __future__ import annotations

import logging

import click
from flask import Flask
from flask.cli import FlaskGroup

from core.cli.audit import audit
from core.cli.database import database
from core.cli.plugin import plugin
from core.cli.worker import worker
from core.database.base import CORE
from core.plugin_system.runtime import current_runtime

CORE_COMMANDS: tuple[click.Command, ...] = (audit, database, plugin, worker)
"""The commands of the command line itself; the rest is declared or in :mod:`core.cli.installation`."""


def main() -> None:
    """Run the command line; the console script ``doorstep``."""
    from core.app import create_app

    # Commands say themselves what is wrong with plugins, once they have done their work.
    logging.getLogger("core.plugin_system.start").setLevel(logging.ERROR)
    FlaskGroup(
        name="doorstep",
        help="Doorstep: customer relations for property developers.",
        create_app=create_app,
        add_version_option=False,
    ).main()


def register_commands(app: Flask) -> None:
    """Add the commands of the core to ``doorstep``, and those of each healthy plugin under its slug."""
    from core.cli.installation import COMMANDS

    for command in (*CORE_COMMANDS, *COMMANDS):
        app.cli.add_command(command)
    declared = current_runtime(app).declared
    groups: dict[str, click.Group] = {}
    for declaration in declared.commands():
        component = declared.component_of(declaration)
        if component == CORE:
            app.cli.add_command(declaration.command)
            continue
        if component not in groups:
            groups[component] = click.Group(component, help=f"Commands of the plugin {component}.")
            app.cli.add_command(groups[component])
        groups[component].add_command(declaration.command)
