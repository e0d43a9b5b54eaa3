"""What the how-to guides tell is so: their code fits the toolkit, their declarations keep the rules, the words of the
screens are those of the translations, and their links lead somewhere."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest import mock

import pytest
from babel.messages.pofile import read_po
from flask import Blueprint

from core import toolkit
from core.plugin_system.declarations import Manifest
from core.plugin_system.validation import DECLARED_TYPES, Surroundings, declaration_faults

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "howto").glob("*.md"))
WITH_CODE = [guide for guide in PAGES if "```python" in guide.read_text(encoding="utf-8")]
SLUG = "repairs"
"""The module that the guides write."""
RECORD_KINDS = ("request", "order", "visit")
PERMISSIONS = ("work", "supplement", "ask_payment", "edit")
ELSEWHERE: dict[str, list[Any]] = {
    "settings": [toolkit.Setting("payment_limit_manager", 10_000, "Limit")],
    "message_templates": [
        toolkit.MessageTemplate(
            f"{SLUG}.answer_link",
            "Answer",
            "{link}",
            "{link}",
            channels=("sms",),
            placeholders=(toolkit.Placeholder("link", "link", "link"),),
        )
    ],
}
"""What guides name and do not write down."""


def _code(guide: Path) -> str:
    return "\n".join(re.findall(r"^```python\n(.*?)^```", guide.read_text(encoding="utf-8"), re.M | re.S))


def _words(guide: Path) -> str:
    return re.sub(r"^```.*?^```|`[^`\n]*`", "", guide.read_text(encoding="utf-8"), flags=re.M | re.S)


@pytest.fixture(scope="module")
def translations() -> dict[str, str]:
    """Chinese by English, of the core and of the plugins here."""
    found = {}
    for path in (*ROOT.glob("core/**/messages.po"), *ROOT.glob("plugins/*/**/messages.po")):
        with path.open("rb") as file:
            found |= {each.id: each.string for each in read_po(file) if isinstance(each.id, str)}
    return found


@pytest.mark.parametrize("guide", WITH_CODE, ids=lambda path: path.stem)
def test_names_of_the_code_are_imported_and_used(guide: Path) -> None:
    ruff = Path(sys.executable).with_name("ruff")
    command = [ruff, "check", "--isolated", "--quiet", "--select", "F", "--ignore", "F811", "-"]
    told = subprocess.run(command, input=_code(guide), text=True, capture_output=True, check=False)
    assert told.stdout == ""


@pytest.mark.parametrize("guide", WITH_CODE, ids=lambda path: path.stem)
def test_calls_fit_the_toolkit(guide: Path) -> None:
    calls = [each for each in ast.walk(ast.parse(_code(guide))) if isinstance(each, ast.Call)]
    looked_at = 0
    for call in calls:
        if isinstance(call.func, ast.Name) and hasattr(toolkit, call.func.id):
            named = {word.arg: None for word in call.keywords if word.arg is not None}
            # What does not fit raises TypeError and names the argument.
            inspect.signature(getattr(toolkit, call.func.id)).bind(*call.args, **named)
            looked_at += 1
    assert looked_at


@pytest.mark.parametrize("guide", WITH_CODE, ids=lambda path: path.stem)
def test_declarations_keep_the_rules(guide: Path, tmp_path: Path) -> None:
    module = ModuleType(f"plugins.{SLUG}")
    module.services = SimpleNamespace()  # type: ignore[attr-defined]
    namespace: dict[str, Any] = {"__name__": f"plugins.{SLUG}.example"}
    with mock.patch.dict(sys.modules, {module.__name__: module}):
        exec(compile(_code(guide), str(guide), "exec"), namespace)
    values = [
        each
        for value in namespace.values()
        for each in (value if isinstance(value, tuple) else (value,))
        if not isinstance(value, type)
    ]
    made: dict[str, list[Any]] = {
        hook: [each for each in values if type(each) is kind]
        for hook, kind in DECLARED_TYPES.items()
        if hook != "seed_data"
    }
    for hook, items in ELSEWHERE.items():
        made[hook] += items
    known = {
        "record_kinds": [SimpleNamespace(code=f"{SLUG}.{noun}", model=object) for noun in RECORD_KINDS],
        "permissions": [SimpleNamespace(code=f"{SLUG}.{verb}") for verb in PERMISSIONS],
    }
    around = Surroundings({"core": {hook: tuple(items) for hook, items in known.items()}}, {SLUG})
    blueprints = [value for value in namespace.values() if isinstance(value, Blueprint)]
    made["blueprints"] = [toolkit.PublicBlueprint(each, SLUG) for each in blueprints]
    declarations = {hook: tuple(items) for hook, items in made.items() if items}
    manifest = Manifest(slug=SLUG, name="Repairs", version="1.0.0", api=1)
    assert [str(each) for each in declaration_faults(manifest, tmp_path, declarations, around)] == []


@pytest.mark.parametrize("guide", PAGES, ids=lambda path: path.stem)
def test_words_of_the_screens_are_those_of_the_program(guide: Path, translations: dict[str, str]) -> None:
    text = _words(guide)
    english = {
        part for found in re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", text) for part in found.split(" › ")
    }
    chinese = {
        part for found in re.findall(r"[“「]([^”」\n]+)[”」]", text) for part in re.split(r" ?› ?", found)
    }
    in_chinese = set(translations.values())
    assert {word for word in english if word not in translations} - PLAIN_WORDS == set()
    assert {
        word for word in chinese if re.search(r"[\u4e00-\u9fff]", word) and word not in in_chinese
    } - PLAIN_WORDS == set()


PLAIN_WORDS = {"personal link"}
"""What stands in italics or in quotation marks without being a word of a screen."""


@pytest.mark.parametrize("guide", PAGES, ids=lambda path: path.stem)
def test_links_lead_somewhere(guide: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)]+)\)", guide.read_text(encoding="utf-8")):
        name, _hash, anchor = link.partition("#")
        target = guide.parent / name if name else guide
        headings = (
            re.findall(r"^#+ (.+)$", target.read_text(encoding="utf-8"), re.M) if target.exists() else ()
        )
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        if not target.exists() or (anchor and anchor not in anchors):
            broken.append(link)
    assert broken == []


def test_every_guide_is_in_the_list() -> None:
    listed = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    assert [guide.name for guide in PAGES if f"](howto/{guide.name})" not in listed] == []
