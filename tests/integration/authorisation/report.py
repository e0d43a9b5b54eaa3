"""``python -m tests.integration.authorisation.report`` runs the whole matrix and writes its page in the reference."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from tests.integration.authorisation.oracle import ACTORS, TARGETS

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "authorisation.md"
OUTPUT = "DOORSTEP_MATRIX_REPORT"
"""Names the file that the test of the matrix writes its page to."""


def page(
    summary: str, rows: Iterable[tuple[str, str, str, str]], public: dict[str, str], mutants: Iterable[str]
) -> str:
    """Return the page.

    Args:
        summary: The line with the numbers.
        rows: Method, address, permissions and component of each route.
        public: Why routes need no permission, by endpoint.
        mutants: Names of the guards that are taken out in turn.
    """
    by_component: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for method, address, needs, component in rows:
        by_component[component].append((address, method, needs))
    lines = [
        "# Authorisation matrix",
        "",
        "Written by `python -m tests.integration.authorisation.report`; do not edit it. Every route of the live",
        f"URL map is tried with every method by {len(ACTORS)} actors ({', '.join(each.name for each in ACTORS)})",
        f"on {len(TARGETS)} targets ({', '.join(TARGETS)}). Compared are the status, the bytes (no text of a",
        "project that the actor does not see) and the rows of all tables (a refusal changes nothing, a GET never",
        "writes). The expected answers come from the declared permissions and a table of who sees what, not from",
        "the code under test.",
        "",
        f"Last run: {summary}.",
        "",
        "## Routes and what they need",
    ]
    for component, found in by_component.items():
        lines += ["", f"### {component}", "", "| Address | Method | Needs |", "|---|---|---|"]
        lines += [f"| `{address}` | {method} | {needs} |" for address, method, needs in sorted(found)]
    lines += ["", "## Routes without a permission", "", "| Endpoint | Why |", "|---|---|"]
    lines += [f"| `{endpoint}` | {reason} |" for endpoint, reason in sorted(public.items())]
    lines += [
        "",
        "## Guards that are taken out in turn",
        "",
        "Each is noticed by the matrix or by a check of its own:",
        "",
    ]
    lines += [f"- {name}" for name in mutants]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Run the matrix without leaving anything out."""
    environment = {**os.environ, "DOORSTEP_MATRIX": "full", OUTPUT: str(PAGE)}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        str(Path(__file__).with_name("test_matrix.py")),
        "-k",
        "test_matrix",
    ]
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
