"""The rules of contractors: registering companies, and who answers for a trade in a building. Nobody commits here."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from core.toolkit import (
    Building,
    Department,
    DepartmentKind,
    PersonalValueError,
    Project,
    Unit,
    _,
    all_departments,
    db,
    listed,
    local_today,
    ngettext,
    normalise_credit_code,
    normalise_phone,
    utc_now,
)
from plugins.contractors.models import (
    MAIN_TRADE,
    Company,
    CompanyKind,
    CompanyTrade,
    Contact,
    ContactRole,
    ResponsibleContractor,
    Trade,
)

TRADES_FILE = Path(__file__).parent / "data" / "trades.json"


class ContractorRuleError(ValueError):
    """A rule of contractors forbids the change; the message is a full sentence for the user.

    Attributes:
        field: Name of the attribute that is wrong, for the form; "" when it is none alone.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


# Trades


def load_trades() -> None:
    """Load the catalogue of trades from ``data/trades.json``; trades that exist already keep what staff changed."""
    known = set(db.session.scalars(sa.select(Trade.code)))
    for row in json.loads(TRADES_FILE.read_text(encoding="utf-8"))["trades"]:
        if row["code"] not in known:
            db.session.add(
                Trade(
                    code=row["code"], name=row["name"]["zh"], name_en=row["name"]["en"], position=row["order"]
                )
            )
    db.session.flush()


def active_trades() -> Sequence[Trade]:
    """Return the trades that stand in the matrix, in the order of the catalogue."""
    return db.session.scalars(sa.select(Trade).where(Trade.active).order_by(Trade.position, Trade.id)).all()


def trade_by_code(code: str) -> Trade | None:
    """Return the trade with a code such as ``waterproofing``, or None."""
    return db.session.scalar(sa.select(Trade).where(Trade.code == code))


CODE_FORM = re.compile(r"[a-z][a-z0-9_]{1,39}")


def add_trade(*, code: str, name: str, name_en: str = "", position: int = 100, active: bool = True) -> Trade:
    """Add a trade to the catalogue.

    Args:
        code: What checklists refer to: small letters, digits and underscores.
        name: Name in Chinese.
        name_en: Name in English.
        position: Place in lists, small first.
        active: Whether it stands in the matrix.

    Raises:
        ContractorRuleError: The code is malformed or taken, or the name is missing.
    """
    code = code.strip()
    if not CODE_FORM.fullmatch(code):
        raise ContractorRuleError(
            _(
                "The code “%(code)s” must be 2 to 40 small letters, digits and underscores, a letter first.",
                code=code,
            )
        )
    if trade_by_code(code) is not None:
        raise ContractorRuleError(
            _("The code “%(code)s” is already in use. Choose another one.", code=code), "code"
        )
    trade = Trade(code=code)
    change_trade(trade, name=name, name_en=name_en, position=position, active=active)
    db.session.add(trade)
    db.session.flush()
    return trade


def change_trade(
    trade: Trade, *, name: str, name_en: str = "", position: int = 100, active: bool = True
) -> None:
    """Change how a trade is called, where it stands, and whether it is used; its code never changes.

    Raises:
        ContractorRuleError: The name is missing, or the trade of the main contractor would be retired.
    """
    if not name.strip():
        raise ContractorRuleError(_("The trade needs a name."), "name")
    if trade.code == MAIN_TRADE and not active:
        raise ContractorRuleError(
            _(
                "The trade “%(name)s” cannot be retired: it answers where no other company is named.",
                name=trade.label,
            )
        )
    trade.name, trade.name_en, trade.position, trade.active = name.strip(), name_en.strip(), position, active
    db.session.flush()


# Companies


def register_company(
    *,
    department: Department,
    name: str,
    short_name: str = "",
    kind: CompanyKind = CompanyKind.SPECIALIST,
    credit_code: str | None = None,
    address: str = "",
    warranty_phone: str = "",
    note: str = "",
    trades: Iterable[Trade] = (),
) -> Company:
    """Register a company of a city company.

    Args:
        department: The city company that works with it.
        name: Registered name, as on the contract.
        short_name: What people on site call it; lists use it.
        kind: General contractor, specialist or supplier.
        credit_code: Unified social credit code, 18 characters (GB 32100).
        address: Postal address.
        warranty_phone: The number that answers day and night during the warranty.
        note: Anything else.
        trades: What it does.

    Raises:
        ContractorRuleError: The department is no city company, the name is missing, or name or code is
            registered there already.
        PersonalValueError: The credit code or the telephone number is not possible.
    """
    if department.kind != DepartmentKind.CITY:
        raise ContractorRuleError(
            _(
                "A contractor belongs to a city company. Choose one instead of “%(name)s”.",
                name=department.name,
            )
        )
    company = Company(department_id=department.id)
    _describe(
        company,
        name=name,
        short_name=short_name,
        kind=kind,
        credit_code=credit_code,
        address=address,
        warranty_phone=warranty_phone,
        note=note,
    )
    db.session.add(company)
    db.session.flush()
    set_trades(company, trades)
    return company


def change_company(company: Company, *, trades: Iterable[Trade] | None = None, **values: Any) -> None:
    """Change what is known of a company.

    Args:
        company: The company.
        trades: What it does; left as it is when omitted.
        values: ``name``, ``short_name``, ``kind``, ``credit_code``, ``address``, ``warranty_phone``, ``note``; what is
            omitted stays.

    Raises:
        ContractorRuleError: The name is missing, or name or code is registered already.
        PersonalValueError: The credit code or the telephone number is not possible.
    """
    described = ("name", "short_name", "kind", "credit_code", "address", "warranty_phone", "note")
    unknown = values.keys() - set(described)
    if unknown:
        raise TypeError(f"A company has no {', '.join(sorted(unknown))}.")
    with db.session.no_autoflush:
        _describe(company, **{name: values.get(name, getattr(company, name)) for name in described})
    if trades is not None:
        set_trades(company, trades)
    db.session.flush()


def _describe(
    company: Company,
    *,
    name: str,
    short_name: str,
    kind: CompanyKind,
    credit_code: str | None,
    address: str,
    warranty_phone: str,
    note: str,
) -> None:
    name = " ".join((name or "").split())
    if not name:
        raise ContractorRuleError(_("The company needs its registered name."), "name")
    code = normalise_credit_code(credit_code)
    phone = " ".join((warranty_phone or "").split())
    try:
        normalise_phone(phone)
    except PersonalValueError as error:
        raise PersonalValueError(str(error), "warranty_phone") from error
    _refuse_double(company, name, code)
    company.name = name
    company.short_name = (short_name or "").strip()
    company.kind = CompanyKind(kind)
    company.credit_code = code
    company.address = (address or "").strip()
    company.warranty_phone = phone
    company.note = (note or "").strip()


def _refuse_double(company: Company, name: str, code: str | None) -> None:
    same = Company.name == name if code is None else sa.or_(Company.name == name, Company.credit_code == code)
    query = sa.select(Company).where(Company.department_id == company.department_id, same)
    if sa.inspect(company).persistent:
        query = query.where(Company.id != company.id)
    other = db.session.scalars(query).first()
    if other is None:
        return
    message = (
        _("“%(name)s” is registered already. Open that company instead.", name=other.name)
        if other.archived_at is None
        else _("“%(name)s” is registered already and archived. Restore it instead.", name=other.name)
    )
    if other.name != name:
        message = _(
            "The credit code %(code)s belongs to “%(name)s”, which is registered already.",
            code=code,
            name=other.name,
        )
    raise ContractorRuleError(message, "name" if other.name == name else "credit_code")


def set_trades(company: Company, trades: Iterable[Trade]) -> None:
    """Set what a company does."""
    wanted = {trade.id: trade for trade in trades}
    for link in list(company.trade_links):
        if wanted.pop(link.trade_id, None) is None:
            company.trade_links.remove(link)
    for trade in wanted.values():
        company.trade_links.append(CompanyTrade(department_id=company.department_id, trade=trade))
    db.session.flush()


def archive_company(company: Company) -> None:
    """Take a company out of use; it stays on what refers to it.

    Raises:
        ContractorRuleError: It answers for a trade in a building; the message says where.
    """
    with all_departments("a company that answers anywhere stays in use"):
        count = db.session.scalar(
            sa.select(sa.func.count(ResponsibleContractor.id)).where(
                ResponsibleContractor.company_id == company.id
            )
        )
    if count:
        raise ContractorRuleError(
            _(
                "“%(name)s” still answers for %(places)s. Name another contractor in the matrix first.",
                name=company.label,
                places=_places(company, count),
            )
        )
    if company.archived_at is None:
        company.archived_at = utc_now()
        db.session.flush()


def _places(company: Company, count: int) -> str:
    """Return where a company answers: the first visible places by name, the others as a number."""
    named = [
        f"{place.building.project.name} {place.building.name}：{place.trade.label}"
        for place in responsibilities_of(company)[:5]
    ]
    if not named:
        return ngettext(
            "%(num)s trade in projects that you may not see",
            "%(num)s trades in projects that you may not see",
            count,
        )
    more = count - len(named)
    return listed(named) + (_(" and %(count)d more", count=more) if more else "")


def restore_company(company: Company) -> None:
    """Take an archived company back into use."""
    company.archived_at = None
    db.session.flush()


def responsibilities_of(company: Company) -> Sequence[ResponsibleContractor]:
    """Return the visible cells of the matrix that name a company, by project, building and trade."""
    return db.session.scalars(
        sa.select(ResponsibleContractor)
        .join(Building, Building.id == ResponsibleContractor.building_id)
        .join(Trade, Trade.id == ResponsibleContractor.trade_id)
        .where(ResponsibleContractor.company_id == company.id)
        .order_by(ResponsibleContractor.project_id, Building.code, Trade.position, Trade.id)
    ).all()


# Contacts


def add_contact(
    company: Company,
    *,
    name: str,
    role: ContactRole = ContactRole.OTHER,
    phone: str | None = None,
    email: str | None = None,
    project: Project | None = None,
    note: str = "",
) -> Contact:
    """Add a person to a company.

    Args:
        company: The company.
        name: Name of the person.
        role: What the person is responsible for.
        phone: Telephone number, in any usual writing.
        email: E-mail address.
        project: The project that the person is in charge of; all when omitted.
        note: Anything else.

    Raises:
        ContractorRuleError: The name is missing, or the project belongs to another city company.
        PersonalValueError: The number is not possible.
    """
    contact = Contact(department_id=company.department_id, company_id=company.id)
    change_contact(contact, name=name, role=role, phone=phone, email=email, project=project, note=note)
    company.contacts.append(contact)
    db.session.flush()
    return contact


def change_contact(
    contact: Contact,
    *,
    name: str,
    role: ContactRole,
    phone: str | None,
    email: str | None,
    project: Project | None,
    note: str = "",
) -> None:
    """Change what is known of a person; arguments and errors as for :func:`add_contact`."""
    if not name or not name.strip():
        raise ContractorRuleError(_("The contact needs a name."), "name")
    if project is not None and project.department_id != contact.department_id:
        raise ContractorRuleError(
            _(
                "The project “%(name)s” belongs to another city company. Choose one of its own.",
                name=project.name,
            )
        )
    contact.phone = normalise_phone(phone)
    contact.name = name.strip()
    contact.role = ContactRole(role)
    contact.email = (email or "").strip() or None
    contact.project_id = project.id if project is not None else None
    contact.note = (note or "").strip()
    db.session.flush()


_ROLE_RANK = {
    ContactRole.WARRANTY_SUPERVISOR: 0,
    ContactRole.PROJECT_MANAGER: 1,
    ContactRole.SITE_ENGINEER: 2,
    ContactRole.OFFICE: 3,
    ContactRole.OTHER: 4,
}


def contact_for(company: Company, project: Project | None = None) -> Contact | None:
    """Return whom to call: a person of this project before one of all, the warranty supervisor before the others."""
    usable = [
        contact
        for contact in company.contacts
        if contact.project_id is None or (project is not None and contact.project_id == project.id)
    ]
    return min(
        usable,
        key=lambda contact: (contact.project_id is None, _ROLE_RANK[ContactRole(contact.role)], contact.id),
        default=None,
    )


# The matrix


def responsible_company(unit: Unit, trade_code: str, on: dt.date | None = None) -> Company | None:
    """Return the company that answers for a trade in a unit.

    The one named for the trade in the unit's building; where nobody is named (or only from a later day on), the main
    contractor of the building, who answers for the whole work (建筑法 Art. 29, 建设工程质量管理条例 Art. 26).

    Args:
        unit: The unit.
        trade_code: Code of the trade, for example ``waterproofing``.
        on: The day that is asked about; today when omitted.
    """
    day = on or local_today()
    cells = db.session.scalars(
        sa.select(ResponsibleContractor)
        .join(Trade, Trade.id == ResponsibleContractor.trade_id)
        .where(
            ResponsibleContractor.building_id == unit.building_id,
            Trade.code.in_((trade_code, MAIN_TRADE)),
            sa.or_(ResponsibleContractor.valid_from.is_(None), ResponsibleContractor.valid_from <= day),
        )
    ).all()
    by_code = {cell.trade.code: cell.company for cell in cells}
    return by_code.get(trade_code) or by_code.get(MAIN_TRADE)


def companies_for(project: Project) -> Sequence[Company]:
    """Return the companies that answer for something in a project, by name."""
    named = sa.select(ResponsibleContractor.company_id).where(ResponsibleContractor.project_id == project.id)
    return db.session.scalars(sa.select(Company).where(Company.id.in_(named)).order_by(Company.name)).all()


def companies_of_city(department_id: int, *, archived: bool = False) -> Sequence[Company]:
    """Return the companies of a city company by name, those in use unless asked otherwise."""
    select = sa.select(Company).where(Company.department_id == department_id).order_by(Company.name)
    return db.session.scalars(select if archived else select.where(Company.archived_at.is_(None))).all()


def set_responsible(
    building: Building,
    trade: Trade,
    company: Company | None,
    *,
    valid_from: dt.date | None = None,
    contract_number: str = "",
    retention_note: str = "",
) -> ResponsibleContractor | None:
    """Name the company that answers for a trade in a building, or nobody.

    Args:
        building: The building.
        trade: The trade.
        company: The company; None empties the cell.
        valid_from: First day on which it answers; None for always.
        contract_number: Number of the contract.
        retention_note: What the contract says of the retention.

    Returns:
        The cell, or None when it was emptied.

    Raises:
        ContractorRuleError: The company is archived or belongs to another city company than the project.
    """
    cell = _cell(building, trade)
    if company is None:
        if cell is not None:
            db.session.delete(cell)
            db.session.flush()
        return None
    _refuse_company(company, building)
    if cell is None:
        cell = ResponsibleContractor(project_id=building.project_id, building_id=building.id, trade=trade)
        db.session.add(cell)
    cell.company = company
    cell.valid_from = valid_from
    cell.contract_number = contract_number.strip()
    cell.retention_note = retention_note.strip()
    db.session.flush()
    return cell


def _cell(building: Building, trade: Trade) -> ResponsibleContractor | None:
    return db.session.scalar(
        sa.select(ResponsibleContractor).where(
            ResponsibleContractor.building_id == building.id, ResponsibleContractor.trade_id == trade.id
        )
    )


def _refuse_company(company: Company, building: Building) -> None:
    if company.archived_at is not None:
        raise ContractorRuleError(
            _("“%(name)s” is archived and cannot answer for a trade. Restore it first.", name=company.label)
        )
    if company.department_id != building.project.department_id:
        raise ContractorRuleError(
            _(
                "“%(name)s” belongs to another city company than the project. Register it with that company first.",
                name=company.label,
            )
        )


def fill_matrix(building: Building, source: Building, *, overwrite: bool = False) -> int:
    """Copy the contractors of another building of the same project.

    Args:
        building: The building to fill.
        source: The building to copy from.
        overwrite: Whether cells that name a company already are replaced; empty ones alone otherwise.

    Returns:
        How many cells were changed.

    Raises:
        ContractorRuleError: The buildings are the same or of different projects, or a company is archived.
    """
    if source.id == building.id or source.project_id != building.project_id:
        raise ContractorRuleError(_("Choose another building of the same project to copy from."))
    held = {cell.trade_id: cell for cell in cells_of(building)}
    changed = 0
    for cell in cells_of(source):
        here = held.get(cell.trade_id)
        if here is not None and (not overwrite or _says_the_same(here, cell)):
            continue
        set_responsible(
            building,
            cell.trade,
            cell.company,
            valid_from=cell.valid_from,
            contract_number=cell.contract_number,
            retention_note=cell.retention_note,
        )
        changed += 1
    return changed


def _says_the_same(one: ResponsibleContractor, other: ResponsibleContractor) -> bool:
    names = ("company_id", "valid_from", "contract_number", "retention_note")
    return all(getattr(one, name) == getattr(other, name) for name in names)


def cells_of(building: Building) -> Sequence[ResponsibleContractor]:
    """Return the filled cells of a building, in the order of the trades."""
    return db.session.scalars(
        sa.select(ResponsibleContractor)
        .join(Trade, Trade.id == ResponsibleContractor.trade_id)
        .where(ResponsibleContractor.building_id == building.id)
        .order_by(Trade.position, Trade.id)
    ).all()


@dataclass(frozen=True)
class Matrix:
    """The contractors of a project.

    Attributes:
        project: The project.
        buildings: Its buildings, in the order of their numbers.
        trades: The trades that are used or named.
        cells: The filled cells by (building id, trade id).
    """

    project: Project
    buildings: Sequence[Building]
    trades: Sequence[Trade]
    cells: dict[tuple[int, int], ResponsibleContractor] = field(default_factory=dict)

    def cell(self, building: Building, trade: Trade) -> ResponsibleContractor | None:
        """Return the cell of a building and a trade, or None when nobody is named."""
        return self.cells.get((building.id, trade.id))

    def open_trades(self, building: Building) -> list[Trade]:
        """Return the trades in use for which nobody is named in a building."""
        return [trade for trade in self.trades if trade.active and (building.id, trade.id) not in self.cells]

    @property
    def open_cells(self) -> int:
        """How many cells are empty."""
        return sum(len(self.open_trades(building)) for building in self.buildings)

    @property
    def companies(self) -> list[Company]:
        """The companies that are named, by name."""
        return sorted({cell.company for cell in self.cells.values()}, key=lambda company: company.name)

    @property
    def size(self) -> int:
        """How many cells there are to fill."""
        return len(self.buildings) * sum(trade.active for trade in self.trades)


def matrix_of(project: Project) -> Matrix:
    """Return the matrix building × trade of a project, read with a fixed number of queries."""
    buildings = db.session.scalars(sa.select(Building).where(Building.project_id == project.id)).all()
    cells = db.session.scalars(
        sa.select(ResponsibleContractor)
        .where(ResponsibleContractor.project_id == project.id)
        .options(
            selectinload(ResponsibleContractor.company).selectinload(Company.contacts),
            selectinload(ResponsibleContractor.trade),
        )
    ).all()
    named = {cell.trade for cell in cells}
    trades = sorted({*active_trades(), *named}, key=lambda trade: (trade.position, trade.id))
    return Matrix(
        project,
        sorted(buildings, key=lambda building: building_order(building.code)),
        trades,
        {(cell.building_id, cell.trade_id): cell for cell in cells},
    )


def building_order(code: str) -> tuple[int, str]:
    """Return a key that sorts building codes as people count: 2 before 10, A after the numbers."""
    digits = "".join(character for character in code if character.isdigit())
    return (int(digits) if digits and code[0].isdigit() else 10**9, code)


def uses_of(record_kind: str, record_id: int) -> list[str]:
    """Return sentences that say why a record of the core may not be deleted while contractors refer to it.

    Args:
        record_kind: Code of the record kind, for example ``core.building``.
        record_id: Its key.
    """
    conditions: dict[str, Any] = {
        "core.project": ResponsibleContractor.project_id == record_id,
        "core.building": ResponsibleContractor.building_id == record_id,
    }
    if record_kind in conditions:
        count = db.session.scalar(
            sa.select(sa.func.count(ResponsibleContractor.id)).where(conditions[record_kind])
        )
        if count:
            return [
                _("%(count)d trades have a responsible contractor here. Empty the matrix first.", count=count)
            ]
    if record_kind == "core.department":
        count = db.session.scalar(
            sa.select(sa.func.count(Company.id)).where(Company.department_id == record_id)
        )
        if count:
            return [_("%(count)d contractors are registered with this department.", count=count)]
    return []
