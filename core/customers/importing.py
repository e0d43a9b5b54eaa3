"""Units and owners from an Excel file as developers keep it: known by unit code, document number, or telephone.

The machinery of imports keeps the rows, shows their verdicts and writes them; here stands what they mean.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.orm import joinedload

from core.customers import identity, services
from core.customers.import_rows import (
    FILLED_DOWN,
    NEEDED,
    SYNONYMS,
    OwnerInput,
    RowInput,
    read_row,
    take_from_above,
)
from core.customers.life_cycle import compute_life_cycle
from core.customers.models import (
    Customer,
    CustomerKind,
    CustomerProject,
    CustomerUnit,
    IdentityType,
    UnitRole,
)
from core.database.types import local_today
from core.extensions import db
from core.languages import Text, sentence_of
from core.machinery.exchange.importer import (
    CHANGED,
    CREATE_AND_CHANGE,
    NEW,
    Importer,
    ImportField,
    ImportPlace,
    ImportRefused,
    ImportRow,
    MatchKey,
    Outcome,
    RowError,
    Verdict,
)
from core.projects.models import Building, Decoration, Phase, Project, Unit
from core.projects.references import OPEN_PROJECTS, PHASES
from core.projects.services import (
    change_unit,
    create_building,
    delete_space,
    floor_of,
)

_BATCH = 400

_UNIT_FIELDS = (
    "floor",
    "layout",
    "orientation",
    "gross_area_contract",
    "net_area",
    "price",
    "contract_delivery_on",
)
_PERSON_FIELDS = (
    "kind", "name", "phone", "identity_type", "identity_number", "credit_code", "email", "born_on", "address",
    "source", "note",
)  # fmt: skip

COLUMN_WORDS = {
    "location": _l("Unit (房源)"),
    "building": _l("Building (楼栋)"),
    "entrance": _l("Entrance (单元)"),
    "number": _l("Room number (房号)"),
    "floor": _l("Floor (楼层)"),
    "layout": _l("Layout (户型)"),
    "orientation": _l("Orientation (朝向)"),
    "gross_area_contract": _l("Gross area (建筑面积)"),
    "net_area": _l("Net area (套内面积)"),
    "price": _l("Price (总价)"),
    "owner": _l("Owner (业主)"),
    "name": _l("Name (姓名)"),
    "phone": _l("Telephone (电话)"),
    "identity_number": _l("Document number (证件号)"),
    "credit_code": _l("Company code (统一社会信用代码)"),
    "subscribed_on": _l("Subscribed (认购日期)"),
    "signed_on": _l("Signed (签约日期)"),
    "contract_number": _l("Contract number (合同号)"),
    "contract_delivery_on": _l("Delivery by contract (交付日期)"),
}
_EXAMPLES = {
    "building": "3栋", "entrance": "1单元", "number": "1502", "floor": "15", "layout": "三房两厅",
    "gross_area_contract": "118.20", "net_area": "92.35", "price": "2580000", "owner": "张伟、李娜",
    "phone": "13800138000、13900139000", "identity_number": "11010519491231002X", "subscribed_on": "2026-10-01",
    "signed_on": "2026-10-20", "contract_number": "HT-2026-0031", "contract_delivery_on": "2027-12-31",
}  # fmt: skip
_HELP = {
    "location": _l("The whole unit in one column, as 3栋1单元1502, instead of building, entrance and room."),
    "owner": _l("Joint owners in one cell, parted by 、"),
    "phone": _l("As many as owners, in the same order."),
    "identity_number": _l("As many as owners, in the same order; format the column as text in Excel."),
}
_MASKS = {"phone": identity.mask_phone, "identity_number": identity.mask_identity}


@dataclass
class _Known:
    """What the database holds of the rows' units and owners, read in a few statements."""

    buildings: dict[str, Building]
    units: dict[str, Unit]
    holdings: dict[int, list[CustomerUnit]]
    by_identity: dict[str, Customer]
    by_credit_code: dict[str, Customer]
    by_phone: dict[tuple[str, str], Customer]

    def customer_of(self, owner: OwnerInput, unit: Unit | None) -> Customer | None:
        """Return the visible customer that an owner is, or None for a new one."""
        if owner.identity_number:
            found = self.by_identity.get(identity.identity_index(owner.identity_number))
            if found is not None:
                return found
        if owner.credit_code and owner.credit_code in self.by_credit_code:
            return self.by_credit_code[owner.credit_code]
        candidate = self.by_phone.get((owner.phone, owner.name)) if owner.phone else None
        if candidate is None and unit is not None:
            held = (row.customer for row in self.holdings.get(unit.id, ()))
            candidate = next((customer for customer in held if _same_without_number(customer, owner)), None)
        if candidate is None or _contradicts(candidate, owner):
            return None
        return candidate


def _same_without_number(customer: Customer, owner: OwnerInput) -> bool:
    """Return whether a holder of the same unit is meant although the file brings no number that tells it."""
    return customer.name == owner.name and (
        not owner.phone or not customer.phone or owner.phone == customer.phone
    )


def _contradicts(customer: Customer, owner: OwnerInput) -> bool:
    other_person = owner.identity_number and customer.identity_number not in (None, owner.identity_number)
    other_company = owner.credit_code and customer.credit_code not in (None, owner.credit_code)
    return bool(other_person or other_company)


def _chunks(values: Iterable[Any]) -> Iterator[list[Any]]:
    ordered = sorted(set(values))
    for start in range(0, len(ordered), _BATCH):
        yield ordered[start : start + _BATCH]


def _is_living(customer: Customer) -> bool:
    """Return whether a customer was neither merged nor erased; asked for in SQL, SQLite walks through all customers."""
    return customer.merged_into_id is None and customer.erased_at is None


def _look_up(project: Project, rows: Sequence[RowInput]) -> _Known:
    codes = {row.code for row in rows if row.code}
    owners = [owner for row in rows for owner in row.owners]
    known = _Known({}, {}, {}, {}, {}, {})
    for building in db.session.scalars(sa.select(Building).where(Building.project_id == project.id)):
        known.buildings[building.code] = building
    for part in _chunks(codes):
        for unit in db.session.scalars(
            sa.select(Unit).where(Unit.project_id == project.id, Unit.code.in_(part))
        ):
            known.units[unit.code] = unit
    for part in _chunks(unit.id for unit in known.units.values()):
        today = local_today()
        holdings = sa.select(CustomerUnit).where(
            CustomerUnit.unit_id.in_(part),
            CustomerUnit.role.in_((UnitRole.BUYER, UnitRole.JOINT_OWNER)),
            CustomerUnit.cancelled_on.is_(None),
            sa.or_(CustomerUnit.to_date.is_(None), CustomerUnit.to_date >= today),
        )
        for holding in db.session.scalars(
            holdings.options(joinedload(CustomerUnit.customer)).order_by(CustomerUnit.id)
        ):
            known.holdings.setdefault(holding.unit_id, []).append(holding)
    indexes = {identity.identity_index(owner.identity_number) for owner in owners if owner.identity_number}
    for part in _chunks(indexes):
        for customer in db.session.scalars(sa.select(Customer).where(Customer.identity_index.in_(part))):
            if _is_living(customer):
                known.by_identity.setdefault(customer.identity_index or "", customer)
    for part in _chunks(owner.credit_code for owner in owners if owner.credit_code):
        for customer in db.session.scalars(sa.select(Customer).where(Customer.credit_code.in_(part))):
            if _is_living(customer):
                known.by_credit_code.setdefault(customer.credit_code or "", customer)
    for part in _chunks(owner.phone for owner in owners if owner.phone):
        for customer in db.session.scalars(sa.select(Customer).where(Customer.phone.in_(part))):
            if _is_living(customer):
                known.by_phone.setdefault((customer.phone or "", customer.name), customer)
    return known


class UnitImporter(Importer):
    """Units of one project with their owners."""

    model = Unit
    project = OPEN_PROJECTS
    modes = (CREATE_AND_CHANGE,)
    needed = NEEDED
    filled_down = FILLED_DOWN
    late_codes = frozenset({"building_unknown", "owner_conflict"})
    fields = tuple(
        ImportField(
            name,
            COLUMN_WORDS[name],
            tuple(heads),
            example=_EXAMPLES.get(name, ""),
            help=_HELP.get(name, ""),
            mask=_MASKS.get(name),
        )
        for name, heads in SYNONYMS.items()
    )
    match_keys = (MatchKey("unit", _l("Unit code"), ("number",)),)
    options = {
        "make_buildings": (
            _l("Make buildings that the project lacks"),
            _l("Otherwise a row with an unknown building is an error."),
        )
    }
    references = {"phase_id": (_l("Phase of the new buildings"), PHASES)}
    notes = (
        _l(
            "Sheets with the columns 楼栋, 单元, 房号 – or one column 房源 with 3栋1单元1502 –, and 户型, 面积, 业主, "
            "电话, 证件号 in any order; other columns are left out."
        ),
        _l(
            "Joint owners in one cell, as 张伟、李娜, with their telephones and document numbers in the same order."
        ),
        _l(
            "Units and customers that exist are recognised by unit code, document number, or name with telephone, and "
            "only what differs is changed."
        ),
    )

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Ask for the phase in which buildings are made."""
        if options.get("make_buildings") and options.get("phase_id") is None:
            raise ImportRefused(_("Choose the phase in which missing buildings are made."), "phase_id")

    def labels(self) -> dict[str, Any]:
        """Return the words of the columns, and of what a row changes in a customer."""
        return dict(COLUMN_WORDS)

    def title(self, record: Any) -> str:
        """Return the code of a unit, with its layout."""
        return f"{record.code} {record.layout}".strip()

    def carry(self, texts: dict[str, str], above: dict[str, str]) -> None:
        """Take building and entrance from the row above."""
        take_from_above(texts, above)

    def parse(self, row: ImportRow) -> None:
        """Read the unit, its owners and the purchase of a row."""
        found = read_row(row.sheet, row.number, row.texts, row.inexact)
        row.errors = list(found.errors)
        row.values = {
            name: value
            for name, value in asdict(found).items()
            if name in ("building", "entrance", "number", "values", "owners", "purchase")
        }

    def key_of(self, place: ImportPlace, row: ImportRow) -> str:
        """Return the code of the unit."""
        return _input(row).code if row.values.get("building") else ""

    def duplicate_error(self, place: ImportPlace, row: ImportRow, sheet: str, number: int) -> RowError:
        """Name the unit and the earlier row."""
        found = _input(row)
        return RowError(
            found.place_column,
            "unit_duplicate",
            _l(
                "Unit %(code)s stands in an earlier row already: sheet %(sheet)s, row %(row)s.",
                code=found.code,
                sheet=sheet,
                row=number,
            ),
        )

    def judge(self, place: ImportPlace, rows: Sequence[ImportRow]) -> list[Verdict]:
        """Return what would happen to each row; nothing is written."""
        inputs = [_input(row) for row in rows]
        known = _look_up(place.project, inputs)
        makes = bool(place.options.get("make_buildings"))
        made: dict[str, Text] = {}
        return [_judge_row(row, known, makes, made) for row in inputs]

    def write(
        self, place: ImportPlace, rows: Sequence[ImportRow], verdicts: Sequence[Verdict]
    ) -> list[Outcome | RowError | None]:
        """Make and change units, and register, complete and link their owners."""
        inputs = [_input(row) for row in rows]
        known = _look_up(place.project, inputs)
        writer = _Writer(place.project, known)
        good = [
            (position, row, verdict)
            for position, (row, verdict) in enumerate(zip(inputs, verdicts, strict=True))
            if verdict.kind in (NEW, CHANGED)
        ]
        writer.make_buildings(place, [row for _position, row, verdict in good if verdict.kind == NEW])
        writer.make_units([row for _position, row, verdict in good if verdict.kind == NEW])
        writer.change_units([row for _position, row, verdict in good if verdict.kind == CHANGED])
        writer.write_owners([row for _position, row, _verdict in good])
        outcomes: list[Outcome | RowError | None] = [None] * len(rows)
        for position, row, verdict in good:
            unit = known.units[row.code]
            outcomes[position] = Outcome(verdict.kind, unit.id, unit.row_version, writer.undo_of(row.code))
        return outcomes

    def _undo_one(self, place: ImportPlace, record: Any, outcome: Outcome) -> Text:
        try:
            with db.session.begin_nested():
                _take_back(record, outcome)
        except sa.exc.IntegrityError:
            return _l("Something was hung on it after the import, so it stays.")
        except ValueError as error:
            return sentence_of(error)
        return ""


def _input(row: ImportRow) -> RowInput:
    held = dict(row.values)
    held["owners"] = [OwnerInput(**owner) for owner in held.get("owners", ())]
    return RowInput(row.sheet, row.number, row.texts, **held, errors=list(row.errors))


def _take_back(unit: Unit, outcome: Outcome) -> None:
    held = outcome.before
    changed = _l("It was changed after the import, so it stays as it is.")
    holdings = [db.session.get(CustomerUnit, key) for key, _version in held["holdings"]]
    versions = [version for _key, version in held["holdings"]]
    for holding, version in zip(holdings, versions, strict=True):
        if holding is None or holding.row_version != version:
            raise ImportRefused(changed)
    people = {
        int(key): db.session.get(Customer, int(key)) for key in (*held["registered"], *held["completed"])
    }
    for key, after in held["registered"].items():
        person = people[int(key)]
        if person is not None and _person(person) != after:
            raise ImportRefused(changed)
    for holding in holdings:
        if holding is not None:
            customer = holding.customer
            db.session.delete(holding)
            db.session.flush()
            services.refresh_life_cycle(customer)
    for key, before in held["purchases"].items():
        purchase = db.session.get(CustomerUnit, int(key))
        if purchase is not None:
            services.change_holding(purchase, **before)
    for key, before in held["completed"].items():
        person = people[int(key)]
        if person is not None and person.merged_into_id is None and person.erased_at is None:
            services.change_customer(person, **before)
    for key in held["registered"]:
        person = people[int(key)]
        if person is not None:
            services.remove_registration(person)
    for customer_id, project_id in held["links"]:
        linked, project = db.session.get(Customer, customer_id), db.session.get(Project, project_id)
        if linked is not None and project is not None:
            services.unlink_project(linked, project)
    if outcome.action == NEW:
        delete_space(unit, "core.unit")
    elif held["unit"]:
        change_unit(unit, **held["unit"])
    for key in held["buildings"]:
        building = db.session.get(Building, key)
        if building is not None:
            delete_space(building, "core.building")


def _person(customer: Customer) -> dict[str, Any]:
    return {name: _bare(getattr(customer, name)) for name in _PERSON_FIELDS}


def _bare(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _judge_row(row: RowInput, known: _Known, make_buildings: bool, made: dict[str, Text]) -> Verdict:
    errors = list(row.errors)
    if row.building and row.building not in known.buildings and not make_buildings:
        errors.append(
            RowError(
                "location" if row.place_column == "location" else "building",
                "building_unknown",
                _l(
                    "The project has no building %(code)s. Make it first, or let missing buildings be made.",
                    code=row.building,
                ),
            )
        )
    unit = known.units.get(row.code)
    diff: list[tuple[str, str, str]] = []
    if not errors and unit is not None:
        diff += _unit_diff(unit, row)
        held = known.holdings.get(unit.id, [])
        meant = [known.customer_of(owner, unit) for owner in row.owners]
        strangers = [holding for holding in held if holding.customer not in meant]
        if row.owners and strangers:
            errors.append(
                RowError(
                    "owner",
                    "owner_conflict",
                    _l(
                        "The unit has an owner who does not stand in this row. End that entry first if it was sold, or "
                        "correct the row."
                    ),
                )
            )
        for owner, customer in zip(row.owners, meant, strict=True):
            if customer is None or all(holding.customer is not customer for holding in held):
                diff.append(("owner", "", owner.name))
            if customer is not None:
                diff += _customer_diff(customer, owner)
        diff += _purchase_diff(held, row)
    if errors:
        return Verdict("error", tuple(errors), record_id=unit.id if unit is not None else None)
    if unit is None:
        missing = row.building not in known.buildings
        if not missing:
            return Verdict("new")
        remark = made.setdefault(row.building, _l("Building %(code)s will be made.", code=row.building))
        return Verdict("new", remarks=(remark,))
    return Verdict("changed" if diff else "unchanged", diff=tuple(diff), record_id=unit.id)


def _unit_diff(unit: Unit, row: RowInput) -> list[tuple[str, str, str]]:
    found = []
    for name in _UNIT_FIELDS:
        if name in row.values:
            before = getattr(unit, name)
            after = _typed_value(name, row.values[name])
            if before != after:
                found.append((name, _words(before), _words(after)))
    return found


def _words(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.2f}" if isinstance(value, Decimal) else str(value)


def _typed_value(name: str, text: str) -> Any:
    if name in ("gross_area_contract", "net_area", "price"):
        return Decimal(text)
    if name == "floor":
        return int(text)
    return dt.date.fromisoformat(text) if name.endswith("_on") else text


def _customer_diff(customer: Customer, owner: OwnerInput) -> list[tuple[str, str, str]]:
    """Return what changes in a customer who is known; numbers are masked, because previews are shown."""
    found = []
    if customer.name != owner.name:
        found.append(("name", customer.name, owner.name))
    if owner.phone and customer.phone != owner.phone:
        found.append(("phone", identity.mask_phone(customer.phone), identity.mask_phone(owner.phone)))
    if owner.identity_number and customer.identity_number is None:
        found.append(("identity_number", "", identity.mask_identity(owner.identity_number)))
    if owner.credit_code and customer.credit_code is None:
        found.append(("credit_code", "", owner.credit_code))
    return found


def _purchase_diff(held: Sequence[CustomerUnit], row: RowInput) -> list[tuple[str, str, str]]:
    found = []
    for holding in held[:1]:
        for name, text in row.purchase.items():
            before = getattr(holding, name)
            after = _typed_value(name, text)
            if before != after:
                found.append((name, _words(before), _words(after)))
    return found


class _Writer:
    """Writes good rows in batches.

    Args:
        project: The project.
        known: What the database held; what is made is added to it, so that an owner of two units is one customer.
    """

    def __init__(self, project: Project, known: _Known) -> None:
        self.project = project
        self.known = known
        self.today = local_today()
        self._undo: dict[str, dict[str, Any]] = {}
        self._registered: list[tuple[dict[str, Any], Customer]] = []
        self._holdings: list[tuple[dict[str, Any], CustomerUnit]] = []

    def _note(self, code: str) -> dict[str, Any]:
        return self._undo.setdefault(
            code,
            {
                "unit": {}, "holdings": [], "registered": {}, "completed": {}, "purchases": {}, "links": [],
                "buildings": [],
            },
        )  # fmt: skip

    def undo_of(self, code: str) -> dict[str, Any]:
        """Return what undoing the row of a unit needs; called when everything is flushed."""
        found = self._note(code)
        for note, customer in self._registered:
            if note is found:
                found["registered"][str(customer.id)] = _person(customer)
        for note, holding in self._holdings:
            if note is found:
                found["holdings"].append([holding.id, holding.row_version])
        return found

    def make_buildings(self, place: ImportPlace, rows: Sequence[RowInput]) -> None:
        """Make the buildings that new rows name and the project lacks, in the chosen phase."""
        missing = {row.building: row for row in reversed(rows) if row.building not in self.known.buildings}
        if not missing:
            return
        phase = db.session.get(Phase, place.options["phase_id"])
        if phase is None or phase.project_id != self.project.id:
            raise ImportRefused(_("The phase does not belong to the project. Choose another one."))
        for code in sorted(missing, key=lambda text: (len(text), text)):
            building = create_building(phase, code)
            self.known.buildings[code] = building
            self._note(missing[code].code)["buildings"].append(building.id)

    def make_units(self, rows: Sequence[RowInput]) -> None:
        """Make the units of new rows."""
        made = []
        for row in rows:
            values = {name: _typed_value(name, text) for name, text in row.values.items()}
            values.setdefault("floor", floor_of(row.number))
            unit = Unit(
                project_id=self.project.id,
                building_id=self.known.buildings[row.building].id,
                entrance=row.entrance,
                number=row.number,
                code=row.code,
                decoration=Decoration.FITTED,
                **values,
            )
            self.known.units[row.code] = unit
            made.append(unit)
        self._add(made)

    def change_units(self, rows: Sequence[RowInput]) -> None:
        """Change the units of changed rows."""
        for row in rows:
            unit = self.known.units[row.code]
            for name in _UNIT_FIELDS:
                if name in row.values:
                    before, after = getattr(unit, name), _typed_value(name, row.values[name])
                    if before != after:
                        self._note(row.code)["unit"][name] = before
                        setattr(unit, name, after)
        db.session.flush()

    def write_owners(self, rows: Sequence[RowInput]) -> None:
        """Register or complete the owners and link them to their units."""
        linked = {
            key
            for (key,) in db.session.execute(
                sa.select(CustomerProject.customer_id).where(CustomerProject.project_id == self.project.id)
            )
        }
        fresh: list[Customer] = []
        pairs: list[tuple[RowInput, Unit, Customer, int]] = []
        for row in rows:
            unit = self.known.units[row.code]
            for position, owner in enumerate(row.owners):
                customer = self.known.customer_of(owner, unit if unit.id in self.known.holdings else None)
                note = self._note(row.code)
                if customer is None:
                    customer = self._register(owner)
                    fresh.append(customer)
                    self._registered.append((note, customer))
                else:
                    self._complete(customer, owner, note)
                    if sa.inspect(customer).persistent and customer.id not in linked:
                        db.session.add(CustomerProject(customer_id=customer.id, project_id=self.project.id))
                        linked.add(customer.id)
                        note["links"].append([customer.id, self.project.id])
                pairs.append((row, unit, customer, position))
        self._add(fresh)
        self._link(pairs)

    def _register(self, owner: OwnerInput) -> Customer:
        customer = Customer(kind=CustomerKind(owner.kind), source="import")
        services.set_identity(
            customer,
            name=owner.name,
            phone=owner.phone,
            identity_type=IdentityType(owner.identity_type) if owner.identity_type else None,
            identity_number=owner.identity_number,
            credit_code=owner.credit_code,
        )
        customer.project_links.append(CustomerProject(project_id=self.project.id, source="import"))
        if customer.identity_index:
            self.known.by_identity[customer.identity_index] = customer
        if customer.credit_code:
            self.known.by_credit_code[customer.credit_code] = customer
        if customer.phone:
            self.known.by_phone[customer.phone, customer.name] = customer
        return customer

    @staticmethod
    def _complete(customer: Customer, owner: OwnerInput, note: dict[str, Any]) -> None:
        before = _person(customer)
        services.set_identity(
            customer,
            name=owner.name,
            phone=owner.phone or customer.phone,
            identity_type=IdentityType(owner.identity_type)
            if owner.identity_type
            else customer.identity_type,
            identity_number=owner.identity_number or customer.identity_number,
            credit_code=owner.credit_code or customer.credit_code,
        )
        changed = {name: value for name, value in before.items() if value != _person(customer)[name]}
        if changed and sa.inspect(customer).persistent:
            note["completed"].setdefault(str(customer.id), changed)

    def _link(self, pairs: Sequence[tuple[RowInput, Unit, Customer, int]]) -> None:
        made: list[CustomerUnit] = []
        touched: dict[int, Customer] = {}
        for row, unit, customer, position in pairs:
            purchase = {name: _typed_value(name, text) for name, text in row.purchase.items()}
            held = next(
                (one for one in self.known.holdings.get(unit.id, ()) if one.customer_id == customer.id), None
            )
            if held is not None:
                if position == 0:
                    before = {
                        name: getattr(held, name)
                        for name in purchase
                        if getattr(held, name) != purchase[name]
                    }
                    if before:
                        self._note(row.code)["purchases"][str(held.id)] = before
                    for name, value in purchase.items():
                        setattr(held, name, value)
            else:
                holding = CustomerUnit(
                    project_id=self.project.id,
                    unit_id=unit.id,
                    customer_id=customer.id,
                    role=UnitRole.JOINT_OWNER if position else UnitRole.BUYER,
                    share_percent=None if len(row.owners) > 1 else Decimal(100),
                    from_date=purchase.get("signed_on"),
                    **purchase,
                )
                made.append(holding)
                self._holdings.append((self._note(row.code), holding))
            touched[customer.id] = customer
        self._add(made)
        self._refresh(list(touched.values()))

    def _refresh(self, customers: Sequence[Customer]) -> None:
        registered_before = []
        by_customer: dict[int, list[CustomerUnit]] = {}
        for part in _chunks(customer.id for customer in customers):
            holdings = sa.select(CustomerUnit).where(CustomerUnit.customer_id.in_(part))
            for holding in db.session.scalars(holdings.options(joinedload(CustomerUnit.unit))):
                by_customer.setdefault(holding.customer_id, []).append(holding)
        for customer in customers:
            if customer.source == "import" and len(customer.project_links) == 1:
                stage = compute_life_cycle(by_customer.get(customer.id, ()), self.today)
                if customer.life_cycle != stage:
                    customer.life_cycle = stage
            else:
                registered_before.append(customer)
        db.session.flush()
        for customer in registered_before:
            services.refresh_life_cycle(customer)

    @staticmethod
    def _add(records: Sequence[Any]) -> None:
        for start in range(0, len(records), _BATCH):
            db.session.add_all(records[start : start + _BATCH])
            db.session.flush()
