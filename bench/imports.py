"""The import of 100,000 customers: seconds, rows a second and memory of dry run and write, as a job does them."""

from __future__ import annotations

import argparse
import io
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import xlsxwriter
from stdnum.cn import ric

from bench.dataset import Dataset
from core.admin import import_jobs
from core.customers.importers import CustomerImporter
from core.customers.models import Customer
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.exchange import services
from core.projects.models import Project
from core.testing.fixtures import application
from core.testing.world import build_world

HEADS = ("姓名", "手机号", "身份证号", "邮箱", "通讯地址", "来源", "备注")
IDLE = "idle"


def rows(number: int) -> Iterator[tuple[str, ...]]:
    """Yield rows as a sales office keeps them: each a person with telephone, ID card, e-mail and address."""
    for each in Dataset(number).customers():
        body = f"440305{1960 + each.id % 45}{each.id % 12 + 1:02}{each.id % 28 + 1:02}{each.id % 997:03}"
        yield (
            each.name,
            each.phone,
            body + ric.calc_check_digit(f"{body}0"),
            each.email,
            f"深圳市南山区科技园路{each.id % 400 + 1}号",
            each.stage,
            f"第{each.id % 9 + 1}批来访",
        )


def workbook(number: int) -> bytes:
    """Return an .xlsx file with so many customers."""
    stream = io.BytesIO()
    with xlsxwriter.Workbook(stream, {"constant_memory": True}) as book:
        sheet = book.add_worksheet()
        for position, row in enumerate((HEADS, *rows(number))):
            for column, text in enumerate(row):
                sheet.write_string(position, column, text)
    return stream.getvalue()


def memory() -> float:
    """Return the largest resident size of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Clock:
    """Measures the parts of an import and prints a line for each."""

    def __init__(self, number: int) -> None:
        self.number = number

    def measure(self, what: str, work: Any) -> Any:
        """Do ``work`` and print how long it took, by the clock and of the processor."""
        started, used = time.perf_counter(), time.process_time()
        answer = work()
        seconds, processor = time.perf_counter() - started, time.process_time() - used
        print(
            f"| {what} | {seconds:.1f} | {processor:.1f} | {self.number / seconds:,.0f} | {memory():.0f} |",
            flush=True,
        )
        return answer


def step_by_step(batch_id: int, numbers: list[int], work: Any, end: Any) -> None:
    """Do the steps of a job: each chunk is a transaction, and nothing is kept in memory between two."""
    for number in [*numbers, None]:
        batch = services.find_import(batch_id)
        if number is None:
            end(batch)
        else:
            work(batch, number)
        db.session.commit()
        db.session.expunge_all()


def main(arguments: list[str]) -> int:
    """Run the measurement and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    number = parser.parse_args(arguments).rows
    content = workbook(number)
    importer = CustomerImporter()
    with tempfile.TemporaryDirectory() as folder:
        address = (
            os.environ.get("DOORSTEP_BENCH_DATABASE_URL") or f"sqlite:///{Path(folder) / 'bench.sqlite'}"
        )
        settings = {
            "TESTING": True,
            "INSTANCE_PATH": folder,
            "DATABASE_URL": address,
            "RATE_LIMITS": False,
        }
        for app in application(settings):
            with app.app_context():
                world = build_world({"import.customers", "imports.use"})
                with all_departments("measuring an import") as scope:
                    run(app, world, scope, number, content, importer)
    return 0


def run(app: Any, world: Any, scope: Any, number: int, content: bytes, importer: Any) -> None:
    """Import the file in the scope of the head of the group."""
    from core.database.scope import Scope, use_scope

    del scope
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {db.engine.dialect.name}"
    )
    print(f"\n{number:,} customers, {len(content) / 1e6:.1f} MB .xlsx; idle {memory():.0f} MB\n")
    print("| Part | s | processor s | rows/s | largest MB |\n|---|---|---|---|---|")
    clock = Clock(number)
    acting = Scope(
        user_id=world.users["head"],
        department_id=world.departments["group"],
        project_ids=frozenset({world.own.project_id}),
        department_ids=frozenset({world.departments[name] for name in ("group", "city", "region")}),
        permissions=frozenset({"import.customers", "imports.use"}),
    )
    del app
    with use_scope(acting):

        def read() -> tuple[int, list[int]]:
            project = db.session.get_one(Project, world.own.project_id)
            batch, _read = services.start_import(
                "core.customers", importer, content, "x.xlsx", project=project
            )
            services.begin_check(batch)
            key, numbers = batch.id, services.chunk_numbers(batch)
            db.session.commit()
            db.session.expunge_all()
            return key, numbers

        key, numbers = clock.measure("read the file", read)
        clock.measure(
            "dry run",
            lambda: step_by_step(
                key,
                numbers,
                lambda batch, chunk: services.check_chunk(batch, importer, chunk),
                services.finish_check,
            ),
        )
        batch = services.find_import(key)
        counts = services.counts_of(batch)
        services.begin_write(batch, all_or_nothing=False)
        db.session.commit()
        clock.measure(
            "write",
            lambda: step_by_step(
                key,
                numbers,
                lambda batch, chunk: services.write_chunk(batch, importer, chunk),
                services.finish_write,
            ),
        )
        made = db.session.scalar(sa.select(sa.func.count(Customer.id)).where(Customer.source != ""))
        print(
            f"\n{counts['new']:,} new, {counts['error']:,} errors; {made:,} customers with a source are there now"
        )
        assert number > import_jobs.ROWS_IN_REQUEST


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
