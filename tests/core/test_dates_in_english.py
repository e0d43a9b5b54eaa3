"""English writes the day before the month, on screens and on paper."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from babel.dates import format_skeleton
from flask import Flask, render_template_string
from flask_babel import format_date, format_datetime, format_time
from markupsafe import Markup

from core.admin.calendar import _title
from core.languages import ENGLISH_FORMATS, listed, locale_of_dates, speaking
from core.machinery.documents.printing import _date, _datetime, _long_date

DAY = dt.date(2026, 11, 12)
MOMENT = dt.datetime(2026, 11, 12, 1, 5, 9, tzinfo=dt.UTC)
"""Five past nine in Shanghai."""


@pytest.mark.parametrize(
    ("length", "words"),
    [
        ("full", "Thursday 12 November 2026"),
        ("long", "12 November 2026"),
        ("medium", "12 Nov 2026"),
        ("short", "12 Nov 2026"),
        (None, "12 Nov 2026"),
    ],
)
def test_a_date_has_day_month_and_year_in_this_order(app: Flask, length: Any, words: str) -> None:
    with app.test_request_context(), speaking("en"):
        assert format_date(DAY, length) == words


def test_a_moment_has_24_hours_of_shanghai(app: Flask) -> None:
    with app.test_request_context(), speaking("en"):
        assert format_datetime(MOMENT, "short") == "12 Nov 2026, 09:05"
        assert format_datetime(MOMENT) == "12 Nov 2026, 09:05:09"
        assert format_time(MOMENT, "short") == "09:05"


def test_documents_write_dates_as_screens_do(app: Flask) -> None:
    with app.test_request_context(), speaking("en"):
        assert (_date(DAY), _long_date(MOMENT)) == ("12 Nov 2026", "12 November 2026")
        assert _datetime(MOMENT) == "12 Nov 2026, 09:05"


def test_the_calendar_does_so_too(app: Flask) -> None:
    with app.test_request_context(), speaking("en"):
        assert _title("month", DAY, DAY, DAY) == "November 2026"
        assert _title("week", DAY, DAY, DAY) == "12 Nov 2026 – 12 Nov 2026"
        assert format_skeleton("MMMEd", DAY, locale=locale_of_dates()) == "Thu 12 Nov"


def test_chinese_is_left_to_the_language(app: Flask) -> None:
    with app.test_request_context(), speaking("zh_Hans_CN"):
        assert format_date(DAY, "long") == "2026年11月12日"
        assert format_datetime(MOMENT, "short") == "2026/11/12 09:05"


def test_no_length_is_forgotten(app: Flask) -> None:
    lengths = {key for key in app.extensions["babel"].instance.date_formats if "." in key}
    assert lengths == ENGLISH_FORMATS.keys()


@pytest.mark.parametrize(("language", "words"), [("en", "Fan, Xu"), ("zh_Hans_CN", "Fan、Xu")])
def test_names_in_a_row_are_separated_as_the_language_does(app: Flask, language: str, words: str) -> None:
    with app.test_request_context(), speaking(language):
        assert listed(["Fan", "Xu"]) == words
        assert render_template_string("{{ names|listed }}", names=["Fan", "Xu"]) == words
        assert listed([Markup("<b>Fan</b>"), "<Xu>"]) == words.replace("Fan", "<b>Fan</b>").replace(
            "Xu", "&lt;Xu&gt;"
        )
        assert listed([]) == ""
