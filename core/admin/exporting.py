"""Download of a list: streamed columns in steady memory, guarded against formulas, with reason and log entry.

A form asks for the columns, the format and the reason. Sending it writes the log entry and leads on to the file
through a signed ticket, so that the long read of the file is a request that only reads. A list with more rows than
``EXPORT_ROWS_IN_REQUEST`` becomes a job. Every file says who took it out, when and what for.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa
import xlsxwriter
from flask import Response, current_app, stream_with_context
from flask_babel import gettext as _
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy.orm import aliased

from core.admin.cells import Cells, moment_words, plain_words
from core.admin.listing import Lister, ListRequest
from core.database.scope import require_scope
from core.database.types import UtcDateTime, local_today, utc_now
from core.extensions import db
from core.languages import is_english
from core.people.models import Department, User

if TYPE_CHECKING:
    from core.admin.views import RecordView

CSV, XLSX = "csv", "xlsx"
FORMATS = (CSV, XLSX)
BATCH = 1000
TICKET_SECONDS = 300
_SALT = "doorstep.export"
_BYTE_ORDER_MARK = "\ufeff"
_FORMULA_STARTS = frozenset("=+-@\t\r\n＝＋－＠")
_WATCHED = _FORMULA_STARTS | {" "}
"""A text that begins otherwise needs no guard."""
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Ticket:
    """What a signed ticket allows: one user, one department, one view, these columns of this list."""

    columns: tuple[str, ...]
    arguments: dict[str, str]
    reason: str = ""


@dataclass(frozen=True)
class Mark:
    """Who took a file out, when, and what for: it stands in the file itself.

    Attributes:
        who: Name of the account, with its department.
        when: The moment in China.
        why: The reason that was given.
    """

    who: str
    when: str
    why: str

    def sentence(self) -> str:
        """Return it as one line."""
        return _("Exported by %(who)s, %(when)s, for: %(why)s", who=self.who, when=self.when, why=self.why)


def make_mark(reason: str) -> Mark:
    """Return the mark of a file that the acting user takes out now."""
    scope = require_scope()
    user = db.session.get(User, scope.user_id) if scope.user_id is not None else None
    department = db.session.get(Department, scope.department_id) if scope.department_id is not None else None
    names = [each.name for each in (user, department) if each is not None]
    return Mark(" · ".join(names), moment_words(utc_now()), reason)


def guard_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula: an apostrophe stands before a dangerous start."""
    start = text[:1]
    if start == " ":
        start = text.lstrip(" ")[:1]
    return f"'{text}" if start in _FORMULA_STARTS else text


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.config["SECRET_KEY"]), salt=_SALT)


def make_ticket(
    view: RecordView,
    file_format: str,
    columns: Sequence[str],
    arguments: dict[str, str],
    reason: str = "",
) -> str:
    """Return a ticket for a file, good for five minutes and for the acting user alone."""
    scope = require_scope()
    held = [scope.user_id, scope.department_id, view.endpoint, file_format, list(columns), arguments, reason]
    signed = _serializer().dumps(held)
    return str(signed)


def read_ticket(view: RecordView, file_format: str, ticket: str | None) -> Ticket | None:
    """Return what a ticket allows, or None when it is not good for this user, department, view and format."""
    scope = require_scope()
    try:
        held = _serializer().loads(ticket or "", max_age=TICKET_SECONDS)
    except BadSignature:
        return None
    if held[:4] != [scope.user_id, scope.department_id, view.endpoint, file_format]:
        return None
    return Ticket(tuple(held[4]), dict(held[5]), str(held[6]))


def export_count(view: RecordView, asked: ListRequest, limit: int) -> int:
    """Return how many rows a download has, at most ``limit``."""
    return Lister(view, asked).count_up_to(limit)


def _statement(view: RecordView, asked: ListRequest, columns: Sequence[str], limit: int) -> sa.Select[Any]:
    """Return the select of the columns themselves, never of whole records: related ones by outer joins."""
    lister = Lister(view, asked)
    joins: dict[str, tuple[Any, Any]] = {}
    selected = []
    for path in columns:
        relation, dot, name = path.partition(".")
        if not dot:
            selected.append(getattr(view.model, path))
            continue
        if relation not in joins:
            attribute = getattr(view.model, relation)
            joins[relation] = (aliased(attribute.property.mapper.class_), attribute)
        selected.append(_related(joins[relation][0], name))
    statement = sa.select(*selected).select_from(view.model)
    for target, attribute in joins.values():
        statement = statement.outerjoin(target, attribute.of_type(target))
    if lister.key is view.model.id:
        statement = statement.where(*lister.conditions, *lister.reachable())
    else:
        statement = statement.where(view.model.id.in_(sa.select(lister.key).where(*lister.conditions)))
    return statement.order_by(view.model.id).limit(limit).execution_options(yield_per=BATCH)


def _related(target: Any, name: str) -> Any:
    """Return a column of a related record; its name in the language of the page, as the list shows it."""
    if name == "name" and is_english() and hasattr(target, "name_en"):
        return sa.func.coalesce(sa.func.nullif(target.name_en, ""), target.name)
    return getattr(target, name)


class _Known(dict[Any, str]):
    """The guarded texts of the few values that a column has; each is made when it is met for the first time."""

    def __init__(self, words: Callable[[Any], str]) -> None:
        super().__init__()
        self._words = words

    def __missing__(self, value: Any) -> str:
        text = self[value] = guard_formula(self._words(value))
        return text


def _text(value: str | None) -> str:
    if not value:
        return ""
    return guard_formula(value) if value[0] in _WATCHED else value


def _number(value: int | None) -> str:
    if value is None:
        return ""
    return str(value) if value >= 0 else guard_formula(str(value))


def _texts(view: RecordView, cells: Cells, name: str) -> Callable[[Any], str]:
    """Return the function from a value of a column to its guarded text; the usual kinds take the shortest way."""
    words = cells.words(name)
    kind = view.type_of(name)
    if words is plain_words:
        if isinstance(kind, UtcDateTime):
            return moment_words
        if isinstance(kind, sa.Date):
            return words
        if isinstance(kind, sa.String):
            return _text
        if isinstance(kind, sa.Integer):
            return _number
    elif cells.has_choices(name):
        return _Known(words).__getitem__
    return lambda value: guard_formula(words(value))


def _rows(
    view: RecordView, asked: ListRequest, columns: Sequence[str], masked: bool, limit: int
) -> Iterator[list[tuple[str, ...]]]:
    cells = Cells(view, masked)
    texts = [_texts(view, cells, name) for name in columns]
    for batch in db.session.execute(_statement(view, asked, columns, limit)).partitions():
        by_column = (map(text, values) for text, values in zip(texts, zip(*batch, strict=True), strict=True))
        yield list(zip(*by_column, strict=True))


KINDS = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Media type of each format."""


def file_name(view: RecordView, file_format: str) -> str:
    """Return how a file is called: the list and the day."""
    return f"{view.name}_{local_today():%Y%m%d}.{file_format}"


def write_file(
    path: Path,
    view: RecordView,
    asked: ListRequest,
    file_format: str,
    columns: Sequence[str],
    masked: bool,
    mark: Mark,
) -> None:
    """Write the file of a list to a path, for a job; the arguments are those of :func:`stream`."""
    titles = [guard_formula(str(view.label_of(name))) for name in columns]
    rows = _rows(view, asked, columns, masked, view.export_limit())
    with path.open("wb") as file:
        if file_format == CSV:
            file.writelines(piece.encode() for piece in _csv(titles, rows, mark))
        else:
            file.writelines(_xlsx(titles, rows, mark))


def stream(
    view: RecordView,
    asked: ListRequest,
    file_format: str,
    columns: Sequence[str],
    masked: bool,
    mark: Mark,
) -> Response:
    """Return the answer that carries the file while its rows are read.

    Args:
        view: The record view.
        asked: The list.
        file_format: ``csv`` or ``xlsx``.
        columns: The columns in their order.
        masked: Whether personal columns are masked.
        mark: Who takes it out, when and why.
    """
    titles = [guard_formula(str(view.label_of(name))) for name in columns]
    rows = _rows(view, asked, columns, masked, view.export_limit())
    write = _csv if file_format == CSV else _xlsx
    name = file_name(view, file_format)
    return Response(
        stream_with_context(write(titles, rows, mark)),
        content_type=KINDS[file_format],
        headers={
            "Content-Disposition": f"attachment; filename=export.{file_format}; filename*=UTF-8''{quote(name)}",
            "Cache-Control": "no-store",
        },
    )


def _csv(titles: list[str], rows: Iterator[list[tuple[str, ...]]], mark: Mark) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    buffer.write(_BYTE_ORDER_MARK)
    writer.writerow(titles)
    for batch in rows:
        writer.writerows(batch)
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    writer.writerows(([], [guard_formula(mark.sentence())]))
    yield buffer.getvalue()


def _xlsx(titles: list[str], rows: Iterator[list[tuple[str, ...]]], mark: Mark) -> Iterator[bytes]:
    with tempfile.TemporaryFile() as file:
        options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        with xlsxwriter.Workbook(file, options) as book:
            sheet = book.add_worksheet(_("Rows"))
            sheet.freeze_panes(1, 0)
            # On every printed page; 255 characters are what the format has room for.
            sheet.set_header("&R&8" + mark.sentence().replace("&", "&&")[:240])
            sheet.write_row(0, 0, titles, book.add_format({"bold": True}))
            number = 0
            for batch in rows:
                for row in batch:
                    number += 1
                    for column, text in enumerate(row):
                        sheet.write_string(number, column, text)
            origin = book.add_worksheet(_("Origin"))
            origin.set_column(0, 0, 16)
            origin.set_column(1, 1, 60)
            for line, (label, text) in enumerate(
                ((_("Exported by"), mark.who), (_("When"), mark.when), (_("What for"), mark.why))
            ):
                origin.write_string(line, 0, label)
                origin.write_string(line, 1, guard_formula(text))
        file.seek(0)
        while chunk := file.read(_CHUNK):
            yield chunk
