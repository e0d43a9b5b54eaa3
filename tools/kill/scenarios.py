"""The work that is killed: plain steps, an import, a batch of letters, a batch of messages."""

from __future__ import annotations

import datetime as dt
import io
import os
import random
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import sqlalchemy as sa
from flask import Flask
from pypdf import PdfReader

from core.customers.importers import CustomerImporter
from core.customers.models import Customer, CustomerProject
from core.database.base import CORE
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.documents.batches import issue_batch
from core.machinery.documents.models import IssuedDocument
from core.machinery.exchange import services as exchange
from core.machinery.exchange.models import ImportBatch, ImportChunk
from core.machinery.jobs.models import Job, JobFailure, JobFile
from core.machinery.jobs.runs import JobRun, StepFailed
from core.machinery.jobs.services import enqueue_job, means_of
from core.machinery.messages import sending
from core.machinery.messages import services as outbox
from core.machinery.messages.models import Message, MessageState
from core.machinery.messages.outgoing import OutgoingMessage, Receipt
from core.plugin_system.declarations import JobKind, MessageChannel
from core.plugin_system.runtime import current_runtime
from core.projects.models import Project, Unit
from core.testing.scoping import acting_as
from core.testing.world import World
from core.timeline.models import TimelineEntry
from plugins.contractors.models import Company
from tools.kill.harness import Scenario, Settled

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

    # What a chunk holds of its rows names them by their keys, which have gaps where a step was rolled back.
    ignored = frozenset({"import_chunk.outcome", "import_chunk.written"})
    return Scenario("import", prepare, ignored, tell, _rows_of_chunks)


def _rows_of_chunks() -> list[list[tuple[str, str]]]:
    """Return what became of each row of the import: the letter, and the name of the customer that its key leads to."""
    with all_departments("reading what an import wrote"):
        names = {row.id: row.name for row in db.session.execute(sa.select(Customer.id, Customer.name))}
        chunks = db.session.scalars(sa.select(ImportChunk.written).order_by(ImportChunk.number))
        written = [(text or "").split(",") for text in chunks]
    return [[(row[:1], names.get(int(row[1:]), "") if row[1:] else "") for row in rows] for rows in written]


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


# Batch of messages

SEND = "core.kill_send"
_LEASE = dt.timedelta(seconds=2)


class Gateway:
    """A gateway outside of the house: it takes its time, writes down what it got, and cannot be asked afterwards.

    Args:
        folder: Where it writes: a line with the idempotency key for each message that was handed over.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "received.txt"

    def send(self, outgoing: OutgoingMessage) -> Receipt:
        """Take a message; a worker may be killed before, while and after it is written down."""
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311 (no secret)
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{outgoing.idempotency_key}\n".encode())
        os.close(handle)
        time.sleep(random.uniform(0.002, 0.02))  # noqa: S311
        return Receipt(reference=outgoing.idempotency_key)

    def received(self) -> Counter[str]:
        """Return how often each message was handed over."""
        return Counter(self._path.read_text().split()) if self._path.is_file() else Counter()

    def forget(self) -> None:
        """Begin anew."""
        self._path.unlink(missing_ok=True)


def messages(number: int) -> Scenario:
    """Return the scenario of writing to so many customers in one batch and sending what was written."""
    gateways: list[Gateway] = []

    def prepare(app: Flask) -> None:
        gateway = Gateway(Path(app.instance_path))
        gateways[:] = [gateway]
        gateway.forget()
        _declare_gateway(app, gateway, number)
        world = _world(app)
        with all_departments("customers to write to"):
            made = [
                Customer(
                    name=f"客户{each}",
                    email=f"customer{each}@example.com",
                    project_links=[CustomerProject(project_id=world.own.project_id)],
                )
                for each in range(number)
            ]
            db.session.add_all(made)
            db.session.flush()
            keys = [customer.id for customer in made]
            db.session.commit()
        with acting_as(app, world.users["admin"], world.departments["city"]):
            outbox.make_batch("core.confirm_contact", keys, "核对联系方式")
            db.session.commit()

    def settle() -> Settled:
        found = _count_receipts(gateways[0], number)
        gateways[0].forget()
        return found

    def tell() -> str:
        with all_departments("counting"):
            sent = db.session.scalar(
                sa.select(sa.func.count(Message.id)).where(Message.state == MessageState.SENT)
            )
        return f"{sent} messages sent"

    ignored = {
        "message.idempotency_key", "message.reference", "message.reason", "message_batch.recipients",
        "timeline_entry.record_id",
    }  # fmt: skip
    return Scenario(
        "messages",
        prepare,
        frozenset(ignored),
        tell,
        _messages_on_timelines,
        settle=settle,
        by_people=frozenset({"message_decided"}),
    )


def _messages_on_timelines() -> list[str]:
    """Return to whom the messages on timelines went; the keys of messages have gaps where a step was rolled back."""
    with all_departments("reading timelines"):
        query = (
            sa.select(Message.recipient_name)
            .join(TimelineEntry, TimelineEntry.record_id == Message.id)
            .where(TimelineEntry.record_kind == "core.message")
        )
        return sorted(db.session.scalars(query))


def _declare_gateway(app: Flask, gateway: Gateway, number: int) -> None:
    """Let e-mails go to the gateway, and let the job of a batch start the sending, as the periodic task would."""
    declared = current_runtime(app).declared
    channel = MessageChannel(
        "core.kill_gateway", "Gateway", "email", lambda: True, gateway.send, disturbs=False
    )
    # The first that is ready carries a message.
    declared._message_channels = {channel.code: channel, **declared._message_channels}
    writing = replace(declared._job_kinds[outbox.BATCH_JOB], run=write_and_hand_over)
    sending_job = JobKind(SEND, "Sending", lambda run: send_all(run, number), as_system=True)
    declared._job_kinds |= {writing.code: writing, SEND: sending_job}
    for each in (channel, writing, sending_job):
        declared._owner[id(each)] = CORE
    sending.LEASE = _LEASE


def write_and_hand_over(run: JobRun) -> None:
    """Write the messages of a batch, and start their sending in a step of its own."""
    outbox.write_batch(run)
    for _step in run.steps(["the sender"]):
        enqueue_job(SEND, {}, dedupe_key="kill:send")


def send_all(run: JobRun, number: int) -> None:
    """Send what is due in as many portions as there are."""
    portions = -(-number // sending.PORTION)
    run.each(range(1, portions + 1), lambda _number: sending.send_due(sending.PORTION), size=sending.PORTION)


def _count_receipts(gateway: Gateway, number: int) -> Settled:
    """Compare the outbox with what the gateway got; then decide about what nobody knows, as a person would."""
    found = Settled()
    time.sleep(_LEASE.total_seconds() + 0.1)
    with all_departments("counting"):
        sending.sweep()
        received = gateway.received()
        rows = db.session.execute(sa.select(Message.id, Message.idempotency_key, Message.state)).all()
        db.session.rollback()
    _compare_with_gateway(found, rows, received, number)
    unknown = [row for row in rows if row.state == MessageState.UNKNOWN]
    arrived = [row for row in unknown if received[row.idempotency_key]]
    found.counts["unknown after a kill"] += len(unknown)
    found.counts["of these arrived"] += len(arrived)
    for row in unknown:
        with all_departments("a person asks the gateway and decides"):
            verdict = "sent" if row in arrived else "again"
            outbox.decide(db.session.get_one(Message, row.id), verdict, "asked the gateway")
            db.session.commit()
    sending.send_due(len(unknown) + 1)
    received = gateway.received()
    twice = sum(times - 1 for times in received.values())
    if len(received) != number or twice:
        found.lost += number - len(received)
        found.doubled += twice
        found.faults.append(
            f"after the decisions {len(received)} messages have arrived, {twice} of them twice"
        )
    return found


def _compare_with_gateway(found: Settled, rows: Sequence[Any], received: Counter[str], number: int) -> None:
    states = Counter(str(row.state) for row in rows)
    known = {row.idempotency_key for row in rows}
    silent = [row for row in rows if row.state == MessageState.SENT and not received[row.idempotency_key]]
    left = [row for row in rows if row.state not in (MessageState.SENT, MessageState.UNKNOWN)]
    found.lost += max(0, number - len(rows)) + len(silent) + len(left)
    found.doubled += max(0, len(rows) - number)
    found.doubled += sum(times - 1 for times in received.values()) + len(received.keys() - known)
    if found.lost or found.doubled:
        found.faults.append(
            f"{dict(states)}, {len(silent)} sent without a receipt, {sum(received.values())} received"
        )


ALL: dict[str, Any] = {
    "steps": lambda: steps(200),
    "import": lambda: customers(6_000),
    "letters": lambda: letters(100),
    "messages": lambda: messages(150),
}
"""The scenarios of `make kill`, by their word on the command line."""
