"""The work that is killed: plain steps, an import, a batch of letters."""

from __future__ import annotations

import io
import re
from typing import Any

import openpyxl
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from core.customers.importers import CustomerImporter
from core.customers.models import Customer
from core.database.base import CORE
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.documents.batches import issue_batch
from core.machinery.documents.models import IssuedDocument
from core.machinery.exchange import services as exchange
from core.machinery.exchange.models import ImportBatch
from core.machinery.jobs.models import Job, JobFailure, JobFile
from core.machinery.jobs.runs import JobRun, StepFailed
from core.machinery.jobs.services import enqueue_job, means_of
from core.plugin_system.declarations import JobKind
from core.plugin_system.runtime import current_runtime
from core.projects.models import Project, Unit
from core.testing.scoping import acting_as
from core.testing.world import World
from plugins.contractors.models import Company
from tools.kill.harness import Scenario

_NAME = re.compile(r"第\d+建筑工程公司")
STEPS = "core.kill_steps"
WORLD = "doorstep.testing.world"


def _world(app: Flask) -> World:
    world: World = app.extensions[WORLD]
    return world


def _results() -> list[bytes]:
    """Return what the files of all jobs hold."""
    means = means_of()
    with all_departments("reading what the jobs made"):
        query = sa.select(JobFile.stored_key).where(JobFile.is_piece.is_(False)).order_by(JobFile.id)
        return [means.decrypt(means.store.read(key)) for key in db.session.scalars(query)]


# Plain steps


def count_up(run: JobRun) -> None:
    """Raise the number of a unit at each step, keep a piece, fail now and then, and put the pieces together."""
    units = run.payload["units"]
    keys = range(run.payload["steps"])
    for key in run.steps(keys, name=lambda key: f"step {key}"):
        unit = db.session.get_one(Unit, units[key % len(units)])
        unit.number = str(int(unit.number) + 1)
        db.session.flush()
        run.keep(f"piece {key}", f"{key}\n".encode())
        run.log(f"Step {key}.")
        if key % 17 == 5:
            raise StepFailed("This step always fails.")
    pieces = [run.kept(f"piece {key}") or b"" for key in keys]
    run.result("pieces.txt", "text/plain", b"".join(pieces))
    run.outcome(f"{sum(1 for piece in pieces if piece)} pieces were put together.")


def declare_steps(app: Flask) -> None:
    """Declare the kind of job with plain steps, as the core would."""
    kind = JobKind(STEPS, "Steps", count_up, "projects.view")
    declared = current_runtime(app).declared
    declared._job_kinds[STEPS] = kind
    declared._owner[id(kind)] = CORE


def steps(number: int) -> Scenario:
    """Return the scenario of so many plain steps."""

    def prepare(app: Flask) -> None:
        declare_steps(app)
        world = _world(app)
        with acting_as(app, world.users["engineer"]):
            enqueue_job(STEPS, {"units": list(world.own.unit_ids), "steps": number})
            db.session.commit()

    def tell() -> str:
        with all_departments("counting"):
            failed = db.session.scalar(sa.select(sa.func.count(JobFailure.id)))
            done = db.session.scalar(sa.select(Job.done))
        return f"{done} steps done, {failed} failed with their reason"

    return Scenario("steps", prepare, tell=tell, content=_results)


# Import


def customers(rows: int) -> Scenario:
    """Return the scenario of writing an import of so many customers."""
    importer = CustomerImporter()

    def prepare(app: Flask) -> None:
        world = _world(app)
        with acting_as(app, world.users["head"]):
            project = db.session.get_one(Project, world.own.project_id)
            batch, _read = exchange.start_import(
                "core.customers", importer, _workbook(rows), "名单.xlsx", project=project, match="identity_number",
                mode="both",
            )  # fmt: skip
            exchange.check_all(batch, importer)
            exchange.begin_write(batch, all_or_nothing=False)
            job = enqueue_job(
                "imports.run",
                {"batch": batch.id, "what": "write"},
                project_id=project.id,
                total=batch.total,
            )
            batch.job_id = job.id
            db.session.commit()

    def tell() -> str:
        with all_departments("counting"):
            made = sa.select(sa.func.count(Customer.id)).where(Customer.name.like("客户%"))
            batch = db.session.scalars(sa.select(ImportBatch)).one()
            return f"{db.session.scalar(made):,} customers of {batch.total:,} rows"

    return Scenario("import", prepare, frozenset({"import_chunk.outcomes", "import_chunk.rows"}), tell)


def _workbook(rows: int) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("客户")
    sheet.append(["姓名", "手机号", "身份证号", "地址"])
    for number in range(rows):
        # Every fiftieth row is wrong.
        phone = "1" if number % 50 == 49 else f"139{number:08d}"
        sheet.append([f"客户{number}", phone, "", ""])
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


# Batch of letters


def letters(number: int) -> Scenario:
    """Return the scenario of issuing so many documents in one batch: numbered without a gap, archived, joined."""

    def prepare(app: Flask) -> None:
        world = _world(app)
        with all_departments("companies to write to"):
            made = [
                Company(
                    department_id=world.departments["city"],
                    name=f"第{each}建筑工程公司",
                    short_name=f"建{each}",
                )
                for each in range(number)
            ]
            db.session.add_all(made)
            db.session.flush()
            keys = [company.id for company in made]
            db.session.commit()
        with acting_as(app, world.users["admin"], world.departments["city"]):
            issue_batch("contractors.company_sheet", keys, "zh_Hans_CN")
            db.session.commit()

    def tell() -> str:
        with all_departments("counting"):
            query = sa.select(sa.func.count(IssuedDocument.id), sa.func.max(IssuedDocument.number))
            count, last = db.session.execute(query).one()
        return f"{count} documents, the last number is {last}"

    def content() -> Any:
        texts = []
        for result in _results():
            pages = PdfReader(io.BytesIO(result)).pages
            texts.append([sorted(set(_NAME.findall(page.extract_text()))) for page in pages])
        return texts

    return Scenario("letters", prepare, frozenset({"issued_document.record_id"}), tell, content)


ALL: dict[str, Any] = {
    "steps": lambda: steps(200),
    "import": lambda: customers(6_000),
    "letters": lambda: letters(100),
}
"""The scenarios of `make kill`, by their word on the command line."""
