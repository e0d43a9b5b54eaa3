"""The handover of a house in Chromium, as its users do it: from the notice to the keys, with what is printed."""

from __future__ import annotations

import contextvars
import datetime as dt
import io
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pypdf
import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

import core.admin.links
from core.customers import services as customers
from core.database.scope import all_departments
from core.database.types import LOCAL_ZONE
from core.extensions import db
from core.people import services as people
from core.people.models import Department, DepartmentKind, Role
from core.plugin_system import switching
from core.projects import services as projects
from core.projects.models import Building, Project
from core.testing.jobs import run_pending_jobs
from plugins.contractors import services as contractors
from plugins.handover.preparation.services import appointments, letters
from plugins.reservations import services as desks
from tests.browser.first_path import DESKTOP, HEAD, PASSWORD, PHONE, Staff, new_site, photo, served

OWNER = "欧阳明慧"
SECOND = "second@firstpath.example"
OWNERS = {"301": ("13900001234", "zh_Hans_CN"), "302": ("13900001235", "en")}
"""Telephone and language of the owner of each house."""
PATIENCE = 120_000
"""Milliseconds."""
PAPERS = {
    "handover.deed": ("房屋交接书", "Handover deed"),
    "handover.key_receipt": ("钥匙领取单", "Key receipt"),
    "handover.station_sheet": ("交付流转单", "Station sheet"),
    "handover.quality_guarantee": ("住宅质量保证书", "Quality guarantee"),
    "handover.user_manual": ("住宅使用说明书", "User manual"),
}


@dataclass(frozen=True)
class Site:
    """A running installation with two sold houses.

    Attributes:
        app: The application.
        address: Where it is served.
        links: Addresses of the links that letters carried, in their order; no page shows them to staff.
    """

    app: Flask
    address: str
    links: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with two buildings, a house that somebody bought in each, and the modules switched on."""
    folder: Path = tmp_path_factory.mktemp("day")
    app = new_site(folder / "instance", database_url=f"sqlite:///{folder / 'day.sqlite'}")
    with app.app_context(), all_departments("the house of a test"):
        region = db.session.query(Department).filter_by(kind=DepartmentKind.REGION).one()
        for slug in ("contractors", "reservations", "handover"):
            switching.switch_on(slug, region.id)
        buildings = db.session.query(Building).order_by(Building.code).limit(2).all()
        for building, (number, (phone, language)) in zip(buildings, OWNERS.items(), strict=True):
            house = projects.create_unit(building, number, "1", floor=3, layout="一房一厅一卫")
            owner = customers.register_customer(project=building.project, name=OWNER, phone=phone)
            owner.language = language
            customers.link_unit(owner, house)
        plan_slots(buildings[0].project)
        city = db.session.get_one(Department, buildings[0].project.department_id)
        company = contractors.register_company(department=city, name="甲总包有限公司", short_name="甲总包")
        second = people.create_user(email=SECOND, name="许安然", password=PASSWORD)
        people.grant(second, city, db.session.query(Role).filter_by(name="HEAD").one())
        people.set_acting_department(second, city.id)
        contractors.load_trades()
        for building in buildings:
            for trade in contractors.active_trades():
                contractors.set_responsible(building, trade, company)
        db.session.commit()
    made: list[str] = []
    make_link = letters.make_link

    def noted(*arguments: object, **options: object) -> object:
        link = make_link(*arguments, **options)
        made.append(re.sub(r"^https?://[^/]+", "", link.address))
        return link

    # Public forms refuse whoever is faster than a person, which is tried elsewhere and takes seconds each time.
    with (
        mock.patch.object(core.admin.links, "SHORTEST_SECONDS", 0),
        mock.patch.object(letters, "make_link", noted),
        served(app) as address,
    ):
        yield Site(app, address, made)


def tomorrow() -> dt.date:
    """Return the day after today in China."""
    return dt.datetime.now(LOCAL_ZONE).date() + dt.timedelta(days=1)


def plan_slots(project: Project) -> None:
    """Let owners book: two an hour at one desk, on each of the next three days."""
    purpose = desks.ensure_purpose(project, appointments.PURPOSE, name="交付预约", name_en="Handover")
    opening = {str(day): [["09:00", "12:00"]] for day in range(1, 8)}
    desk = desks.add_resource(project, code="JF", name="交付台", name_en="Desk", capacity=2, opening=opening)
    first = tomorrow()
    desks.plan_slots(desk, purpose, first, first + dt.timedelta(days=2), minutes=60)


@pytest.mark.parametrize(
    ("email", "locale", "code", "device", "number"),
    [(HEAD, "zh-CN", "zh_Hans_CN", PHONE, "301"), (SECOND, "en-GB", "en", DESKTOP, "302")],
    ids=["chinese on the phone", "english on the desktop"],
)
def test_from_the_notice_to_the_keys(
    browser: Browser,
    site: Site,
    email: str,
    locale: str,
    code: str,
    device: dict[str, object],
    number: str,
) -> None:
    staff = Staff(browser, site.address, email, device, locale)
    # On a machine that has other work to do a page may take its time.
    staff.page.set_default_timeout(PATIENCE)
    staff.sign_in()
    batch = make_the_batch(staff, number)
    house = write_the_letter(staff, site, number)
    book_by_the_link(browser, site, number)
    look_at_the_booking(staff, house)
    arrive(staff, number)
    inspect(staff)
    pay(staff, number)
    sign_the_papers(staff)
    hand_the_keys(staff)
    printed(staff, house, code)
    look_at_the_tower(staff, batch, number)
    assert staff.complaints == []


def go(page: Page, locator: Locator) -> None:
    """Press what leads to another page, and wait for that page."""
    with page.expect_navigation():
        locator.click()


def choose(page: Page, name: str, text: str) -> None:
    """Choose in a field that looks for its values on the server."""
    page.locator(f"#{name}").fill(text)
    page.locator(".ref-list:visible [role=option]", has_text=text).first.click()


def make_the_batch(staff: Staff, number: str) -> str:
    """Make a batch and put the building into it; returns the address of the batch."""
    page = staff.open("/admin/handover/batches/new/")
    choose(page, "project_id", "湖畔花园一期" if staff.locale.startswith("zh") else "Lakeside Garden I")
    page.locator("[name=code]").fill(f"2026-{number}")
    page.locator("[name=name]").fill("一期首批")
    page.locator("[name=delivery_on]").fill((tomorrow() + dt.timedelta(days=19)).isoformat())
    go(page, page.locator("form button.go").first)
    page = staff.open("/admin/handover/batches/")
    go(page, page.locator("tr", has_text=f"2026-{number}").locator("a[href*='/batches/details/']").first)
    page.locator("#add-building").select_option(index=int(number) - 300)
    go(page, page.locator("form[action*='add-building'] button"))
    staff.look("batch")
    return page.url.removeprefix(staff.address)


def write_the_letter(staff: Staff, site: Site, number: str) -> str:
    """Write the delivery notice of the house on its page, and let the worker lay it out; returns the address of the
    house in its batch."""
    page = staff.open("/admin/handover/units/")
    go(page, page.locator("tr", has_text=f"-1-{number}").locator("a[href*='/units/details/']").first)
    house = page.url.removeprefix(staff.address)
    go(page, page.locator("a[href*='/units/letter/'][href*='kind=notice']"))
    staff.look("letter")
    go(page, page.locator("form[action*='/send-letters/'] button.go"))
    worker = threading.Thread(target=contextvars.Context().run, args=(run_pending_jobs, site.app))
    worker.start()
    worker.join()
    page = staff.open(house)
    expect(page.locator("#section-handover-house-contact")).to_contain_text("JFTZ-")
    staff.look("notified")
    return house


def book_by_the_link(browser: Browser, site: Site, number: str) -> None:
    """Come by the link of the letter as the owner does, on his phone and in his language: read, and book a time."""
    phone, language = OWNERS[number]
    owner = Staff(browser, site.address, f"owner-{number}@day", PHONE, "zh-CN")
    page = owner.open(site.links[-1])
    page.locator("[name=fact]").fill(phone[-4:])
    page.locator("[name=agree]").check()
    go(page, page.locator("button.go"))
    expect(page.locator("html")).to_have_attribute("lang", re.compile(language[:2]))
    expect(page.locator("main")).to_contain_text("Notice of delivery" if language == "en" else "交付通知书")
    owner.look("owner-reads")
    page.locator("[name=guests]").fill("3")
    go(page, page.locator("button[name=slot]").nth(1))
    expect(page.locator("section[aria-labelledby=when] .sheet")).to_contain_text("10:00")
    owner.look("owner-booked")
    assert owner.complaints == []


def look_at_the_booking(staff: Staff, house: str) -> None:
    """See on the page of the house what the owner did."""
    page = staff.open(house)
    contact = page.locator("#section-handover-house-contact")
    expect(contact).to_contain_text("10:00")
    staff.look("booked")


def desk(staff: Staff, number: str) -> Page:
    """Open the house on the page of the handover day."""
    page = staff.open(f"/handover-day/?q={number}")
    go(page, page.locator("ul.rows a", has_text=number).first)
    return page


def arrive(staff: Staff, number: str) -> None:
    staff.open("/handover-day/")
    staff.look("day")
    page = desk(staff, number)
    go(page, page.locator("button[form=sign_in]"))
    go(page, page.locator("button[form=identity]"))
    # The house may be seen before anything is paid.
    page.locator("details", has=page.locator("form[action$='/send']")).locator("summary").click()
    page.locator("#f-station").select_option("inspection")
    go(page, page.locator("form[action$='/send'] button"))
    staff.look("arrived")


def inspect(staff: Staff) -> None:
    """Inspect with the owner: one defect with its photo, the rest passes; the owner accepts."""
    page = staff.page
    go(page, page.locator("button[form=inspection]"))
    go(page, page.locator(".next button.go"))
    item = page.locator(".item", has=page.locator("form[data-save][data-verdict='']")).first
    code = item.get_attribute("data-item")
    item = page.locator(f".item[data-item='{code}']")
    with page.expect_response(re.compile(r"/results/\d+$")):
        item.locator("button[value=fail]").click()
    defect = item.locator("[data-defect]")
    with page.expect_response(re.compile(r"/files")):
        defect.locator("input[type=file][capture=environment]").set_input_files(
            {"name": "IMG_0001.jpg", "mimeType": "image/jpeg", "buffer": photo()}
        )
    details = defect.locator("details.more")
    if not details.evaluate("element => element.open"):
        details.locator("summary").click()
    if not details.locator("select[name=room_id]").input_value():
        details.locator("select[name=room_id]").select_option(index=1)
    details.locator("textarea[name=description]").fill("门边有划痕")
    with page.expect_response(re.compile(r"/defects/\d+")):
        details.locator("button.wide").click()
    staff.look("inspection")
    for room in page.locator(".rooms a[data-room]").evaluate_all("all => all.map(each => each.href)"):
        page.goto(room)
        go(page, page.locator(".rest button[value=pass]"))
    go(page, page.locator("[data-next]"))
    page.locator("[name=meter_water]").fill("12")
    page.locator("label", has=page.locator("[name=opinion]")).nth(1).click()
    go(page, page.locator(".next button.go"))
    go(page, page.locator(".next a.go"))
    draw(page)
    staff.look("owner-signs-the-record")
    go(page, page.locator("button[form=signing]"))


def draw(page: Page) -> None:
    """Draw a signature on the pad."""
    pad = page.locator("[data-signature-pad]")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 40, box["y"] + 60)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(box["x"] + 40 + 12 * step, box["y"] + 60 + (step % 3) * 18)
    page.mouse.up()


def pay(staff: Staff, number: str) -> None:
    page = desk(staff, number)
    page.locator("details", has=page.locator("form[action$='/fees']")).locator("summary").click()
    form = page.locator("form[action$='/fees']")
    form.locator("[name=kind]").select_option("maintenance_fund")
    form.locator("[name=amount]").fill("12,800")
    form.locator("[name=basis]").fill("128 m² × 100")
    go(page, form.locator("button"))
    page.locator("form[action$='/fees/paid'] [name=receipt_number]").fill("SJ-1")
    go(page, page.locator("form[action$='/fees/paid'] button"))
    expect(page.locator("section", has=page.locator("#fees"))).to_contain_text("12,800.00")


def sign_the_papers(staff: Staff) -> None:
    page = staff.page
    page.locator("form[action$='/papers'] [name=version]").fill("2026-1")
    go(page, page.locator("form[action$='/papers'] button, button[form=prepare]").first)
    go(page, page.locator("form[action$='/papers/sign'] button, button[form=sign]").first)
    staff.look("papers")


def hand_the_keys(staff: Staff) -> None:
    """Register the keys, have the deed signed on glass by owner, developer and property, and hand the keys over."""
    page = staff.page
    form = page.locator("form[action$='/keys']")
    form.locator("[name=quantity]").fill("6")
    form.locator("[name=bag_number]").fill("ZP-0101")
    go(page, form.locator("button"))
    deed = page.locator("form[action$='/forms']", has=page.locator("[name=form][value=deed]"))
    for box in deed.locator("[name=equipment]").all():
        box.check()
    go(page, deed.locator("button"))
    for role in ("owner", "developer", "property"):
        go(page, page.locator(f"a[href*='/sign/handover.form/'][href$='/{role}']").first)
        if role == "property":
            page.locator("[name=name]").fill("唐敏")
        draw(page)
        if role == "owner":
            staff.look("owner-signs-the-deed")
        go(page, page.locator("button[form=signing]"))
    staff.look("signed")
    go(page, page.locator("button[form=hand_keys]"))
    go(page, page.locator("button[form=deliver]"))
    go(page, page.locator("button[form=survey]"))
    staff.look("delivered")


def printed(staff: Staff, house: str, code: str) -> None:
    """Every paper of the house can be printed, and the deed carries the three signatures."""
    page = staff.open(house)
    staff.look("record")
    for document, titles in PAPERS.items():
        link = page.locator(f"a[href*='/preview/{document}/'][href$='/{code}']").first.get_attribute("href")
        assert link, document
        content = staff.download(link)
        pages = pypdf.PdfReader(io.BytesIO(content)).pages
        text = " ".join(" ".join(each.extract_text().split()) for each in pages)
        assert titles[code == "en"] in text, document
        if document == "handover.deed":
            assert all(words in text for words in (OWNER, "唐敏", "ZP-0101", "QS-")), text
            assert any(len(each.images) for each in pages)


def look_at_the_tower(staff: Staff, batch: str, number: str) -> None:
    page = staff.open("/admin/handover/tower/")
    cell = page.locator("table.tower td a", has_text=number)
    expect(cell).to_have_count(1)
    staff.look("tower")
    go(page, cell)
    assert "/handover/units/details/" in page.url
    staff.open(batch)
    staff.look("batch-at-the-end")
