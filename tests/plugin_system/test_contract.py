"""The contract passes a plugin that is in order, and fails one in each point in which it is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# The plugins of this repository keep the same contract on both databases.
pytestmark = [pytest.mark.one_database, pytest.mark.in_turns(3)]

ROOT = Path(__file__).parents[2]
GOOD = ROOT / "tests" / "sample_plugins" / "good"

FAULTS: tuple[tuple[str, str, str, frozenset[str]], ...] = (
    (
        "models.py",
        "import sqlalchemy as sa\n",
        "import sqlalchemy as sa\nimport core.people.models\n",
        frozenset({"test_imports"}),
    ),
    (
        "models.py",
        "    __scope__ = ByProject()\n",
        '    __scope__ = Unscoped("a fault")\n',
        frozenset(
            {"test_no_row_of_another_project_on_any_page", "test_no_row_of_another_project_in_any_count"}
        ),
    ),
    (
        "models.py",
        "    cost: Mapped[Decimal | None]\n",
        "    cost: Mapped[Decimal | None]\n    colour: Mapped[str | None]\n",
        frozenset({"test_migrations", "test_the_change_log"}),
    ),
    ("models.py", "import ByProject,", "import Unscoped,", frozenset()),
    (
        "plugin.py",
        "        note.customer_id = kept_id\n",
        "        note.cost = None\n",
        frozenset({"test_merging"}),
    ),
    (
        "plugin.py",
        "        db.session.delete(note)\n",
        "        note.cost = None\n",
        frozenset({"test_erasing"}),
    ),
    (
        "plugin.py",
        "[note.text for note in notes_about(customer_id)]",
        "notes_about(customer_id)",
        frozenset({"test_the_export"}),
    ),
    (
        "plugin.py",
        '    return {"notes": ',
        '    return {"notes": 1 / 0, "x": ',
        frozenset({"test_panels_load"}),
    ),
    (
        "plugin.py",
        '[SearchHit(note.text, "/") for note in found]',
        '[SearchHit(query, "/")] * 9',
        frozenset({"test_search"}),
    ),
    (
        "templates/good/latest.html",
        "<ul>",
        '<ul style="color: red">',
        frozenset({"test_templates_keep"}),
    ),
    (
        "templates/good/documents/slip.html",
        "{{ text }}",
        "{{ text.of.nothing }}",
        frozenset({"test_documents_render"}),
    ),
    (
        "translations/zh_Hans_CN/LC_MESSAGES/messages.po",
        'msgstr "费用"',
        'msgstr ""',
        frozenset({"test_translations"}),
    ),
)
"""A file, what stands there, what is wrong instead, and the tests that must fail."""


def failures(folder: Path, tmp_path: Path) -> tuple[set[str], str]:
    """Run the contract with the plugin of a folder; return the failed tests and what was printed."""
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-o", "filterwarnings=",
         "--rootdir", str(ROOT), "-c", str(ROOT / "setup.cfg"), str(folder / "contract_of_good.py")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
             "PYTEST_DEBUG_TEMPROOT": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    return set(re.findall(r"^(?:FAILED|ERROR) \S*::(test_\w+)", outcome.stdout, re.MULTILINE)), outcome.stdout


def test_a_plugin_in_order_keeps_the_contract(tmp_path: Path) -> None:
    failed, told = failures(GOOD, tmp_path)
    assert failed == set(), told
    assert re.search(r"\b[23]\d passed", told), told


def test_every_fault_is_caught(tmp_path: Path) -> None:
    folder = tmp_path / "faulty"
    shutil.copytree(GOOD, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name, right, wrong, _tests in FAULTS:
        path = folder / "sample_good" / name
        text = path.read_text()
        assert right in text, f"{name} no longer holds {right!r}"
        path.write_text(text.replace(right, wrong))
    failed, told = failures(folder, tmp_path)
    expected = {test for _name, _right, _wrong, tests in FAULTS for test in tests}
    missed = {test for test in expected if not any(name.startswith(test) for name in failed)}
    assert missed == set(), told
    assert {name for name in failed if not name.startswith(tuple(expected))} == set(), told
