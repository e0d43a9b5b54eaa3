"""What stands in the cells of lists, details and exports: values in words, escaped, masked where it must be."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask_babel import gettext as _
from markupsafe import Markup, escape

from core.database.types import LOCAL_ZONE, UtcDateTime
from core.languages import is_english, listed

if TYPE_CHECKING:
    from core.admin.declaring import RecordDeclarations
    from core.admin.views import RecordView
    from core.machinery.workflow.services import Workflow

Getter = Callable[[Any], Any]
Words = Callable[[Any], str]

TONES = frozenset({"late", "wait", "ok", "calm"})


def getter(path: str) -> Getter:
    """Return a function that reads a path like ``project.name`` from a record, None where a reference is empty.

    The name of a related record is read in the language of the page, where the record has its name in English too.
    """
    if "." not in path:
        return attrgetter(path)
    steps = path.split(".")
    if steps[-1] == "name" and is_english():
        steps[-1] = "name_en"

        def read_english(record: Any) -> Any:
            for step in steps[:-1]:
                record = getattr(record, step, None)
            return getattr(record, "name_en", "") or getattr(record, "name", None)

        return read_english

    def read(record: Any) -> Any:
        for step in steps:
            if record is None:
                return None
            record = getattr(record, step)
        return record

    return read


def plain_words(value: Any) -> str:
    """Return a value as staff read it: times in China, amounts with thousands separators, yes and no in words."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dt.datetime):
        return moment_words(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:,}"
    if isinstance(value, (list, tuple, set, frozenset)):
        return listed(plain_words(item) for item in value)
    return str(value)


def moment_words(value: dt.datetime | None) -> str:
    """Return a moment as staff read it: to the minute, in China; "" for none."""
    if value is None:
        return ""
    local = value.astimezone(LOCAL_ZONE) if value.tzinfo else value
    return local.isoformat(" ", "minutes")[:16]


_SPECIAL = re.compile("[&<>\"']")


def escaped(content: Any) -> str:
    """Return what stands in a cell as HTML; "" for None.

    A list has a thousand cells, and most hold nothing that :func:`markupsafe.escape` would change.
    """
    if content is None:
        return ""
    if type(content) is Markup or (type(content) is str and _SPECIAL.search(content) is None):
        return content
    return str(escape(content))


def _plain(value: Any) -> str:
    """Return a value in words, escaped; most are texts in which nothing is to be done."""
    if type(value) is str and _SPECIAL.search(value) is None:
        return value
    return escaped(plain_words(value))


def status_mark(tone: str, words: Any) -> Markup:
    """Return words as a status: a colour, and the words themselves.

    Lists draw some hundred of them, and :meth:`markupsafe.Markup.format` takes ten times as long.

    Args:
        tone: ``late``, ``wait``, ``ok`` or ``calm``, or a class of the plugin's own stylesheet; never a text of users.
        words: The text; it is escaped.
    """
    return Markup(f'<span class="st {tone}">{escaped(words)}</span>')  # noqa: S704 (the words are escaped)


_state_marks: dict[tuple[str, str, bool], Markup] = {}
"""What :func:`workflow_status` drew; there are as many as declared states."""


def workflow_status(workflow: Workflow, record: Any) -> Markup:
    """Return the state of a record as a status, which is drawn once for each language.

    Args:
        workflow: The workflow that moves the record.
        record: The record, or a row of a list that reads the state.
    """
    code = getattr(record, workflow.attribute)
    key = (workflow.name, str(code), is_english())
    found = _state_marks.get(key)
    if found is None:
        state = workflow.state(code)
        found = _state_marks[key] = status_mark(state.tone, state.label)
    return found


class Cells:
    """Turns values of one view into words, for one request: the language and the rights do not change in it.

    Args:
        view: The record view.
        masked: Whether personal columns are masked.
    """

    def __init__(self, view: RecordView, masked: bool) -> None:
        self.view = view
        self.masked = masked

    def words(self, name: str) -> Words:
        """Return the function from a value of a column to its plain words, as exports need them."""
        mask = self.view.personal_columns.get(name) if self.masked else None
        if mask is not None:
            return mask
        labels = self.view.labels_of(name)
        if labels:
            return lambda value: labels.get(value) or plain_words(value)
        return plain_words

    def has_choices(self, name: str) -> bool:
        """Return whether a column holds one of a few values that have words, and is not masked."""
        return bool(self.view.choices_of(name)) and not (self.masked and name in self.view.personal_columns)

    def markup(self, name: str) -> Callable[[Any], str]:
        """Return the function from a record to the escaped content of a cell."""
        declared = self.view.cells.get(name)
        if declared is not None:
            return lambda record: escaped(declared(record))
        read, words = getter(name), self.words(name)
        statuses = self.view.status_columns.get(name)
        if statuses is None:
            if words is plain_words:
                return lambda record: _plain(read(record))
            return lambda record: escaped(words(read(record)))
        marks = {
            value: f'<span class="st {tone}">{escape(str(text))}</span>'
            for value, (tone, text) in statuses.items()
        }

        def status(record: Any) -> str:
            value = read(record)
            return marks.get(value) or escaped(words(value))

        return status

    def rows(
        self, names: Sequence[str], records: Sequence[Any], row_start: Callable[[Any], str], link: str
    ) -> Markup:
        """Return the rows of a table.

        Args:
            names: The columns.
            records: The rows.
            row_start: Returns what comes before the cells of a row, already escaped.
            link: Address of the details page up to the key; the first cell leads there. Empty for no link.
        """
        prefix = str(escape(link))
        first_cell, *cells = [self.markup(name) for name in names]
        first_opening, *openings = self.view.openings_of(tuple(names))
        rest = list(zip(cells, openings, strict=True))
        pieces: list[str] = []
        add = pieces.append
        for record in records:
            content = first_cell(record) or "—"
            add(f'<tr data-id="{record.id}">{row_start(record)}{first_opening}>')
            add(f'<a href="{prefix}{record.id}">{content}</a></td>' if link else f"{content}</td>")
            for cell, opening in rest:
                add(f"{opening}{cell(record)}</td>")
            add("</tr>")
        return Markup("".join(pieces))  # noqa: S704 (every piece is escaped where it is made)


_WHOLE = frozenset({"number", "code", "unit", "house"})
"""Columns whose values are read as one: YD-YQW-202611-0116 and 1-2-1801 are not broken at their hyphens."""

_PEOPLE = frozenset({"recipient_name", "author", "contractor", "inspector", "engineer"})
"""Columns with names of people and companies, which are not broken between two characters."""

_DAYS = frozenset({"promised", "due"})
"""Columns with days that a view writes itself; those of the model are known by their type."""

_TEXTS = frozenset({"problem", "description", "title", "summary", "note", "reason"})
"""Columns with sentences, which need room for a few words."""


def openings(view: RecordDeclarations, names: Sequence[str]) -> tuple[str, ...]:
    """Return how the cells of each column begin in the language of the page; all but the first name their column, which
    phones show.

    Args:
        view: The record view.
        names: The columns.
    """
    first, *rest = names
    named = (f'{_opening(view, name)} data-label="{escape(str(view.label_of(name)))}">' for name in rest)
    return (_opening(view, first), *named)


def _opening(view: RecordDeclarations, name: str) -> str:
    if view.is_number(name):
        return '<td class="r"'
    last = name.rpartition(".")[2]
    if last in _WHOLE:
        return '<td class="no"'
    if last in _DAYS or isinstance(view.type_of(name), (sa.Date, UtcDateTime)):
        return '<td class="day"'
    if last in _TEXTS:
        return '<td class="text"'
    return '<td class="whole"' if last in _PEOPLE else "<td"
