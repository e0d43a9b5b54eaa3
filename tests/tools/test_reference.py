"""The reference says what the code says."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from core.plugin_system import declarations, hookspecs
from core.plugin_system.validation import DECLARED_TYPES
from tools import reference

pytestmark = pytest.mark.no_database

PLUGINS = (reference.FOLDER / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(reference.PAGES))
def test_written_pages_are_of_today(name: str) -> None:
    written = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert written == reference.PAGES[name](), "Run `make reference`."


def test_every_name_of_the_toolkit_is_explained() -> None:
    import core.toolkit

    page = reference.toolkit_page()
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", page, re.MULTILINE))
    assert set(rows) == set(core.toolkit.__all__)
    assert all(text.strip() for text in rows.values())


def test_a_name_without_docstring_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import core.toolkit

    monkeypatch.setattr(core.toolkit.strict_id, "__doc__", None)
    with pytest.raises(reference.UndocumentedError, match="strict_id"):
        reference.toolkit_page()


def test_what_dataclasses_say_by_themselves_is_no_docstring() -> None:
    @dataclasses.dataclass
    class Bare:
        x: int

    assert reference._doc("core.config", "Bare", Bare) == ""


def test_a_stale_page_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path)
    assert reference.main("check") == 1
    assert reference.main("write") == 0
    assert reference.main("check") == 0
    page = tmp_path / "commands.md"
    page.write_text(page.read_text(encoding="utf-8") + "more", encoding="utf-8")
    capsys.readouterr()
    assert reference.main("check") == 1
    assert "commands.md" in capsys.readouterr().err


def row_of(hook: str) -> list[str]:
    """Return the cells of the table row of a hook in plugins.md."""
    found = re.findall(rf"^\| `{hook}` \| (.+) \|$", PLUGINS, re.MULTILINE)
    assert len(found) == 1, f"plugins.md must have one row for the hook {hook}"
    return [cell.strip() for cell in found[0].split(" | ")]


@pytest.mark.parametrize("hook", hookspecs.DECLARING)
def test_declaring_hooks_are_on_the_page(hook: str) -> None:
    assert row_of(hook)[0] == f"`{DECLARED_TYPES[hook].__name__}`"


@pytest.mark.parametrize("hook", sorted(hookspecs.RUNTIME))
def test_runtime_hooks_are_on_the_page(hook: str) -> None:
    policy, also_when_off = hookspecs.RUNTIME[hook]
    arguments, told_policy, told_off = row_of(hook)
    assert re.findall(r"`(\w+)`", arguments) == list(inspect.signature(getattr(hookspecs, hook)).parameters)
    assert told_policy == policy.value
    assert told_off == ("yes" if also_when_off else "no")


def test_every_hook_is_declared_or_at_run_time() -> None:
    specified = {name for name, value in vars(hookspecs).items() if hasattr(value, "doorstep_spec")}
    assert specified == {*hookspecs.DECLARING, *hookspecs.RUNTIME}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(declarations.Manifest)])
def test_fields_of_the_manifest_are_on_the_page(field: str) -> None:
    manifest = PLUGINS.partition("## Manifest")[2].partition("\n## ")[0]
    assert f"| `{field}` |" in manifest


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        (kind, field.name)
        for kind in DECLARED_TYPES.values()
        for field in dataclasses.fields(kind)  # type: ignore[arg-type]
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_fields_of_declarations_are_on_the_page(kind: Any, field: str) -> None:
    section = PLUGINS.partition(f"### {kind.__name__}\n")[2].partition("\n##")[0]
    assert re.search(rf"`{field}(=\w+)?(\([\w, ]*\))?`", section), f"{kind.__name__}.{field}"


def reasons_of_the_code() -> list[str]:
    """Return all texts of the engine, with … where a value is put in."""
    core = reference.ROOT / "core"
    texts = []
    for path in [*(core / "plugin_system").glob("*.py"), core / "admin" / "mounting.py"]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(re.sub(r"%\(\w+\)s", "…", node.value))
    return texts


def reasons_of_the_page() -> list[str]:
    section = PLUGINS.partition("## Quarantine")[2]
    cells = re.findall(r"^\| (.+?) \| .+ \|$", section, re.MULTILINE)[1:]
    return [reason for cell in cells for reason in cell.split(" / ")]


@pytest.mark.parametrize("reason", reasons_of_the_page())
def test_reasons_on_the_page_are_those_of_the_engine(reason: str) -> None:
    assert any(text.startswith(reason) for text in reasons_of_the_code())
