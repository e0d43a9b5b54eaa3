"""Units and owners from an Excel file as developers keep it: read, preview every row, write after confirmation.

Reading and judging write nothing to units or customers. Between the preview and the confirmation the rows lie encrypted
in :class:`core.customers.models.UnitImport`; they are judged again when they are confirmed.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _
from sqlalchemy.orm import defer, joinedload

from core.customers import identity, services
from core.customers.import_rows import ImportRefused, OwnerInput, ReadFile, RowError, RowInput, read_file
from core.customers.life_cycle import compute_life_cycle
from core.customers.models import (
    Customer,
    CustomerKind,
    CustomerProject,
    CustomerUnit,
    IdentityType,
    UnitImport,
    UnitRole,
)
from core.database.scope import require_scope
from core.database.types import local_today, utc_now
from core.extensions import db
from core.machinery.audit import services as audit
from core.projects.models import Building, Decoration, Phase, Project, Unit
from core.projects.services import create_building, floor_of

EXPIRES_AFTER = dt.timedelta(hours=24)
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


@dataclass(frozen=True)
class Verdict:
    """What would happen to a row.

    Attributes:
        row: The row.
        kind: ``new``, ``changed``, ``unchanged`` or ``error``.
        errors: Why not, for an error.
        diff: For a change: field, value before, value after.
        unit_id: The existing unit, or None.
    """

    row: RowInput
    kind: str
    errors: tuple[RowError, ...] = ()
    diff: tuple[tuple[str, str, str], ...] = ()
    unit_id: int | None = None


@dataclass(frozen=True)
class ImportPreview:
    """The verdict of every row of an upload, and the ids to confirm it with."""

    id: int
    file_name: str
    verdicts: list[Verdict]
    ignored: Mapping[str, int]
    skipped_sheets: Sequence[str]
    new_buildings: Sequence[str]

    @property
    def counts(self) -> Counter[str]:
        """How many rows of each verdict there are."""
        return Counter(verdict.kind for verdict in self.verdicts)


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


def _look_up(project: Project, rows: Sequence[RowInput]) -> _Known:
    living = (Customer.merged_into_id.is_(None), Customer.erased_at.is_(None))
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
        for customer in db.session.scalars(
            sa.select(Customer).where(Customer.identity_index.in_(part), *living)
        ):
            known.by_identity.setdefault(customer.identity_index or "", customer)
    for part in _chunks(owner.credit_code for owner in owners if owner.credit_code):
        for customer in db.session.scalars(
            sa.select(Customer).where(Customer.credit_code.in_(part), *living)
        ):
            known.by_credit_code.setdefault(customer.credit_code or "", customer)
    for part in _chunks(owner.phone for owner in owners if owner.phone):
        for customer in db.session.scalars(sa.select(Customer).where(Customer.phone.in_(part), *living)):
            known.by_phone.setdefault((customer.phone or "", customer.name), customer)
    return known


def judge(project: Project, rows: Sequence[RowInput], make_buildings: bool) -> list[Verdict]:
    """Return what would happen to each row; nothing is written.

    Args:
        project: The project.
        rows: Rows of a file.
        make_buildings: Whether a building that the project lacks is made instead of being an error.
    """
    known = _look_up(project, rows)
    return [_judge_row(row, known, make_buildings) for row in rows]


def _judge_row(row: RowInput, known: _Known, make_buildings: bool) -> Verdict:
    errors = list(row.errors)
    if row.building and row.building not in known.buildings and not make_buildings:
        errors.append(
            RowError(
                "location" if row.place_column == "location" else "building",
                "building_unknown",
                _(
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
                    _(
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
        return Verdict(row, "error", tuple(errors), unit_id=unit.id if unit is not None else None)
    if unit is None:
        return Verdict(row, "new")
    return Verdict(row, "changed" if diff else "unchanged", diff=tuple(diff), unit_id=unit.id)


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


def preview(project: Project, content: bytes, file_name: str, phase: Phase | None = None) -> ImportPreview:
    """Read a file, judge every row, and keep the rows until they are confirmed; nothing else is written.

    Args:
        project: The project, loaded in the acting scope.
        content: The file.
        file_name: Its name.
        phase: Where missing buildings are made; None makes an unknown building an error.

    Raises:
        WorkbookUnreadable: It is no workbook that can be read.
        ImportRefused: It has no table, or nobody is signed in.
    """
    scope = require_scope()
    if scope.user_id is None:
        raise ImportRefused(_("An import belongs to somebody who is signed in."))
    if phase is not None and phase.project_id != project.id:
        raise ImportRefused(_("The phase does not belong to the project. Choose another one."))
    read = read_file(content, file_name)
    forget_expired()
    record = UnitImport(
        project_id=project.id,
        user_id=scope.user_id,
        file_name=file_name[:255],
        phase_id=phase.id if phase is not None else None,
        expires_at=utc_now() + EXPIRES_AFTER,
        content=json.dumps(
            {
                "rows": [asdict(row) for row in read.rows],
                "ignored": read.ignored,
                "skipped": read.skipped_sheets,
            },
            ensure_ascii=False,
        ),
    )
    db.session.add(record)
    db.session.flush()
    return _preview_of(record, read)


def load_preview(record: UnitImport) -> ImportPreview:
    """Judge the rows of an upload again, as the database is now.

    Raises:
        ImportRefused: It has expired or was confirmed.
    """
    return _preview_of(record, _stored(record))


def _preview_of(record: UnitImport, read: ReadFile) -> ImportPreview:
    project = db.session.get_one(Project, record.project_id)
    verdicts = judge(project, read.rows, record.phase_id is not None)
    new = {verdict.row.building for verdict in verdicts if verdict.kind == "new"}
    known = set(db.session.scalars(sa.select(Building.code).where(Building.project_id == project.id)))
    return ImportPreview(
        record.id, record.file_name, verdicts, read.ignored, read.skipped_sheets, sorted(new - known)
    )


def _stored(record: UnitImport) -> ReadFile:
    if record.confirmed_at is not None:
        raise ImportRefused(_("This import was confirmed already."))
    if record.content is None or record.expires_at < utc_now():
        raise ImportRefused(_("This preview has expired. Upload the file once more."))
    held = json.loads(record.content)
    rows = []
    for values in held["rows"]:
        values["owners"] = [OwnerInput(**owner) for owner in values["owners"]]
        values["errors"] = [RowError(**error) for error in values["errors"]]
        rows.append(RowInput(**values))
    return ReadFile(rows, held["ignored"], held["skipped"])


def find_import(import_id: int) -> UnitImport | None:
    """Return an upload of the acting user, locked for a confirmation where the database locks rows."""
    return db.session.scalars(
        sa.select(UnitImport)
        .where(UnitImport.id == import_id, UnitImport.user_id == require_scope().user_id)
        .with_for_update()
    ).one_or_none()


def recent_imports(limit: int = 10) -> Sequence[UnitImport]:
    """Return the latest uploads of the acting user that can still be confirmed or were."""
    return db.session.scalars(
        sa.select(UnitImport)
        .where(
            UnitImport.user_id == require_scope().user_id,
            sa.or_(UnitImport.confirmed_at.is_not(None), UnitImport.expires_at > utc_now()),
        )
        .options(joinedload(UnitImport.project), defer(UnitImport.content))
        .order_by(UnitImport.id.desc())
        .limit(limit)
    ).all()


def forget_expired() -> None:
    """Remove the rows of uploads that nobody confirmed in time."""
    old = sa.select(UnitImport).where(UnitImport.expires_at < utc_now(), UnitImport.content.is_not(None))
    for record in db.session.scalars(old):
        record.content = None
    db.session.flush()


def confirm(record: UnitImport, only_good_rows: bool = True) -> Mapping[str, Any]:
    """Write the rows of an upload; a second confirmation changes nothing and returns the same result.

    Args:
        record: The upload, from :func:`find_import`.
        only_good_rows: Whether rows with errors are left out; otherwise one of them stops everything.

    Returns:
        ``created`` and ``changed`` (ids of units), ``customers`` (how many were registered), ``unchanged``, ``errors``.

    Raises:
        ImportRefused: It has expired, or there are errors and ``only_good_rows`` is false.
    """
    if record.confirmed_at is not None:
        result: Mapping[str, Any] = record.result
        return result
    read = _stored(record)
    project = db.session.get_one(Project, record.project_id)
    known = _look_up(project, read.rows)
    verdicts = [_judge_row(row, known, record.phase_id is not None) for row in read.rows]
    counts = Counter(verdict.kind for verdict in verdicts)
    if counts["error"] and not only_good_rows:
        raise ImportRefused(_("%(count)s rows have errors, so nothing was imported.", count=counts["error"]))
    _make_buildings(record, verdicts, known)
    writer = _Writer(project, known)
    created = writer.make_units([verdict.row for verdict in verdicts if verdict.kind == "new"])
    changed = [verdict for verdict in verdicts if verdict.kind == "changed"]
    writer.change_units(changed)
    writer.write_owners([verdict.row for verdict in verdicts if verdict.kind in ("new", "changed")])
    record.result = {
        "created": created,
        "changed": [verdict.unit_id for verdict in changed],
        "customers": writer.registered,
        "unchanged": counts["unchanged"],
        "errors": counts["error"],
    }
    record.content = None
    record.confirmed_at = utc_now()
    db.session.flush()
    audit.record_event(
        "imported",
        record,
        created=len(created),
        changed=len(changed),
        customers=writer.registered,
        errors=counts["error"],
    )
    done: Mapping[str, Any] = record.result
    return done


def _make_buildings(record: UnitImport, verdicts: Sequence[Verdict], known: _Known) -> None:
    if record.phase_id is None:
        return
    missing = {verdict.row.building for verdict in verdicts if verdict.kind == "new"} - set(known.buildings)
    phase = db.session.get_one(Phase, record.phase_id)
    for code in sorted(missing, key=lambda text: (len(text), text)):
        known.buildings[code] = create_building(phase, code)


class _Writer:
    """Writes good rows in batches.

    Args:
        project: The project.
        known: What the database held; what is made is added to it, so that an owner of two units is one customer.
    """

    def __init__(self, project: Project, known: _Known) -> None:
        self.project = project
        self.known = known
        self.registered = 0
        self.today = local_today()

    def make_units(self, rows: Sequence[RowInput]) -> list[int]:
        """Make the units of new rows and return their ids."""
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
        return [unit.id for unit in made]

    def change_units(self, verdicts: Sequence[Verdict]) -> None:
        """Change the units of changed rows."""
        for verdict in verdicts:
            unit = self.known.units[verdict.row.code]
            for name in _UNIT_FIELDS:
                if name in verdict.row.values:
                    setattr(unit, name, _typed_value(name, verdict.row.values[name]))
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
                if customer is None:
                    customer = self._register(owner)
                    fresh.append(customer)
                else:
                    self._complete(customer, owner)
                    if sa.inspect(customer).persistent and customer.id not in linked:
                        db.session.add(CustomerProject(customer_id=customer.id, project_id=self.project.id))
                        linked.add(customer.id)
                pairs.append((row, unit, customer, position))
        self._add(fresh)
        self.registered = len(fresh)
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
    def _complete(customer: Customer, owner: OwnerInput) -> None:
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
                    for name, value in purchase.items():
                        setattr(held, name, value)
            else:
                made.append(
                    CustomerUnit(
                        project_id=self.project.id,
                        unit_id=unit.id,
                        customer_id=customer.id,
                        role=UnitRole.JOINT_OWNER if position else UnitRole.BUYER,
                        share_percent=None if len(row.owners) > 1 else Decimal(100),
                        from_date=purchase.get("signed_on"),
                        **purchase,
                    )
                )
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
