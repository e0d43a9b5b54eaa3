"""``doorstep db``: the schema of the core and of every plugin, each with revisions of its own."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext

from core.database.base import CORE
from core.database.scope import all_departments
from core.extensions import db
from core.plugin_system import schema
from core.plugin_system.runtime import State, current_runtime
from core.plugin_system.start import restart_plugins

# Alembic is imported inside the commands: every web process imports this module and none needs Alembic.


def upgrade_all() -> tuple[str, ...]:
    """Run all migrations, write the inventory of plugins, and take in the plugins whose tables were made just now.

    Returns:
        The components whose tables are now at their newest revision.
    """
    from core.plugin_system import migrating

    components = migrating.upgrade_all()
    _take_stock()
    return components


def _take_stock() -> None:
    from core.plugin_system.inventory import update_inventory

    restart_plugins(current_app)
    if CORE not in schema.current_revisions():
        return
    with all_departments("inventory of plugins"):
        update_inventory()
        db.session.commit()


@click.group("db")
def database() -> None:
    """Bring the database up to date, write migrations, compare."""


@database.command("upgrade")
@click.argument("component", required=False)
@click.option("--revision", default="head", show_default=True, help="Where to stop; needs a component.")
@with_appcontext
def upgrade(component: str | None, revision: str) -> None:
    """Run the migrations of COMPONENT ("core" or a slug), or of all."""
    from core.plugin_system import migrating

    try:
        if component is None:
            if revision != "head":
                raise click.UsageError("--revision needs a component.")
            components = upgrade_all()
        else:
            migrating.upgrade(component, revision)
            components = (component,)
            _take_stock()
    except migrating.MigrationError as error:
        raise click.ClickException(str(error)) from error
    _print_revisions(components)
    warn_of_quarantine()


@database.command("downgrade")
@click.argument("component")
@click.argument("revision")
@click.confirmation_option(prompt="This may drop columns or tables with their rows. Go on?")
@with_appcontext
def downgrade(component: str, revision: str) -> None:
    """Take migrations of COMPONENT back down to REVISION ("base" drops its tables)."""
    from core.plugin_system import migrating

    try:
        migrating.downgrade(component, revision)
    except migrating.MigrationError as error:
        raise click.ClickException(str(error)) from error
    _print_revisions((component,))


@database.command("revision")
@click.argument("component")
@click.option("-m", "--message", default="initial", show_default=True, help="What the migration does.")
@click.option("--empty", is_flag=True, help="Write an empty migration, to be filled by hand.")
@with_appcontext
def revision(component: str, message: str, empty: bool) -> None:
    """Write a migration of COMPONENT from the database to the models of today."""
    from core.plugin_system import migrating

    try:
        path = migrating.write_revision(component, message, empty=empty)
    except migrating.MigrationError as error:
        raise click.ClickException(str(error)) from error
    click.echo(
        f"The tables of {component} fit its models; nothing was written." if path is None else str(path)
    )


@database.command("current")
@with_appcontext
def current() -> None:
    """Show the revision of each component in the database."""
    from core.plugin_system import migrating

    _print_revisions(migrating.components())


@database.command("check")
@click.argument("component", required=False)
@with_appcontext
def check(component: str | None) -> None:
    """Compare the tables in the database with the models; fails when they differ."""
    from core.plugin_system import migrating

    wrong = 0
    for each in (component,) if component else migrating.components():
        for line in migrating.differences(each):
            wrong += 1
            click.echo(f"{each}: {line}")
    if wrong:
        raise click.ClickException(
            "The database differs from the models. `doorstep db revision` writes a migration."
        )
    click.echo("The database fits the models.")


def _print_revisions(components: tuple[str, ...]) -> None:
    stands = schema.current_revisions()
    runtime = current_runtime()
    for component in components:
        plugin = runtime.core if component == CORE else runtime.plugins[component]
        folder = schema.migrations_folder(component, plugin.folder)
        newest = ", ".join(schema.heads(folder)) or "no migrations"
        here = stands.get(component, "no tables")
        click.echo(f"{component}: {here}" + ("" if here == newest else f" (newest: {newest})"))


def warn_of_quarantine() -> None:
    """Name on the error stream each plugin that is in quarantine, with the reason."""
    from core.cli.terminal import terminal_language

    with terminal_language():
        for plugin in current_runtime().plugins.values():
            if plugin.state is State.QUARANTINED:
                click.echo(f"{plugin.slug}: {plugin.reason}", err=True)
