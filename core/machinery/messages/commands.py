"""The outbox on the command line: ``doorstep messages send`` and ``doorstep messages ask``."""

from __future__ import annotations

import time

import click
from flask.cli import AppGroup

from core.extensions import db
from core.machinery.messages import sending

messages = AppGroup("messages", help="The outbox: send what is due.")


@messages.command("send")
@click.option(
    "--every",
    "seconds",
    type=click.IntRange(min=1),
    help="Look again and again with this many seconds between; without it once.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=200, show_default=True, help="How many at a time."
)
def send(seconds: int | None, limit: int) -> None:
    """Send the messages whose time has come."""
    while True:
        done = sending.send_due(limit)
        if seconds is None or done.sent or done.failed or done.unknown:
            click.echo(
                f"{done.sent} sent, {done.failed} failed or withheld, {done.unknown} unknown, "
                f"{done.postponed} postponed."
            )
        if seconds is None:
            return
        db.session.remove()
        time.sleep(seconds)
