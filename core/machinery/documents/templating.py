"""The Jinja side of printed documents: where the base template and its macros are, and the filters that they use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from unicodedata import east_asian_width

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, StrictUndefined

from core.machinery.documents.amounts import capital_amount, money
from core.machinery.documents.renderer import language_tag
from core.machinery.documents.slots import Inline, Slots
from core.machinery.documents.verification_code import qr_svg

TEMPLATE_FOLDER = Path(__file__).parent / "templates"
"""Holds ``documents/base.html`` and ``documents/macros.html``; the application adds it to its own loader."""

CHART_LABEL = 12.9
"""Room of a label beside a bar, in widths of a Chinese character of its size."""
SMALL_CHART_LABEL = 14.9
"""The same for labels of two lines, which are printed smaller."""


def _width(text: str) -> float:
    return sum(1.0 if east_asian_width(letter) in "WF" else 0.56 for letter in text)


def _first_line(text: str) -> str:
    """Return what fits into a small line: whole words, or what fits of a long one."""
    end = len(text)
    while _width(text[:end]) > SMALL_CHART_LABEL:
        end -= 1
    space = text.rfind(" ", 0, end + 1)
    return text[: space if end < len(text) and space > 0 else end]


def label_lines(label: object) -> list[str]:
    """Return the label of a bar in one line, or in two smaller ones; what does not fit ends with an ellipsis.

    Args:
        label: The text.
    """
    text = str(label).strip()
    if _width(text) <= CHART_LABEL:
        return [text]
    first = _first_line(text)
    rest = text[len(first) :].strip()
    second = _first_line(rest)
    lines = [first, second + "…" if len(second) < len(rest) else second]
    return [line for line in lines if line]


FILTERS: dict[str, Callable[..., object]] = {
    "language_tag": language_tag,
    "qr_svg": qr_svg,
    "label_lines": label_lines,
    "money": money,
    "capital_amount": capital_amount,
}
"""Filters that the base template needs in whatever environment it is rendered."""


@dataclass(frozen=True)
class Verification:
    """Where a reader checks an issued document: ``url`` is the address in the QR code, ``code`` what is typed there."""

    url: str
    code: str = ""


@dataclass(frozen=True)
class DocumentHead:
    """What ``documents/base.html`` prints around the content of a document; the template knows it as ``document``.

    ``language`` is the locale of the recipient (``zh_Hans_CN``, ``en``); ``date`` and ``printed_at`` are already
    formatted for it; ``logo`` is a resource address (``attachment:<id>`` or ``package:…``); ``version`` names the
    template version.
    """

    title: str
    language: str = "zh_Hans_CN"
    subtitle: str = ""
    number: str = ""
    version: str = ""
    date: str = ""
    printed_at: str = ""
    company: str = ""
    project: str = ""
    logo: str = ""
    verification: Verification | None = None
    slots: Slots = field(default_factory=Inline)
    """Keeps the places of a fixed form that differ from letter to letter; see ``slots.py``."""


def document_environment(
    gettext: Callable[..., str], ngettext: Callable[..., str], *, loaders: Iterable[BaseLoader] = ()
) -> Environment:
    """A Jinja environment for documents outside a web request: strict about missing values, escaping everything.

    :param gettext: translates a msgid, with ``%(name)s`` placeholders filled by keyword
    :param ngettext: the same for a singular, a plural and a number
    :param loaders: where further templates are; asked before the base templates
    """
    environment = Environment(
        loader=ChoiceLoader([*loaders, FileSystemLoader(TEMPLATE_FOLDER)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update({"_": gettext, "gettext": gettext, "ngettext": ngettext})
    return environment
