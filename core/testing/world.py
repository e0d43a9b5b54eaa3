"""A small world to test against: one region with two cities, staff of every kind, and three projects.

Each text in a project holds the project's *canary*, so that a test can search the bytes of a page for what must not be
there.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from flask import current_app

from core.customers.models import Customer, CustomerProject, CustomerUnit
from core.database.scope import all_departments
from core.extensions import db
from core.people import services as people
from core.people.models import Department, DepartmentKind, Role, User
from core.projects.models import Building, Phase, Project, ProjectGroup, Unit

PASSWORD = "jade-Harbour-47-lantern"  # noqa: S105 (of accounts in tests)
"""The password of every account of the world."""


@dataclass(frozen=True)
class ProjectRows:
    """The ids of one project and of what it holds.

    Attributes:
        canary: Occurs in each text of the project and nowhere else.
        project_id: The project.
        phase_id: Its only phase.
        building_id: Its only building.
        unit_ids: Its units, by code ascending.
        customer_ids: Customers who are linked to this project alone, one for each unit.
        customer_unit_ids: The customers' parts in the units, in the same order.
        phones: The customers' telephone numbers, in the same order.
    """

    canary: str
    project_id: int
    phase_id: int
    building_id: int
    unit_ids: tuple[int, ...]
    customer_ids: tuple[int, ...]
    customer_unit_ids: tuple[int, ...]
    phones: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """What :func:`build_world` made.

    Attributes:
        departments: Ids by name: ``region``, ``city``, ``other_city``, ``group``, ``sibling_group``, ``other_group``.
        users: Ids by name: ``admin`` (region, every permission), ``head`` and ``engineer`` and ``service`` (group),
            ``sibling`` (sibling group), ``other`` (other city), ``nobody`` (group, a role without any permission).
        roles: Ids by name: ``admin``, ``head``, ``engineer``, ``service``, ``nobody``.
        own: Project of the group.
        sibling: Project of the sibling group in the same city.
        foreign: Project in the other city.
        shared_customer_id: A customer who is linked to ``own`` and to ``foreign``.
    """

    departments: dict[str, int]
    users: dict[str, int]
    roles: dict[str, int]
    own: ProjectRows
    sibling: ProjectRows
    foreign: ProjectRows
    shared_customer_id: int

    def user(self, name: str) -> User:
        """Return an account by its name in this world."""
        return db.session.get_one(User, self.users[name])

    def department(self, name: str) -> Department:
        """Return a department by its name in this world."""
        return db.session.get_one(Department, self.departments[name])

    def role(self, name: str) -> Role:
        """Return a role by its name in this world."""
        return db.session.get_one(Role, self.roles[name])


def build_world(permissions: Collection[str] = ()) -> World:
    """Fill an empty database with the world and commit.

    Args:
        permissions: All declared permission codes. ``admin`` receives all of them; ``head`` all but those that
            administer; ``engineer`` and ``service`` those that view, create and edit.
    """
    with all_departments("building the world of a test"):
        departments = _make_departments()
        roles = _make_roles(permissions)
        users = _make_users(departments, roles)
        serial = itertools.count(1)
        own = _make_project("QZA", "鹊桥", departments["city"], departments["group"], serial)
        sibling = _make_project("QZB", "鹭岛", departments["city"], departments["sibling_group"], serial)
        foreign = _make_project("QZC", "鸢湖", departments["other_city"], departments["other_group"], serial)
        shared = Customer(name="共有客户", phone="13700009999")
        db.session.add(shared)
        db.session.flush()
        for rows in (own, foreign):
            db.session.add(CustomerProject(customer_id=shared.id, project_id=rows.project_id))
        db.session.flush()
        world = World(
            departments={name: department.id for name, department in departments.items()},
            users={name: user.id for name, user in users.items()},
            roles={name: role.id for name, role in roles.items()},
            own=own,
            sibling=sibling,
            foreign=foreign,
            shared_customer_id=shared.id,
        )
        db.session.commit()
    return world


def _make_departments() -> dict[str, Department]:
    region = people.create_department(
        kind=DepartmentKind.REGION, code="T-R", name="测试区域", name_en="Test region"
    )
    city = people.create_department(
        kind=DepartmentKind.CITY, code="T-C1", name="甲城公司", name_en="First city", parent=region
    )
    other_city = people.create_department(
        kind=DepartmentKind.CITY, code="T-C2", name="乙城公司", name_en="Second city", parent=region
    )

    def group(code: str, name: str, name_en: str, parent: Department) -> Department:
        return people.create_department(
            kind=DepartmentKind.GROUP, code=code, name=name, name_en=name_en, parent=parent
        )

    return {
        "region": region,
        "city": city,
        "other_city": other_city,
        "group": group("T-C1-A", "甲城一组", "First group", city),
        "sibling_group": group("T-C1-B", "甲城二组", "Sibling group", city),
        "other_group": group("T-C2-A", "乙城一组", "Other group", other_city),
    }


_WORKING_VERBS = ("view", "create", "edit", "inspect", "record")
_ADMINISTERING = ("people.", "modules.", "settings.", "audit.")


def _make_roles(permissions: Collection[str]) -> dict[str, Role]:
    def may_work(code: str) -> bool:
        return not code.startswith(_ADMINISTERING) and code.split(".", 1)[1].startswith(_WORKING_VERBS)

    sets = {
        "admin": sorted(permissions),
        "head": [
            code
            for code in permissions
            if not code.startswith(_ADMINISTERING) and not people.needs_two_factor([code])
        ],
        "engineer": [code for code in permissions if may_work(code)],
        "service": [code for code in permissions if may_work(code)],
        "nobody": [],
    }
    return {
        name: people.create_role(name=f"T-{name}", label=f"测试{name}", label_en=name, permissions=codes)
        for name, codes in sets.items()
    }


def _make_users(departments: dict[str, Department], roles: dict[str, Role]) -> dict[str, User]:
    users = {}
    for name, department, role in (
        ("admin", "region", "admin"),
        ("head", "group", "head"),
        ("engineer", "group", "engineer"),
        ("service", "group", "service"),
        ("sibling", "sibling_group", "head"),
        ("other", "other_city", "head"),
        ("nobody", "group", "nobody"),
    ):
        user = people.create_user(email=f"{name}@test.example", name=f"用户{name}", password=PASSWORD)
        people.grant(user, departments[department], roles[role])
        if roles[role].requires_two_factor:
            user.tf_primary_method = "authenticator"
            user.tf_totp_secret = current_app.extensions["security"].totp_factory.generate_totp_secret()
        users[name] = user
    return users


def _make_project(
    code: str, name: str, city: Department, group: Department, serial: itertools.count[int]
) -> ProjectRows:
    canary = f"{name}金丝雀{code}"
    project = Project(department_id=city.id, code=code, name=canary, developer_name=canary, address=canary)
    _add(project)
    _add(ProjectGroup(project_id=project.id, department_id=group.id))
    phase = _add(Phase(project_id=project.id, code="1", name=f"{canary}一期"))
    building = _add(
        Building(project_id=project.id, phase_id=phase.id, code="1", name=f"{canary}一栋", total_floors=18)
    )
    units, customers, links, phones = [], [], [], []
    for number in ("101", "102", "201"):
        unit = _add(
            Unit(
                project_id=project.id,
                building_id=building.id,
                entrance="1",
                number=number,
                floor=int(number[0]),
                code=f"1-1-{number}",
                layout=canary[:40],
                gross_area_contract=Decimal("98.50"),
            )
        )
        phone = f"139{next(serial):08d}"
        customer = _add(Customer(name=f"{canary}客户{number}", phone=phone, address=canary, note=canary))
        _add(CustomerProject(customer_id=customer.id, project_id=project.id))
        links.append(_add(CustomerUnit(project_id=project.id, unit_id=unit.id, customer_id=customer.id)).id)
        units.append(unit.id)
        customers.append(customer.id)
        phones.append(phone)
    return ProjectRows(
        canary, project.id, phase.id, building.id, tuple(units), tuple(customers), tuple(links), tuple(phones)
    )


def _add(row: Any) -> Any:
    db.session.add(row)
    db.session.flush()
    return row
