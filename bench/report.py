"""Bars, tables and files made from measurements."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Cell, Measurement, Results
from bench.products.base import Product, User

NO_SLOWER = 1.0
WELL_BELOW = 0.4
WALK_GROWTH = 1.3
EXPORT_MEGABYTES = 20.0
_NUMBERS = re.compile(r"\[[\s\d.,e+-]+\]")


@dataclass(frozen=True)
class Operation:
    """An operation with its bar: Doorstep's time over the better peer's, at most."""

    key: str
    title: str
    bar: float


OPERATIONS = (
    Operation("list", "list, page 1", WELL_BELOW),
    Operation("last_page", "list, last page", WELL_BELOW),
    Operation("next_page", "next page", WELL_BELOW),
    Operation("previous_page", "previous page", WELL_BELOW),
    Operation("sort_name", "sort by name", WELL_BELOW),
    Operation("search_phone", "search phone fragment", WELL_BELOW),
    Operation("search_name", "search two-character name", WELL_BELOW),
    Operation("filter_project", "filter by project", WELL_BELOW),
    Operation("edit_form", "edit form", WELL_BELOW),
    Operation("save", "save", NO_SLOWER),
    Operation("export", "export of a tenth of the rows", WELL_BELOW),
)
SUBJECT = "doorstep"


@dataclass(frozen=True)
class Bar:
    """One bar and whether it holds."""

    database: str
    user: str
    title: str
    limit: float
    value: float | None
    note: str = ""

    @property
    def holds(self) -> bool:
        """True when there is a value and it is within the limit."""
        return self.value is not None and self.value <= self.limit


@dataclass
class DatabaseResult:
    """What was measured on one database."""

    kind: str
    version: str
    results: Results


def check_bars(
    found: DatabaseResult, products: list[Product], users: list[User], rows: int, small_rows: int
) -> list[Bar]:
    """Every bar of one database; none when Doorstep or all peers were left out."""
    peers = [product.name for product in products if product.name != SUBJECT]
    if not peers or all(product.name != SUBJECT for product in products):
        return []
    bars: list[Bar] = []
    for user in users:

        def cell(operation: str, product: str, count: int = rows, user: User = user) -> Measurement:
            return found.results[Cell(user.name, operation, count, product)]

        for operation in OPERATIONS:
            times = [cell(operation.key, peer) for peer in peers]
            ours = cell(operation.key, SUBJECT)
            ratio, problem = of_better_peer(ours, times)
            bars.append(
                Bar(
                    found.kind,
                    user.name,
                    f"{operation.title}, of the better peer",
                    operation.bar,
                    ratio,
                    problem,
                )
            )
        bars.append(
            Bar(
                found.kind,
                user.name,
                "export, MB above idle",
                EXPORT_MEGABYTES,
                cell("export", SUBJECT).megabytes,
            )
        )
        for key, title in (("next_page", "next page"), ("previous_page", "previous page")):
            large, small = cell(key, SUBJECT), cell(key, SUBJECT, small_rows)
            growth = (
                large.milliseconds / small.milliseconds if large.milliseconds and small.milliseconds else None
            )
            bars.append(
                Bar(
                    found.kind, user.name, f"{title}, of its time at {small_rows:,} rows", WALK_GROWTH, growth,
                    large.problem or small.problem,
                )
            )  # fmt: skip
    return bars


def of_better_peer(ours: Measurement, theirs: Sequence[Measurement]) -> tuple[float | None, str]:
    """Our time over that of the better peer, and why there is none.

    Without the answer of one peer nobody knows which of them is the better.
    """
    problem = next((one.problem for one in [ours, *theirs] if one.problem), "")
    best = min((one.milliseconds for one in theirs if one.milliseconds is not None), default=None)
    return (
        ours.milliseconds / best if best and ours.milliseconds is not None and not problem else None
    ), problem


def machine() -> dict[str, str]:
    """What the figures were measured on."""
    release = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    processor = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return {
        "system": release,
        "processor": f"{processor}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GB",
        "python": platform.python_version(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def as_markdown(
    databases: Iterable[DatabaseResult],
    products: list[Product],
    users: list[User],
    rows: int,
    small_rows: int,
    repeats: int,
    bars: list[Bar],
    plugin_lines: list[str],
) -> str:
    """The report for people."""
    facts = machine()
    lines = [
        "# Benchmarks",
        "",
        f"Measured by `make bench` on {facts['date']}: {facts['system']}, {facts['processor']}, {facts['memory']}, "
        f"Python {facts['python']}; " + ", ".join(product.title for product in products) + ".",
        "",
        f"{rows:,} customers in 200 projects, the same rows for all products, {repeats} warm requests per figure "
        "(exports 3), the products in turn, in blocks. Times are medians in milliseconds; compare columns, not "
        "absolute times. `bench/README.md` says what is measured and how.",
        "",
        verdict(bars),
    ]
    by_key = {(bar.database, bar.user, bar.title): bar for bar in bars}
    for found in databases:
        for user in users:
            lines += ["", f"## {found.version}, {who(user)}", ""]
            titles = [product.title for product in products]
            is_judged = any(bar.database == found.kind for bar in bars)
            lines.append("| | " + " | ".join(titles) + (" | ratio | bar | |" if is_judged else " |"))
            lines.append("|---|" + "--:|" * len(titles) + ("--:|--:|---|" if is_judged else ""))
            for operation in OPERATIONS:
                cells = [
                    milliseconds(found.results[Cell(user.name, operation.key, rows, product.name)])
                    for product in products
                ]
                of_bar = by_key.get((found.kind, user.name, f"{operation.title}, of the better peer"))
                lines.append(f"| {operation.title} | " + " | ".join(cells) + judged(of_bar))
            cells = [
                _megabytes(found.results[Cell(user.name, "export", rows, product.name)])
                for product in products
            ]
            lines.append(
                "| export, MB above idle | "
                + " | ".join(cells)
                + judged(by_key.get((found.kind, user.name, "export, MB above idle")))
            )
            for key, title in (("next_page", "next page"), ("previous_page", "previous page")):
                cells = [
                    milliseconds(found.results[Cell(user.name, key, small_rows, product.name)])
                    for product in products
                ]
                of_bar = by_key.get((found.kind, user.name, f"{title}, of its time at {small_rows:,} rows"))
                lines.append(f"| {title} at {small_rows:,} rows | " + " | ".join(cells) + judged(of_bar))
            problems = {
                f"- {cell.operation} by {cell.product} at {cell.rows:,} rows: {result.problem}"
                for cell, result in found.results.items()
                if cell.user == user.name and result.problem
            }
            if problems:
                lines += ["", "Not measured, because the answer was wrong:", "", *sorted(problems)]
    if plugin_lines:
        lines += ["", *plugin_lines]
    return "\n".join(lines) + "\n"


def who(user: User) -> str:
    """Who a user is, in words."""
    return "user who may see 20 of 200 projects" if user.limited else "administrator"


def verdict(bars: Sequence[Bar]) -> str:
    """How many bars hold, and which do not."""
    if not bars:
        return "No bar was checked: that needs Doorstep and at least one peer."
    missed = [bar for bar in bars if not bar.holds]
    if not missed:
        return f"All {len(bars)} bars hold."
    listed = "; ".join(
        f"{bar.database}, {bar.user}, {bar.title}: "
        + (f"{bar.value:.2f} instead of {bar.limit:g}" if bar.value is not None else bar.note or "no value")
        for bar in missed
    )
    return f"{len(bars) - len(missed)} of {len(bars)} bars hold. Missed: {listed}."


def milliseconds(result: Measurement) -> str:
    """The median as it is printed."""
    value = result.milliseconds
    return "–" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def _megabytes(result: Measurement) -> str:
    return "–" if result.megabytes is None or result.problem else f"{result.megabytes:.0f}"


def judged(bar: Bar | None) -> str:
    """The last columns of a row: ratio, bar, whether it holds."""
    if bar is None:
        return " |"
    value = "–" if bar.value is None else f"{bar.value:.2f}"
    return f" | {value} | {bar.limit:g} | {'PASS' if bar.holds else 'FAIL'} |"


def as_json(
    databases: Iterable[DatabaseResult],
    products: list[Product],
    rows: int,
    bars: list[Bar],
    plugins: list[dict[str, Any]],
) -> str:
    """The same figures for programs, with every sample."""
    document = {
        "machine": machine(),
        "products": {product.name: product.title for product in products},
        "rows": rows,
        "databases": {
            found.kind: {
                "version": found.version,
                "measurements": [
                    asdict(cell) | asdict(result) | {"milliseconds": result.milliseconds}
                    for cell, result in found.results.items()
                ],
            }
            for found in databases
        },
        "bars": [asdict(bar) | {"holds": bar.holds} for bar in bars],
        "plugins": plugins,
    }
    return in_lines(document)


def in_lines(document: Any) -> str:
    """Return a document as JSON: times in millionths of a second, and a list of numbers on one line."""
    text = json.dumps(_rounded(document), ensure_ascii=False, indent=1)
    return _NUMBERS.sub(lambda found: " ".join(found[0].split()), text) + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, (list, tuple)) else value
