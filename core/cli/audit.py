"""The audit log on the command line: ``doorstep audit seal`` and ``doorstep audit verify``."""

from __future__ import annotations

import logging
import time

import click
from flask.cli import AppGroup

from core.extensions import db
from core.machinery.audit import services

logger = logging.getLogger(__name__)

audit = AppGroup("audit", help="Seal the audit log and check that nothing in it was changed.")


@audit.command("seal")
@click.option(
    "--every",
    "seconds",
    type=click.IntRange(min=1),
    help="Seal again and again with this many seconds between; without it once.",
)
def seal(seconds: int | None) -> None:
    """Seal all entries of finished transactions."""
    while True:
        try:
            count = services.seal()
        except services.SealingBusy as error:
            if seconds is None:
                raise click.ClickException(str(error)) from error
            logger.warning("%s", error)
        else:
            if count or seconds is None:
                click.echo(f"{count} entries sealed.")
        if seconds is None:
            return
        db.session.remove()
        time.sleep(seconds)


@audit.command("verify")
@click.option("--head", help="Hash of a seal that was noted elsewhere; the chain must still contain it.")
@click.pass_context
def verify(context: click.Context, head: str | None) -> None:
    """Check every sealed entry; the exit code is 1 when something was changed, removed or inserted."""
    report = services.verify(head)
    for problem in report.problems:
        click.echo(problem.message, err=True)
    click.echo(
        f"{report.seals} seals over {report.entries} entries checked; {report.unsealed} entries are not sealed yet."
    )
    if not report.is_sound:
        click.echo("The audit log was tampered with.", err=True)
        context.exit(1)
    click.echo(f"The audit log is sound. Head: {report.head}")
