"""``doorstep plugin``: how the plugins are doing, and switching them."""

from __future__ import annotations

import json
from pathlib import Path

import click
import sqlalchemy as sa
from flask.cli import with_appcontext

from core.cli.terminal import terminal_language
from core.database.scope import all_departments
from core.extensions import db
from core.plugin_system import erasing, switching
from core.plugin_system.gate import department_table
from core.plugin_system.health import reports


@click.group("plugin")
def plugin() -> None:
    """See and switch plugins."""


@plugin.command("status")
@click.option("--json", "as_json", is_flag=True, help="Write JSON for programs.")
@with_appcontext
def status(as_json: bool) -> None:
    """List every plugin: slug, version, state, schema revision, departments where it is on, reason."""
    with terminal_language(), all_departments("status of the plugins"):
        rows = [report.as_data() for report in reports()]
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo("No plugin is installed.")
        return
    width = max(len(row["slug"]) for row in rows)
    for row in rows:
        departments = ", ".join(row["departments"]) or "no department"
        click.echo(
            f"{row['slug']:<{width}}  {row['version'] or '?':<8} {row['state']:<12} "
            f"{row['schema_revision'] or 'no tables':<{width + 6}} {departments}"
        )
        if row["reason"]:
            click.echo(f"{'':<{width}}  {row['reason']}")


@plugin.command("on")
@click.argument("slug")
@click.option("--department", "code", required=True, help="Code of the department.")
@with_appcontext
def on(slug: str, code: str) -> None:
    """Switch the plugin SLUG on in a department."""
    _switch(slug, code, enabled=True)


@plugin.command("off")
@click.argument("slug")
@click.option("--department", "code", required=True, help="Code of the department.")
@with_appcontext
def off(slug: str, code: str) -> None:
    """Switch the plugin SLUG off in a department; its rows are kept."""
    _switch(slug, code, enabled=False)


@plugin.command("erase")
@click.argument("slug")
@click.option("--plan", "only_plan", is_flag=True, help="Show what would be erased and stop.")
@click.option("--confirm", metavar="SLUG", help="The slug once more, instead of the question; for scripts.")
@click.option("--reason", default="", help="Why; kept in the audit log.")
@with_appcontext
def erase(slug: str, only_plan: bool, confirm: str | None, reason: str) -> None:
    """Export all data of the plugin SLUG to a zip and erase it; its package may be gone."""
    with terminal_language():
        try:
            plan = erasing.plan(slug)
            _print_plan(plan)
            if only_plan:
                return
            if plan.obstacles:
                raise click.ClickException(" ".join(plan.obstacles))
            typed = confirm or click.prompt(f"Type {slug} to erase this", default="", show_default=False)
            path = erasing.erase(slug, typed, reason)
        except erasing.EraseRefused as refusal:
            raise click.ClickException(str(refusal)) from refusal
    click.echo(f"The data of {slug} was erased. Everything was exported to {path}; keep it in a safe place.")
    click.echo("Restart the servers.")


def _print_plan(plan: erasing.ErasurePlan) -> None:
    click.echo(f"{plan.plugin.slug} {plan.plugin.version} ({plan.plugin.state.value})\n\nErased:")
    for name, rows in plan.tables:
        click.echo(f"  {rows:>9}  {name}")
    for line in plan.erased:
        click.echo(f"  {line.count:>9}  {line.label}")
    click.echo("\nKept:")
    for line in plan.kept:
        click.echo(f"  {line.count:>9}  {line.label}. {line.stays}")
    if plan.obstacles:
        click.echo("")
    for sentence in plan.obstacles:
        click.echo(sentence, err=True)


@plugin.command("new")
@click.argument("slug")
@click.option(
    "--folder",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path(),
    help="Where to write; the current folder when left out.",
)
@with_appcontext
def new(slug: str, folder: Path) -> None:
    """Write a new plugin that already keeps the plugin contract."""
    from core.scaffold import ScaffoldError, write_plugin

    try:
        with terminal_language():
            written = write_plugin(slug, folder)
    except ScaffoldError as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{written} was written. README.md there says how to go on.")


def _switch(slug: str, code: str, *, enabled: bool) -> None:
    with terminal_language(), all_departments("plugin switched by a command"):
        department_id = db.session.scalar(
            sa.select(department_table.c.id).where(department_table.c.code == code)
        )
        if department_id is None:
            raise click.ClickException(f"There is no department with the code {code}.")
        try:
            (switching.switch_on if enabled else switching.switch_off)(slug, department_id)
        except switching.SwitchRefused as refusal:
            raise click.ClickException(str(refusal)) from refusal
        db.session.commit()
    click.echo(f"{slug} is {'on' if enabled else 'off'} in {code}.")
