"""``doorstep worker``: the process that runs jobs."""

from __future__ import annotations

import logging

import click
from flask.cli import ScriptInfo, pass_script_info


@click.command("worker")
@click.option(
    "--threads",
    type=click.IntRange(min=1, max=32),
    default=2,
    show_default=True,
    help="How many jobs run at once in this process.",
)
@pass_script_info
def worker(info: ScriptInfo, threads: int) -> None:
    """Run jobs and periodic tasks until SIGTERM or Ctrl-C; the step at work is finished first."""
    from core.machinery.jobs.worker import Worker

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    Worker(info.load_app(), threads).run()
