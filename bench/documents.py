"""Measure batches of documents beside plain WeasyPrint: `make bench-documents` (about ten minutes).

The welcome letter of 500 houses is made in three ways that take turns, a round each, and the medians are compared:

plain      WeasyPrint as its documentation shows it, one letter after the other: the installed Noto Sans CJK, the
           stylesheet parsed for each letter, a file for each letter. A sample of the letters, since it takes long.
laid out   the batch of Doorstep, in two worker processes, joined into one file; the way of every document.
drawn      the same for a fixed form: laid out once, the values drawn over it.

It prints the figures and ends with status 1 when a bar is missed; `--output` writes them as a page.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gettext
import io
import os
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from jinja2 import FileSystemLoader

from core.machinery.documents.letters import Letter, make_letters, merge_pdfs
from core.machinery.documents.renderer import PdfMetadata, RenderJob
from core.machinery.documents.slots import Recorded
from core.machinery.documents.templating import DocumentHead, Verification, document_environment
from core.machinery.documents.workers import RenderPool
from core.testing.documents import NEARLY, difference

ROOT = Path(__file__).resolve().parent.parent
PORTION = 40
FASTER, DRAWN_FASTER = 4.5, 10.0
MOST_BYTES = 20_000
MOST_MEMORY = 250
FLAT = 1.08
"""A worker is flat when its memory at the end is at most so many times that after its first fifth."""
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
NAMES = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚桂英建国文华志红海燕"


def letters(count: int) -> list[Letter]:
    """Return the letters of so many houses, with marks in their slots."""
    catalogue = gettext.translation("messages", ROOT / "core" / "translations", ["zh_Hans_CN"])

    def translated(message: str, **values: object) -> str:
        found = catalogue.gettext(message)
        return found % values if values else found

    environment = document_environment(
        translated, catalogue.ngettext, loaders=[FileSystemLoader(ROOT / "core" / "templates")]
    )
    template = environment.get_template("customers/documents/welcome_letter.html")
    made = []
    for number in range(1, count + 1):
        slots = Recorded()
        code = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[(number * 7919 >> step) % 32] for step in range(21))
        name = SURNAMES[number % 20] + NAMES[number * 7 % 30] + NAMES[number * 11 % 30]
        head = DocumentHead(
            title="欢迎信",
            number=f"HY-YQW-202611-{number:04d}",
            company="青岛云栖置业有限公司",
            project="云栖湾",
            version="38836f00",
            date="2026年11月23日",
            printed_at="2026/11/23 10:15",
            verification=Verification(
                f"https://crm.example.com/verify/{code}", "-".join(re.findall(".{1,4}", code))
            ),
            slots=slots,
        )
        facts = [
            ("房屋", f"{number // 60 + 1}-{number % 3 + 1}-{number % 28 + 1}{number % 4 + 1:02d}"),
            ("户型", "三室两厅两卫"),
            ("建筑面积", f"{88 + number % 60}.{number % 100:02d} m²"),
            ("合同编号", f"QD2026{number:06d}"),
            ("签约日期", f"2026年{number % 9 + 1}月{number % 28 + 1}日"),
            ("合同约定交付日期", "2027年12月31日"),
        ]
        html = template.render(
            document=head,
            names=name,
            project_name="云栖湾",
            facts=facts,
            contact="李晓明",
            phone="0532-88886666",
        )
        made.append(Letter(RenderJob(html), tuple(slots.values)))
    return made


def plain(wanted: Sequence[Letter]) -> list[bytes]:
    """Make letters with WeasyPrint alone."""
    from weasyprint import CSS, HTML

    css = (ROOT / "core/machinery/documents/css/document.css").read_text(encoding="utf-8")
    css = re.sub(r"@font-face \{.*?\}\n", "", css, flags=re.DOTALL).replace(
        "Doorstep Sans SC", "Noto Sans CJK SC"
    )
    return [HTML(string=letter.whole().html).write_pdf(stylesheets=[CSS(string=css)]) for letter in wanted]


@dataclass
class Batch:
    """What a batch took and made.

    Attributes:
        seconds: Wall time with two processes.
        size: Bytes of the joined file.
        pages: Its pages.
        memory: Resident MiB of the fullest worker after each portion.
        drawn: How many letters were drawn over their form.
    """

    seconds: float = 0.0
    size: int = 0
    pages: int = 0
    memory: list[float] = field(default_factory=list)
    drawn: int = 0


def batch(pool: RenderPool, wanted: Sequence[Letter]) -> Batch:
    """Make letters as the job does: in portions, joined at the end."""
    made, pieces = Batch(), []
    start = time.perf_counter()
    for first in range(0, len(wanted), PORTION):
        portion = pool.make_letters(wanted[first : first + PORTION], joined=True, singles=False)
        assert not any(letter.error for letter in portion.letters)
        pieces += portion.pieces
        made.drawn += sum(letter.drawn for letter in portion.letters)
        made.memory.append(max(resident(process) for process in pool.process_ids()))
    target = io.BytesIO()
    made.pages = merge_pdfs(pieces, target, PdfMetadata(title="欢迎信"))
    made.seconds = time.perf_counter() - start
    made.size = len(target.getvalue())
    return made


def resident(process: int) -> float:
    """Return the resident memory of a process in MiB."""
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024


def processor(do: Callable[[], object], count: int) -> float:
    """Return the processor milliseconds that one of ``count`` letters takes in this process."""
    start = time.process_time()
    do()
    return (time.process_time() - start) * 1000 / count


@dataclass(frozen=True)
class Bar:
    """A figure and what it has to keep."""

    what: str
    figure: str
    wanted: str
    is_kept: bool


def main() -> int:
    """Run, print, and return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--letters", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--sample", type=int, default=40, help="letters that WeasyPrint makes alone in a round"
    )
    parser.add_argument("--output", type=Path, help="a file for the page with the figures")
    asked = parser.parse_args()
    wanted = letters(asked.letters)
    whole = [Letter(letter.whole()) for letter in wanted]
    plain(wanted[:2])
    make_letters(whole[:2], joined=True, singles=False)
    make_letters(wanted[:2], joined=True, singles=False)
    times: dict[str, list[float]] = {name: [] for name in ("plain", "laid out", "drawn")}
    cpu: dict[str, list[float]] = {name: [] for name in times}
    sizes: dict[str, float] = {}
    made: dict[str, Batch] = {}
    for number in range(asked.rounds):
        sample = slice(
            number * asked.sample % len(wanted), number * asked.sample % len(wanted) + asked.sample
        )
        start = time.perf_counter()
        before = time.process_time()
        alone = plain(wanted[sample])
        times["plain"].append((time.perf_counter() - start) * 1000 / len(alone))
        cpu["plain"].append((time.process_time() - before) * 1000 / len(alone))
        sizes["plain"] = statistics.mean(map(len, alone))
        for name, chosen in (("laid out", whole), ("drawn", wanted)):
            with RenderPool(2) as pool:
                pool.make_letters(chosen[:2], joined=True, singles=False)
                made[name] = batch(pool, chosen)
            times[name].append(made[name].seconds * 1000 / len(chosen))
            sizes[name] = made[name].size / len(chosen)
            some = chosen[sample]
            lay_out = partial(make_letters, some, joined=True, singles=False)
            cpu[name].append(processor(lay_out, len(some)))
        print(
            f"round {number + 1}: "
            + ", ".join(f"{name} {each[-1]:.1f} ms a letter" for name, each in times.items()),
            flush=True,
        )
    worst = looks(wanted[:6])
    ratios = {
        name: statistics.median(a / b for a, b in zip(times["plain"], times[name], strict=True))
        for name in times
    }
    alone_ratio = statistics.median(a / b for a, b in zip(cpu["plain"], cpu["drawn"], strict=True))
    memory = max(max(each.memory) for each in made.values())
    growth = max(each.memory[-1] / each.memory[len(each.memory) // 5] for each in made.values())
    bars = [
        Bar(
            "laid out, times faster than plain",
            f"{ratios['laid out']:.1f}",
            f"≥ {FASTER}",
            ratios["laid out"] >= FASTER,
        ),
        Bar(
            "drawn, times faster than plain",
            f"{ratios['drawn']:.1f}",
            f"≥ {DRAWN_FASTER:g}",
            ratios["drawn"] >= DRAWN_FASTER,
        ),
        Bar(
            "drawn in one process, times less processor than plain",
            f"{alone_ratio:.1f}",
            f"≥ {DRAWN_FASTER:g}",
            alone_ratio >= DRAWN_FASTER,
        ),
        Bar(
            "bytes a letter, laid out and joined",
            f"{sizes['laid out']:,.0f}",
            f"≤ {MOST_BYTES:,}",
            sizes["laid out"] <= MOST_BYTES,
        ),
        Bar(
            "bytes a letter, drawn and joined",
            f"{sizes['drawn']:,.0f}",
            f"≤ {MOST_BYTES:,}",
            sizes["drawn"] <= MOST_BYTES,
        ),
        Bar("MiB of the fullest worker", f"{memory:.0f}", f"≤ {MOST_MEMORY}", memory <= MOST_MEMORY),
        Bar("memory at the end over that after a fifth", f"{growth:.2f}", f"≤ {FLAT}", growth <= FLAT),
        Bar(
            "pixels of a drawn letter that differ from the laid-out one",
            f"{worst:.2%}",
            f"≤ {NEARLY:.1%}",
            worst <= NEARLY,
        ),
        Bar(
            "letters drawn",
            f"{made['drawn'].drawn} of {len(wanted)}",
            "all",
            made["drawn"].drawn == len(wanted),
        ),
    ]
    page = report(asked, times, cpu, sizes, bars)
    print(page)
    if asked.output is not None:
        asked.output.write_text(page, encoding="utf-8")
    return 0 if all(bar.is_kept for bar in bars) else 1


def looks(wanted: Sequence[Letter]) -> float:
    """Return the largest share of pixels in which a drawn letter differs from the laid-out one."""
    drawn = make_letters(wanted, joined=False, singles=True).letters
    laid_out = make_letters([Letter(letter.whole()) for letter in wanted], joined=False, singles=True).letters
    return max(
        difference(one.content or b"", other.content or b"")
        for one, other in zip(drawn, laid_out, strict=True)
    )


def report(
    asked: argparse.Namespace,
    times: dict[str, list[float]],
    cpu: dict[str, list[float]],
    sizes: dict[str, float],
    bars: Sequence[Bar],
) -> str:
    """Return the page."""
    lines = [
        "# Figures: batches of documents",
        "",
        f"`make bench-documents`, {dt.datetime.now(dt.UTC):%Y-%m-%d}, {os.cpu_count()} cores, {machine()}. "
        f"The welcome letter of {asked.letters} houses; {asked.rounds} rounds, the three ways in turns; medians. "
        "Compare the columns, not the times: the machine was shared.",
        "",
        "| | plain WeasyPrint, one by one | laid out, two processes, joined | drawn, two processes, joined |",
        "|---|---|---|---|",
        "| wall ms a letter | "
        + " | ".join(f"{statistics.median(each):.1f}" for each in times.values())
        + " |",
        "| processor ms a letter, one process | "
        + " | ".join(f"{statistics.median(each):.1f}" for each in cpu.values())
        + " |",
        "| bytes a letter | " + " | ".join(f"{sizes[name]:,.0f}" for name in times) + " |",
        "",
        "| Bar | Figure | Wanted | |",
        "|---|---|---|---|",
        *(
            f"| {bar.what} | {bar.figure} | {bar.wanted} | {'kept' if bar.is_kept else 'MISSED'} |"
            for bar in bars
        ),
        "",
        "Plain: the installed Noto Sans CJK, stylesheet parsed for each letter, a file for each. Laid out: a static",
        "cut of the font, fonts and stylesheets kept in the worker, pages joined before they are written. Drawn: see",
        "[documents.md](../reference/documents.md#fixed-forms).",
        "",
    ]
    return "\n".join(lines)


def machine() -> str:
    """Return the memory and system of this machine in a few words."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return f"{total:.0f} GB, {system}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
