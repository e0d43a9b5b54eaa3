"""What a model must tell so that it can be imported: its fields, how a row is recognised, and the services that write.

A part that can be imported derives a class from :class:`Importer` and declares an instance of it
(``ImportDeclaration``). The machinery reads the file, keeps the rows, asks the importer about them a few hundred at a
time, and never writes a row itself.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.languages import Text, listed, sentence_of
from core.machinery.exchange.parsers import CellError, Parser, words

NEW, CHANGED, UNCHANGED, ERROR, IGNORED = "new", "changed", "unchanged", "error", "ignored"
KINDS = (NEW, CHANGED, UNCHANGED, ERROR)
CREATE_AND_CHANGE, CREATE_ONLY, CHANGE_ONLY = "both", "create", "change"
MODES = (CREATE_AND_CHANGE, CREATE_ONLY, CHANGE_ONLY)


class ImportRefused(ValueError):
    """A file, a row or a whole import cannot be used; the message is a full sentence for the user.

    Attributes:
        field: Name of the field of the form that is wrong, "" when it is none alone.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class RowError:
    """Why a row cannot be taken.

    Attributes:
        column: The field that is wrong, "" when it is none alone.
        code: Kind of error, for example ``phone_invalid``.
        reason: Full sentence, ``_l("…")``, so that whoever corrects the row reads it in his language; it never repeats
            a personal number.
    """

    column: str
    code: str
    reason: Text


@dataclass(frozen=True)
class ImportField:
    """A column that an import understands.

    Attributes:
        name: Name of the value.
        label: What heads read, also on the template.
        heads: Further heads that mean it, in Chinese and English; the name itself and both languages of the template
            count too.
        parse: From the text of a filled cell to the value; raises ``CellError`` or another ``ValueError`` whose
            message is a full sentence. One line of up to 255 characters when left out.
        required: Whether a new row needs it.
        example: What the template shows.
        help: A sentence for the template and the page.
        mask: Hides a personal value in before-and-after; None for a value that is not personal.
        choices: The words of a list, for the template.
        lookup: From the place and the texts of some cells to what they refer to, for all rows in a few statements; a
            text that is not in the answer is an error, whether nothing has that name or it cannot be seen.
        many: Whether a cell refers to several, parted by 、 or a comma; the value is then a list.
        wide: Whether the text may be long, for the edit field.
    """

    name: str
    label: Any
    heads: tuple[str, ...] = ()
    parse: Parser = field(default=words(255))
    required: bool = False
    example: str = ""
    help: Any = ""
    mask: Callable[[Any], str] | None = None
    choices: tuple[Any, ...] = ()
    lookup: Callable[[Any, Collection[str]], Mapping[str, Any]] | None = None
    many: bool = False
    wide: bool = False


@dataclass(frozen=True)
class MatchKey:
    """A way to tell whether a row is known already.

    Attributes:
        code: ``phone``, for example; kept with the import.
        label: What the choice reads.
        fields: The fields whose values together name one record.
    """

    code: str
    label: Any
    fields: tuple[str, ...]


@dataclass(frozen=True)
class ImportPlace:
    """Where the rows of an import go, and how.

    Attributes:
        project: The project, loaded in the acting scope, or None.
        department: The acting department, or None.
        match: Code of the chosen match key.
        mode: ``both``, ``create`` or ``change``.
        options: Further choices that the importer declares, by name.
        cache: What an importer keeps between the calls for one step.
    """

    project: Any = None
    department: Any = None
    match: str = ""
    mode: str = CREATE_AND_CHANGE
    options: Mapping[str, Any] = field(default_factory=dict)
    cache: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass
class ImportRow:
    """A row of a file.

    Attributes:
        sheet: Name of the sheet.
        number: Number of the row in it, from 1.
        texts: The texts by field.
        inexact: Fields whose number Excel has lost the end of.
        values: What the texts mean, by field, as ``parse`` returned it; empty cells are missing.
        errors: What is wrong with the row by itself.
    """

    sheet: str
    number: int
    texts: dict[str, str]
    inexact: frozenset[str] = frozenset()
    values: dict[str, Any] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What would happen to a row.

    Attributes:
        kind: ``new``, ``changed``, ``unchanged`` or ``error``.
        errors: Why not, for an error.
        diff: For a change: field, value before, value after, in words and masked where personal.
        record_id: The record that is known, or None.
        remarks: Sentences that stand above the rows, ``_l("…")``, once each: what else the row makes. Rows that make
            the same give the same object.
    """

    kind: str
    errors: tuple[RowError, ...] = ()
    diff: tuple[tuple[str, str, str], ...] = ()
    record_id: int | None = None
    remarks: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What was written for a row.

    Attributes:
        action: ``new`` or ``changed``.
        record_id: The record.
        version: Its version after the write, to tell later whether somebody else changed it.
        before: What undoing needs: the values before a change, as JSON can hold them.
    """

    action: str
    record_id: int
    version: int
    before: Any = None


class Importer:
    """Base of importers. A subclass names its fields and overrides what writes.

    Attributes:
        model: The mapped class; its records have ``id`` and ``row_version``.
        fields: The columns.
        match_keys: How a row is recognised; the first one is proposed.
        project: The ``Reference`` among whose projects the user chooses where the rows go; None when they go into none.
        modes: What the user may choose among.
        needed: Sets of fields; the heads of a table hold all of one of them. When left out: the required fields.
        filled_down: Fields whose merged cells cover several rows, so that they do not tell whether a row is filled in.
        options: Further choices of the form, each yes or no: label and description by name.
        references: Further records that the form asks for: label and ``Reference`` by name.
        notes: Sentences for the page of the upload: what else is understood.
        late_codes: Codes of errors that only the database tells; they stand after the others.
    """

    model: ClassVar[Any]
    fields: ClassVar[tuple[ImportField, ...]]
    match_keys: ClassVar[tuple[MatchKey, ...]]
    project: ClassVar[Any] = None
    modes: ClassVar[tuple[str, ...]] = MODES
    needed: ClassVar[tuple[tuple[str, ...], ...]] = ()
    filled_down: ClassVar[tuple[str, ...]] = ()
    options: ClassVar[Mapping[str, tuple[Any, Any]]] = {}
    references: ClassVar[Mapping[str, tuple[Any, Any]]] = {}
    notes: ClassVar[tuple[Any, ...]] = ()
    late_codes: ClassVar[frozenset[str]] = frozenset({"missing", "unknown", "known"})

    # ------------------------------------------------------------------ what a subclass overrides

    def find(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[Any]:
        """Return for each row the visible record that it means, or None; in a few statements for all.

        Raises nothing for records of others: what the acting user cannot see is a new row.
        """
        raise NotImplementedError

    def current(self, record: Any) -> Mapping[str, Any]:
        """Return the values of the fields as a record has them; by default the attributes of those names."""
        return {each.name: getattr(record, each.name, None) for each in self.fields}

    def check(self, place: ImportPlace, row: ImportRow, record: Any | None) -> Sequence[RowError]:
        """Return what is wrong with a row beyond its single cells."""
        del place, row, record
        return ()

    def create(self, place: ImportPlace, rows: Sequence[ImportRow]) -> Sequence[int]:
        """Make the records of new rows through the services and return their keys, in the order of the rows."""
        raise NotImplementedError

    def change(self, place: ImportPlace, record: Any, values: Mapping[str, Any]) -> None:
        """Change a record through the services; values that are not named stay."""
        raise NotImplementedError

    def remove(self, place: ImportPlace, record: Any) -> None:
        """Remove a record that the import made, when it is undone; raise ``ImportRefused`` where it has to stay."""
        del place
        db.session.delete(record)
        db.session.flush()

    def words(self, name: str, value: Any) -> str:
        """Return a value in words, for before-and-after."""
        return plain_words(value)

    def carry(self, texts: dict[str, str], above: dict[str, str]) -> None:
        """Fill in what a row takes from the one above, as where a building is written only in its first row.

        Args:
            texts: The texts of the row, changed in place.
            above: What the rows above left; changed in place, and emptied at a row that is none.
        """

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Refuse choices of the form that do not go together; raise ``ImportRefused`` with the field that is wrong."""
        del options

    # ------------------------------------------------------------------ what follows from it

    def field(self, name: str) -> ImportField | None:
        """Return the field with a name."""
        return next((each for each in self.fields if each.name == name), None)

    def labels(self) -> dict[str, Any]:
        """Return what pages call the fields."""
        return {each.name: each.label for each in self.fields}

    def heads(self) -> dict[str, tuple[str, ...]]:
        """Return for each field the heads that mean it."""
        return {each.name: (each.name, *each.heads, str(each.label)) for each in self.fields}

    def needed_heads(self) -> tuple[tuple[str, ...], ...]:
        """Return the sets of fields of which a table needs one."""
        return self.needed or (tuple(each.name for each in self.fields if each.required),)

    def parse(self, row: ImportRow) -> None:
        """Read the cells of a row into ``values`` and ``errors``."""
        for each in self.fields:
            text = row.texts.get(each.name, "")
            if not text:
                continue
            if each.name in row.inexact:
                row.errors.append(
                    RowError(
                        each.name,
                        "precision_lost",
                        _l(
                            "Excel kept this number as a number and lost its last digits. Format the column as text "
                            "and type it again."
                        ),
                    )
                )
                continue
            try:
                row.values[each.name] = each.parse(text)
            except CellError as error:
                row.errors.append(RowError(each.name, error.code, sentence_of(error)))
            except ValueError as error:
                row.errors.append(RowError(each.name, "invalid", sentence_of(error)))

    def key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return what names the record of a row within a file, "" when the row does not tell."""
        key = self.match_key(place.match)
        values = [row.values.get(name) for name in key.fields] if key else []
        return (
            "\0".join(map(str, values)) if values and all(value not in (None, "") for value in values) else ""
        )

    def other_key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return what :meth:`key_of` would have returned had the row less to tell, "" when nothing.

        A row is the same as another one of the file whose key it is. So a row with a document number and one without
        are the same customer when both name his telephone; two with different numbers are not.
        """
        return ""

    def match_key(self, code: str) -> MatchKey | None:
        """Return the match key with a code, the first one for an unknown code."""
        found = next((each for each in self.match_keys if each.code == code), None)
        return found or (self.match_keys[0] if self.match_keys else None)

    def duplicate_error(self, place: ImportPlace, row: ImportRow, sheet: str, number: int) -> RowError:
        """Return the error of a row whose record stands in an earlier row of the file already."""
        key = self.match_key(place.match)
        return RowError(
            key.fields[0] if key else "",
            "duplicate",
            _l(
                "The same stands in an earlier row already: sheet %(sheet)s, row %(row)s.",
                sheet=sheet,
                row=number,
            ),
        )

    def judge(self, place: ImportPlace, rows: Sequence[ImportRow]) -> list[Verdict]:
        """Return what would happen to each row; nothing is written."""
        self._look_up(place, rows)
        found = self.find(place, [row for row in rows if not row.errors])
        records = iter(found)
        return [
            Verdict(ERROR, tuple(row.errors)) if row.errors else self._judge(place, row, next(records))
            for row in rows
        ]

    def _look_up(self, place: ImportPlace, rows: Sequence[ImportRow]) -> None:
        """Put what the cells refer to in the place of their texts."""
        for each in self.fields:
            if each.lookup is None:
                continue
            said = [(row, _parts(row.texts.get(each.name, ""), each.many)) for row in rows]
            known = each.lookup(place, {text for _row, texts in said for text in texts})
            for row, texts in said:
                unknown = [text for text in texts if text not in known]
                if unknown:
                    row.errors.append(
                        RowError(
                            each.name,
                            "not_found",
                            _l(
                                "“%(text)s” is not found among what you can see. Check how it is written.",
                                text=listed(unknown)[:80],
                            ),
                        )
                    )
                elif texts:
                    row.values[each.name] = [known[text] for text in texts] if each.many else known[texts[0]]

    def _judge(self, place: ImportPlace, row: ImportRow, record: Any | None) -> Verdict:
        errors = list(self.check(place, row, record))
        if record is None:
            errors += [
                RowError(
                    each.name,
                    "missing",
                    _l("%(column)s is missing. A new row needs it.", column=each.label),
                )
                for each in self.fields
                if each.required and row.values.get(each.name) in (None, "")
            ]
            if place.mode == CHANGE_ONLY:
                errors.append(
                    RowError(
                        self._key_column(place),
                        "unknown",
                        _l("Nothing that you can see matches this row, and only known records are changed."),
                    )
                )
        elif place.mode == CREATE_ONLY:
            errors.append(
                RowError(
                    self._key_column(place),
                    "known",
                    _l("This is known already, and only new records are made."),
                )
            )
        if errors:
            return Verdict(ERROR, tuple(errors), record_id=record.id if record is not None else None)
        if record is None:
            return Verdict(NEW)
        diff = tuple(
            (name, self._shown(name, before), self._shown(name, after))
            for name, before, after in self.changes(place, record, row)
        )
        return Verdict(CHANGED if diff else UNCHANGED, diff=diff, record_id=record.id)

    def _key_column(self, place: ImportPlace) -> str:
        key = self.match_key(place.match)
        return key.fields[0] if key else ""

    def changes(self, place: ImportPlace, record: Any, row: ImportRow) -> list[tuple[str, Any, Any]]:
        """Return name, value before and value after of what a row changes in a record."""
        del place
        held = self.current(record)
        return [
            (name, held[name], value)
            for name, value in row.values.items()
            if name in held and not _same(held[name], value)
        ]

    def _shown(self, name: str, value: Any) -> str:
        described = self.field(name)
        if described is not None and described.mask is not None:
            return described.mask(value)
        return self.words(name, value)

    def write(
        self, place: ImportPlace, rows: Sequence[ImportRow], verdicts: Sequence[Verdict]
    ) -> list[Outcome | RowError | None]:
        """Write the new and changed rows and return what became of each row: an error where a service refused it."""
        outcomes: list[Outcome | RowError | None] = [None] * len(rows)
        fresh = [position for position, verdict in enumerate(verdicts) if verdict.kind == NEW]
        made = self._create(place, [rows[position] for position in fresh]) if fresh else []
        versions = self.versions([key for key in made if isinstance(key, int)])
        for position, key in zip(fresh, made, strict=True):
            outcomes[position] = Outcome(NEW, key, versions[key]) if isinstance(key, int) else key
        changed = [position for position, verdict in enumerate(verdicts) if verdict.kind == CHANGED]
        records = self.records([verdicts[position].record_id for position in changed])
        for position in changed:
            record = records[verdicts[position].record_id]
            differing = self.changes(place, record, rows[position])
            before = {name: old for name, old, _new in differing}
            key = record.id
            try:
                with db.session.begin_nested():
                    self.change(place, record, {name: new for name, _old, new in differing})
                    db.session.flush()
                outcomes[position] = Outcome(CHANGED, key, 0, before)
            except ValueError as error:
                outcomes[position] = _refused(error)
        for position in changed:
            outcome = outcomes[position]
            if isinstance(outcome, Outcome):
                version = records[outcome.record_id].row_version
                outcomes[position] = Outcome(CHANGED, outcome.record_id, version, outcome.before)
        return outcomes

    def _create(self, place: ImportPlace, rows: Sequence[ImportRow]) -> list[int | RowError]:
        """Make all records at once, and one by one where a service refuses one of them."""
        try:
            with db.session.begin_nested():
                return list(self.create(place, rows))
        except ValueError as error:
            if len(rows) == 1:
                return [_refused(error)]
        made: list[int | RowError] = []
        for row in rows:
            made += self._create(place, [row])
        return made

    def records(self, keys: Collection[int | None]) -> dict[Any, Any]:
        """Return the visible records with some keys, read in a few statements."""
        wanted = sorted({key for key in keys if key is not None})
        found: dict[Any, Any] = {}
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            for record in db.session.scalars(sa.select(self.model).where(self.model.id.in_(part))):
                found[record.id] = record
        return found

    def versions(self, keys: Collection[int]) -> dict[int, int]:
        """Return the versions of some records."""
        wanted = sorted(set(keys))
        found: dict[int, int] = {}
        for start in range(0, len(wanted), 400):
            part = wanted[start : start + 400]
            query = sa.select(self.model.id, self.model.row_version).where(self.model.id.in_(part))
            found.update((row.id, row.row_version) for row in db.session.execute(query))
        return found

    def undo(self, place: ImportPlace, outcomes: Sequence[Outcome]) -> list[Text]:
        """Take back what was written, the last first.

        Returns:
            For each outcome "" when it was taken back, else the sentence that says why it stays.
        """
        records = self.records([outcome.record_id for outcome in outcomes])
        answers: list[Text] = []
        for outcome in reversed(outcomes):
            record = records.get(outcome.record_id)
            if record is None:
                answers.append(_l("It is gone already."))
            elif record.row_version != outcome.version:
                answers.append(_l("It was changed after the import, so it stays as it is."))
            else:
                answers.append(self._undo_one(place, record, outcome))
        return answers[::-1]

    def _undo_one(self, place: ImportPlace, record: Any, outcome: Outcome) -> Text:
        try:
            with db.session.begin_nested():
                if outcome.action == NEW:
                    self.remove(place, record)
                else:
                    self.change(place, record, outcome.before)
        except sa.exc.IntegrityError:
            return _l("Something was hung on it after the import, so it stays.")
        except ValueError as error:
            return sentence_of(error)
        return ""

    def title(self, record: Any) -> str:
        """Return how the result names a record."""
        return str(getattr(record, "name", None) or getattr(record, "code", None) or record.id)


_PARTS = re.compile(r"[、，,;；/\n|]+")


def _parts(text: str, many: bool) -> list[str]:
    if not many:
        return [text] if text else []
    return list(dict.fromkeys(part for piece in _PARTS.split(text) if (part := piece.strip())))


def _refused(error: ValueError) -> RowError:
    return RowError(str(getattr(error, "field", "") or ""), "refused", sentence_of(error))


def _same(before: Any, after: Any) -> bool:
    return before == after or (before in (None, "") and after in (None, ""))


def plain_words(value: Any) -> str:
    """Return a value in words: dates in ISO form, yes and no, amounts with two places."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    return str(value)


def count_kinds(verdicts: Sequence[Verdict]) -> Counter[str]:
    """Return how many rows of each verdict there are."""
    return Counter(verdict.kind for verdict in verdicts)
