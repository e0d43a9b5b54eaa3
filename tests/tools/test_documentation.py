"""What the README and the pages of docs/operations tell people to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.config import KEYS

pytestmark = pytest.mark.no_database

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations"
PAGES = [ROOT / "README.md", *sorted(OPERATIONS.glob("*.md"))]
GUIDES = [ROOT / "docs" / "README.md", *sorted((ROOT / "docs" / "tutorial").glob("*.md"))]
CONFIGURATION = [*PAGES, *sorted(OPERATIONS.glob("systemd/*"))]


@pytest.mark.parametrize("document", PAGES, ids=lambda path: path.name)
def test_make_targets_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:^|`|&& )make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert named
    assert set(named) <= targets


@pytest.mark.parametrize("document", [*PAGES, *GUIDES], ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith(("http://", "https://"))]
    assert [link for link in local if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", CONFIGURATION, ids=lambda path: path.name)
def test_configuration_keys_exist(document: Path) -> None:
    # The place of the instance folder is read before any configuration.
    known = {f"DOORSTEP_{key.name}" for key in KEYS} | {"DOORSTEP_INSTANCE_PATH"}
    assert set(re.findall(r"DOORSTEP_[A-Z_]+", document.read_text(encoding="utf-8"))) <= known
