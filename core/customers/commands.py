"""Customers on the command line: ``doorstep customers refresh-life-cycles``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from core.customers import services

customers = AppGroup("customers", help="Customers: what the passing of days changes.")


@customers.command("refresh-life-cycles")
def refresh_life_cycles() -> None:
    """Compute the stages of all customers again for today; run it once a day."""
    click.echo(f"{services.refresh_life_cycles()} stages changed.")
