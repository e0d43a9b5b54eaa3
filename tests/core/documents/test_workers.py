"""Rendering in worker processes: limits that hold, a pool that goes on after a killed worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from core.machinery.documents.letters import Letter
from core.machinery.documents.renderer import DocumentRenderError, RenderJob, render_pdf, render_pdf_guarded
from core.machinery.documents.workers import RenderPool, shared_pool

pytestmark = pytest.mark.no_database

SLOW = "<table>" + ("<tr>" + "<td>墙面平整" * 12 + "</tr>") * 2_500 + "</table>"


@pytest.fixture(scope="module")
def pool():
    with RenderPool(seconds=20) as pool:
        yield pool


def process_id(pool: RenderPool) -> int:
    worker = pool._slots.get_nowait()
    pool._slots.put(worker)
    return worker._process.pid


def test_worker_makes_the_same_document(pool, inspection, picture, pages):
    store = {"1": picture(kind="JPEG"), "2": picture()}
    html = inspection(photos=["1"])
    here = render_pdf(html, attachments=["1"], fetch_attachment=store.__getitem__, watermark="草稿 DRAFT")
    there = render_pdf_guarded(
        html, attachments=["1"], fetch_attachment=store.__getitem__, watermark="草稿 DRAFT", pool=pool
    )
    assert there.pages == here.pages == 2
    for number in range(2):
        assert pages(there.content).pixels(number).tobytes() == pages(here.content).pixels(number).tobytes()


def test_worker_stays_and_reports_what_it_met(pool, caplog):
    render_pdf_guarded("<p>x</p>", pool=pool)
    first = process_id(pool)
    result = render_pdf_guarded("<p>王\ue000<img src='file:///etc/passwd'></p>", pool=pool)
    assert result.missing_characters == ("\ue000",)
    assert result.refused_resources == ("file:///etc/passwd",)
    assert "file:///etc/passwd" in caplog.text
    with pytest.raises(DocumentRenderError) as error:
        pool.render(RenderJob("<div>" * 300))
    assert error.value.reason == "too_deep"
    assert process_id(pool) == first


def test_unlisted_attachment_never_reaches_the_worker(pool, picture):
    asked = []

    def read(identifier):
        asked.append(identifier)
        return picture()

    result = render_pdf_guarded(
        '<img src="attachment:1"><img src="attachment:2">',
        attachments=["1", "3"],
        fetch_attachment=read,
        pool=pool,
    )
    assert asked == ["1"]
    assert result.refused_resources == ("attachment:2",)


def test_document_over_the_time_limit_is_killed_and_the_pool_goes_on():
    with RenderPool(seconds=1.5) as pool:
        start = time.perf_counter()
        with pytest.raises(DocumentRenderError, match=r"not finished within 1\.5 seconds") as error:
            render_pdf_guarded(SLOW, pool=pool)
        assert error.value.reason == "timeout"
        assert time.perf_counter() - start < 12
        assert render_pdf_guarded("<p>x</p>", pool=pool).pages == 1


def test_document_over_the_memory_limit_fails_and_the_pool_goes_on():
    with RenderPool(seconds=60, memory_mb=420) as pool:
        with pytest.raises(DocumentRenderError) as error:
            render_pdf_guarded(SLOW, pool=pool)
        assert error.value.reason in {"memory", "crashed"}
        assert render_pdf_guarded("<p>x</p>", pool=pool).pages == 1


def test_worker_killed_from_outside_is_replaced(pool):
    render_pdf_guarded("<p>x</p>", pool=pool)
    idle = process_id(pool)
    os.kill(idle, signal.SIGKILL)
    os.waitid(os.P_PID, idle, os.WEXITED | os.WNOWAIT)
    assert render_pdf_guarded("<p>x</p>", pool=pool).pages == 1
    busy = process_id(pool)
    assert busy != idle
    threading.Timer(0.5, os.kill, (busy, signal.SIGKILL)).start()
    with pytest.raises(DocumentRenderError) as error:
        render_pdf_guarded(SLOW, pool=pool)
    assert error.value.reason == "crashed"
    assert render_pdf_guarded("<p>x</p>", pool=pool).pages == 1


@pytest.mark.parametrize("dies", ["at the start", "later"])
def test_worker_whose_parent_dies_ends_quietly_and_leaves_no_files(tmp_path, dies):
    folder = tmp_path / "of-the-worker"
    folder.mkdir()
    reading, writing = os.pipe()
    worker = subprocess.Popen(
        [sys.executable, "-m", "core.machinery.documents.workers", "1024", str(folder)],
        stdin=subprocess.PIPE,
        stdout=writing,
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    os.close(writing)
    if dies == "later":
        assert os.read(reading, 100)
        worker.stdin.close()
    os.close(reading)
    with worker.stderr as complaints:
        assert complaints.read() == b""
    assert worker.wait(30) == 0
    assert not folder.exists()
    worker.stdin.close()


def test_worker_is_replaced_after_its_number_of_documents_and_leaves_no_files():
    with RenderPool(recycle_after=2) as pool:
        render_pdf_guarded("<p>x</p>", pool=pool)
        first = process_id(pool)
        worker = pool._slots.get_nowait()
        folder = Path(worker._folder.name)
        pool._slots.put(worker)
        assert any(folder.iterdir())
        render_pdf_guarded("<p>x</p>", pool=pool)
        assert not folder.exists()
        render_pdf_guarded("<p>x</p>", pool=pool)
        assert process_id(pool) != first
        last = process_id(pool)
    with pytest.raises(ProcessLookupError):
        os.kill(last, 0)
    with pytest.raises(DocumentRenderError):
        render_pdf_guarded("<p>x</p>", pool=pool)


def test_shared_pool_is_one():
    assert shared_pool() is shared_pool()


def test_all_workers_of_a_pool_are_stopped():
    letters = [Letter(RenderJob(f"<p>{number}</p>")) for number in range(2)]
    with RenderPool(2) as pool:
        made = pool.make_letters(letters, joined=True, singles=False)
        assert [letter.pages for letter in made.letters] == [1, 1]
        first = pool.process_ids()
        assert len(first) == 2
        pool.stop_idle()
        assert pool.process_ids() == []
        pool.make_letters(letters, joined=True, singles=False)
        second = pool.process_ids()
    for process in (*first, *second):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
