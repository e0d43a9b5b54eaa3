"""Documents of many records: numbered without gaps, one bad record named, nothing of other departments, drawn forms."""

from __future__ import annotations

import io
import zipfile
from collections import Counter
from types import SimpleNamespace

import pypdf
import pytest
import sqlalchemy as sa

from core.customers.models import Customer
from core.database.scope import require_scope
from core.extensions import db
from core.machinery.documents import batches, services
from core.machinery.documents.models import IssuedDocument
from core.machinery.jobs import services as jobs
from core.machinery.jobs.models import Job, JobFailure, JobFile
from core.machinery.jobs.services import read_file
from core.machinery.numbering.models import NumberSeries
from core.projects.models import Unit
from core.testing.jobs import run_pending_jobs

LETTER = "core.welcome_letter"
ZH = "zh_Hans_CN"


def texts(content: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages]


@pytest.fixture
def finished(running_app, scope_of):
    """Runs what waits, and returns the job, its failures and its file as its starter sees them."""

    def run(job_id: int, name: str = "head"):
        run_pending_jobs(running_app)
        with scope_of(name):
            job = db.session.get_one(Job, job_id)
            told = sa.select(JobFailure.subject, JobFailure.reason).where(JobFailure.job_id == job_id)
            failures = [(str(subject), str(reason)) for subject, reason in db.session.execute(told)]
            file = db.session.scalar(
                sa.select(JobFile).where(JobFile.job_id == job_id, JobFile.is_piece.is_(False))
            )
            content = read_file(job, file.id)[1] if file is not None else b""
            told = SimpleNamespace(done=job.done, failed=job.failed)
            made = SimpleNamespace(name=file.name, content_type=file.content_type) if file else None
            return told, [tuple(row) for row in failures], made, content

    return run


def test_a_batch_of_drafts_is_drawn_over_the_form_and_names_what_the_starter_may_not_see(
    world, scope_of, finished
):
    with scope_of("head"):
        foreign = world.foreign.unit_ids[0]
        job = batches.preview_batch(LETTER, [*world.own.unit_ids, foreign], ZH)
        job_id = job.id
        db.session.commit()
    job, failures, file, content = finished(job_id)
    pages = texts(content)
    assert len(pages) == len(world.own.unit_ids)
    assert (job.done, job.failed) == (len(pages), 1)
    assert failures == [(f"房屋 {foreign}", "该记录已不存在，或您已无权查看。")]
    assert file.name.endswith(".pdf")
    assert file.content_type == "application/pdf"
    for page, code in zip(pages, sorted(_codes(world, scope_of)), strict=True):
        assert code in page
        assert "第 1 页，共 1 页" in page
        assert "草" in page
        assert world.foreign.canary not in page
    with scope_of("head"):
        assert db.session.scalar(sa.select(sa.func.count()).select_from(IssuedDocument)) == 0


def _codes(world, scope_of):
    from core.projects.models import Unit

    with scope_of("head"):
        return list(db.session.scalars(sa.select(Unit.code).where(Unit.id.in_(world.own.unit_ids))))


def test_a_batch_is_issued_without_gaps_and_the_bad_one_is_named(world, scope_of, system, finished):
    _first, *others = world.own.unit_ids
    with system():
        # Its owner's name has a character that no font has.
        db.session.get_one(Customer, world.own.customer_ids[0]).name = "王\ue123"
        db.session.commit()
    with scope_of("head"):
        job_id = batches.issue_batch(LETTER, world.own.unit_ids, ZH).id
        db.session.commit()
    job, failures, _file, content = finished(job_id)
    assert (job.done, job.failed) == (len(others), 1)
    [(_subject, reason)] = failures
    assert reason.startswith("本机无法打印以下字符：\ue123")
    with scope_of("head"):
        issued = db.session.scalars(sa.select(IssuedDocument).order_by(IssuedDocument.id)).all()
        numbers = [row.number for row in issued]
        assert [int(number[-4:]) for number in numbers] == list(range(1, len(others) + 1))
        assert [row.record_id for row in issued] == others
        for row, page in zip(issued, texts(content), strict=True):
            single = texts(services.read(row))
            assert len(single) == row.pages == 1
            assert row.number in single[0]
            assert row.number in page


def test_a_letter_that_failed_is_printed_in_its_place_when_the_job_is_tried_again(
    world, scope_of, system, finished
):
    first, second, *_others = world.own.unit_ids
    with system():
        customer = db.session.get_one(Customer, world.own.customer_ids[0])
        before, customer.name = customer.name, "王\ue123"
        db.session.commit()
    with scope_of("head"):
        job_id = batches.issue_batch(LETTER, world.own.unit_ids, ZH, renews=True).id
        db.session.commit()
    job, failures, _file, content = finished(job_id)
    assert (len(failures), len(texts(content))) == (1, len(world.own.unit_ids) - 1)
    with scope_of("head"):
        jobs.repeat(jobs.find_job(job_id))
        db.session.commit()
    in_vain = finished(job_id)
    assert len(in_vain[1]) == 1
    assert len(in_vain[3]) == pytest.approx(len(content), rel=0.02), "the others still share their fonts"
    with system():
        db.session.get_one(Customer, world.own.customer_ids[0]).name = before
        db.session.commit()
    with scope_of("head"):
        jobs.repeat(jobs.find_job(job_id))
        db.session.commit()
    job, failures, _file, complete = finished(job_id)
    assert (job.done, job.failed, failures) == (len(world.own.unit_ids), 0, [])
    with scope_of("head"):
        alone = services.read(
            db.session.scalar(sa.select(IssuedDocument).where(IssuedDocument.record_id == first))
        )
    assert len(complete) < len(content) + 1.1 * len(alone), (
        "the letters of the first run are not printed anew"
    )
    content = complete
    with scope_of("head"):
        rows = {row.record_id: row for row in db.session.scalars(sa.select(IssuedDocument))}
        assert (
            len(rows)
            == len(world.own.unit_ids)
            == db.session.scalar(sa.select(sa.func.count(IssuedDocument.id)))
        ), "nothing is issued twice"
        assert rows[first].number > rows[second].number, "it got its number later"
        pages = texts(content)
        assert [rows[key].number in page for key, page in zip(world.own.unit_ids, pages, strict=True)] == [
            True
        ] * len(pages)


def test_nobody_waits_for_a_layout_and_a_number_that_somebody_took_meanwhile_is_not_printed(
    world, scope_of, finished, monkeypatch
):
    pool, calls = batches.batch_pool(), []

    class Busy:
        """Others issue while letters are laid out: their number is taken on a connection of their own."""

        def make_letters(self, letters, **options):
            calls.append(len(letters))
            if len(calls) == 1:
                with db.engine.begin() as connection:
                    connection.execute(sa.insert(NumberSeries.__table__).values(prefix=series, last=1))
            return pool.make_letters(letters, **options)

        def stop_idle(self):
            pool.stop_idle()

    with scope_of("head"):
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        series = f"{services.foresee(LETTER, unit, ZH, Counter()).number[:-4]}"
        job_id = batches.issue_batch(LETTER, world.own.unit_ids, ZH).id
        db.session.commit()
    monkeypatch.setattr(batches, "batch_pool", Busy)
    job, failures, _file, content = finished(job_id)
    count = len(world.own.unit_ids)
    assert (job.done, failures, calls) == (count, [], [count, count])
    with scope_of("head"):
        rows = db.session.scalars(sa.select(IssuedDocument).order_by(IssuedDocument.id)).all()
        assert [int(row.number[-4:]) for row in rows] == list(range(2, count + 2))
        for row, page in zip(rows, texts(content), strict=True):
            assert row.number in page and row.number in texts(services.read(row))[0]


def test_numbers_are_held_when_others_take_one_at_each_try(world, scope_of, finished, monkeypatch):
    tries = []
    monkeypatch.setattr(
        batches._Ahead, "is_of", lambda self, numbered, joined: tries.append(1) or len(tries) > 3
    )
    with scope_of("head"):
        job_id = batches.issue_batch(LETTER, world.own.unit_ids[:1], ZH).id
        db.session.commit()
    job, failures, _file, _content = finished(job_id)
    assert (job.done, failures, len(tries)) == (1, [], 4)


def test_what_is_valid_comes_from_the_archive_unless_new_ones_are_asked_for(world, scope_of, finished):
    unit = world.own.unit_ids[0]
    counts = []
    for renews in (False, False, True):
        with scope_of("head"):
            job_id = batches.issue_batch(LETTER, [unit], ZH, zipped=True, renews=renews).id
            db.session.commit()
        job, failures, file, content = finished(job_id)
        assert not failures
        assert (file.content_type, job.done) == ("application/zip", 1)
        with zipfile.ZipFile(io.BytesIO(content)) as archive, scope_of("head"):
            [name] = archive.namelist()
            newest = db.session.scalars(sa.select(IssuedDocument).order_by(IssuedDocument.id.desc())).all()
            assert archive.read(name) == services.read(newest[0])
            assert newest[0].number in name
            counts.append(len(newest))
    assert counts == [1, 1, 2]


def test_orders_that_cannot_be_carried_out_are_refused(world, scope_of):
    unit = world.own.unit_ids[0]
    with scope_of("head"):
        for ids in ([], [unit, unit], list(range(1, batches.MOST_RECORDS + 2))):
            with pytest.raises(services.DocumentRefused):
                batches.preview_batch(LETTER, ids, ZH)
        with pytest.raises(services.DocumentRefused):
            batches.preview_batch(LETTER, [unit], "fr")
        with pytest.raises(services.DocumentRefused):
            batches.preview_batch("core.unknown", [unit], ZH)
        assert "documents.print_batch" in require_scope().permissions
    with scope_of("nobody"), pytest.raises(services.DocumentRefused):
        batches.preview_batch(LETTER, [unit], ZH)


def test_one_form_is_sent_once(world, scope_of):
    with scope_of("head"):
        sent = [
            batches.preview_batch(LETTER, world.own.unit_ids, ZH, nonce="n" * 24).id for _time in range(2)
        ]
        assert sent[0] == sent[1]


def test_all_that_match_are_counted_and_printed_and_nothing_of_others(world, sign_in, running_app, scope_of):
    browser = sign_in("head")
    listed = browser.get("/admin/units/").text
    assert "/documents/batches/core.unit?view=units" in listed
    page = browser.get("/documents/batches/core.unit", query_string={"view": "units"}).text
    assert f"<b>{len(world.own.unit_ids)} 条记录</b>" in page
    everywhere = sign_in("admin").get("/documents/batches/core.unit", query_string={"view": "units"}).text
    assert f"<b>{3 * len(world.own.unit_ids)} 条记录</b>" in everywhere
    below = {"below": f"core.building:{world.own.building_id}"}
    assert f"<b>{len(world.own.unit_ids)} 条记录</b>" in (
        browser.get("/documents/batches/core.unit", query_string=below).text
    )
    assert (
        f"below=core.building:{world.own.building_id}"
        in browser.get(f"/admin/buildings/details/?id={world.own.building_id}").text
    )
    wanted = {"document": LETTER, "language": ZH, "mode": "preview", "output": "merged", "nonce": "n" * 24}
    answer = browser.post("/documents/batches/core.unit", data={"view": "units", **wanted})
    assert answer.status_code == 303
    with scope_of("head"):
        [job] = db.session.scalars(sa.select(Job).where(Job.kind == batches.KIND))
        assert sorted(job.payload["record_ids"]) == sorted(world.own.unit_ids)
    wrong = browser.post("/documents/batches/core.unit", data={"view": "units", **wanted, "language": "fr"})
    assert wrong.status_code == 422
    assert "n" * 24 in wrong.text
    assert sign_in("nobody").get("/documents/batches/core.unit?view=units").status_code == 403


def test_a_long_document_is_printed_in_the_background_by_who_may(world, sign_in, monkeypatch):
    monkeypatch.setattr(services, "LONG_TAGS", 10)
    unit = world.own.unit_ids[0]
    address = f"/documents/preview/{LETTER}/{unit}/{ZH}"
    answer = sign_in("head").get(address)
    assert answer.status_code == 302
    page = sign_in("head").get(answer.location).text
    assert f'name="rowid" value="{unit}"' in page
    assert f'value="{LETTER}" required checked' in page
    monkeypatch.setattr(services, "_laid_out", lambda *_: SimpleNamespace(content=b"%PDF-1.7"))
    monkeypatch.setattr("core.admin.documents.has_permission", lambda _code: False)
    assert sign_in("head").get(address).data.startswith(b"%PDF"), "who may print no batch waits"
