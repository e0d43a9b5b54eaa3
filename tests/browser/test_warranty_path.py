"""A repair in Chromium: from the call over the visit on the phone to the owner's acceptance by his link, a poster in
the entrance, and the contractor who does not come and pays."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pypdf
import pytest
from flask import Flask
from playwright.sync_api import Browser, Locator, Page, expect

import core.admin.links
from core.customers.models import Customer, CustomerProject, CustomerUnit
from core.database.scope import all_departments
from core.extensions import db
from core.people.models import Department
from core.plugin_system import switching
from core.projects.models import Building, Project, Unit
from core.projects.services import record_delivery
from plugins.contractors import services as contractors
from plugins.warranty.models import ContractorNotice, Order
from tests.browser.first_path import (
    DESKTOP,
    ENGINEER,
    HEAD,
    PHONE,
    PHOTO_COLOURS,
    Staff,
    new_site,
    photo,
    served,
)
from tests.browser.test_first_path import page_images, share_of

PHONES = {"zh-CN": "13812340001", "en-GB": "13812340002"}
HOUSES = {"zh-CN": "3-1-1501", "en-GB": "3-1-1502"}
OWNERS = {"zh-CN": "周晓兰", "en-GB": "Emma Clarke"}
LANGUAGES = {"zh-CN": "zh_Hans_CN", "en-GB": "en"}
LEAK, CRACK = "门槛石处渗水，过道踢脚线发霉", "电视墙斜裂缝约 0.8 m"


@dataclass
class Site:
    """A running installation with a house whose owner calls.

    Attributes:
        app: The application.
        address: Where it is served.
        units: Ids of the houses by language.
    """

    app: Flask
    address: str
    units: dict[str, int] = field(default_factory=dict)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with two delivered houses, their owners, and a company that answers for everything."""
    folder = tmp_path_factory.mktemp("repairs")
    app = new_site(folder / "instance", database_url=f"sqlite:///{folder / 'repairs.sqlite'}")
    units = {}
    with app.app_context(), all_departments("houses of a test"):
        project = db.session.query(Project).one()
        city = db.session.get_one(Department, project.department_id)
        for slug in ("contractors", "warranty"):
            switching.switch_on(slug, city.id)
        company = contractors.register_company(
            department=city, name="江南建工有限公司", short_name="江南建工"
        )
        building = db.session.query(Building).filter_by(code="3").one()
        building.completion_accepted_on = dt.date(2025, 3, 1)
        for trade in contractors.active_trades():
            if trade.code in ("main_contractor", "waterproofing"):
                contractors.set_responsible(building, trade, company)
        for locale, code in HOUSES.items():
            unit = Unit(
                project_id=project.id, building_id=building.id, entrance="1", floor=15,
                number=code.rpartition("-")[2], code=code,
            )  # fmt: skip
            owner = Customer(name=OWNERS[locale], phone=PHONES[locale], language=LANGUAGES[locale])
            db.session.add_all([unit, owner])
            db.session.flush()
            db.session.add_all(
                [
                    CustomerProject(customer_id=owner.id, project_id=project.id),
                    CustomerUnit(project_id=project.id, unit_id=unit.id, customer_id=owner.id),
                ]
            )
            db.session.flush()
            record_delivery(unit, dt.date(2025, 6, 20))
            units[locale] = unit.id
        db.session.commit()
    # Public forms refuse whoever is faster than a person, which is tried elsewhere and takes seconds each time.
    with mock.patch.object(core.admin.links, "SHORTEST_SECONDS", 0), served(app) as address:
        yield Site(app, address, units)


@pytest.fixture(scope="module")
def staff(browser: Browser, site: Site) -> tuple[Staff, Staff]:
    """The head of customer service at his desk, and the engineer with his phone, both signed in."""
    head = Staff(browser, site.address, HEAD, DESKTOP, "zh-CN")
    engineer = Staff(browser, site.address, ENGINEER, PHONE, "zh-CN")
    for someone in (head, engineer):
        someone.sign_in()
    return head, engineer


def test_from_the_call_to_the_money_in_chinese(
    browser: Browser, site: Site, staff: tuple[Staff, Staff]
) -> None:
    locale = "zh-CN"
    head, engineer = staff
    leak, crack = take_the_call(head, site, locale)
    assess_and_dispatch(head, leak)
    repair_on_site(engineer, leak)
    step(head, leak, "accept")

    owner = Staff(browser, site.address, "owner@repairs", PHONE, locale)
    come_by_link(owner, send_link(head, site, locale), locale)
    accept_and_rate(owner, leak)
    report_once_more(owner)
    step(head, leak, "close")
    step(head, leak, "call_back", score="5", call_note="处理及时")
    head.look("order-called-back")

    assess_and_dispatch(head, crack)
    contractor_pays(head, site, crack)
    reader = Staff(browser, site.address, "reader@repairs", PHONE, locale)
    read_the_poster(reader, print_poster(head, site), locale)
    check_papers(head, site, leak, crack, locale)
    for someone in (head, engineer, owner, reader):
        assert someone.complaints == []


def test_a_shorter_way_in_english(browser: Browser, site: Site, staff: tuple[Staff, Staff]) -> None:
    locale = "en-GB"
    head, engineer = staff
    for someone in staff:
        someone.choose_english()
    leak, _crack = take_the_call(head, site, locale)
    assess_and_dispatch(head, leak)
    repair_on_site(engineer, leak)
    step(head, leak, "accept")
    owner = Staff(browser, site.address, "owner@repairs", PHONE, locale)
    come_by_link(owner, send_link(head, site, locale), locale)
    expect(owner.page.get_by_text("The repair is finished. Is it good?")).to_be_visible()
    accept_and_rate(owner, leak)
    text = paper(head, "warranty.repair_order", leak, locale)
    assert HOUSES[locale] in text
    for someone in (head, engineer, owner):
        assert someone.complaints == []


# --- In the office


def take_the_call(head: Staff, site: Site, locale: str) -> tuple[int, int]:
    """Look up the caller by his number, and register two problems; return the orders."""
    page = head.open(f"/admin/warranty/caller/?q={PHONES[locale]}")
    expect(page.locator("main")).to_contain_text(HOUSES[locale])
    head.look("caller")
    for row, (fault, room, words) in enumerate(
        (("bathroom_leak", "主卫", LEAK), ("wall_crack", "客厅", CRACK))
    ):
        page.locator(f"[name=fault_{row}]").select_option(fault)
        page.locator(f"[name=room_{row}]").fill(room)
        page.locator(f"[name=description_{row}]").fill(words)
    with page.expect_navigation():
        page.locator("form[action*='/caller/register/'] .form-buttons button.go").click()
    head.look("request")
    with site.app.app_context(), all_departments("orders of a test"):
        made = db.session.query(Order).filter_by(unit_id=site.units[locale]).order_by(Order.id).all()
        return made[0].id, made[1].id


def order_page(head: Staff, order: int) -> Page:
    return head.open(f"/admin/warranty/orders/details/?id={order}")


def step(head: Staff, order: int, code: str, **values: str) -> None:
    """Take a step on the page of an order, by its button or its form."""
    page = order_page(head, order)
    form = page.locator("form", has=page.locator(f"input[name=transition][value={code}]"))
    opened(form)
    fill(form, values)
    with page.expect_navigation():
        form.locator("button").last.click()
    expect(page.locator(".note.late")).to_have_count(0)


def opened(form: Locator) -> None:
    """Open the menu in which a form lies, if it lies in one."""
    menu = form.locator("xpath=ancestor::details[1]")
    if menu.count() and not menu.evaluate("element => element.open"):
        menu.locator("summary").first.click()


def fill(form: Locator, values: dict[str, str]) -> None:
    for name, value in values.items():
        control = form.locator(f"[name={name}]")
        if control.evaluate("element => element.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)


def deed(head: Staff, order: int, code: str, **values: str) -> None:
    """Do what is no step on the page of an order."""
    page = order_page(head, order)
    form = page.locator("form", has=page.locator(f"input[name=deed][value={code}]")).first
    opened(form)
    fill(form, values)
    with page.expect_navigation():
        form.locator("button").last.click()
    expect(page.locator(".note.late")).to_have_count(0)


def assess_and_dispatch(head: Staff, order: int) -> None:
    """Assess an order, and dispatch it to whom the matrix of the building names."""
    step(head, order, "triage", responsibility="contractor")
    page = order_page(head, order)
    form = page.locator("form", has=page.locator("input[name=transition][value=dispatch]"))
    opened(form)
    expect(form.locator("[name=contractor_id] option:checked")).to_have_text("江南建工")
    expect(form.locator(".field-help").first).to_contain_text("江南建工")
    head.look(f"dispatch-{order}")
    form.locator("[name=engineer_id]").select_option(label="赵磊")
    with page.expect_navigation():
        form.locator("button.go").click()
    expect(page.locator(".note.late")).to_have_count(0)


def send_link(head: Staff, site: Site, locale: str) -> str:
    """Make the owner's link on the page of his house, and return its address on this server."""
    page = head.open(f"/admin/units/details/?id={site.units[locale]}")
    form = page.locator("form", has=page.locator("input[name=purpose][value='warranty.repairs']"))
    head.look("house")
    with page.expect_navigation():
        form.locator("button[value=show]").click()
    address = page.locator("#address").input_value()
    return re.sub(r"^https?://[^/]+", "", address)


def print_poster(head: Staff, site: Site) -> str:
    """Make the poster of the building, look at its PDF, and return the address that its code holds."""
    with site.app.app_context(), all_departments("the building of a test"):
        building = db.session.query(Building).filter_by(code="3").one().id
    page = head.open(f"/admin/buildings/details/?id={building}")
    form = page.locator("form", has=page.locator("input[name=purpose][value='warranty.poster_of_building']"))
    with page.expect_navigation():
        form.locator("button").click()
    address = page.locator("a[href*='/poster.pdf']").first.get_attribute("href")
    assert address
    content = head.download(address)
    assert len(pypdf.PdfReader(io.BytesIO(content)).pages) == 1
    with site.app.app_context(), all_departments("the poster of a test"):
        from core.machinery.links.models import PersonalLink
        from core.machinery.links.services import poster_address

        link = db.session.query(PersonalLink).filter_by(purpose="warranty.poster_of_building").one()
        return re.sub(r"^https?://[^/]+", "", poster_address(link) or "")


# --- On site


def tap(page: Page, locator: Locator) -> None:
    with page.expect_navigation():
        locator.tap()


def repair_on_site(engineer: Staff, order: int) -> None:
    """Contact, visit with photos, plan with the owner's signature, repair, and the report that it is finished."""
    page = engineer.open("/warranty/on-site/")
    engineer.look("my-orders")
    tap(page, page.locator(f"a[href$='/on-site/{order}']"))
    page.locator("[name=contact_note]").fill("已约今天上门")
    tap(page, page.locator(".next button.go"))
    tap(page, page.locator("form#book button"))
    page.locator("[name=persons]").fill("赵磊 工牌 0031")
    tap(page, page.locator(".next button.go"))
    send_photo(page, "before")
    page.locator("[name=findings]").fill("防水层破损，门槛石下渗水")
    page.locator("[name=minutes]").fill("45")
    engineer.look("on-site")
    tap(page, page.locator(".next button.go"))
    page.locator("[name=method]").fill("凿开门槛石补做防水，蓄水 24 小时")
    page.locator("[name=days]").fill("3")
    tap(page, page.locator(".next button.go"))
    page.locator("[name=signed_name]").fill("业主本人")
    tap(page, page.locator("form#sign_plan button"))
    tap(page, page.locator(".next button.go"))
    tap(page, page.locator(".next button.go"))
    page.locator("[name=work_done]").fill("防水已补做，蓄水试验 24 小时不渗漏")
    send_photo(page, "after")
    expect(page.locator("[name=work_done]")).to_have_value("防水已补做，蓄水试验 24 小时不渗漏")
    engineer.look("finished")
    tap(page, page.locator(".next button.go"))
    expect(page.locator(".note.late")).to_have_count(0)


def send_photo(page: Page, slot: str) -> None:
    """Take a photo; the form sends itself and the page comes back."""
    form = page.locator("form.add", has=page.locator(f"input[name=slot][value={slot}]"))
    with page.expect_navigation():
        form.locator("input[type=file]").set_input_files(
            {"name": "IMG_0001.jpg", "mimeType": "image/jpeg", "buffer": photo()}
        )
    expect(page.locator(".ph img").first).to_be_visible()


# --- The owner


def come_by_link(owner: Staff, address: str, locale: str) -> None:
    """Open the link and say the last digits of the telephone number."""
    page = owner.open(address)
    owner.look("link-entry")
    page.locator("[name=agree]").check()
    page.locator("[name=fact]").fill(PHONES[locale][-4:])
    tap(page, page.locator(".next button.go"))


def accept_and_rate(owner: Staff, order: int) -> None:
    """Look at the photos, and accept the finished repair with a score and ticks."""
    page = owner.page
    article = page.locator(f"#order-{order}")
    expect(article.locator(".visit-photos img")).to_have_count(2)
    for image in article.locator(".visit-photos img").all():
        image.scroll_into_view_if_needed()
        expect(image).to_have_js_property("complete", True)
        assert image.evaluate("element => element.naturalWidth") > 0
    owner.look("repairs")
    form = article.locator(f"#accept-{order}")
    form.locator("label", has=page.locator("[name=score][value='4']")).tap()
    form.locator("[name=clean_ok]").check()
    form.locator("[name=remark]").fill("师傅很细心")
    tap(page, form.locator("button.go"))
    expect(page.locator(".note.ok")).to_be_visible()
    expect(page.locator(f"#order-{order} .track .done")).to_have_count(5)
    owner.look("accepted")


def report_once_more(owner: Staff) -> None:
    """Report something new with a photo, and urge it."""
    page = owner.page
    page.locator("[name=fault_1]").select_option("tap_drip")
    page.locator("[name=room_1]").fill("厨房")
    page.locator("[name=text_1]").fill("龙头关闭后滴水")
    page.locator("[name=photos_1]").set_input_files(
        {"name": "IMG_0002.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    tap(page, page.locator("#report button.go"))
    article = page.locator("article.repair", has_text="龙头关闭后滴水")
    expect(article.locator(".visit-photos img")).to_have_count(1)
    tap(page, article.locator("form[id^=urge-] button"))
    owner.look("urged")


def read_the_poster(reader: Staff, address: str, locale: str) -> None:
    """Read the poster: a wrong number learns nothing, the right one reports the lift."""
    page = reader.open(address)
    page.locator("[name=agree]").check()
    page.locator("[name=house]").fill(HOUSES[locale])
    page.locator("[name=phone]").fill("13999999999")
    with page.expect_navigation():
        page.locator(".next button.go").tap()
    expect(page.locator(".field-error")).to_be_visible()
    reader.look("poster-wrong")
    reader.complaints.clear()
    page.locator("[name=agree]").check()
    page.locator("[name=phone]").fill(PHONES[locale])
    tap(page, page.locator(".next button.go"))
    expect(page.locator("article.repair")).to_have_count(0)
    page.locator("label", has=page.locator("[name=where][value=common]")).tap()
    page.locator("[name=place]").fill("1 号电梯 8 层")
    page.locator("[name=fault_1]").select_option("other")
    page.locator("[name=text_1]").fill("电梯按钮不亮")
    reader.look("poster")
    tap(page, page.locator(".next button.go"))
    expect(page.locator(".note.ok")).to_contain_text("BX-")
    reader.look("poster-sent")


# --- The contractor


def contractor_pays(head: Staff, site: Site, order: int) -> None:
    """Two notices stay without an answer, a third party repairs, and its invoice is deducted."""
    for number in (1, 2):
        deed(head, order, "notice", demand="24 小时内到场维修", served_how=f"EMS 100{number}")
        with site.app.app_context(), all_departments("a test lets the answer be late"):
            notice = db.session.query(ContractorNotice).order_by(ContractorNotice.id.desc()).first()
            assert notice is not None
            notice.answer_due_at = notice.answer_due_at - dt.timedelta(days=2)
            key = notice.id
            db.session.commit()
        page = head.open(f"/admin/warranty/notices/details/?id={key}")
        attach_proof(page)
    deed(head, order, "third_party", company_name="无锡快修防水有限公司", quotation="3800")
    deed(head, order, "third_invoice", invoice_number="FP-8801", invoice_amount="3760.50")
    deed(head, order, "deduct", reason="两次通知未答复，委托第三方维修")
    head.look("order-third-party")
    page = head.open("/admin/warranty/deductions/")
    page.locator("table.list tbody a").first.click()
    page.wait_for_url("**/deductions/details/**")
    with page.expect_navigation():
        page.locator("form", has=page.locator("input[name=transition][value=issue]")).locator(
            "button"
        ).click()
    expect(page.locator("main")).to_contain_text("4,324.58")
    head.look("deduction")


def attach_proof(page: Page) -> None:
    """Attach the proof of service to a notice."""
    form = page.locator("form[data-upload]", has=page.locator("input[name=slot][value=proof]"))
    with page.expect_response(re.compile("/files/upload")) as answer:
        form.locator("input[type=file]").first.set_input_files(
            {"name": "ems.jpg", "mimeType": "image/jpeg", "buffer": photo()}
        )
    assert answer.value.ok


# --- Papers


def paper(head: Staff, code: str, record: int, locale: str) -> str:
    """Return the text of the preview of a document."""
    content = head.download(f"/documents/preview/{code}/{record}/{LANGUAGES[locale]}")
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)


def check_papers(head: Staff, site: Site, leak: int, crack: int, locale: str) -> None:
    """The papers of the path say what happened, and the photo stands on the repair order."""
    address = f"/documents/preview/warranty.repair_order/{leak}/{LANGUAGES[locale]}"
    content = head.download(address)
    text = "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    for words in (HOUSES[locale], "江南建工", "赵磊"):
        assert words in text.replace("\n", ""), words
    shares = [max(share_of(image, colour) for image in page_images(content, 1)) for colour in PHOTO_COLOURS]
    assert min(shares) > 0.002, shares
    with site.app.app_context(), all_departments("records of a test"):
        order: Any = db.session.get_one(Order, crack)
        notice, request = order.notices[0].id, order.request_id
    assert "江南建工" in paper(head, "warranty.contractor_notice", notice, locale).replace("\n", "")
    assert HOUSES[locale] in paper(head, "warranty.intake_slip", request, locale)
