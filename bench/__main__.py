"""Command line of the benchmark: `python -m bench`; `make bench` runs it in its own environment."""

from __future__ import annotations

import argparse
import logging
import secrets
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from bench import plugins
from bench.databases import DatabaseKind, PostgresCluster, SqliteFiles
from bench.dataset import COMPANY_COUNT, PAGE_SIZE, Dataset
from bench.measure import WARM_UP, Run
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
PLACES: dict[str, type[SqliteFiles] | type[PostgresCluster]] = {
    "sqlite": SqliteFiles,
    "postgresql": PostgresCluster,
}
FULL_ROWS = 1_000_000
REPORT_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=FULL_ROWS, help="customers in the large set (default 1,000,000)"
    )
    parser.add_argument(
        "--small-rows", type=int, default=10_000, help="customers in the small set (default 10,000)"
    )
    parser.add_argument("--database", choices=[*PLACES, "all"], default="all")
    parser.add_argument("--products", default=",".join(PRODUCTS), help=f"some of {','.join(PRODUCTS)}")
    parser.add_argument("--repeats", type=int, default=15, help="timed requests per figure (default 15)")
    parser.add_argument(
        "--output",
        type=Path,
        help="folder for benchmarks.md and benchmarks.json; without it only a full run is kept, in docs/reference",
    )
    parser.add_argument(
        "--without-plugins",
        action="store_true",
        help="leave out start-up time and memory with generated plugins",
    )
    options = parser.parse_args(arguments)
    options.products = [name.strip() for name in options.products.split(",") if name.strip()]
    unknown = set(options.products) - set(PRODUCTS)
    if unknown:
        parser.error(f"unknown product {', '.join(sorted(unknown))}; choose from {', '.join(PRODUCTS)}")
    # The limited user sees a tenth of the rows and walks from one end to the other.
    enough = (options.repeats + WARM_UP + 1) * PAGE_SIZE * COMPANY_COUNT
    if options.small_rows < enough:
        parser.error(f"--small-rows must be at least {enough:,} for {options.repeats} repeats")
    if options.rows <= options.small_rows:
        parser.error("--rows must be larger than --small-rows")
    return options


def _interrupted(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints, writes the report.

    Returns:
        1 when a bar is missed, else 0.
    """
    options = _options(arguments)
    # Ended from outside, a run still stops its servers and its cluster.
    signal.signal(signal.SIGTERM, _interrupted)
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr
    )
    products = [PRODUCTS[name]() for name in options.products]
    dataset, small = Dataset(options.rows), Dataset(options.small_rows)
    # Signed-in people of one run; nothing outlives it.
    users = [
        User("administrator", secrets.token_urlsafe(18), limited=False),
        User("limited", secrets.token_urlsafe(18), limited=True),
    ]
    environment = {"BENCH_SECRET_KEY": secrets.token_urlsafe(48)}
    kinds = list(PLACES) if options.database == "all" else [options.database]
    found: list[DatabaseResult] = []
    bars: list[Bar] = []
    for kind in kinds:
        with tempfile.TemporaryDirectory(prefix="doorstep-bench-") as name:
            folder = Path(name)
            # The account that runs PostgreSQL has to pass through.
            folder.chmod(0o711)
            place: DatabaseKind = PLACES[kind](folder)
            with place:
                run = Run(place, products, users, dataset, small, options.repeats, environment, folder)
                result = DatabaseResult(kind, "", run.measure())
                result.version = run.server_version
        found.append(result)
        bars += check_bars(result, products, users, options.rows, options.small_rows)
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
    print(text)
    complete = (
        options.rows == FULL_ROWS
        and len(kinds) == len(PLACES)
        and len(products) == len(PRODUCTS)
        and not options.without_plugins
    )
    output = options.output or (REPORT_FOLDER if complete else None)
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)
        (output / "benchmarks.md").write_text(text, "utf-8")
        figures = as_json(found, products, options.rows, bars, [asdict(start) for start in starts])
        (output / "benchmarks.json").write_text(figures, "utf-8")
    return 0 if all(bar.holds for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
