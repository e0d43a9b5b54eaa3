"""A field of a form: label, help and errors tied together, every text escaped."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask, render_template_string
from markupsafe import Markup
from werkzeug.datastructures import MultiDict
from wtforms import BooleanField, Form, HiddenField, RadioField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired

from core.admin.rendering import draw_field

HOSTILE = "<i>'&\""
ESCAPED = "&lt;i&gt;&#39;&amp;&#34;"


class _Sample(Form):
    name = StringField(HOSTILE, [InputRequired(message=HOSTILE)], description=HOSTILE)
    note = StringField("Note")
    agreed = BooleanField("Agreed", [InputRequired(message="Tick it.")])
    way = RadioField("Way", choices=[SelectChoice("a", HOSTILE), SelectChoice("b", "B")], default="a")
    version = HiddenField(default=HOSTILE)


@pytest.fixture
def wrong() -> Any:
    form = _Sample(MultiDict([("name", "")]))
    form.validate()
    return form


def test_help_and_error_are_named_by_the_input(wrong: Any) -> None:
    html = draw_field(wrong.name, unit="m²", wide=True)
    assert html.startswith('<div class="field bad wide"><label for="name">')
    assert f'{ESCAPED}<span class="must" aria-hidden="true">*</span></label>' in html
    assert 'aria-describedby="name-help name-error" aria-invalid="true"' in html
    assert f'<ul class="field-error" id="name-error"><li>{ESCAPED}</li></ul>' in html
    assert f'<p class="field-help" id="name-help">{ESCAPED}</p>' in html
    assert "<span>m²</span></div>" in html
    assert "<i>" not in html


def test_a_plain_field_names_neither() -> None:
    html = draw_field(_Sample().note, attributes={"autofocus": True, "class_": "wide"})
    assert html == (
        '<div class="field"><label for="note">Note</label>'
        '<input autofocus class="wide" id="note" name="note" type="text" value=""></div>\n'
    )


def test_boxes_and_choices_stand_in_their_labels(wrong: Any) -> None:
    box = draw_field(wrong.agreed)
    assert '<label class="check" for="agreed"><input' in box
    assert "Tick it." in box
    ways = draw_field(_Sample().way, help=Markup("<b>Help</b>"))
    assert '<div class="options" role="radiogroup" aria-labelledby="way-label">' in ways
    assert ways.count('<label class="check"') == 2
    assert ways.count(" checked ") == 1
    assert ESCAPED in ways
    assert "<b>Help</b>" in ways


def test_a_hidden_field_is_its_input_alone() -> None:
    assert (
        draw_field(_Sample().version)
        == f'<input id="version" name="version" type="hidden" value="{ESCAPED}">'
    )


def test_the_macro_of_templates_draws_the_same(running_app: Flask, wrong: Any) -> None:
    source = (
        '{% import "macros/forms.html" as forms with context %}'
        '{{ forms.field(form.name, unit="m²", help="Help", maxlength=4) }}'
    )
    with running_app.test_request_context():
        drawn = render_template_string(source, form=wrong)
    assert drawn.strip() == draw_field(wrong.name, "m²", help="Help", attributes={"maxlength": 4}).strip()
