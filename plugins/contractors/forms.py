"""The form of the matrix: what is typed for each trade of one building."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wtforms import DateField, Field, HiddenField, SelectField, StringField
from wtforms.validators import Length, Optional, ValidationError

from core.toolkit import Building, GuardedForm, _, _l
from plugins.contractors.models import Company, ResponsibleContractor, Trade
from plugins.contractors.services import Matrix

_NOBODY = ""
_EARLIEST, _LATEST = dt.date(1990, 1, 1), dt.date(2100, 12, 31)


class _Cell(GuardedForm):
    """One trade: the company, and what the contract says. ``version`` is that of the cell when the page was shown."""

    version = HiddenField()
    company = SelectField(_l("Company"), validate_choice=False)
    valid_from = DateField(_l("Answers from"), [Optional()])
    contract_number = StringField(_l("Contract number"), [Length(max=60)])
    retention_note = StringField(_l("Warranty retention"), [Length(max=255)])

    def validate_valid_from(self, field: Any) -> None:
        if field.data is not None and not _EARLIEST <= field.data <= _LATEST:
            raise ValidationError(_("The day must lie between 1990 and 2100."))


@dataclass
class CellRow:
    """What the page shows for one trade.

    Attributes:
        trade: The trade.
        cell: What is stored, or None when nobody is named.
        form: The fields.
        chosen: The company that is chosen in the form, or None.
        groups: The companies to choose from, those that do the trade first: (heading, companies).
    """

    trade: Trade
    cell: ResponsibleContractor | None
    form: _Cell
    chosen: Company | None = None
    groups: list[tuple[str, list[Company]]] = field(default_factory=list)

    @property
    def has_details(self) -> bool:
        """Whether more than the company is filled in or wrong."""
        names = ("valid_from", "contract_number", "retention_note")
        return any(self.form[name].data or self.form[name].errors for name in names)

    @property
    def values(self) -> dict[str, Any]:
        """What was typed beside the company, as :func:`services.set_responsible` takes it."""
        return {
            "valid_from": self.form.valid_from.data,
            "contract_number": (self.form.contract_number.data or "").strip(),
            "retention_note": (self.form.retention_note.data or "").strip(),
        }

    @property
    def is_changed(self) -> bool:
        """Whether the fields say something else than what is stored."""
        if self.cell is None or self.chosen is None:
            return (self.cell is None) != (self.chosen is None)
        return self.cell.company_id != self.chosen.id or any(
            getattr(self.cell, name) != value for name, value in self.values.items()
        )


class MatrixForm:
    """The fields of all trades of one building.

    Args:
        matrix: The matrix of the project.
        building: The building.
        companies: The companies of the city company that are in use.
        formdata: What was sent, or None to show what is stored.
    """

    def __init__(
        self, matrix: Matrix, building: Building, companies: Sequence[Company], formdata: Any = None
    ) -> None:
        self._companies = {str(company.id): company for company in companies}
        self.was_sent = formdata is not None
        self.rows = [
            self._row(trade, matrix.cell(building, trade), formdata)
            for trade in matrix.trades
            if trade.active or matrix.cell(building, trade) is not None
        ]

    def _row(self, trade: Trade, cell: ResponsibleContractor | None, formdata: Any) -> CellRow:
        stored = {
            "version": _version(cell),
            "company": str(cell.company_id) if cell is not None else _NOBODY,
            "valid_from": cell.valid_from if cell is not None else None,
            "contract_number": cell.contract_number if cell is not None else "",
            "retention_note": cell.retention_note if cell is not None else "",
        }
        form = _Cell(formdata, prefix=f"t{trade.id}-", data=stored)
        able = [company for company in self._companies.values() if trade.id in _trade_ids(company)]
        others = [company for company in self._companies.values() if company not in able]
        groups = [(_("Does this trade"), able), (_("Other companies"), others)]
        chosen = self._companies.get(form.company.data or _NOBODY)
        return CellRow(trade, cell, form, chosen, [group for group in groups if group[1]])

    @property
    def has_companies(self) -> bool:
        """Whether there is a company to choose."""
        return bool(self._companies)

    def validate(self) -> bool:
        """Check every row; a row that somebody else changed since the page was shown is an error of its own."""
        wrong = [row for row in self.rows if not self._is_valid(row)]
        return not wrong

    def _is_valid(self, row: CellRow) -> bool:
        valid = bool(row.form.validate())
        if row.form.company.data and row.chosen is None:
            _complain(row.form.company, _("This company does not exist or is archived. Choose another one."))
            valid = False
        if valid and row.is_changed and row.form.version.data != _version(row.cell):
            held = row.cell.company.label if row.cell is not None else _("nobody")
            _complain(
                row.form.company,
                _(
                    "Somebody else changed this trade in the meantime: it now names %(company)s. Nothing was saved; "
                    "check your choice and save again.",
                    company=held,
                ),
            )
            row.form.version.data = _version(row.cell)
            valid = False
        return valid

    def changes(self) -> Iterator[CellRow]:
        """Yield the rows that say something else than what is stored."""
        return (row for row in self.rows if row.is_changed)

    @property
    def wrong(self) -> list[tuple[CellRow, list[str]]]:
        """The rows with errors, for the summary on top of the page."""
        return [
            (row, errors)
            for row in self.rows
            if (errors := [text for each in row.form for text in each.errors])
        ]


def _version(cell: ResponsibleContractor | None) -> str:
    return f"{cell.id}.{cell.row_version}" if cell is not None else "0"


def _trade_ids(company: Company) -> set[int]:
    return {link.trade_id for link in company.trade_links}


def _complain(target: Field, sentence: str) -> None:
    target.errors = [*target.errors, sentence]
