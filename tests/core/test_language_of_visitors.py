"""In which language a page opens: the one that the reader chose, else the first of ours that his browser names."""

from __future__ import annotations

import pytest
from flask import session

from core.languages import select_locale, wanted_locale

CHINESE, ENGLISH = "zh_Hans_CN", "en"


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("en-US,en;q=0.9", ENGLISH),
        ("en-GB,zh;q=0.5", ENGLISH),
        ("zh-CN,zh;q=0.9,en;q=0.8", CHINESE),
        ("zh-TW,en;q=0.8", CHINESE),
        ("zh-Hant-HK", CHINESE),
        ("fr-FR,fr;q=0.9,en;q=0.5", ENGLISH),
        ("en;q=0, zh;q=0.1", CHINESE),
        ("fr", None),
        ("*", None),
        ("zz-ZZ,*;q=9999999", None),
        ("", None),
    ],
)
def test_the_browser_says_which_language(app, header, wanted):
    with app.test_request_context(headers={"Accept-Language": header}):
        assert wanted_locale() == wanted
        assert select_locale() == (wanted or CHINESE)
        session["locale"] = CHINESE if wanted == ENGLISH else ENGLISH
        assert select_locale() == session["locale"], "what he chose wins"
