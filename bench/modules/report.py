"""Bars, tables and files made from measurements of the long lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench.measure import Cell
from bench.modules.rows import LongList
from bench.modules.run import OPERATIONS, cell_name, operations_of
from bench.products.base import Product, User
from bench.report import (
    SUBJECT,
    WALK_GROWTH,
    WELL_BELOW,
    Bar,
    DatabaseResult,
    judged,
    machine,
    milliseconds,
    of_better_peer,
    verdict,
    who,
)

_WALKS = ("next_page", "previous_page")


def check_bars(
    found: DatabaseResult,
    products: Sequence[Product],
    users: Sequence[User],
    lists: Sequence[LongList],
    rows: int,
    small_rows: int,
) -> list[Bar]:
    """Every bar of one database; none when Doorstep or all peers were left out.

    All operations of lists have the bar of the customers' lists, and the next and the previous page may take little
    more than with few rows.
    """
    peers = [product.name for product in products if product.name != SUBJECT]
    if not peers or all(product.name != SUBJECT for product in products):
        return []
    bars: list[Bar] = []
    for long_list in lists:
        for user in users:
            for operation in operations_of(long_list):
                key = cell_name(long_list, operation)
                ours = found.results[Cell(user.name, key, rows, SUBJECT)]
                theirs = [found.results[Cell(user.name, key, rows, peer)] for peer in peers]
                ratio, problem = of_better_peer(ours, theirs)
                bars.append(
                    Bar(found.kind, user.name, _title(long_list, operation), WELL_BELOW, ratio, problem)
                )
            for operation in _WALKS:
                key = cell_name(long_list, operation)
                large, small = (
                    found.results[Cell(user.name, key, count, SUBJECT)] for count in (rows, small_rows)
                )
                growth = (
                    large.milliseconds / small.milliseconds
                    if large.milliseconds and small.milliseconds
                    else None
                )
                bars.append(
                    Bar(
                        found.kind,
                        user.name,
                        _growth_title(long_list, operation, small_rows),
                        WALK_GROWTH,
                        growth,
                        large.problem or small.problem,
                    )
                )
    return bars


def _title(long_list: LongList, operation: str) -> str:
    return f"{long_list.title}: {OPERATIONS[operation]}, of the better peer"


def _growth_title(long_list: LongList, operation: str, small_rows: int) -> str:
    return f"{long_list.title}: {OPERATIONS[operation]}, of its time at {small_rows:,} rows"


def as_markdown(
    databases: Iterable[DatabaseResult],
    products: Sequence[Product],
    users: Sequence[User],
    lists: Sequence[LongList],
    rows: int,
    small_rows: int,
    how: str,
    bars: Sequence[Bar],
) -> str:
    """The report for people.

    Args:
        databases: what was measured on each database.
        products: the products.
        users: the users.
        lists: the lists.
        rows: rows of each list in the large set.
        small_rows: rows of each list in the small set.
        how: a sentence on the clock and the number of requests.
        bars: the bars of all databases.
    """
    facts = machine()
    titles = [product.title for product in products]
    lines = [
        "# Benchmarks of the modules' lists",
        "",
        f'Measured by `make bench BENCH="--only modules"` on {facts["date"]}: {facts["system"]}, '
        f"{facts['processor']}, {facts['memory']}, Python {facts['python']}; {', '.join(titles)}.",
        "",
        f"{rows:,} rows of each list in 200 projects, the same rows for all products. {how} `bench/README.md` says "
        "what is measured and how.",
        "",
        verdict(bars),
    ]
    by_key = {(bar.database, bar.user, bar.title): bar for bar in bars}
    for found in databases:
        is_judged = any(bar.database == found.kind for bar in bars)
        for user in users:
            lines += ["", f"## {found.version}, {who(user)}"]
            for long_list in lists:
                lines += ["", f"### {long_list.title[0].upper()}{long_list.title[1:]}", ""]
                lines.append("| | " + " | ".join(titles) + (" | ratio | bar | |" if is_judged else " |"))
                lines.append("|---|" + "--:|" * len(titles) + ("--:|--:|---|" if is_judged else ""))
                for operation in operations_of(long_list):
                    key = cell_name(long_list, operation)
                    cells = [
                        milliseconds(found.results[Cell(user.name, key, rows, product.name)])
                        for product in products
                    ]
                    bar = by_key.get((found.kind, user.name, _title(long_list, operation)))
                    lines.append(f"| {OPERATIONS[operation]} | " + " | ".join(cells) + judged(bar))
                for operation in _WALKS:
                    key = cell_name(long_list, operation)
                    cells = [
                        milliseconds(found.results[Cell(user.name, key, small_rows, product.name)])
                        for product in products
                    ]
                    bar = by_key.get((found.kind, user.name, _growth_title(long_list, operation, small_rows)))
                    lines.append(
                        f"| {OPERATIONS[operation]} at {small_rows:,} rows | "
                        + " | ".join(cells)
                        + judged(bar)
                    )
            problems = {
                f"- {cell.operation} by {cell.product} at {cell.rows:,} rows: {result.problem}"
                for cell, result in found.results.items()
                if cell.user == user.name and result.problem
            }
            if problems:
                lines += ["", "Not measured, because the answer was wrong:", "", *sorted(problems)]
    return "\n".join(lines) + "\n"
