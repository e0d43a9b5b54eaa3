"""The shared machinery in Chromium: progress of a job, the pad for signatures, drawing on photos, an owner's page."""

from __future__ import annotations

import contextvars
import io
import re
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from core.extensions import db
from core.machinery.approvals import services as approvals
from core.machinery.attachments import services as attachments
from core.machinery.jobs.services import enqueue_job
from core.machinery.links import services as links
from core.machinery.signatures.services import signatures_of
from core.plugin_system.declarations import JobKind
from core.plugin_system.runtime import current_runtime
from core.projects.models import Unit
from core.testing.jobs import run_pending_jobs
from core.testing.world import World
from core.toolkit import verify_signatures
from plugins.handover.models import Inspection
from plugins.handover.tests.conftest import Site, finished, site
from plugins.reservations.models import Booking
from plugins.reservations.public import BOOK
from plugins.reservations.tests.conftest import make_slots
from tests.browser.first_path import DESKTOP, PHONE, photo, served
from tests.core.test_approvals import PLAN, Office, office

__all__ = ["office", "site"]

LOCALE = "zh-CN"
JOB = "core.test_of_progress"


class Visitor:
    """A browser page, and what it complains of.

    Attributes:
        page: The page.
        complaints: Errors and warnings of the console, and answers that were refused.
    """

    def __init__(self, browser: Browser, address: str, device: dict[str, Any], cookie: Any = None) -> None:
        self.address = address
        self.complaints: list[str] = []
        context = browser.new_context(**device, locale=LOCALE)
        if cookie is not None:
            context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": address}])
        context.set_default_timeout(10_000)
        self.page: Page = context.new_page()
        self.page.on("console", lambda message: self._note(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _note(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def open(self, path: str) -> Page:
        """Open a page of the site; it must not be wider than the screen."""
        self.page.goto(self.address + path)
        self.fits()
        return self.page

    def fits(self) -> None:
        """Nothing sticks out to the side."""
        wide = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert wide <= 0, f"{self.page.url} is {wide} pixels too wide"

    def drag(self, place: str, *points: tuple[float, float]) -> None:
        """Draw a line with the pointer, in parts of the place's width and height."""
        box = self.page.locator(place).bounding_box()
        assert box is not None
        mouse, (first, *rest) = self.page.mouse, points
        mouse.move(box["x"] + first[0] * box["width"], box["y"] + first[1] * box["height"])
        mouse.down()
        for x, y in rest:
            mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=4)
        mouse.up()


@pytest.fixture
def address(running_app: Flask, world: World) -> Iterator[str]:
    """The address of a server of the world."""
    with served(running_app) as address:
        yield address


@pytest.fixture
def visit(browser: Browser, address: str, sign_in) -> Iterator[Callable[..., Visitor]]:
    """``visit("engineer", PHONE)``: a browser of that user; ``visit(None, PHONE)``: of a visitor."""
    made: list[Visitor] = []

    def visit(name: str | None, device: dict[str, Any] = DESKTOP) -> Visitor:
        cookie = sign_in(name).get_cookie("doorstep_session") if name is not None else None
        made.append(Visitor(browser, address, device, cookie))
        return made[-1]

    yield visit
    for each in made:
        each.page.context.close()


class Slow:
    """The work of a job that goes on when the test lets it."""

    def __init__(self) -> None:
        self.may_start, self.may_end = threading.Event(), threading.Event()

    def __call__(self, run: Any) -> None:
        for number in run.steps(range(1, 5)):
            if number == 1:
                assert self.may_start.wait(30)
            if number == 3:
                assert self.may_end.wait(30)
        run.result("result.txt", "text/plain", b"done")


@pytest.fixture
def slow(running_app: Flask) -> Iterator[Slow]:
    declared, made = current_runtime(running_app).declared, Slow()
    kind = JobKind(JOB, "测试任务", made, "projects.view")
    declared._job_kinds[JOB] = kind
    declared._owner[id(kind)] = "core"
    yield made
    declared._job_kinds.pop(JOB)
    declared._owner.pop(id(kind))


def test_a_job_shows_its_progress_without_being_asked(running_app, slow, visit, scope_of) -> None:
    with scope_of("engineer"):
        key = enqueue_job(JOB, total=4).id
        db.session.commit()
    worker = threading.Thread(target=contextvars.Context().run, args=(run_pending_jobs, running_app))
    worker.start()
    try:
        engineer = visit("engineer")
        page = engineer.open(f"/admin/jobs/{key}/")
        expect(page.locator("[data-job-counted]")).to_have_text("0 / 4")
        page.evaluate("window.sameDocument = true")
        slow.may_start.set()
        expect(page.locator("[data-job-counted]")).to_have_text("2 / 4")
        assert page.locator("progress").evaluate("bar => [bar.value, bar.max]") == [2, 4]
        assert page.evaluate("window.sameDocument")
    finally:
        slow.may_start.set()
        slow.may_end.set()
        worker.join(30)
    expect(page.locator("[data-job-status]")).to_have_text("完成")
    with page.expect_download() as download:
        page.get_by_role("button", name="下载").click()
    assert download.value.suggested_filename == "result.txt"
    assert engineer.complaints == []


def test_several_requests_are_ticked_and_agreed_to(office: Office, browser: Browser, address: str) -> None:
    keys = [office.ask()]
    with office.as_("engineer"):
        other = db.session.get_one(Unit, office.world.own.unit_ids[1])
        keys.append(approvals.request_approval(PLAN.code, other, Decimal(5)).id)
        db.session.commit()
    client = office.app.test_client()
    client.sign_in(office.ids["finance"])
    approver = Visitor(browser, address, DESKTOP, client.get_cookie("doorstep_session"))
    page = approver.open("/admin/approvals_inbox/")
    agree = page.get_by_role("button", name="同意所选")
    expect(agree).to_be_hidden()
    page.get_by_label("选择本页所有行").check()
    expect(page.locator("[data-chosen-count]")).to_have_text("已选 2 条")
    page.locator("[name=opinion]").fill("可行")
    with page.expect_navigation():
        agree.click()
    assert [office.state(key)[2] for key in keys] == [["marketing"], ["marketing"]]
    assert approver.complaints == []
    page.context.close()


def test_an_owner_signs_on_the_phone(running_app, site: Site, visit, scope_of, system) -> None:
    with scope_of("engineer"):
        key = finished(site.unit_ids[0]).id
        db.session.commit()
    engineer = visit("engineer", PHONE)
    page = engineer.open(f"/signatures/sign/handover.inspection/{key}/owner")
    page.locator("[name=name]").fill("林岚")
    engineer.drag("[data-signature-pad]", (0.2, 0.6), (0.4, 0.2), (0.5, 0.7))
    engineer.drag("[data-signature-pad]", (0.6, 0.3), (0.8, 0.7))
    strokes = "JSON.parse(document.querySelector('[data-signature-field]').value).strokes.length"
    assert page.evaluate(strokes) == 2
    page.locator("[data-signature-undo]").click()
    assert page.evaluate(strokes) == 1
    engineer.drag("[data-signature-pad]", (0.6, 0.3), (0.8, 0.7))
    page.locator("[data-signature-large]").click()
    engineer.fits()
    page.locator("[data-signature-large]").click()
    assert page.evaluate(strokes) == 2
    page.locator(".next .go").click()
    page.wait_for_url(lambda url: "/sign/" not in url)
    engineer.fits()
    with system():
        inspection = db.session.get_one(Inspection, key)
        (made,) = signatures_of(inspection)
        assert (made.name, made.role) == ("林岚", "owner")
        assert "Mobile" in made.device or "Chrome" in made.device
        assert [each.match for each in verify_signatures(inspection)] == ["matches"]
    assert engineer.complaints == []


def test_a_photo_is_drawn_on_with_the_thumb(running_app, world, visit, scope_of) -> None:
    with scope_of("engineer"):
        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        key = attachments.attach(unit, io.BytesIO(photo()), "厨房.jpg").id
        db.session.commit()
    engineer = visit("engineer", PHONE)
    page = engineer.open(f"/files/{key}/markup")
    engineer.drag("[data-drawing]", (0.2, 0.2), (0.6, 0.6))
    page.locator("[data-tool=circle]").click()
    page.locator("[data-colour=yellow]").click()
    engineer.drag("[data-drawing]", (0.5, 0.3), (0.9, 0.7))
    page.locator("[data-tool=text]").click()
    engineer.drag("[data-drawing]", (0.1, 0.8))
    page.locator("[data-words]").fill("渗漏")
    page.locator("[data-words-done]").click()
    expect(page.locator("[data-drawing] text")).to_have_text("渗漏")
    page.locator(".next .go").click()
    page.wait_for_url(lambda url: "/markup" not in url)
    with scope_of("engineer"):
        held = db.session.get_one(attachments.Attachment, key)
        drawing = attachments.markup_of(held)
        assert drawing is not None
        shapes = [each["kind"] for each in drawing.shapes]
        plain, shown = attachments.open_bytes(held), attachments.shown_bytes(held)
    assert shapes == ["arrow", "circle", "text"]
    before, after = (Image.open(io.BytesIO(content)).convert("RGB") for content in (plain, shown))
    assert before.size == after.size
    middle = (round(0.4 * before.width), round(0.4 * before.height))
    assert before.getpixel(middle) != after.getpixel(middle), "the arrow goes through this point"
    assert engineer.complaints == []


def test_an_owner_books_by_his_link_on_the_phone(
    running_app, world, switch_on, prepared, visit, scope_of, system, monkeypatch
) -> None:
    def make() -> tuple[int, ...]:
        switch_on("reservations")
        return make_slots(world.own.project_id)[2]

    slot_ids = prepared("slots for an owner", make)
    monkeypatch.setattr("core.admin.links.SHORTEST_SECONDS", 0)
    with scope_of("admin", "group"):
        from core.customers.models import Customer

        unit = db.session.get_one(Unit, world.own.unit_ids[0])
        made = links.make_link(BOOK, unit, db.session.get_one(Customer, world.own.customer_ids[0]))
        path = re.sub(r"^https?://[^/]+", "", made.address)
        db.session.commit()
    owner = visit(None, PHONE)
    page = owner.open(path)
    page.locator("[name=fact]").fill(world.own.phones[0][-4:])
    page.locator("[name=agree]").check()
    page.locator("button.go").click()
    page.locator("[name=guests]").fill("3")
    owner.fits()
    page.locator(f"button[name=slot][value='{slot_ids[0]}']").click()
    expect(page.locator("section.sheet").first).to_contain_text("3 人")
    owner.fits()
    with system():
        booking = db.session.scalars(sa.select(Booking)).one()
        assert (booking.slot_id, booking.guests, booking.source) == (slot_ids[0], 3, "link")
    page.locator(f"button[name=slot][value='{slot_ids[3]}']").click()
    expect(page.locator(".flash, [role=status]").first).to_be_visible()
    page.get_by_role("button", name="取消预约").click()
    page.wait_for_load_state()
    with system():
        booking = db.session.scalars(sa.select(Booking)).one()
        assert (booking.state, booking.slot_id, booking.moved_count) == ("cancelled", slot_ids[3], 1)
    assert owner.complaints == []
