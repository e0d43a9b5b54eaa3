"""Command line of the benchmark: `python -m bench`; `make bench` runs it in its own environment."""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from bench import plugins
from bench.databases import DatabaseKind, PostgresCluster, SqliteFiles
from bench.dataset import COMPANY_COUNT, PAGE_SIZE, Dataset
from bench.measure import ROUNDS, Run
from bench.modules import report as list_report
from bench.modules.products import DjangoLists, DoorstepLists, FlaskAdminLists, ServesLists
from bench.modules.rows import LONG_LISTS, ModuleRows
from bench.modules.run import ListRun
from bench.products.base import Product, User
from bench.products.django_admin import DjangoAdmin
from bench.products.doorstep import Doorstep
from bench.products.stock_flask_admin import StockFlaskAdmin
from bench.report import Bar, DatabaseResult, as_json, as_markdown, check_bars

log = logging.getLogger("bench")

PRODUCTS: dict[str, type[Product]] = {
    "flask_admin": StockFlaskAdmin,
    "django_admin": DjangoAdmin,
    "doorstep": Doorstep,
}
LIST_PRODUCTS: dict[str, type[ServesLists]] = {
    "flask_admin": FlaskAdminLists,
    "django_admin": DjangoLists,
    "doorstep": DoorstepLists,
}
PLACES: dict[str, type[SqliteFiles] | type[PostgresCluster]] = {
    "sqlite": SqliteFiles,
    "postgresql": PostgresCluster,
}
FULL_ROWS = 1_000_000
REPORT_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=FULL_ROWS, help="rows of each list in the large set (default 1,000,000)"
    )
    parser.add_argument(
        "--small-rows", type=int, default=10_000, help="rows of each list in the small set (default 10,000)"
    )
    parser.add_argument("--database", choices=[*PLACES, "all"], default="all")
    parser.add_argument("--products", default=",".join(PRODUCTS), help=f"some of {','.join(PRODUCTS)}")
    parser.add_argument("--repeats", type=int, default=15, help="timed requests per figure (default 15)")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for the reports; without it only those of a full run are kept, in docs/reference",
    )
    parser.add_argument(
        "--without-plugins",
        action="store_true",
        help="leave out start-up time and memory with generated plugins",
    )
    parser.add_argument(
        "--only", default="customers,modules", help="some of customers,modules (default both)"
    )
    parser.add_argument(
        "--lists", default=",".join(each.key for each in LONG_LISTS), help="some of the modules' lists"
    )
    parser.add_argument(
        "--clock",
        choices=["wall", "processor"],
        default="wall",
        help="what is measured: the time that passes (default), or processor time, for a machine that is not quiet",
    )
    options = parser.parse_args(arguments)
    options.products = _chosen(parser, "product", options.products, PRODUCTS)
    options.parts = _chosen(parser, "part", options.only, PARTS)
    options.lists = _chosen(parser, "list", options.lists, [each.key for each in LONG_LISTS])
    options.kinds = list(PLACES) if options.database == "all" else [options.database]
    options.by_processor = options.clock == "processor"
    # The limited user sees a tenth of the rows and walks from one end to the other.
    enough = (options.repeats + ROUNDS + 1) * PAGE_SIZE * COMPANY_COUNT
    if options.small_rows < enough:
        parser.error(f"--small-rows must be at least {enough:,} for {options.repeats} repeats")
    if options.rows <= options.small_rows:
        parser.error("--rows must be larger than --small-rows")
    return options


def _chosen(parser: argparse.ArgumentParser, what: str, given: str, known: Collection[str]) -> list[str]:
    chosen = [name.strip() for name in given.split(",") if name.strip()]
    unknown = set(chosen) - set(known)
    if unknown or not chosen:
        parser.error(f"unknown {what} {', '.join(sorted(unknown))}; choose from {', '.join(known)}")
    return chosen


def _interrupted(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, writes the reports.

    Returns:
        1 when a bar is missed, else 0.
    """
    options = _options(arguments)
    # Ended from outside, a run still stops its servers and its cluster.
    signal.signal(signal.SIGTERM, _interrupted)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    bars = [bar for part in options.parts for bar in PARTS[part](options)]
    return 0 if all(bar.holds for bar in bars) else 1


def _each_database(
    options: argparse.Namespace, make: Callable[[DatabaseKind, list[User], dict[str, str], Path], Run]
) -> tuple[list[DatabaseResult], list[User]]:
    """What a run finds on each database; its people and keys are made for it and do not outlive it."""
    users = [
        User("administrator", secrets.token_urlsafe(18), limited=False),
        User("limited", secrets.token_urlsafe(18), limited=True),
    ]
    environment = {"BENCH_SECRET_KEY": secrets.token_urlsafe(48)}
    found: list[DatabaseResult] = []
    for kind in options.kinds:
        with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as name:
            folder = Path(name)
            # The account that runs PostgreSQL has to pass through.
            folder.chmod(0o711)
            place: DatabaseKind = PLACES[kind](folder)
            with place:
                run = make(place, users, environment, folder)
                result = DatabaseResult(kind, "", run.measure())
                result.version = run.server_version
        found.append(result)
    return found, users


def _measure_customers(options: argparse.Namespace) -> list[Bar]:
    products = [PRODUCTS[name]() for name in options.products]
    dataset, small = Dataset(options.rows), Dataset(options.small_rows)

    def make(place: DatabaseKind, users: list[User], environment: dict[str, str], folder: Path) -> Run:
        return Run(
            place, products, users, dataset, small, options.repeats, environment, folder, options.by_processor
        )

    found, users = _each_database(options, make)
    bars = [
        bar
        for result in found
        for bar in check_bars(result, products, users, options.rows, options.small_rows)
    ]
    starts: list[plugins.StartUp] = []
    plugin_lines: list[str] = []
    if Doorstep.name in options.products and not options.without_plugins:
        try:
            starts = plugins.measure()
        except (RuntimeError, subprocess.CalledProcessError) as error:
            # What was measured before is not lost with it.
            log.error("Start with generated plugins: %s", error)
            start_bars = plugins.check_bars([], str(error))
        else:
            start_bars = plugins.check_bars(starts)
        bars += start_bars
        plugin_lines = plugins.as_markdown(starts, start_bars)
    text = as_markdown(
        found, products, users, options.rows, options.small_rows, options.repeats, bars, plugin_lines
    )
    figures = as_json(found, products, options.rows, bars, [asdict(start) for start in starts])
    _keep(options, "benchmarks", text, figures, is_complete=not options.without_plugins)
    return bars


def _measure_modules(options: argparse.Namespace) -> list[Bar]:
    products: list[Product] = [LIST_PRODUCTS[name]() for name in options.products]
    rows, small = ModuleRows(options.rows), ModuleRows(options.small_rows)
    lists = [each for each in LONG_LISTS if each.key in options.lists]

    def make(place: DatabaseKind, users: list[User], environment: dict[str, str], folder: Path) -> Run:
        return ListRun(
            place,
            products,
            users,
            rows,
            small,
            options.repeats,
            environment,
            folder,
            options.by_processor,
            lists=lists,
        )

    found, users = _each_database(options, make)
    sizes = options.rows, options.small_rows
    bars = [bar for result in found for bar in list_report.check_bars(result, products, users, lists, *sizes)]
    clock = (
        "processor time of the serving processes" if options.by_processor else "time from request to answer"
    )
    how = f"Medians of {options.repeats} warm requests in milliseconds ({clock}), the products in turn, in blocks."
    text = list_report.as_markdown(found, products, users, lists, *sizes, how, bars)
    figures = as_json(found, products, options.rows, bars, [])
    _keep(options, "benchmarks-modules", text, figures, is_complete=len(lists) == len(LONG_LISTS))
    return bars


def _keep(options: argparse.Namespace, name: str, text: str, figures: str, *, is_complete: bool) -> None:
    """Prints a report and writes it where it is kept: beside the reference pages when the run was a full one."""
    print(text)
    is_full = (
        options.rows == FULL_ROWS
        and len(options.kinds) == len(PLACES)
        and len(options.products) == len(PRODUCTS)
        and not options.by_processor
    )
    output = options.output or (REPORT_FOLDER if is_full and is_complete else None)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / f"{name}.md").write_text(text, "utf-8")
        (output / f"{name}.json").write_text(figures, "utf-8")


PARTS: dict[str, Callable[[argparse.Namespace], list[Bar]]] = {
    "customers": _measure_customers,
    "modules": _measure_modules,
}


if __name__ == "__main__":
    sys.exit(main())
