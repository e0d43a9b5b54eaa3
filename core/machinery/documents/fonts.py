"""The fonts of printed documents: what our cut covers, what stands in for it, and whether the machine can print at all.

WeasyPrint prints a character that no font has as an empty space and says nothing. So the text of each document is
compared with the coverage of the cut before it is rendered; see :func:`choose_fonts`.
"""

from __future__ import annotations

import ctypes
import html
import logging
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

logger = logging.getLogger(__name__)

FONT_FOLDER = Path(__file__).parent / "fonts"
FAMILY = "Doorstep Sans SC"
FONT_FILES = {400: FONT_FOLDER / "DoorstepSansSC-Regular.ttf", 700: FONT_FOLDER / "DoorstepSansSC-Bold.ttf"}

PREFERRED_FALLBACKS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "Noto Sans SC",
    "WenQuanYi Zen Hei",
    "HanaMinB",
)
"""Families asked first for a character that the cut lacks: the first is the design that the cut was made from."""

MAX_FALLBACK_FONTS = 4
_SHARED_LIBRARIES = (
    ("libpango-1.0.so.0", "libpango-1.0-0", "text cannot be laid out"),
    ("libpangoft2-1.0.so.0", "libpangoft2-1.0-0", "text cannot be laid out"),
    ("libharfbuzz.so.0", "libharfbuzz0b", "text cannot be laid out"),
    ("libharfbuzz-subset.so.0", "libharfbuzz-subset0", "each letter takes some fifty times longer"),
    ("libfontconfig.so.1", "libfontconfig1", "no font can be found"),
)
_NOT_PRINTED = {"Cc", "Cf", "Zs", "Zl", "Zp"}
_PRIVATE_USE = {"Co", "Cs", "Cn"}
_MARKUP_CODE = re.compile(r"<(style|script)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class PdfStackProblem:
    """Something that this machine lacks for printing.

    ``message`` is a full sentence for the log with what is missing, what follows and what to install; ``package`` is
    the Debian package, or None when the installation of Doorstep itself is damaged. ``fatal`` tells that no PDF can be
    made. ``kind`` (``library``, ``slow_library``, ``font``, ``lookup``, ``fallback``) and ``subject``, the name of what
    is missing, are for pages, which say it in the reader's language.
    """

    message: str
    package: str | None
    fatal: bool
    kind: str
    subject: str = ""


@dataclass(frozen=True)
class FontChoice:
    """The fonts of one document.

    ``families`` are in the order of preference, our cut first. ``unprintable`` are the characters, each once and in the
    order of the text, that no font of this machine has: they come out as blanks and the user must be told.
    """

    families: tuple[str, ...]
    unprintable: tuple[str, ...]


@cache
def coverage() -> frozenset[int]:
    """The code points that both weights of the cut have."""
    from fontTools.ttLib import TTFont

    weights = []
    for path in FONT_FILES.values():
        with TTFont(path, lazy=True) as font:
            weights.append(frozenset(font.getBestCmap()))
    return frozenset.intersection(*weights)


def missing_characters(text: str) -> tuple[str, ...]:
    """The printed characters of plain *text* that the cut lacks, each once, in the order of the text.

    Spaces, control and format characters are not printed and never missing. Decomposed letters count as composed.
    """
    known = coverage()
    found: dict[str, None] = {}
    for character in dict.fromkeys(unicodedata.normalize("NFC", text)):
        if ord(character) not in known and not _is_invisible(character):
            found[character] = None
    return tuple(found)


def choose_fonts(document: str) -> FontChoice:
    """Decide the fonts for an HTML *document*: the cut alone, or with the installed fonts that have the rest."""
    text = html.unescape(_MARKUP_CODE.sub("", document))
    missing = missing_characters(text)
    if not missing:
        return FontChoice((FAMILY,), ())
    families = [FAMILY]
    remaining = []
    for character in missing:
        family = None if unicodedata.category(character) in _PRIVATE_USE else installed_family_with(character)
        if family is None or (family not in families and len(families) > MAX_FALLBACK_FONTS):
            remaining.append(character)
        elif family not in families:
            families.append(family)
    return FontChoice(tuple(families), tuple(remaining))


@lru_cache(maxsize=4096)
def installed_family_with(character: str) -> str | None:
    """The installed family that prints *character* best, or None; asks fontconfig, the answer is kept."""
    program = shutil.which("fc-list")
    if program is None:
        return None
    query = f":charset={ord(character):x}"
    try:
        answer = subprocess.run(  # noqa: S603 (fixed program, the argument is a number)
            [program, "-f", "%{family}\n", query], capture_output=True, text=True, timeout=20, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        logger.warning("fontconfig did not answer which font has U+%04X: %s", ord(character), error)
        return None
    return _preferred(line.split(",")[0].strip() for line in answer.splitlines())


def _preferred(families: Iterable[str]) -> str | None:
    available = sorted({family for family in families if family and family != FAMILY})
    for family in PREFERRED_FALLBACKS:
        if family in available:
            return family
    return min(available, key=lambda family: ("Sans" not in family, family), default=None)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in _NOT_PRINTED or 0xFE00 <= ord(character) <= 0xFE0F


def check_pdf_stack() -> list[PdfStackProblem]:
    """What this machine lacks for printing: shared libraries, font files, a font for rare characters. Empty if nothing.

    Looks at the libraries without importing WeasyPrint, whose import fails outright where Pango is missing.
    """
    problems = []
    for library, package, consequence in _SHARED_LIBRARIES:
        if not _is_loadable(library):
            slow_only = package == "libharfbuzz-subset0"
            problems.append(
                PdfStackProblem(
                    f"The library {library} is missing, so {consequence}: "
                    f"install it with “apt-get install {package}” and restart.",
                    package,
                    fatal=not slow_only,
                    kind="slow_library" if slow_only else "library",
                    subject=library,
                )
            )
    for path in FONT_FILES.values():
        if not path.is_file() or path.stat().st_size < 1_000_000:
            problems.append(
                PdfStackProblem(
                    f"The font file {path.name} is missing or damaged, so Chinese text would print as blanks: "
                    "install Doorstep again.",
                    None,
                    fatal=True,
                    kind="font",
                    subject=path.name,
                )
            )
    if shutil.which("fc-list") is None:
        problems.append(
            PdfStackProblem(
                "The program fc-list is missing, so rare characters of names cannot be looked up in other fonts: "
                "install it with “apt-get install fontconfig” and restart.",
                "fontconfig",
                fatal=False,
                kind="lookup",
                subject="fc-list",
            )
        )
    elif installed_family_with("\u3400") is None:
        problems.append(
            PdfStackProblem(
                "No font for rare Chinese characters is installed, so a name may print with a blank: "
                "install one with “apt-get install fonts-noto-cjk” and restart.",
                "fonts-noto-cjk",
                fatal=False,
                kind="fallback",
            )
        )
    return problems


def _is_loadable(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
