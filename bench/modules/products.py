"""How the products serve the long lists of the modules: their rows, and the addresses of each list."""

from __future__ import annotations

import copy
import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from bench.client import Request
from bench.databases import Database
from bench.modules.rows import LONG_LISTS, LongList, ModuleRows
from bench.products.base import Product
from bench.products.django_admin import DjangoAdmin
from bench.products.doorstep import Doorstep
from bench.products.stock_flask_admin import StockFlaskAdmin

RESOURCE, PURPOSE = "交付接待台", "交付预约"


class ServesLists(Product):
    """What the harness asks of a product that serves the lists; `for_list` chooses which one is meant."""

    long_list: LongList

    def for_list(self, long_list: LongList) -> Self:
        """The same product, asked for this list."""
        chosen = copy.copy(self)
        chosen.long_list = long_list
        chosen.list_path, chosen.row_marker = self._place_of(long_list)
        return chosen

    @abstractmethod
    def _place_of(self, long_list: LongList) -> tuple[str, re.Pattern[str]]:
        """The address of a list and its row marker."""

    @abstractmethod
    def sorted(self, descending: bool) -> Request:
        """Page 1 sorted by the list's column."""

    @abstractmethod
    def filtered_by_state(self, state: str) -> Request:
        """Page 1 of the rows in a state."""

    @abstractmethod
    def filtered_by_contractor(self, rows: ModuleRows, contractor_id: int) -> Request:
        """Page 1 of one contractor's rows."""


_PEER_COLUMNS: dict[str, tuple[str, ...]] = {
    "defect": (
        "id", "project_id", "unit_id", "number", "room", "description", "severity", "contractor_id", "state",
        "promised_by",
    ),
    "inspection": (
        "id", "project_id", "unit_id", "number", "kind", "round_number", "planned_on", "state", "passed",
    ),
    "order": (
        "id", "project_id", "unit_id", "number", "room", "description", "priority", "cover", "contractor_id", "state",
        "reported_at", "due_at",
    ),
    "booking": (
        "id", "project_id", "unit_id", "number", "slot_id", "state", "contact_name", "guests", "read_back_at",
    ),
}  # fmt: skip
_INSPECTOR = "administrator"


def _load_peer(database: Database, rows: ModuleRows, tables: Mapping[str, str]) -> None:
    """Writes houses, contractors, slots and the four lists into the tables of a peer."""
    database.copy(
        tables["unit"],
        ("id", "project_id", "code"),
        ((unit.id, unit.project_id, unit.code) for unit in rows.units),
    )
    database.copy(
        tables["contractor"], ("id", "name"), ((company.id, company.name) for company in rows.contractors)
    )
    database.copy(
        tables["slot"],
        ("id", "project_id", "starts_at", "resource", "purpose"),
        ((slot.id, slot.project_id, slot.starts_at, RESOURCE, PURPOSE) for slot in rows.slots),
    )
    for each in LONG_LISTS:
        columns = _PEER_COLUMNS[each.key]
        more = (_INSPECTOR,) if each.key == "inspection" else ()
        database.copy(
            tables[each.key],
            (*columns, "inspector") if more else columns,
            ((*(getattr(row, column) for column in columns), *more) for row in each.all(rows)),
        )


class FlaskAdminLists(ServesLists, StockFlaskAdmin):
    """`ModelView`s as the documentation shows them."""

    list_path = "/admin/defect/"
    application = "bench.peers.flask_admin_modules:create_app()"

    def _create_tables(self, engine: Engine) -> None:
        from bench.peers.flask_admin_modules import create_tables

        create_tables(engine)

    def _load_rows(self, database: Database, dataset: Any) -> None:
        names = {key: key for key in ("unit", "contractor", "slot", *_PEER_COLUMNS)}
        _load_peer(database, dataset, {**names, "order": "repair_order"})

    def _place_of(self, long_list: LongList) -> tuple[str, re.Pattern[str]]:
        return f"/admin/{long_list.key}/", re.compile(r'<td class="col-number">')

    def sorted(self, descending: bool) -> Request:
        return self._list(sort=self.long_list.sort_position, **({"desc": 1} if descending else {}))

    def filtered_by_state(self, state: str) -> Request:
        return self._list(flt0_state_equals=state)

    def filtered_by_contractor(self, rows: ModuleRows, contractor_id: int) -> Request:
        return self._list(flt0_contractor_contractor_name_equals=rows.contractors[contractor_id - 1].name)


class DjangoLists(ServesLists, DjangoAdmin):
    """`ModelAdmin`s as the documentation shows them."""

    list_path = "/admin/works/defect/"
    settings_module = "bench.peers.django_site.module_settings"
    models = tuple(each.key for each in LONG_LISTS)

    def _load_rows(self, database: Database, dataset: Any) -> None:
        keys = ("unit", "contractor", "slot", *_PEER_COLUMNS)
        _load_peer(database, dataset, {key: f"works_{key}" for key in keys})

    def _place_of(self, long_list: LongList) -> tuple[str, re.Pattern[str]]:
        return f"/admin/works/{long_list.key}/", re.compile(r'class="field-number')

    def sorted(self, descending: bool) -> Request:
        position = self.long_list.sort_position + 1
        return self._list(o=-position if descending else position)

    def filtered_by_state(self, state: str) -> Request:
        return self._list(state__exact=state)

    def filtered_by_contractor(self, rows: ModuleRows, contractor_id: int) -> Request:
        return self._list(contractor__id__exact=contractor_id)


_DOORSTEP_PATHS = {
    "defect": "/admin/handover/defects/",
    "inspection": "/admin/handover/inspections/",
    "order": "/admin/warranty/orders/",
    "booking": "/admin/reservations/bookings/",
}
_MODULES = ("contractors", "reservations", "handover", "warranty")


class DoorstepLists(ServesLists, Doorstep):
    """The lists of the modules as they are, with all modules of the box switched on."""

    list_path = _DOORSTEP_PATHS["defect"]

    def _place_of(self, long_list: LongList) -> tuple[str, re.Pattern[str]]:
        return _DOORSTEP_PATHS[long_list.key], Doorstep.row_marker

    def filtered_by_project(self, dataset: Any, project_id: int) -> Request:
        return self._list(f_project_id=project_id)

    def sorted(self, descending: bool) -> Request:
        return self._list(sort=self.long_list.sort, **({"desc": 1} if descending else {}))

    def filtered_by_state(self, state: str) -> Request:
        return self._list(f_state=state)

    def filtered_by_contractor(self, rows: ModuleRows, contractor_id: int) -> Request:
        return self._list(f_contractor_id=contractor_id)

    def _load_rows(
        self, database: Database, engine: sa.Engine, dataset: Any, departments: Mapping[int, int]
    ) -> None:
        """Writes through the tables' own columns; search indexes are made afterwards, from all rows at once."""
        from core.database.base import metadata
        from core.plugin_system.models import PluginSwitch

        rows: ModuleRows = dataset
        with engine.begin() as connection:
            connection.execute(
                sa.insert(PluginSwitch),
                [{"department_id": departments[0], "slug": slug, "enabled": True} for slug in _MODULES],
            )
        indexes = [
            table.info["search_index"]
            for table in metadata.tables.values()
            if "search_index" in table.info and table.name != "customer"
        ]
        with engine.begin() as connection:
            for index in indexes:
                for statement in index.drop_statements(engine.dialect.name):
                    connection.exec_driver_sql(statement)
        _load_houses(database, rows)
        _load_contractors(database, rows, departments)
        _load_handover(database, engine, rows)
        _load_orders(database, rows)
        _load_bookings(database, rows)
        with engine.begin() as connection:
            for index in indexes:
                for statement in index.create_statements(engine.dialect.name):
                    connection.exec_driver_sql(statement)


def _fill(database: Database, model: Any, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes rows into a table of Doorstep; what is not named gets the model's own default."""
    constants: dict[str, Any] = {}
    for column in model.__table__.columns:
        if column.name in columns or column.primary_key or column.default is None:
            continue
        value = column.default.arg(None) if column.default.is_callable else column.default.arg
        constants[column.name] = str(value) if isinstance(value, Enum) else value
    rest = tuple(constants.values())
    database.copy(model.__tablename__, (*columns, *constants), ((*row, *rest) for row in rows))


def _picked(rows: Iterable[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
    return (tuple(getattr(row, column) for column in columns) for row in rows)


def _load_houses(database: Database, rows: ModuleRows) -> None:
    from core.projects.models import Building, Phase, Unit

    _fill(
        database,
        Phase,
        ("id", "project_id", "code", "name"),
        ((project.id, project.id, "1", "一期") for project in rows.projects),
    )
    _fill(
        database,
        Building,
        ("id", "project_id", "phase_id", "code", "name"),
        (
            (building.id, building.project_id, building.project_id, "1", "1号楼")
            for building in rows.buildings
        ),
    )
    columns = ("id", "project_id", "building_id", "entrance", "number", "code", "floor")
    _fill(database, Unit, columns, rows.units)


def _load_contractors(database: Database, rows: ModuleRows, departments: Mapping[int, int]) -> None:
    from plugins.contractors.models import Company

    _fill(
        database,
        Company,
        ("id", "department_id", "name", "short_name"),
        (
            (company.id, departments[company.company_id], company.name, company.short_name)
            for company in rows.contractors
        ),
    )


def _load_handover(database: Database, engine: sa.Engine, rows: ModuleRows) -> None:
    from core.people.models import User
    from plugins.handover.models import Defect, DefectCode, DefectFault, Inspection

    with engine.connect() as connection:
        codes = connection.scalars(
            sa.select(DefectCode.__table__.c.id).order_by(DefectCode.__table__.c.code)
        ).all()
        inspector = connection.scalar(sa.select(sa.func.min(User.__table__.c.id)))
    defects, inspections = LONG_LISTS[0], LONG_LISTS[1]
    columns = (
        "id", "project_id", "unit_id", "number", "kind", "round_number", "planned_on", "state", "passed", "finished_at",
    )  # fmt: skip
    _fill(
        database,
        Inspection,
        (*columns, "inspector_id"),
        ((*row, inspector) for row in _picked(inspections.all(rows), *columns)),
    )
    columns = (
        "id", "project_id", "unit_id", "building_id", "number", "description", "severity", "contractor_id", "state",
        "raised_at", "promised_by", "fixed_at",
    )  # fmt: skip
    # An inspection and a defect of the same number have the same house.
    _fill(
        database,
        Defect,
        (*columns, "room_name", "inspection_id", "first_promised_by"),
        (
            (*(getattr(row, column) for column in columns), row.room, row.id, row.promised_by)
            for row in defects.all(rows)
        ),
    )
    _fill(
        database,
        DefectFault,
        ("project_id", "defect_id", "code_id"),
        ((row.project_id, row.id, codes[row.fault]) for row in defects.all(rows)),
    )


def _load_orders(database: Database, rows: ModuleRows) -> None:
    from plugins.warranty.models import Order, Request

    _fill(
        database,
        Request,
        ("id", "project_id", "building_id", "number", "reported_at", "registered_at"),
        (
            (building.project_id, building.project_id, building.id, f"BX-P{building.project_id}", *[_NOW] * 2)
            for building in rows.buildings
        ),
    )
    columns = (
        "id", "project_id", "unit_id", "building_id", "number", "description", "priority", "cover", "contractor_id",
        "state", "reported_at", "due_at", "fixed_at", "closed_at",
    )  # fmt: skip
    _fill(
        database,
        Order,
        (*columns, "room_name", "category_code", "request_id", "registered_at"),
        (
            (
                *(getattr(row, column) for column in columns),
                row.room,
                row.category,
                row.project_id,
                row.reported_at,
            )
            for row in LONG_LISTS[2].all(rows)
        ),
    )


def _load_bookings(database: Database, rows: ModuleRows) -> None:
    from plugins.reservations.models import Booking, Purpose, Resource, Slot

    named = [(project.id, project.id, "1", name) for project in rows.projects for name in (RESOURCE,)]
    _fill(
        database,
        Resource,
        ("id", "project_id", "code", "name", "opening", "closed_days"),
        ((*row, "{}", "[]") for row in named),
    )
    _fill(
        database,
        Purpose,
        ("id", "project_id", "code", "name"),
        ((project.id, project.id, "1", PURPOSE) for project in rows.projects),
    )
    _fill(
        database,
        Slot,
        ("id", "project_id", "resource_id", "purpose_id", "starts_at", "ends_at"),
        (
            (slot.id, slot.project_id, slot.project_id, slot.project_id, slot.starts_at, slot.ends_at)
            for slot in rows.slots
        ),
    )
    columns = (
        "id", "project_id", "slot_id", "unit_id", "number", "state", "contact_name", "contact_phone", "guests",
        "booked_at", "read_back_at",
    )  # fmt: skip
    _fill(database, Booking, columns, _picked(LONG_LISTS[3].all(rows), *columns))


_NOW = datetime.now(UTC)
