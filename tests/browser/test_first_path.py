"""The first complete path in Chromium: from the module switch over the workbook to the printed inspection record."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdf
import pypdfium2
import pytest
from flask import Flask
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps, ImageStat
from playwright.sync_api import Browser, Locator, Page, expect

from core.machinery.documents.fonts import FONT_FILES
from tests.browser.first_path import (
    DESKTOP,
    ENGINEER,
    EXPECTED,
    HEAD,
    PHONE,
    PHOTO_COLOURS,
    WORKBOOK,
    Staff,
    new_site,
    photo,
    served,
    unit_id_of,
)

HOUSE = "3-1-1502"
REMARK = "踢脚线上方 20 cm 处渗水，已拍照"
NOT_IN_ANY_FONT = "\ue000"


@dataclass(frozen=True)
class Site:
    """A running installation without any business data but one project."""

    app: Flask
    address: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site on a database that was made by migrations and reference data alone."""
    app = new_site(tmp_path / "instance", database_url=f"sqlite:///{tmp_path / 'first.sqlite'}")
    with served(app) as address:
        yield Site(app, address)


@dataclass(frozen=True)
class Language:
    """What differs between the two runs."""

    locale: str
    code: str
    title: str
    page_of: str
    owner_accepts: str


CHINESE = Language(
    "zh-CN", "zh_Hans_CN", "验房记录表", r"第\s*{page}\s*页.{{0,3}}共\s*{pages}\s*页", "accept_fixed"
)
ENGLISH = Language("en-GB", "en", "House inspection record", r"Page\s*{page}\s*of\s*{pages}", "accept_fixed")


def test_from_the_module_switch_to_the_printed_record_in_chinese(browser: Browser, site: Site) -> None:
    head = Staff(browser, site.address, HEAD, DESKTOP, CHINESE.locale)
    head.sign_in()
    expect(head.page.locator("html")).to_have_attribute("lang", re.compile("^zh"))
    assert head.page.locator(".side a[href^='/admin/handover/']").count() == 0
    refused_without_what_it_needs(head, "handover", "contractors")
    switch_on(head, "contractors")
    switch_on(head, "handover")
    expect(head.page.locator(".side a[href='/admin/handover/defects/']")).to_be_visible()
    import_the_workbook(head)
    plan_inspection(head, site)

    engineer = Staff(browser, site.address, ENGINEER, PHONE, CHINESE.locale)
    engineer.sign_in()
    finish_inspection(engineer)
    record = issue_record(engineer, CHINESE)
    assert head.complaints == []
    assert engineer.complaints == []
    check_text(record, CHINESE)
    check_photo(record)
    check_glyphs(record, CHINESE.title + "湖畔花园")


def test_a_shorter_way_in_english(browser: Browser, site: Site) -> None:
    head = Staff(browser, site.address, HEAD, DESKTOP, ENGLISH.locale)
    head.sign_in()
    expect(head.page.locator("html")).to_have_attribute("lang", "en")
    switch_on(head, "contractors")
    switch_on(head, "handover")
    import_the_workbook(head)
    plan_inspection(head, site)

    engineer = Staff(browser, site.address, ENGINEER, PHONE, ENGLISH.locale)
    engineer.sign_in()
    expect(engineer.page.get_by_role("heading", name="Good day, 赵磊")).to_be_visible()
    finish_inspection(engineer)
    record = issue_record(engineer, ENGLISH)
    assert head.complaints == []
    assert engineer.complaints == []
    check_text(record, ENGLISH)
    check_photo(record)


def refused_without_what_it_needs(head: Staff, slug: str, needed: str) -> None:
    page = open_preview(head, slug)
    expect(page.locator(".note.late")).to_be_visible()
    assert page.locator("form[action*='/modules/'] button.go").count() == 0
    head.look(f"refused-{slug}-without-{needed}")


def open_preview(head: Staff, slug: str) -> Page:
    page = head.open("/admin/modules/")
    head.look("modules")
    page.locator(f"a.btn[href*='module={slug}']").click()
    page.wait_for_url("**/modules/preview/**")
    return page


def switch_on(head: Staff, slug: str) -> None:
    page = open_preview(head, slug)
    assert page.locator("dl.facts dd").count() > 0
    head.look(f"preview-{slug}")
    page.locator("form[action*='/modules/'] button.go").click()
    page.wait_for_url(re.compile(r"/admin/modules/(\?|$)"))
    row = page.locator("tr", has=page.locator(f"a[href*='module={slug}']"))
    expect(row.locator(".st.ok")).to_have_count(2)


def import_the_workbook(head: Staff) -> None:
    page = head.open("/admin/projects/")
    page.locator("table.list tbody a").first.click()
    project = re.search(r"id=(\d+)", page.url)
    assert project
    page = head.open(f"/admin/unit_import/?project={project.group(1)}")
    page.locator("input[type=file]").set_input_files(WORKBOOK)
    head.look("import")
    page.locator("form.form button.go").click()
    page.wait_for_url("**/imports/columns/**")
    head.look("import-columns")
    page.locator("form.form button.go").click()
    page.wait_for_url("**/imports/preview/**")
    head.look("import-preview")
    assert shown_errors(page) == expected_errors()
    assert figures(page)[:4] == [EXPECTED["verdicts"]["accept"], 0, 0, EXPECTED["verdicts"]["reject"]]
    page.locator("form[action*='/confirm/'] button.go").click()
    page.wait_for_url("**/imports/result/**")
    head.look("import-result")
    assert figures(page)[:2] == [EXPECTED["verdicts"]["accept"], 0]


def shown_errors(page: Page) -> set[tuple[str, int]]:
    """Return sheet and row of every line in the list of errors; each must give a reason."""
    rows = set()
    for line in page.locator("#rows tbody tr.bad-row").all():
        place, _texts, reason, _correct = line.locator("td").all_inner_texts()
        sheet, _space, row = place.strip().rpartition(" ")
        assert len(reason) > 3, (sheet, row)
        rows.add((sheet, int(row)))
    return rows


def expected_errors() -> set[tuple[str, int]]:
    return {
        (sheet["name"], row["row"])
        for sheet in EXPECTED["sheets"]
        for row in sheet["rows"]
        if row["verdict"] == "reject"
    }


def figures(page: Page) -> list[int]:
    return [int(text) for text in page.locator(".kpi b").all_inner_texts()]


def plan_inspection(head: Staff, site: Site) -> None:
    """Plan an inspection of the house that the workbook brought, for the engineer."""
    page = head.open(f"/admin/units/details/?id={unit_id_of(site.app, HOUSE)}")
    head.look("unit")
    page = head.open("/admin/handover/inspections/new/")
    choose(page, "unit_id", HOUSE)
    page.locator("[name=kind]").select_option("formal", force=True)
    choose(page, "inspector_id", "赵磊")
    head.look("plan-inspection")
    page.locator("form button.go").first.click()
    page.wait_for_url(re.compile(r"/inspections/(details/|\?|$)"))
    head.look("planned")


def choose(page: Page, name: str, text: str) -> None:
    """Choose in a field that looks for its values on the server."""
    page.locator(f"#{name}").fill(text)
    page.locator(".ref-list:visible [role=option]", has_text=text).first.click()


def finish_inspection(engineer: Staff) -> None:
    """Inspect the house on the phone: one measured value, one failed item with its photo, the rest passes."""
    page = engineer.open("/handover/on-site/")
    engineer.look("today")
    follow(page, page.locator("ul.rows a", has_text=HOUSE))
    engineer.look("before-the-start")
    follow(page, page.locator(".next button.go"))
    expect(page.locator(".rooms a.on")).to_have_count(1)
    measure(engineer)
    fail_with_photo(engineer)
    engineer.look("room")
    for room in page.locator(".rooms a[data-room]").evaluate_all("all => all.map(each => each.href)"):
        page.goto(room)
        follow(page, page.locator(".rest button[value=pass]"))
        unmeasured(page)
    finish(engineer)


def follow(page: Page, locator: Locator) -> None:
    """Tap what leads to another page, and wait for that page."""
    with page.expect_navigation():
        locator.tap()


def tap_and_wait(page: Page, locator: Locator) -> None:
    with page.expect_response(re.compile(r"/results/\d+$")) as answer:
        locator.tap()
    assert answer.value.ok
    expect(page.locator("[data-net]")).to_have_class(re.compile("ok"))


def measure(engineer: Staff) -> None:
    """Enter a measured value inside the tolerance, and pass the item."""
    page = engineer.page
    for room in page.locator(".rooms a[data-room]").evaluate_all("all => all.map(each => each.href)"):
        page.goto(room)
        field = page.locator("input[name=measured_0]").first
        if field.count():
            break
    item = page.locator(".item", has=page.locator("input[name=measured_0]")).first
    code = item.get_attribute("data-item")
    item = page.locator(f".item[data-item='{code}']")
    value = item.locator("input[name=measured_0]")
    high = value.get_attribute("data-high") or ""
    low = value.get_attribute("data-low") or "0"
    with page.expect_response(re.compile(r"/results/\d+$")):
        value.fill(high or low)
        value.blur()
    tap_and_wait(page, item.locator("button[value=pass]"))
    expect(item.locator("button[value=pass]")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(item.locator("input[name=measured_0]")).to_have_value(high or low)


def unmeasured(page: Page) -> None:
    """Every item of the room is answered."""
    open_items = page.locator(".item form[data-save][data-verdict='']")
    expect(open_items).to_have_count(0)


def fail_with_photo(engineer: Staff) -> None:
    """Fail the first open item of the room, take a photo of the defect, and describe it."""
    page = engineer.page
    code = page.locator(".item", has=page.locator("form[data-save][data-verdict='']")).first.get_attribute(
        "data-item"
    )
    item = page.locator(f".item[data-item='{code}']")
    tap_and_wait(page, item.locator("button[value=fail]"))
    defect = item.locator("[data-defect]")
    expect(defect).to_be_visible()
    expect(defect.locator("[data-photo-missing]")).to_be_visible()
    camera = defect.locator("input[type=file][capture=environment]")
    with page.expect_response(re.compile(r"/files")) as answer:
        camera.set_input_files({"name": "IMG_0001.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    assert answer.value.ok
    expect(defect.locator(".ph img")).to_have_count(1)
    expect(defect.locator("[data-photo-missing]")).to_be_hidden()
    details = defect.locator("details.more")
    if not details.evaluate("element => element.open"):
        details.locator("summary").tap()
    room = details.locator("select[name=room_id]")
    if not room.input_value():
        room.select_option(index=1)
    details.locator("textarea[name=description]").fill(REMARK)
    with page.expect_response(re.compile(r"/defects/\d+")) as answer:
        details.locator("button.wide").tap()
    assert answer.value.ok
    expect(item.locator("[data-defect]")).to_contain_text(REMARK)


def finish(engineer: Staff) -> None:
    page = engineer.page
    follow(page, page.locator("[data-next]"))
    page.locator("[name=weather]").fill("晴")
    page.locator("[name=meter_water]").fill("12")
    page.locator("[name=meter_electricity]").fill("345")
    page.locator("[name=meter_gas]").fill("6")
    page.locator("[name=opinion]").first.evaluate("element => element.closest('label').scrollIntoView()")
    page.locator("label", has=page.locator("[name=opinion][value=accept_with_defects], [name=opinion]")).nth(
        1
    ).tap()
    engineer.look("finish")
    follow(page, page.locator(".next button.go"))
    expect(page.locator(".next a[href*='/inspections/details/']")).to_be_visible()
    engineer.look("finished")


def issue_record(engineer: Staff, language: Language) -> bytes:
    """Print the record for good from the record's page and return the PDF."""
    page = engineer.page
    follow(page, page.locator(".next a[href*='/inspections/details/']"))
    engineer.look("record")
    preview = page.locator(f"a[href*='/preview/'][href$='/{language.code}']").first.get_attribute("href")
    assert preview
    assert engineer.download(preview).startswith(b"%PDF-")
    follow(page, page.locator(f"form[action*='/issue'] button[name=language][value={language.code}]").first)
    link = page.locator("td.no a[target=_blank]").first
    expect(link).to_be_visible()
    engineer.look("record-issued")
    address = link.get_attribute("href")
    assert address
    content = engineer.download(address)
    assert content.startswith(b"%PDF-")
    return content


def check_text(content: bytes, language: Language) -> None:
    reader = pypdf.PdfReader(io.BytesIO(content))
    pages = [page.extract_text() for page in reader.pages]
    whole = "\n".join(pages)
    assert language.title in pages[0]
    for text in (HOUSE, "赵磊", REMARK.split("，")[0][:6]):
        assert text in whole.replace("\n", ""), text
    for number, text in enumerate(pages, 1):
        pattern = language.page_of.format(page=number, pages=len(pages))
        assert re.search(pattern, text.replace("\n", " ")), (number, text[-300:])


def check_photo(content: bytes) -> None:
    """The photo stands on a page: both of its colours cover a visible part of it."""
    shares = [0.0, 0.0]
    for image in page_images(content, scale=1):
        for position, colour in enumerate(PHOTO_COLOURS):
            shares[position] = max(shares[position], share_of(image, colour))
    assert min(shares) > 0.01, shares


def page_images(content: bytes, scale: float) -> Iterator[Image.Image]:
    document = pypdfium2.PdfDocument(content)
    try:
        for page in document:
            yield page.render(scale=scale).to_pil().convert("RGB")
    finally:
        document.close()


def share_of(image: Image.Image, colour: tuple[int, int, int]) -> float:
    """Return the share of the pixels that are nearly of a colour."""
    distance = ImageChops.difference(image, Image.new("RGB", image.size, colour))
    near = [band.point(lambda value: 255 if value < 24 else 0) for band in distance.split()]
    alike = ImageChops.multiply(ImageChops.multiply(near[0], near[1]), near[2])
    return ImageStat.Stat(alike).mean[0] / 255


def check_glyphs(content: bytes, characters: str) -> None:
    """Each character looks like itself in the font, and neither like a missing glyph nor like nothing.

    The text of a PDF can be right while the page shows boxes; so the pixels where the text says
    the character stands are compared with what the font draws.
    """
    drawn = {character: glyph_on_page(content, character) for character in set(characters)}
    fonts = [ImageFont.truetype(str(path), 96) for path in FONT_FILES.values()]
    missing = [glyph_of(font, NOT_IN_ANY_FONT) for font in fonts]
    for character, seen in drawn.items():
        ink = ImageStat.Stat(seen).mean[0] / 255
        assert 0.05 < ink < 0.7, (character, ink)
        itself = min(difference(seen, glyph_of(font, character)) for font in fonts)
        assert itself < 0.14, (character, itself)
        for other in missing:
            assert difference(seen, other) > 2 * itself, character
        others = [glyph_of(font, each) for font in fonts for each in drawn if each != character]
        assert all(difference(seen, other) > itself for other in others), character


def glyph_on_page(content: bytes, character: str) -> Image.Image:
    """Return the ink of the first occurrence of a character, cut to its box and brought to one size."""
    document = pypdfium2.PdfDocument(content)
    try:
        for page in document:
            text = page.get_textpage()
            position = text.get_text_range().find(character)
            if position < 0:
                continue
            left, bottom, right, top = text.get_charbox(position)
            scale = 96 / (top - bottom)
            image = page.render(scale=scale).to_pil().convert("L")
            height = page.get_height()
            box = (
                left * scale - 3,
                (height - top) * scale - 3,
                right * scale + 3,
                (height - bottom) * scale + 3,
            )
            ink = ImageChops.invert(image.crop(tuple(round(edge) for edge in box)))
            return cut(ImageOps.autocontrast(ink))  # The letterhead is printed in grey.
    finally:
        document.close()
    raise AssertionError(f"{character} stands on no page")


def glyph_of(font: ImageFont.FreeTypeFont, character: str) -> Image.Image:
    """Return how a font draws a character, cut to its ink and brought to one size."""
    image = Image.new("L", (200, 200), 0)
    ImageDraw.Draw(image).text((40, 30), character, font=font, fill=255)
    return cut(image)


def cut(image: Image.Image) -> Image.Image:
    box = image.point(lambda value: 255 if value > 60 else 0).getbbox()
    assert box, "there is no ink"
    return image.crop(box).resize((48, 48), Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the mean difference of two pictures of glyphs, from 0 (alike) to 1."""
    return ImageStat.Stat(ImageChops.difference(one, other)).mean[0] / 255
