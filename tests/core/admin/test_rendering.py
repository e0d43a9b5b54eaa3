"""Fields that are drawn quickly look as WTForms draws them."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import pytest
from flask import Flask
from flask_babel import lazy_gettext as _l
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

from core.admin.cells import workflow_status
from core.admin.forms import GuardedForm
from core.admin.rendering import draw_field, draw_filter, html_attributes, render_field
from core.languages import speaking
from core.machinery.workflow.services import State, Workflow

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


def _forms(form: type[Form] = _Sample) -> list[Form]:
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
    return [form(), form(data={**stored, "several": ["2"], "version": "7"}), form(typed)]


@pytest.mark.parametrize("name", [*_Sample().data])
@pytest.mark.parametrize("number", range(3))
def test_fields_look_as_wtforms_draws_them(name: str, number: int) -> None:
    field = _forms()[number][name]
    given = {"class_": "wide", "aria-describedby": f"{name}-help", "data_hint": HOSTILE, "hidden": False}

    quick = str(render_field(field, given))

    assert quick == str(field(**given))
    assert "<script" not in quick


class _Kept(_Sample):
    class Meta(GuardedForm.Meta):
        """The forms of record views keep what they drew."""


@pytest.mark.parametrize("name", [*_Sample().data])
def test_kept_fields_look_as_if_they_were_drawn_anew(name: str, running_app: Flask) -> None:
    with running_app.test_request_context("/"):
        for _turn in range(2):
            for number, form in enumerate(_forms()):
                kept = _forms(_Kept)[number][name]
                assert draw_field(kept) == draw_field(form[name])
                assert draw_field(kept, wide=True) == draw_field(form[name], wide=True)


@pytest.mark.parametrize("name", ["name", "note", "state", "on"])
def test_what_a_form_changed_of_a_field_is_drawn_anew(name: str, running_app: Flask) -> None:
    with running_app.test_request_context("/"):
        before = draw_field(_Kept()[name])
        field = _Kept()[name]
        field.label.text, field.description = "Other <label>", "Other help"
        field.render_kw = {"placeholder": "Hidden"}
        field.flags.required = name != "name"
        changed = str(draw_field(field))
        assert "Other &lt;label&gt;" in changed
        assert "Other help" in changed
        assert 'placeholder="Hidden"' in changed
        assert ('class="must"' in changed) is (name != "name")
        assert draw_field(_Kept()[name]) == before


def test_kept_choices_follow_those_of_the_field(running_app: Flask) -> None:
    with running_app.test_request_context("/"):
        draw_field(_Kept()["state"])
        field = _Kept()["state"]
        field.choices = [SelectChoice("z", "Last")]
        assert "Last" in draw_field(field)


def _filter(**given: object) -> dict[str, object]:
    usual = {"kind": "choice", "label": "State", "arguments": ("f_state",), "typed": ("",), "lookup": None}
    return {**usual, "choices": (("open", "Open <now>"), ("done", "Done")), **given}


def test_a_filter_shows_what_was_typed_and_keeps_nothing_of_it(running_app: Flask) -> None:
    with running_app.test_request_context("/"):
        empty = draw_filter(_filter(), 1)
        assert "Open &lt;now&gt;" in empty
        assert "selected" not in empty
        chosen = draw_filter(_filter(typed=("done",)), 1)
        assert '<option value="done" selected>' in chosen
        typed = draw_filter(_filter(kind="text", choices=(), typed=('"><b>',)), 1)
        assert 'value="&#34;&gt;&lt;b&gt;"' in typed
        assert draw_filter(_filter(), 1) == empty
        assert draw_filter(_filter(choices=(("new", "New"),)), 1) != empty
        assert 'id="filter-2"' in draw_filter(_filter(), 2)


def test_filters_and_states_speak_the_language_of_the_page(running_app: Flask) -> None:
    lamp = Workflow("sample.lamp_of_lists", [State("open", _l("All"), "ok")], [])
    record = SimpleNamespace(state="open")
    for _turn in range(2):
        for language, everything in (("en", "All"), ("zh_Hans_CN", "全部")):
            with running_app.test_request_context("/"), speaking(language):
                assert f">{everything}</option>" in draw_filter(_filter(), 1)
                assert workflow_status(lamp, record) == f'<span class="st ok">{everything}</span>'


def test_attributes_are_escaped_and_flags_are_bare() -> None:
    assert html_attributes({"value": 'a"<b>', "required": True, "disabled": False, "max": 3}) == (
        'max="3" required value="a&#34;&lt;b&gt;"'
    )
