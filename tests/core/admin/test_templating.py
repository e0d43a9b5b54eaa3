"""The quick environment runs templates as Jinja's own does."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.templating import Environment
from jinja2 import DictLoader, pass_context, pass_environment, pass_eval_context

from core.admin.templating import QuickEnvironment

pytestmark = pytest.mark.no_database


class _Callable:
    @pass_context
    def __call__(self, context: Any, name: str) -> Any:
        return context[name]


class _Methods:
    def plain(self, text: str, times: int = 1) -> str:
        return text * times

    @pass_environment
    def wants(self, environment: Any, text: str) -> str:
        return f"{text} {environment.autoescape}"


def _ends(*_texts: str) -> str:
    raise StopIteration


TEMPLATES = {
    "plain": "{{ shout(word) }} {{ shout(word, mark='?') }} {{ methods.plain('a', times=3) }} {{ word.upper() }}",
    "context": "{% for item in (1, 2) %}{{ looked_up('item') }} {{ shout(item|string) }} {% endfor %}"
    "{{ an_object('word') }}",
    "block": "{% block a scoped %}{% set inner = 'in' %}{{ looked_up('word') }}{{ shout(inner) }}{% endblock %}",
    "environment": "{{ methods.wants('x') }} {{ evaluated('y') }}",
    "macros": "{% macro twice(text, end='.') %}"
    "{{ text }}{{ text }}{{ caller() if caller else '' }}{{ end }}{% endmacro %}"
    "{{ twice('<b>') }} {% call twice('c', end='!') %}{{ word }}{% endcall %} {{ twice(end=';', text='d') }}",
    "imported": "{% import 'macros' as m %}{{ m.twice('e') }}{% include 'plain' %}"
    "{% from 'macros' import twice %}{{ twice('f') }}",
    "extended": "{% extends 'block' %}{% block a %}{{ super() }}<{{ self.a is defined }}>{% endblock %}",
    "ended": "[{{ ends('x') }}]",
    "class": "{{ dict(a=1) }} {{ range(3)|list }} {{ cycler('a', 'b').next() }} {{ namespace(x=2).x }}",
}


def _drawn(kind: type[Environment], name: str, **values: Any) -> str:
    environment = kind(Flask(__name__), loader=DictLoader(TEMPLATES), autoescape=True)

    @pass_context
    def looked_up(context: Any, name: str) -> Any:
        return context.resolve(name)

    @pass_eval_context
    def evaluated(evaluation: Any, text: str) -> str:
        return f"{text} {evaluation.autoescape}"

    environment.globals.update(
        shout=lambda text, mark="!": text + mark,
        looked_up=looked_up,
        evaluated=evaluated,
        an_object=_Callable(),
        methods=_Methods(),
        ends=_ends,
    )
    return environment.get_template(name).render(word="w", **values)


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_give_what_jinja_gives(name: str) -> None:
    assert _drawn(QuickEnvironment, name) == _drawn(Environment, name) != ""


def test_names_given_to_one_template_stay_with_it() -> None:
    environment = QuickEnvironment(Flask(__name__), loader=DictLoader({"a": "{{ own }}", "b": "{{ own }}"}))
    assert environment.get_template("a", globals={"own": "mine"}).render() == "mine"
    assert environment.get_template("b").render() == ""


def test_a_name_added_later_is_known_to_templates_that_were_read_before() -> None:
    environment = QuickEnvironment(Flask(__name__), loader=DictLoader({"a": "{{ late }}"}))
    template = environment.get_template("a")
    environment.globals["late"] = "here"
    assert template.render() == "here"
