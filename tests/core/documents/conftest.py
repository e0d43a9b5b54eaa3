"""Documents for the renderer's tests, and a look at the pages that come out."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import pypdfium2
import pytest
from jinja2 import DictLoader
from PIL import Image

from core.machinery.documents.templating import DocumentHead, Verification, document_environment

ZH = {
    "Printed %(time)s": "打印时间 %(time)s",
    "Page %(page)s of %(pages)s": "第 %(page)s 页 共 %(pages)s 页",
    "Check this document at %(address)s": "查验网址:%(address)s",
    "Check code: %(code)s": "查验码:%(code)s",
    "Date: %(year)s / %(month)s / %(day)s": "日期:%(year)s 年%(month)s 月%(day)s 日",
    "Photo appendix": "照片附页",
    "No.": "编号",
    "No entries": "无记录",
}

INSPECTION = """
{% extends "documents/base.html" %}
{% import "documents/macros.html" as form with context %}
{% block content %}
{{ form.key_values([("业主", owner), ("房号", "3-1-1702"), ("备注", remark, True)]) }}
{{ form.item_table([{"label": "序号", "width": "12mm", "align": "centre"}, {"label": "检查项目"},
                    {"label": "结果", "width": "16mm"}], rows, caption="检查记录") }}
<p>{{ form.choices([("yes", "合格接收"), ("no", "拒收")], "yes") }}</p>
{% endblock %}
{% block signatures %}
{{ form.signatures([{"role": "业主"}, {"role": "工程师", "name": "李建国", "date": "2026-11-23"}]) }}
{% endblock %}
{% block appendix %}{{ form.photo_appendix(photos) }}{% endblock %}
"""


@dataclass(frozen=True)
class Pages:
    """The pages of a PDF, as text and as grey pixels at 72 dpi × scale (0 is black)."""

    document: pypdfium2.PdfDocument

    def __len__(self) -> int:
        return len(self.document)

    def text(self, number: int) -> str:
        return self.document[number].get_textpage().get_text_range()

    def pixels(self, number: int = 0, scale: float = 2) -> Image.Image:
        return self.document[number].render(scale=scale, grayscale=True).to_pil().convert("L")

    def ink(self, box_mm: tuple[float, float, float, float], number: int = 0) -> float:
        """The share of dark pixels in a box (left, top, right, bottom in mm from the upper left corner)."""
        scale = 4
        box = tuple(round(value / 25.4 * 72 * scale) for value in box_mm)
        histogram = self.pixels(number, scale).crop(box).histogram()
        return sum(histogram[:128]) / sum(histogram)


@pytest.fixture
def pages() -> Callable[[bytes], Pages]:
    return lambda content: Pages(pypdfium2.PdfDocument(content))


@pytest.fixture
def inspection() -> Callable[..., str]:
    """Returns a function that writes an inspection record as HTML, in Chinese or English."""

    def write(language="zh_Hans_CN", rows=3, photos=(), owner="张喆", remark="", **head) -> str:
        def gettext(message: str, **values: object) -> str:
            message = ZH[message] if language.startswith("zh") else message
            return message % values if values else message

        environment = document_environment(
            gettext, lambda one, many, n: one, loaders=[DictLoader({"inspection.html": INSPECTION})]
        )
        settings = {
            "title": "验房记录表",
            "number": "YF-2026-0001",
            "company": "华润置地(青岛)有限公司",
            "verification": Verification("https://crm.example.com/verify/7KQ2M4XD", "7KQ2M4XD"),
            **head,
        }
        return environment.get_template("inspection.html").render(
            document=DocumentHead(language=language, **settings),
            owner=owner,
            remark=remark,
            rows=[(number + 1, "墙面平整,无裂缝、空鼓", "✓") for number in range(rows)],
            photos=[
                {"url": f"attachment:{photo}", "number": f"照片 {photo}", "caption": "客厅"}
                for photo in photos
            ],
        )

    return write


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Returns a function that makes a picture of one colour."""

    def make(colour="black", size=(80, 60), kind="PNG") -> bytes:
        target = io.BytesIO()
        Image.new("RGB", size, colour).save(target, kind)
        return target.getvalue()

    return make
