"""Rules of projects, phases, buildings and units."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from blinker import Signal
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.database.types import utc_now
from core.extensions import db
from core.people.models import Department, DepartmentKind
from core.plugin_system import dispatch
from core.projects.models import Building, Decoration, Phase, Project, ProjectGroup, Unit

unit_dates_changed = Signal(
    "A unit was accepted, delivered or moved into, or one of these days was corrected. Sender: the unit."
)
"""What layers above compute from a unit's dates they compute again when they receive it, in the same transaction."""


class ProjectRuleError(ValueError):
    """A rule of the space model forbids the change; the message is a full sentence for the user.

    Attributes:
        field: Name of the attribute that is wrong, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


CODE_FORM = re.compile(r"^[A-Z0-9]{2,12}$")


def create_project(
    *,
    department: Department,
    code: str,
    name: str,
    groups: Iterable[Department] | None = None,
    **fields: Any,
) -> Project:
    """Make a project of a city company.

    Args:
        department: The city company.
        code: Two to twelve capital letters or digits; it becomes part of every number, as YQW in DF-YQW-202611-0001.
        name: Name in Chinese.
        groups: Groups of the city company that work on it; all of them when omitted.
        fields: Further attributes of :class:`core.projects.models.Project`.

    Raises:
        ProjectRuleError: The department is no city company, or the code is malformed or taken.
    """
    if department.kind != DepartmentKind.CITY:
        raise ProjectRuleError(
            _("A project belongs to a city company. Choose one instead of “%(name)s”.", name=department.name),
            field="department_id",
        )
    code = code.strip().upper()
    if not CODE_FORM.match(code):
        raise ProjectRuleError(
            _("The project code “%(code)s” must be 2 to 12 letters A–Z or digits.", code=code), field="code"
        )
    taken = (
        db.session.connection()
        .execute(sa.select(Project.__table__.c.id).where(Project.__table__.c.code == code))
        .first()
    )
    if taken is not None:
        raise ProjectRuleError(
            _("The project code “%(code)s” is already in use. Choose another one.", code=code), field="code"
        )
    project = Project(department_id=department.id, code=code, name=name.strip(), **fields)
    db.session.add(project)
    db.session.flush()
    if groups is None:
        groups = db.session.scalars(
            sa.select(Department).where(
                Department.parent_id == department.id,
                Department.kind == DepartmentKind.GROUP,
                Department.archived_at.is_(None),
            )
        ).all()
    assign_groups(project, groups)
    return project


def assign_groups(project: Project, groups: Iterable[Department]) -> None:
    """Set which groups work on a project and therefore see its rows.

    Raises:
        ProjectRuleError: A group belongs to another city company.
    """
    wanted = {group.id: group for group in groups}
    for group in wanted.values():
        if group.parent_id != project.department_id:
            raise ProjectRuleError(
                _(
                    "“%(group)s” is not a group of the project's city company and cannot be assigned.",
                    group=group.name,
                ),
                field="groups",
            )
    held = {
        row.department_id: row
        for row in db.session.scalars(sa.select(ProjectGroup).where(ProjectGroup.project_id == project.id))
    }
    for department_id in wanted.keys() - held.keys():
        db.session.add(ProjectGroup(project_id=project.id, department_id=department_id))
    for department_id in held.keys() - wanted.keys():
        db.session.delete(held[department_id])
    db.session.flush()


def change_project(project: Project, **values: Any) -> None:
    """Change names, developer, address and opening date of a project; its code and company stay.

    Raises:
        ProjectRuleError: The name is empty.
    """
    _set(project, values, {"name", "name_en", "developer_name", "address", "sales_opening_on"})
    if not project.name:
        raise ProjectRuleError(_("A project needs a name."), field="name")
    db.session.flush()


def archive_project(project: Project, archived: bool = True) -> None:
    """Close a project, or open it again; its records stay."""
    project.archived_at = utc_now() if archived else None
    db.session.flush()


def create_phase(project: Project, code: str, name: str) -> Phase:
    """Make a phase of a project.

    Raises:
        ProjectRuleError: The code is taken in the project.
    """
    phase = Phase(project_id=project.id, code=code.strip(), name=name.strip())
    _check_free_code(Phase, phase.project_id, phase.code, None)
    db.session.add(phase)
    db.session.flush()
    return phase


def change_phase(phase: Phase, **values: Any) -> None:
    """Change the code or name of a phase.

    Raises:
        ProjectRuleError: The code is taken in the project.
    """
    if "code" in values:
        _check_free_code(Phase, phase.project_id, values["code"].strip(), phase.id)
    _set(phase, values, {"code", "name"})
    db.session.flush()


def create_building(phase: Phase, code: str, name: str = "", **fields: Any) -> Building:
    """Make a building of a phase; codes are unique in the project, because they begin each unit code.

    Raises:
        ProjectRuleError: The code is malformed or taken in the project.
    """
    code = code.strip()
    _check_building_code(code)
    _check_free_code(Building, phase.project_id, code, None)
    building = Building(
        project_id=phase.project_id,
        phase_id=phase.id,
        code=code,
        name=name.strip() or f"{code}栋",
        **fields,
    )
    db.session.add(building)
    db.session.flush()
    return building


def change_building(building: Building, **values: Any) -> None:
    """Change a building. A new code changes the codes of its units with it.

    Raises:
        ProjectRuleError: The code is malformed or taken in the project.
    """
    code = values.get("code", building.code).strip()
    if code != building.code:
        _check_building_code(code)
        _check_free_code(Building, building.project_id, code, building.id)
        for unit in db.session.scalars(sa.select(Unit).where(Unit.building_id == building.id)):
            unit.code = unit_code(code, unit.entrance, unit.number)
    _set(building, values, {"code", "name", "total_floors", "completion_accepted_on"})
    db.session.flush()


_BUILDING_CODE = re.compile(r"^[0-9A-Za-z一-鿿]{1,12}$")


def _check_building_code(code: str) -> None:
    if not _BUILDING_CODE.match(code):
        raise ProjectRuleError(
            _("The building code “%(code)s” must be 1 to 12 letters or digits, such as 3 or A2.", code=code),
            field="code",
        )


def _check_free_code(
    model: type[Phase] | type[Building], project_id: int, code: str, own_id: int | None
) -> None:
    taken = db.session.scalar(sa.select(model.id).where(model.project_id == project_id, model.code == code))
    if taken is not None and taken != own_id:
        raise ProjectRuleError(
            _("The code “%(code)s” is already in use in this project. Choose another one.", code=code),
            field="code",
        )


def _set(record: Any, values: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = values.keys() - allowed
    if unknown:
        raise TypeError(f"{type(record).__name__} is not changed by {sorted(unknown)}.")
    for name, value in values.items():
        setattr(record, name, value.strip() if isinstance(value, str) else value)


def unit_code(building_code: str, entrance: str, number: str) -> str:
    """Return the code of a unit: building-entrance-number, 3-2-1502; without an entrance 3-1502."""
    return "-".join(part.strip() for part in (building_code, entrance, number) if part and part.strip())


def floor_of(number: str) -> int | None:
    """Return the floor that a room number tells: 1502 → 15, 302 → 3, B103 → −1; None when it tells none."""
    match = re.fullmatch(r"(B?)(\d{1,2})(\d{2})[A-Za-z]?", number.strip())
    if match is None:
        return None
    floor = int(match[2])
    return -floor if match[1] else floor


def create_unit(building: Building, number: str, entrance: str = "", **fields: Any) -> Unit:
    """Make a unit; its code and floor are computed.

    Raises:
        ProjectRuleError: An area or price is negative, or the unit exists already.
    """
    code = unit_code(building.code, entrance, number)
    existing = db.session.scalar(
        sa.select(Unit.id).where(Unit.project_id == building.project_id, Unit.code == code)
    )
    if existing is not None:
        raise ProjectRuleError(_("Unit %(code)s exists already in this project.", code=code), field="number")
    check_unit_values(fields)
    if fields.get("floor") is None:
        fields["floor"] = floor_of(number)
    fields["decoration"] = fields.get("decoration") or Decoration.FITTED
    unit = Unit(
        project_id=building.project_id,
        building_id=building.id,
        entrance=entrance.strip(),
        number=number.strip(),
        code=code,
        **fields,
    )
    db.session.add(unit)
    db.session.flush()
    return unit


_UNIT_FIELDS = {
    "entrance",
    "number",
    "floor",
    "layout",
    "orientation",
    "decoration",
    "gross_area_contract",
    "gross_area_measured",
    "net_area",
    "price",
    "contract_delivery_on",
    "completion_accepted_on",
    "delivered_on",
    "occupied_on",
}


def change_unit(unit: Unit, **values: Any) -> None:
    """Change a unit; its code follows entrance and number, and what is computed from its dates is computed again.

    Raises:
        ProjectRuleError: A value is not possible, or another unit has the code.
    """
    dates = _dates_of(unit)
    held = {name: getattr(unit, name) for name in _UNIT_FIELDS}
    check_unit_values(held | values)
    code = unit_code(
        unit.building.code, values.get("entrance", unit.entrance), values.get("number", unit.number)
    )
    if code != unit.code:
        taken = db.session.scalar(
            sa.select(Unit.id).where(
                Unit.project_id == unit.project_id, Unit.code == code, Unit.id != unit.id
            )
        )
        if taken is not None:
            raise ProjectRuleError(
                _("Unit %(code)s exists already in this project.", code=code), field="number"
            )
    if "number" in values and values.get("floor") is None:
        values["floor"] = floor_of(values["number"])
    _set(unit, values, _UNIT_FIELDS)
    unit.code = code
    db.session.flush()
    if dates != _dates_of(unit):
        _tell_of_dates(unit)


def check_unit_values(fields: Mapping[str, Any]) -> None:
    """Refuse impossible areas, prices and dates.

    Raises:
        ProjectRuleError: The first rule that is broken, in a full sentence.
    """
    for name in ("gross_area_contract", "gross_area_measured", "net_area"):
        value = fields.get(name)
        if value is not None and not Decimal("1") <= Decimal(value) <= Decimal("5000"):
            raise ProjectRuleError(
                _("An area of %(value)s m² is not possible; it lies between 1 and 5,000.", value=value),
                field=name,
            )
    gross, net = fields.get("gross_area_contract"), fields.get("net_area")
    if gross is not None and net is not None and Decimal(net) > Decimal(gross):
        raise ProjectRuleError(
            _("The net area %(net)s m² is larger than the gross area %(gross)s m².", net=net, gross=gross),
            field="net_area",
        )
    price = fields.get("price")
    if price is not None and Decimal(price) < 0:
        raise ProjectRuleError(_("The price cannot be negative."), field="price")
    delivered, occupied = fields.get("delivered_on"), fields.get("occupied_on")
    if delivered is not None and occupied is not None and occupied < delivered:
        raise ProjectRuleError(
            _("Nobody can move in before the delivery. Check both dates."), field="occupied_on"
        )


def record_delivery(unit: Unit, on: dt.date) -> None:
    """Set the actual delivery date 交付日, from which the owner's warranty runs (商品房销售管理办法 Art. 33).

    Raises:
        ProjectRuleError: The unit was delivered on another day already.
    """
    if unit.delivered_on is not None and unit.delivered_on != on:
        raise ProjectRuleError(
            _(
                "Unit %(code)s was delivered on %(day)s already.",
                code=unit.code,
                day=unit.delivered_on.isoformat(),
            )
        )
    unit.delivered_on = on
    db.session.flush()
    _tell_of_dates(unit)


def _dates_of(unit: Unit) -> tuple[dt.date | None, ...]:
    return unit.delivered_on, unit.occupied_on, unit.completion_accepted_on


def _tell_of_dates(unit: Unit) -> None:
    unit_dates_changed.send(unit)
    dispatch.call("unit_dates_changed", unit_id=unit.id)


def delete_space(record: Phase | Building | Unit, record_kind: str) -> None:
    """Delete a phase, building or unit on which nothing hangs yet.

    Args:
        record: The record.
        record_kind: Code of its kind, for the modules that are asked for obstacles.

    Raises:
        ProjectRuleError: Something belongs to it; the message says what.
    """
    child: Any = None
    if isinstance(record, Phase):
        child = db.session.scalar(sa.select(sa.func.count(Building.id)).where(Building.phase_id == record.id))
    elif isinstance(record, Building):
        child = db.session.scalar(sa.select(sa.func.count(Unit.id)).where(Unit.building_id == record.id))
    if child:
        raise ProjectRuleError(
            _("“%(code)s” still has buildings or units. Delete or move those first.", code=record.code)
        )
    answers = dispatch.call("obstacles", record_kind=record_kind, record_id=record.id)
    sentences = [str(sentence) for answer in answers for sentence in answer.value or ()]
    if sentences:
        raise ProjectRuleError(" ".join(sentences))
    db.session.delete(record)
    db.session.flush()


def completion_date(unit: Unit) -> dt.date | None:
    """Return 竣工验收合格日 of a unit, its own or its building's: the contractor's warranty starts here."""
    return unit.completion_accepted_on or unit.building.completion_accepted_on


def find_unit(text: str, project_id: int | None = None) -> Sequence[Unit]:
    """Return the visible units whose code is meant by ``text``: 3-2-1502, 3栋2单元1502, or the tail 1502.

    Args:
        text: What was typed.
        project_id: Only in this project.
    """
    code = normalise_unit_text(text)
    if not code:
        return []
    query = sa.select(Unit).order_by(Unit.code).limit(20)
    if project_id is not None:
        query = query.where(Unit.project_id == project_id)
    exact = db.session.scalars(query.where(Unit.code == code)).all()
    if exact or "-" in code:
        return exact
    return db.session.scalars(query.where(Unit.number == code)).all()


_SPOKEN = re.compile(
    r"^(?P<building>[0-9A-Za-z]+)\s*(?:栋|幢|座|号楼|#)\s*(?:(?P<entrance>[0-9A-Za-z]+)\s*(?:单元|门))?"
    r"\s*(?P<number>[0-9A-Za-z]+)\s*(?:室|房|号)?$"
)


def normalise_unit_text(text: str) -> str:
    """Return the unit code that a text means: "3栋1单元1502", "３－１－１５０２" → "3-1-1502"; other text as it is."""
    text = unicodedata.normalize("NFKC", text).strip().replace("—", "-").replace("–", "-").replace("/", "-")
    spoken = _SPOKEN.match(text)
    if spoken is not None:
        return unit_code(spoken["building"], spoken["entrance"] or "", spoken["number"])
    return re.sub(r"\s*-\s*", "-", text)


def acting_city() -> Department | None:
    """Return the city company of the acting department, or None when it stands above the cities."""
    scope = require_scope()
    if scope.department_id is None:
        return None
    department = db.session.get(Department, scope.department_id)
    while department is not None and department.kind != DepartmentKind.CITY:
        department = department.parent
    return department
