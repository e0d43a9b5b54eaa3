"""Quick HTML of the usual form fields.

WTForms composes each attribute by a formatter of its own, lists the flags of each field with ``dir()`` and inspects the
signature of each select: a form of fifteen fields costs a millisecond that way. The usual widgets are drawn here with
plain strings instead, letter for letter alike; every other widget draws itself.

Of a field without an error only the value differs from record to record. What stands around it (label, help, limits) is
kept for each language and checked against what the field says now, so that a field that was changed is drawn anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from flask import current_app
from flask_babel import get_locale
from markupsafe import Markup, escape
from wtforms import SelectField, widgets
from wtforms.widgets.core import clean_key

_MUST = '<span class="must" aria-hidden="true">*</span>'
_CHOICES_SHOWN = frozenset({"RadioField", "SelectMultipleCheckboxField"})
_SELECT_FLAGS = tuple(widgets.Select.validation_attrs)
_MOST_KEPT = 4_096
_VALUE = secrets.token_hex(16)
"""Stands for the value where a field is drawn to be kept; made when the process starts, so nobody can type it."""


class _Kept(NamedTuple):
    """A drawn field: what it was drawn from, and the HTML before and after its value."""

    made_from: tuple[Any, ...]
    before: str
    after: str


_kept: dict[Hashable, _Kept] = {}


def html_attributes(attributes: Mapping[str, Any]) -> str:
    """Return attributes as they stand in a tag, in the order of their names; True is a bare name, False leaves one out.

    Args:
        attributes: Values by name.
    """
    return " ".join(
        name if value is True else f'{name}="{escape(value)}"'
        for name, value in sorted(attributes.items())
        if value is not False
    )


def render_field(field: Any, attributes: Mapping[str, Any]) -> Markup:
    """Return the HTML of a bound field.

    Args:
        field: The field.
        attributes: Attributes of this place; they win over those that the field brings.
    """
    given = {clean_key(name): value for name, value in {**(field.render_kw or {}), **attributes}.items()}
    draw = _QUICK.get(type(field.widget))
    if draw is None or getattr(field, "_datalist", None) is not None:
        drawn: Markup = field.widget(field, **given)
        return drawn
    return draw(field, given)


def draw_field(
    field: Any,
    unit: Any = None,
    wide: bool = False,
    help: Any = None,
    attributes: Mapping[str, Any] | None = None,
) -> Markup:
    """Return a field with label, help and errors, tied together for screen readers; templates have it as a function.

    Args:
        field: A bound field of any form.
        unit: Text behind the input.
        wide: Whether it goes over both columns of a grid.
        help: Text below it; the field's own description when left out.
        attributes: Further attributes of the input.
    """
    kind = getattr(field.widget, "input_type", "")
    if kind == "hidden":
        return Markup(field())  # noqa: S704 (drawn by its widget)
    if not (unit or help or attributes or field.errors) and getattr(field.meta, "keeps_drawn_fields", False):
        return _draw_kept(field, wide)
    return _draw(field, kind, unit, wide, help, attributes)


def _draw_kept(field: Any, wide: bool) -> Markup:
    """Return a field without an error, drawn anew only where something else than its value differs."""
    widget = type(field.widget)
    value: Any = ""
    shown: Any = None
    choices: tuple[Any, ...] = ()
    if widget in _WRITTEN:
        value = field._value()
    elif widget is widgets.CheckboxInput:
        shown = bool(getattr(field, "checked", field.data))
    elif widget is widgets.Select and type(field).iter_choices is SelectField.iter_choices:
        shown, choices = field.data, tuple(field.choices or ())
    else:
        return _draw(field, getattr(field.widget, "input_type", ""), wide=wide)
    usual = isinstance(value, str) and isinstance(shown, str | int | None)
    if not usual or "value" in (field.render_kw or ()):
        return _draw(field, getattr(field.widget, "input_type", ""), wide=wide)
    key = (field.id, field.name, wide, _language_of(field.meta), shown)
    flags = vars(field.flags)
    made_from = (widget, field.type, field.label.text, field.description, field.render_kw, flags, choices)
    kept = _kept.get(key)
    if kept is None or kept.made_from != made_from:
        attributes = {"value": _VALUE} if widget in _WRITTEN else None
        drawn = str(_draw(field, getattr(field.widget, "input_type", ""), wide=wide, attributes=attributes))
        before, _value, after = drawn.partition(_VALUE)
        copies = {**field.render_kw} if field.render_kw else field.render_kw
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        kept = _kept[key] = _Kept((*made_from[:4], copies, dict(flags), choices), before, after)
    return Markup(kept.before + str(escape(value)) + kept.after)  # noqa: S704 (the value is escaped)


def _language_of(meta: Any) -> str:
    """Return the language that a form is drawn in, asked once for each form."""
    known: str | None = getattr(meta, "drawn_in", None)
    if known is None:
        known = meta.drawn_in = str(get_locale())
    return known


def _draw(
    field: Any,
    kind: str,
    unit: Any = None,
    wide: bool = False,
    help: Any = None,
    attributes: Mapping[str, Any] | None = None,
) -> Markup:
    key, errors = escape(field.id), [error for error in field.errors if error]
    help_text = str(escape(help or field.description or ""))
    given = dict(attributes or {})
    described = [f"{field.id}-help"] * bool(help_text) + [f"{field.id}-error"] * bool(errors)
    if described:
        given["aria-describedby"] = " ".join(described)
    if errors:
        given["aria-invalid"] = "true"
    label = str(escape(field.label.text)) + (_MUST if getattr(field.flags, "required", None) else "")
    if kind == "checkbox":
        inner = f'<label class="check" for="{key}">{field(**given)}<span>{label}</span></label>'
    elif field.type in _CHOICES_SHOWN:
        role = "radiogroup" if field.type == "RadioField" else "group"
        options = "".join(
            f'<label class="check" for="{escape(option.id)}">{option()}<span>{escape(option.label.text)}</span></label>'
            for option in field
        )
        inner = (
            f'<span class="label" id="{key}-label">{label}</span>'
            f'<div class="options" role="{role}" aria-labelledby="{key}-label">{options}</div>'
        )
    else:
        drawn = field(**given)
        inner = f'<label for="{key}">{label}</label>' + (
            f'<div class="with-unit">{drawn}<span>{escape(unit)}</span></div>' if unit else str(drawn)
        )
    if errors:
        listed = "".join(f"<li>{escape(error)}</li>" for error in errors)
        inner += f'<ul class="field-error" id="{key}-error">{listed}</ul>'
    if help_text:
        inner += f'<p class="field-help" id="{key}-help">{help_text}</p>'
    classes = "field" + " bad" * bool(errors) + " wide" * bool(wide)
    return Markup(f'<div class="{classes}">{inner}</div>\n')  # noqa: S704 (every text is escaped)


def draw_filter(field: Mapping[str, Any], number: int) -> Markup:
    """Return a field of the bar above a list; templates have it as a function.

    Args:
        field: Its ``kind``, ``label``, ``arguments``, ``choices``, ``lookup``, ``typed`` and ``chosen``.
        number: Its place in the bar, from 1 on.
    """
    if any(field["typed"]) or field.get("chosen"):
        drawn: Markup = _filters().filter_field(field, number)
        return drawn
    return _empty_filter(
        field["kind"],
        str(field["label"]),
        tuple(field["arguments"]),
        tuple(field["choices"]),
        field.get("lookup"),
        number,
        str(get_locale()),
    )


@lru_cache(maxsize=1_024)
def _empty_filter(
    kind: str,
    label: str,
    arguments: tuple[str, ...],
    choices: tuple[tuple[str, str], ...],
    lookup: str | None,
    number: int,
    _language: str,
) -> Markup:
    """Return a field in which nothing was typed: all but one or two are, in the bar of every list."""
    field = {"kind": kind, "label": label, "arguments": arguments, "choices": choices, "lookup": lookup}
    drawn: Markup = _filters().filter_field({**field, "typed": ("",) * len(arguments)}, number)
    return drawn


def _filters() -> Any:
    return current_app.jinja_env.get_template("macros/filters.html").module


def _with_flags(field: Any, given: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    flags = vars(field.flags)
    for name in names:
        if name in flags and name not in given:
            value = flags[name]
            given[name] = value() if callable(value) else value
    return given


def _input(field: Any, given: dict[str, Any]) -> Markup:
    widget = field.widget
    attributes = {"id": field.id, "name": field.name, "type": widget.input_type} | given
    if "value" not in attributes:
        attributes["value"] = field._value()
    attributes = _with_flags(field, attributes, tuple(widget.validation_attrs))
    return Markup(f"<input {html_attributes(attributes)}>")  # noqa: S704 (values are escaped)


def _checkbox(field: Any, given: dict[str, Any]) -> Markup:
    if getattr(field, "checked", field.data):
        given.setdefault("checked", True)
    return _input(field, given)


def _text_area(field: Any, given: dict[str, Any]) -> Markup:
    value = given.pop("value") if "value" in given else field._value()
    attributes = {"id": field.id, "name": field.name} | given
    attributes = _with_flags(field, attributes, tuple(field.widget.validation_attrs))
    # The line break after the tag belongs to the tag; without it one that the value starts with would be lost.
    return Markup(  # noqa: S704 (values are escaped)
        f"<textarea {html_attributes(attributes)}>\r\n{escape(value)}</textarea>"
    )


def _select(field: Any, given: dict[str, Any]) -> Markup:
    if field.has_groups():
        grouped: Markup = field.widget(field, **given)
        return grouped
    attributes = {"id": field.id, "name": field.name} | given
    if field.widget.multiple:
        attributes["multiple"] = True
    attributes = _with_flags(field, attributes, _SELECT_FLAGS)
    options = "".join(map(_option, field.iter_choices()))
    return Markup(f"<select {html_attributes(attributes)}>{options}</select>")  # noqa: S704 (values are escaped)


def _option(choice: Any) -> str:
    value = str(choice.value) if isinstance(choice.value, bool) else choice.value
    attributes = {"value": value, **(choice.render_kw or {})}
    if choice.selected:
        attributes["selected"] = True
    return f"<option {html_attributes(attributes)}>{escape(choice.label or choice.value)}</option>"


_QUICK: dict[type, Callable[[Any, dict[str, Any]], Markup]] = {
    widgets.TextInput: _input,
    widgets.HiddenInput: _input,
    widgets.EmailInput: _input,
    widgets.TelInput: _input,
    widgets.URLInput: _input,
    widgets.DateInput: _input,
    widgets.TimeInput: _input,
    widgets.DateTimeLocalInput: _input,
    widgets.CheckboxInput: _checkbox,
    widgets.TextArea: _text_area,
    widgets.Select: _select,
}
"""By the very class: a subclass draws itself."""
_WRITTEN = frozenset({widget for widget, draw in _QUICK.items() if draw in (_input, _text_area)})
"""Widgets that show a value as a text."""
