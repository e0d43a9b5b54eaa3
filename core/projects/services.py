"""Rules of projects, phases, buildings and units."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from flask_babel import gettext as _

from core.database.scope import require_scope
from core.extensions import db
from core.people.models import Department, DepartmentKind
from core.projects.models import Building, Decoration, Phase, Project, ProjectGroup, Unit


class ProjectRuleError(ValueError):
    """A rule of the space model forbids the change; the message is a full sentence for the user."""


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
            _("A project belongs to a city company. Choose one instead of “%(name)s”.", name=department.name)
        )
    code = code.strip().upper()
    if not CODE_FORM.match(code):
        raise ProjectRuleError(
            _("The project code “%(code)s” must be 2 to 12 letters A–Z or digits.", code=code)
        )
    taken = (
        db.session.connection()
        .execute(sa.select(Project.__table__.c.id).where(Project.__table__.c.code == code))
        .first()
    )
    if taken is not None:
        raise ProjectRuleError(
            _("The project code “%(code)s” is already in use. Choose another one.", code=code)
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
                )
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


def create_phase(project: Project, code: str, name: str) -> Phase:
    """Make a phase of a project; codes are unique in the project."""
    phase = Phase(project_id=project.id, code=code.strip(), name=name.strip())
    db.session.add(phase)
    db.session.flush()
    return phase


def create_building(phase: Phase, code: str, name: str = "", **fields: Any) -> Building:
    """Make a building of a phase; codes are unique in the project, because they begin each unit code."""
    building = Building(
        project_id=phase.project_id,
        phase_id=phase.id,
        code=code.strip(),
        name=name.strip() or f"{code.strip()}栋",
        **fields,
    )
    db.session.add(building)
    db.session.flush()
    return building


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
        raise ProjectRuleError(_("Unit %(code)s exists already in this project.", code=code))
    check_unit_values(fields)
    fields.setdefault("floor", floor_of(number))
    fields.setdefault("decoration", Decoration.FITTED)
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


def check_unit_values(fields: dict[str, Any]) -> None:
    """Refuse impossible areas, prices and dates.

    Raises:
        ProjectRuleError: The first rule that is broken, in a full sentence.
    """
    for name in ("gross_area_contract", "gross_area_measured", "net_area"):
        value = fields.get(name)
        if value is not None and not Decimal("1") <= Decimal(value) <= Decimal("5000"):
            raise ProjectRuleError(
                _("An area of %(value)s m² is not possible; it lies between 1 and 5,000.", value=value)
            )
    gross, net = fields.get("gross_area_contract"), fields.get("net_area")
    if gross is not None and net is not None and Decimal(net) > Decimal(gross):
        raise ProjectRuleError(
            _("The net area %(net)s m² is larger than the gross area %(gross)s m².", net=net, gross=gross)
        )
    price = fields.get("price")
    if price is not None and Decimal(price) < 0:
        raise ProjectRuleError(_("The price cannot be negative."))


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


def completion_date(unit: Unit) -> dt.date | None:
    """Return 竣工验收合格日 of a unit: its own where set, else its building's. The contractor's warranty starts here."""
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


_WIDE = str.maketrans("０１２３４５６７８９－", "0123456789-")
_SPOKEN = re.compile(
    r"^(?P<building>[0-9A-Za-z]+)\s*(?:栋|幢|座|号楼|#)\s*(?:(?P<entrance>[0-9A-Za-z]+)\s*(?:单元|门))?\s*(?P<number>[0-9A-Za-z]+)\s*(?:室|房|号)?$"
)


def normalise_unit_text(text: str) -> str:
    """Return the unit code that a text means: "3栋1单元1502" and "３－１－１５０２" → "3-1-1502"; other text unchanged."""
    text = text.translate(_WIDE).strip().replace("—", "-").replace("–", "-").replace("/", "-")
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
