"""Vendored files are what they say, templates load nothing from elsewhere, and colours stand once."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).parents[3]
STATIC = ROOT / "core" / "static"
VENDOR = STATIC / "vendor"
ROW = re.compile(r"^\| `([^`]+)` \| \S+ \| \S+ \| `[^`]+` \| [^|]+ \| `([0-9a-f]{64})` \|$", re.MULTILINE)

TEMPLATES = sorted(
    path
    for folder in ("core", "plugins")
    for path in (ROOT / folder).rglob("*.html")
    # Printed documents are laid out on the server and carry their own styles.
    if "documents" not in path.parts and "emails" not in path.parts
)


def test_vendored_files_are_those_of_the_list() -> None:
    listed = dict(ROW.findall((VENDOR / "VENDORED.md").read_text()))
    found = {
        path.relative_to(VENDOR).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in VENDOR.rglob("*")
        if path.is_file() and path.name != "VENDORED.md"
    }
    assert listed == found


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_hold_nothing_inline_and_nothing_of_another_host(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"\son[a-z]+\s*=\s*[\"']", text), "an inline handler"
    assert not re.search(r"\sstyle\s*=\s*[\"']", text), "an inline style"
    assert not re.search(r"<style\b", text), "a style element"
    assert not re.search(r"<script(?![^>]*\ssrc=)", text), "an inline script"
    assert "javascript:" not in text
    assert not re.search(r"(?:src|href|action)\s*=\s*[\"'](?:https?:)?//", text), "another host"


def _blocks(selector: str) -> list[str]:
    text = (STATIC / "css" / "tokens.css").read_text()
    return [body for found, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text) if selector in found]


def _values(body: str) -> dict[str, str]:
    return dict(re.findall(r"(--[\w-]+):\s*([^;]+);", body))


def test_the_two_dark_blocks_are_the_same_and_complete() -> None:
    (system,), (chosen,) = _blocks(':root:not([data-theme="light"])'), _blocks(':root[data-theme="dark"]')
    assert _values(system) == _values(chosen)
    light = _values(_blocks(":root")[0])
    colours = {name for name, value in light.items() if value.startswith(("#", "rgba"))}
    assert colours == set(_values(chosen))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("selector", [":root", ':root[data-theme="dark"]'])
def test_text_can_be_read(selector: str) -> None:
    """WCAG 2.2, 1.4.3: contrast of text at least 4.5."""
    values = _values(_blocks(selector)[0])
    pairs = [(ink, paper) for ink in ("ink", "ink-2", "ink-3", "accent") for paper in ("paper", "sheet")]
    pairs += [(tone, f"{tone}-soft") for tone in ("ok", "wait", "late", "calm")]
    pairs += [("accent-ink", "accent"), ("ink-2", "shade"), ("ink-3", "shade"), ("ink", "accent-soft")]
    weak = {pair: round(_contrast(values[f"--{pair[0]}"], values[f"--{pair[1]}"]), 2) for pair in pairs}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


def test_stylesheets_take_their_colours_from_the_tokens() -> None:
    for name in ("shell.css", "forms.css", "on-site.css"):
        text = re.sub(r"@media print \{.*", "", (STATIC / "css" / name).read_text(), flags=re.DOTALL)
        literal = set(re.findall(r"#[0-9a-fA-F]{3,8}\b", text)) - {"#fff"}
        assert literal == set(), name
