"""Fields that are drawn quickly look as WTForms draws them."""

from __future__ import annotations

import datetime as dt

import pytest
from werkzeug.datastructures import MultiDict
from wtforms import (
    BooleanField,
    DateField,
    DecimalField,
    Form,
    HiddenField,
    RadioField,
    SelectField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange
from wtforms.widgets import TextInput

from core.admin.rendering import html_attributes, render_field

HOSTILE = "\n\"><script>alert('&')</script>"


class _Sample(Form):
    name = StringField(
        "Name", [InputRequired(), Length(max=30)], render_kw={"data_note": "a_b", "readonly": True}
    )
    note = TextAreaField("Note", [Length(max=300)])
    on = BooleanField("On")
    off = BooleanField("Off")
    day = DateField("Day")
    area = DecimalField("Area", [NumberRange(0, 5)], widget=TextInput())
    state = SelectField(
        "State",
        choices=[
            SelectChoice("", "—"),
            SelectChoice("a", "A & B"),
            SelectChoice("b", HOSTILE, {"disabled": True}),
        ],
    )
    several = SelectMultipleField(
        "Several", choices=[SelectChoice("1"), SelectChoice("2"), SelectChoice("3")]
    )
    grouped = SelectField(
        "Grouped", choices=[SelectChoice("1", optgroup="First"), SelectChoice("2", optgroup="Second")]
    )
    radio = RadioField("Radio", choices=[SelectChoice("1"), SelectChoice("2")])
    version = HiddenField()


def _forms() -> list[Form]:
    stored = {
        "name": HOSTILE,
        "note": HOSTILE,
        "on": True,
        "day": dt.date(2026, 11, 23),
        "area": 3,
        "state": "b",
    }
    typed = MultiDict(
        [("name", ""), ("note", "x"), ("off", "y"), ("area", "much"), ("several", "1"), ("several", "3")]
    )
    return [_Sample(), _Sample(data={**stored, "several": ["2"], "version": "7"}), _Sample(typed)]


@pytest.mark.parametrize("name", [*_Sample().data])
@pytest.mark.parametrize("number", range(3))
def test_fields_look_as_wtforms_draws_them(name: str, number: int) -> None:
    field = _forms()[number][name]
    given = {"class_": "wide", "aria-describedby": f"{name}-help", "data_hint": HOSTILE, "hidden": False}

    quick = str(render_field(field, given))

    assert quick == str(field(**given))
    assert "<script" not in quick


def test_attributes_are_escaped_and_flags_are_bare() -> None:
    assert html_attributes({"value": 'a"<b>', "required": True, "disabled": False, "max": 3}) == (
        'max="3" required value="a&#34;&lt;b&gt;"'
    )
