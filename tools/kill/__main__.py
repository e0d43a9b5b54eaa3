"""Kill workers at random points of each kind of work, and write what came of it into docs/reference/kill-test.md.

    python -m tools.kill                              all scenarios, 50 kills each, on SQLite
    python -m tools.kill --kills 10 steps             one scenario, ten kills, without writing the page
    python -m tools.kill --keep import=50 steps=20    so many kills of each, and the page is brought up to date
    python tools/setup/temporary_postgresql.py DOORSTEP_KILL_DATABASE_URL python -m tools.kill

The exit code is 1 when a row was lost or doubled.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from core.app import create_app
from core.database.base import metadata
from core.database.types import local_today
from core.extensions import db
from core.machinery.jobs.services import means_of
from core.plugin_system import migrating, schema, switching
from core.plugin_system.runtime import current_runtime
from core.testing.databases import States
from core.testing.scoping import as_system
from core.testing.world import build_world
from tools.kill.harness import Killer, Result
from tools.kill.scenarios import ALL, WORLD

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "kill-test.md"
MACHINE = "2 cores, 24 GB, Debian 12"
HEAD = """# Killing workers

Written by `make kill`. A worker process is killed by its own process id at a random point of its work, by SIGKILL or
by SIGTERM, and another one is started; so on until all kills are made, then a last worker finishes. What is in the
database afterwards is compared row by row with a run that nobody disturbed: all tables, how many entries of which kind
the audit log has, and what the files of the job hold. Nothing may be missing and nothing may be there twice. A lease
lasts two seconds here instead of 60, so that the work goes on quickly. A round begins the work anew, when it was done
before all kills were.

- `steps`: 200 steps, each with a change, a file and a log line; every seventeenth fails.
- `import`: 6,000 rows of a workbook are written as customers; every fiftieth row is wrong.
- `letters`: 100 documents are numbered without a gap, laid out, archived, and joined into one file.
- `messages`: 150 customers are written to in one batch, and what was written is sent. The gateway writes down the key
  of every message that it gets and cannot be asked afterwards, so a message that was on its way at a kill becomes
  *unknown* and is never sent again by itself. At the end each key is counted: none may have come twice, and none that
  is *sent* may be missing. Then what is unknown is decided with the gateway's list, as a person would, and all have
  arrived once.

| Work | Database | Kills | SIGKILL | SIGTERM | Rounds | Lost | Doubled | Undisturbed | At the end | Machine, date |
|---|---|---|---|---|---|---|---|---|---|---|
"""


def application(folder: str) -> Flask:
    """Return an application on an empty database, filled with the world of the tests."""
    settings = {
        "TESTING": True,
        "INSTANCE_PATH": folder,
        "DATABASE_URL": _database_url(folder),
        "REDIS_URL": "",
        "PLUGINS_STRICT": True,
        "RATE_LIMITS": False,
        "JOB_LEASE_SECONDS": 2,
        "SECURITY_PASSWORD_HASH_PASSLIB_OPTIONS": {
            "argon2__time_cost": 1,
            "argon2__memory_cost": 8,
            "argon2__parallelism": 1,
        },
    }
    logging.getLogger("core.plugin_system.start").setLevel(logging.ERROR)
    bare = create_app({**settings, "PLUGINS_STRICT": False})
    with bare.app_context():
        metadata.create_all(db.engine)
        for component in migrating.components():
            if schema.heads(migrating.folder_of(component)):
                migrating.stamp(component)
        db.engine.dispose()
    app = create_app(settings)
    codes = [permission.code for permission in current_runtime(app).declared.permissions()]
    with app.app_context():
        app.extensions[WORLD] = world = build_world(codes)
    with as_system(app):
        # The first secret makes the key of the installation, which is another one in each run.
        means_of().encrypt(b"first")
        for plugin in current_runtime().healthy():
            switching.switch_on(plugin.slug, world.departments["region"])
        db.session.commit()
    return app


def _database_url(folder: str) -> str:
    cluster = os.environ.get("DOORSTEP_KILL_DATABASE_URL")
    if not cluster:
        return f"sqlite:///{folder}/kill.db"
    url = sa.make_url(cluster)
    name = f"doorstep_kill_{os.getpid()}"
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0")
    return url.set(database=name).render_as_string(hide_password=False)


def line_of(result: Result, database: str) -> str:
    """Return the line of the page."""
    kills = result.kills
    figures = (
        f"`{result.scenario}`",
        database,
        sum(kills.values()),
        kills["SIGKILL"],
        kills["SIGTERM"],
        result.rounds,
        result.lost,
        result.doubled,
        f"{result.undisturbed_seconds:.1f} s",
        ", ".join([result.told, *(f"{number} {words}" for words, number in result.counts.items())]),
        f"{MACHINE}, {local_today()}",
    )
    return f"| {' | '.join(str(figure) for figure in figures)} |"


def write(lines: list[str]) -> None:
    """Put lines into the page, each in the place of the one of the same work and database."""
    known: dict[Any, str] = {}
    if PAGE.is_file():
        for line in PAGE.read_text(encoding="utf-8").splitlines():
            if match := re.match(r"\| `(\w+)` \| (\w+) ", line):
                known[match.groups()] = line
    for line in lines:
        match = re.match(r"\| `(\w+)` \| (\w+) ", line)
        known[match.groups() if match else line] = line
    PAGE.write_text(HEAD + "\n".join(known[key] for key in sorted(known)) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Run the scenarios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "scenarios",
        nargs="*",
        help=f"some of {', '.join(ALL)}, each with =KILLS or without; all when left out",
    )
    parser.add_argument("--kills", type=int, default=50, help="of each scenario that names no number")
    parser.add_argument(
        "--keep", action="store_true", help="write the lines of chosen scenarios into the page too"
    )
    parser.add_argument("--seed", type=int, default=int(time.time()))
    chosen = parser.parse_args(arguments)
    wanted = [each.partition("=")[::2] for each in chosen.scenarios or ALL]
    wrong_names = [name for name, kills in wanted if name not in ALL or not (kills or "1").isdigit()]
    if wrong_names:
        parser.error(f"There is no scenario {', '.join(wrong_names)}; choose some of {', '.join(ALL)}.")
    print(f"seed {chosen.seed}")
    lines, wrong = [], 0
    with tempfile.TemporaryDirectory(prefix="doorstep-kill-") as folder:
        app = application(folder)
        with app.app_context():
            database = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}[db.engine.dialect.name]
            states = States(db.engine, metadata)
            states.remember("world")
        killer = Killer(app, states, random.Random(chosen.seed), "world")  # noqa: S311 (no secret)
        for name, kills in wanted:
            result = killer.run(ALL[name](), int(kills or chosen.kills))
            lines.append(line_of(result, database))
            print(lines[-1], flush=True)
            for difference in result.differences:
                print("   ", difference)
            wrong += result.lost + result.doubled
            if (chosen.keep or not chosen.scenarios) and not result.lost + result.doubled:
                write(lines[-1:])
        killer.close()
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
