"""What WTForms says about wrong input, in the reader's language."""

from __future__ import annotations

from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from flask_babel import force_locale
from wtforms import IntegerField
from wtforms.i18n import messages_path
from wtforms.validators import InputRequired, NumberRange

from core.admin.forms import GuardedForm
from core.languages import FormTexts


class AgeForm(GuardedForm):
    """A form with a field that can be wrong in several ways."""

    age = IntegerField("Age", [InputRequired(), NumberRange(min=18)])


def complaint(app: Flask, locale: str, typed: str) -> str:
    """Return what the form says about a typed value."""
    with app.test_request_context(method="POST", data={"age": typed}) as context, force_locale(locale):
        form = AgeForm(context.request.form)
        assert not form.validate()
        return str(form.age.errors[0])


def test_every_text_of_wtforms_has_a_chinese_translation(app: Flask) -> None:
    with (Path(messages_path()) / "wtforms.pot").open("rb") as file:
        texts = [message.id for message in read_po(file) if message.id]
    assert texts
    with app.test_request_context(), force_locale("zh_Hans_CN"):
        for text in texts:
            singular, plural = text if isinstance(text, tuple) else (text, "")
            shown = FormTexts().ngettext(singular, plural, 2) if plural else FormTexts().gettext(singular)
            assert shown not in (singular, plural), text


@pytest.mark.parametrize(
    ("typed", "chinese", "english"),
    [
        ("", "请填写此项。", "This field is required."),
        ("x", "这不是整数，请只填写数字。", "Not a valid integer value."),
        ("17", "数值不得小于 18。", "Number must be at least 18."),
    ],
)
def test_complaints_speak_the_language_of_the_reader(
    app: Flask, typed: str, chinese: str, english: str
) -> None:
    assert complaint(app, "zh_Hans_CN", typed) == chinese
    assert complaint(app, "en", typed) == english
