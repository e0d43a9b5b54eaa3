"""The tool that keeps the catalogues: what it collects, what it calls a fault."""

from __future__ import annotations

import gettext
from pathlib import Path

import pytest

from tools import translations
from tools.translations import Component, clashes, compile_catalogues, faults, update

pytestmark = pytest.mark.no_database

SOURCE = """
from core.toolkit import _, _l, ngettext

TITLE = _l("Handover")

def texts(count):
    return _("Inspect %(unit)s", unit="1502"), ngettext("%(num)s defect", "%(num)s defects", count)
"""
TEMPLATE = """<h1>{{ _("Defects") }}</h1>{% trans count=3 %}
  {{ count }} rooms
{% endtrans %}"""


@pytest.fixture
def component(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Component:
    monkeypatch.setattr(translations, "ROOT", tmp_path)
    folder = tmp_path / "plugins" / "handover"
    (folder / "templates" / "handover").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "plugin.py").write_text(SOURCE)
    (folder / "templates" / "handover" / "defects.html").write_text(TEMPLATE)
    (folder / "tests" / "test_texts.py").write_text('_("Only in a test")')
    return Component("plugins/handover")


def translate(component: Component, pairs: dict[str, str]) -> None:
    """Fill in translations as a translator would."""
    path = component.catalogue("zh_Hans_CN")
    text = path.read_text(encoding="utf-8")
    for source, translation in pairs.items():
        head, found, tail = text.partition(f'msgid "{source}"\nmsgstr ""')
        assert found, source
        text = f'{head}msgid "{source}"\nmsgstr "{translation}"{tail}'
    text = text.replace('msgstr[0] ""', 'msgstr[0] "%(num)s 个缺陷"')
    path.write_text(text, encoding="utf-8")


COMPLETE = {
    "Handover": "交付",
    "Inspect %(unit)s": "查验 %(unit)s",
    "Defects": "缺陷",
    "%(count)s rooms": "%(count)s 个房间",
}


def test_texts_of_code_and_templates_are_collected_and_those_of_tests_are_not(component: Component) -> None:
    ids = {text.id for text in component.texts() if text.id}
    assert ids == {*COMPLETE, ("%(num)s defect", "%(num)s defects")}


def test_a_text_without_catalogue_or_translation_is_a_fault(component: Component) -> None:
    assert any("'Handover'" in fault and "make translations" in fault for fault in faults(component))
    update(component)
    assert len([fault for fault in faults(component) if "has no translation" in fault]) == 5


def test_a_complete_catalogue_has_no_fault_and_is_compiled(component: Component) -> None:
    update(component)
    translate(component, COMPLETE)
    assert list(faults(component)) == []
    compile_catalogues()
    compiled = component.catalogue("zh_Hans_CN").with_suffix(".mo")
    with compiled.open("rb") as file:
        catalogue = gettext.GNUTranslations(file)
    assert catalogue.gettext("Defects") == "缺陷"
    assert catalogue.ngettext("%(num)s defect", "%(num)s defects", 2) == "%(num)s 个缺陷"


def test_a_lost_placeholder_is_a_fault(component: Component) -> None:
    update(component)
    translate(component, {**COMPLETE, "Inspect %(unit)s": "查验 %(room)s"})
    assert any("'Inspect %(unit)s'" in fault for fault in faults(component))


def test_an_update_keeps_translations_and_drops_texts_that_are_gone(component: Component) -> None:
    update(component)
    translate(component, COMPLETE)
    (component.folder / "templates" / "handover" / "defects.html").write_text('{{ _("Rooms") }}')
    update(component)
    text = component.catalogue("zh_Hans_CN").read_text(encoding="utf-8")
    assert "交付" in text
    assert "Rooms" in text
    assert "缺陷" not in text.replace("个缺陷", "")


def test_an_unchanged_catalogue_is_written_the_same_again(component: Component) -> None:
    update(component)
    before = component.catalogue("zh_Hans_CN").read_bytes()
    update(component)
    assert component.catalogue("zh_Hans_CN").read_bytes() == before


def test_a_text_inside_an_f_string_is_a_fault(component: Component) -> None:
    update(component)
    translate(component, COMPLETE)
    assert list(faults(component)) == []
    plugin = component.folder / "plugin.py"
    plugin.write_text(SOURCE + '\n\ndef heading(name):\n    return f"{name}: {_(TITLE)}"\n')
    (fault,) = faults(component)
    assert fault.startswith("plugins/handover/plugin.py:11: a text inside an f-string")


def test_two_components_must_not_translate_a_text_differently(component: Component) -> None:
    update(component)
    translate(component, COMPLETE)
    other = Component("core")
    other.folder.mkdir()
    (other.folder / "words.py").write_text('_("Handover")')
    update(other)
    translate(other, {"Handover": "交付"})
    assert list(clashes([other, component])) == []
    path = other.catalogue("zh_Hans_CN")
    path.write_text(path.read_text(encoding="utf-8").replace("交付", "移交"), encoding="utf-8")
    (fault,) = clashes([other, component])
    assert "'Handover' is '交付' here and '移交' in core" in fault
