"""The rows of the modules' lists: deterministic, the same for all products, each computed from its number.

Every project has equally many rows of each list, spread over its houses; the numbers that people read can be turned
back into rows, so that an answer is checked without reading a database.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from bench.dataset import PROJECT_COUNT, Dataset, Project, mixed

ROWS_PER_UNIT = 10
FLOORS = 25
CONTRACTORS_PER_COMPANY = 20
CURRENT_SHARE = 20
"""One row in so many is of the last weeks; most of these are not done with yet."""

_FIRST_DAY = datetime(2022, 1, 3, tzinfo=UTC)
_LAST_DAY = datetime(2026, 11, 20, tzinfo=UTC)
_STRIDE = 7919
_PLACES = ("客厅", "主卧", "次卧", "厨房", "主卫", "次卫", "阳台", "玄关", "书房", "餐厅")
_THINGS = (
    "窗框", "门锁", "地漏", "墙面", "吊顶", "踢脚", "插座", "开关", "马桶", "花洒", "龙头", "台面",
    "橱柜", "瓷砖", "地板", "石材", "栏杆", "门套", "合页", "玻璃", "纱窗", "防水", "涂料", "墙纸",
    "灯具", "排风", "暖气", "地暖", "水管", "阀门", "电箱", "对讲", "门铃", "门槛", "窗台", "飘窗",
    "淋浴", "镜柜", "浴缸", "壁龛", "吊柜", "水槽", "烟道", "风口", "空调", "新风", "网线", "弱电",
    "把手", "滑轨",
)  # fmt: skip
_FAULTS = (
    "渗漏",
    "空鼓",
    "开裂",
    "划伤",
    "松动",
    "缺失",
    "变形",
    "色差",
    "异响",
    "堵塞",
    "起皮",
    "发霉",
    "歪斜",
    "破损",
)
_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红文建国志海波宁辉力健永健世"


class Building(NamedTuple):
    """The one building of a project."""

    id: int
    project_id: int


class Unit(NamedTuple):
    """A house."""

    id: int
    project_id: int
    building_id: int
    entrance: str
    number: str
    code: str
    floor: int


class Contractor(NamedTuple):
    """A contractor of a city company."""

    id: int
    company_id: int
    name: str
    short_name: str


class Slot(NamedTuple):
    """A time that can be booked."""

    id: int
    project_id: int
    starts_at: datetime
    ends_at: datetime


class Defect(NamedTuple):
    """A defect; `fault` counts the kinds of fault from 0."""

    id: int
    project_id: int
    unit_id: int
    building_id: int
    number: str
    room: str
    description: str
    severity: str
    fault: int
    contractor_id: int
    state: str
    raised_at: datetime
    promised_by: datetime
    fixed_at: datetime | None


class Inspection(NamedTuple):
    """A round of inspecting a house."""

    id: int
    project_id: int
    unit_id: int
    number: str
    kind: str
    round_number: int
    planned_on: date
    state: str
    passed: bool | None
    finished_at: datetime | None


class Order(NamedTuple):
    """A repair order."""

    id: int
    project_id: int
    unit_id: int
    building_id: int
    number: str
    room: str
    description: str
    priority: str
    category: str
    cover: str
    contractor_id: int
    state: str
    reported_at: datetime
    due_at: datetime
    fixed_at: datetime | None
    closed_at: datetime | None


class Booking(NamedTuple):
    """Somebody who comes at a slot."""

    id: int
    project_id: int
    slot_id: int
    unit_id: int
    number: str
    state: str
    contact_name: str
    contact_phone: str
    guests: int
    booked_at: datetime
    read_back_at: datetime | None


class _Place(NamedTuple):
    """Where and when the row with a number is."""

    bits: int
    project: Project
    block: int
    unit_id: int
    moment: datetime
    is_current: bool


class ModuleRows:
    """So many rows of each list, in 200 projects.

    Args:
        rows: rows of each list; a multiple of 200.

    Raises:
        ValueError: when `rows` is no positive multiple of 200.
    """

    def __init__(self, rows: int) -> None:
        # A dataset of the smallest size: its projects and companies are what is shared with the customers.
        self._people = Dataset(PROJECT_COUNT)
        if rows <= 0 or rows % PROJECT_COUNT:
            raise ValueError(
                f"The number of rows must be a positive multiple of {PROJECT_COUNT}, not {rows}."
            )
        self.rows = rows
        self.units_per_project = max(rows // PROJECT_COUNT // ROWS_PER_UNIT, 1)
        self.companies = self._people.companies
        self.projects = self._people.projects
        self.limited_company_id = self._people.limited_company_id
        self.limited_project_ids = self._people.limited_project_ids

    def visible_rows(self, limited: bool) -> int:
        """How many rows of a list a user sees."""
        return self.rows * len(self.limited_project_ids) // PROJECT_COUNT if limited else self.rows

    @cached_property
    def buildings(self) -> list[Building]:
        """One building a project."""
        return [Building(project.id, project.id) for project in self.projects]

    @cached_property
    def units(self) -> list[Unit]:
        """The houses, each with ten rows of a list: 500 in a project when there are a million rows."""
        found = []
        for project in self.projects:
            for place in range(self.units_per_project):
                entrance, rest = divmod(place, FLOORS * 4)
                floor, door = divmod(rest, 4)
                number = f"{floor + 1}0{door + 1}"
                code = f"1-{entrance + 1}-{number}"
                key = (project.id - 1) * self.units_per_project + place + 1
                found.append(Unit(key, project.id, project.id, str(entrance + 1), number, code, floor + 1))
        return found

    @cached_property
    def contractors(self) -> list[Contractor]:
        """Twenty contractors for each city company."""
        return [
            Contractor(
                (company - 1) * CONTRACTORS_PER_COMPANY + place + 1,
                company,
                f"{city[:2]}{_THINGS[place]}工程有限公司",
                f"{city[:2]}{_THINGS[place]}",
            )
            for company, city in self.companies.items()
            for place in range(CONTRACTORS_PER_COMPANY)
        ]

    @cached_property
    def slots(self) -> list[Slot]:
        """Eight hours a day, every fourth week; as many in a project as houses."""
        found = []
        for project in self.projects:
            for place in range(self.units_per_project):
                days, hour = divmod(place, 8)
                starts = _FIRST_DAY + timedelta(days=days * 28, hours=1 + hour)
                key = (project.id - 1) * self.units_per_project + place + 1
                found.append(Slot(key, project.id, starts, starts + timedelta(hours=1)))
        return found

    def _place(self, number: int, salt: int) -> _Place:
        index = number - 1
        block = index // PROJECT_COUNT
        project = self.projects[(index * _STRIDE + block) % PROJECT_COUNT]
        unit = (project.id - 1) * self.units_per_project + block % self.units_per_project + 1
        seconds = int((_LAST_DAY - _FIRST_DAY).total_seconds()) * index // self.rows
        is_current = number > self.rows - self.rows // CURRENT_SHARE
        return _Place(
            mixed(number * 4 + salt),
            project,
            block,
            unit,
            _FIRST_DAY + timedelta(seconds=seconds),
            is_current,
        )

    def number_of(self, prefix: str, place: _Place) -> str:
        """The number that people read: prefix, project, month, and a place in the project."""
        return f"{prefix}-P{place.project.id}-{place.moment:%Y%m}-{place.block + 1:05d}"

    def key_of(self, number: str) -> int:
        """The row with this number.

        Raises:
            LookupError: when it is no number of these rows.
        """
        parts = re.fullmatch(r"[A-Z]{2}-P(\d+)-\d{6}-(\d{5})", number)
        if parts is None or not 1 <= int(parts[1]) <= PROJECT_COUNT:
            raise LookupError(f"{number} is no number of a row.")
        block = int(parts[2]) - 1
        within = (int(parts[1]) - 1 - block) * pow(_STRIDE, -1, PROJECT_COUNT) % PROJECT_COUNT
        key = block * PROJECT_COUNT + within + 1
        if not 1 <= key <= self.rows:
            raise LookupError(f"{number} is beyond the last row.")
        return key

    def _contractor(self, place: _Place) -> int:
        first = (place.project.company_id - 1) * CONTRACTORS_PER_COMPANY
        return first + (place.bits >> 33) % CONTRACTORS_PER_COMPANY + 1

    @staticmethod
    def _state(place: _Place, waiting: tuple[str, ...], done: tuple[str, ...]) -> str:
        """One of the last weeks waits in six cases of ten, an older one in one of a hundred."""
        share = (place.bits >> 3) % 100
        states = waiting if share < (60 if place.is_current else 1) else done
        return states[(place.bits >> 11) % len(states)]

    @staticmethod
    def _description(bits: int) -> str:
        place, thing = _PLACES[bits % len(_PLACES)], _THINGS[(bits >> 5) % len(_THINGS)]
        name = _SURNAMES[(bits >> 19) % len(_SURNAMES)] + _GIVEN[(bits >> 25) % len(_GIVEN)]
        return f"{place}{thing}{_FAULTS[(bits >> 13) % len(_FAULTS)]}，{name}反映，需尽快处理"

    def defect(self, number: int) -> Defect:
        """The defect with this number, from 1 to `rows`."""
        place = self._place(number, 0)
        bits = place.bits
        state = self._state(
            place, ("open", "assigned", "in_progress", "fixed", "rejected"), ("closed", "closed", "waived")
        )
        promised = place.moment + timedelta(days=3 + bits % 26, minutes=bits % 1440)
        is_fixed = state in ("closed", "fixed", "rejected")
        return Defect(
            number,
            place.project.id,
            place.unit_id,
            place.project.id,
            self.number_of("DF", place),
            _PLACES[bits % len(_PLACES)],
            self._description(bits),
            f"S{1 + (bits >> 40) % 4}",
            (bits >> 44) % 20,
            self._contractor(place),
            state,
            place.moment,
            promised,
            promised - timedelta(days=2 - bits % 4) if is_fixed else None,
        )

    def inspection(self, number: int) -> Inspection:
        """The inspection with this number, from 1 to `rows`."""
        place = self._place(number, 1)
        state = self._state(place, ("planned", "in_progress"), ("finished", "finished", "cancelled"))
        kind, turn = ("formal", "household", "mock")[place.block // self.units_per_project % 3], place.block
        is_finished = state == "finished"
        return Inspection(
            number,
            place.project.id,
            place.unit_id,
            self.number_of("YF", place),
            kind,
            turn // (self.units_per_project * 3) + 1,
            (place.moment + timedelta(days=7)).date(),
            state,
            place.bits % 3 == 0 if is_finished else None,
            place.moment + timedelta(days=7, hours=3) if is_finished else None,
        )

    def order(self, number: int) -> Order:
        """The order with this number, from 1 to `rows`."""
        place = self._place(number, 2)
        bits = place.bits
        state = self._state(
            place,
            ("reported", "triaged", "dispatched", "contacted", "repairing", "self_checked"),
            ("closed", "called_back", "called_back", "not_warranty"),
        )
        due = place.moment + timedelta(days=1 + bits % 30, minutes=bits % 1440)
        is_done = state in ("closed", "called_back")
        return Order(
            number,
            place.project.id,
            place.unit_id,
            place.project.id,
            self.number_of("WX", place),
            _PLACES[bits % len(_PLACES)],
            self._description(bits),
            ("P1", "P2", "P3", "P3", "P3", "P3", "P4", "P3")[(bits >> 40) % 8],
            f"W{1 + (bits >> 44) % 14:02d}",
            ("in_warranty", "in_warranty", "gap", "expired", "excluded")[(bits >> 48) % 5],
            self._contractor(place),
            state,
            place.moment,
            due,
            due - timedelta(hours=20) if is_done or state == "self_checked" else None,
            due + timedelta(hours=4) if is_done else None,
        )

    def booking(self, number: int) -> Booking:
        """The booking with this number, from 1 to `rows`."""
        place = self._place(number, 3)
        bits = place.bits
        state = self._state(place, ("requested", "confirmed"), ("done", "done", "cancelled", "no_show"))
        name = _SURNAMES[(bits >> 19) % len(_SURNAMES)] + "".join(
            _GIVEN[(bits >> shift) % len(_GIVEN)] for shift in (25, 37)
        )
        return Booking(
            number,
            place.project.id,
            (place.project.id - 1) * self.units_per_project + place.block % self.units_per_project + 1,
            place.unit_id,
            self.number_of("YD", place),
            state,
            name,
            f"13{bits % 10**9:09d}",
            1 + (bits >> 44) % 6,
            place.moment,
            place.moment + timedelta(minutes=6) if bits % 4 else None,
        )


@dataclass(frozen=True)
class LongList:
    """A list that is measured in every product.

    Attributes:
        key: names it in tables and addresses of the peers.
        title: what people call it.
        row: returns the row with a number.
        prefix: what the numbers begin with.
        sort: the sorted column of the rows.
        sort_position: its place in the peers' lists, from 0.
        text: the column in which a word of two characters is searched, or an empty text.
        state: the state that is filtered by.
        by_contractor: whether it is filtered by contractor too.
    """

    key: str
    title: str
    row: Callable[[ModuleRows, int], Any]
    prefix: str
    sort: str
    sort_position: int
    text: str
    state: str
    by_contractor: bool

    def all(self, rows: ModuleRows) -> Iterator[Any]:
        """All rows in the order of their numbers."""
        return (self.row(rows, number) for number in range(1, rows.rows + 1))

    def numbers_in(self, page: str) -> set[str]:
        """The numbers that stand on a page."""
        return set(re.findall(rf"{self.prefix}-P\d+-\d{{6}}-\d{{5}}", page))

    def sample(self, rows: ModuleRows, count: int, limited: bool) -> list[Any]:
        """Rows spread over all, of those that the user may see."""
        visible = set(rows.limited_project_ids)
        step = max(1, rows.rows // (count + 1))
        found: list[Any] = []
        for position in range(count):
            key = position * step
            while True:
                row = self.row(rows, key % rows.rows + 1)
                key += 1
                if (not limited or row.project_id in visible) and row not in found:
                    found.append(row)
                    break
        return found

    def fragments(self, rows: ModuleRows, count: int, limited: bool) -> list[str]:
        """The end of existing numbers: month and place in the project, the same in several projects."""
        return [row.number[-8:] for row in self.sample(rows, count, limited)]

    def words(self, rows: ModuleRows, count: int, limited: bool) -> list[str]:
        """Two neighbouring characters of existing texts: what is broken, or the start of a name."""
        start = 2 if self.text == "description" else 0
        return [getattr(row, self.text)[start : start + 2] for row in self.sample(rows, count, limited)]


LONG_LISTS = (
    LongList(
        "defect", "handover defects", ModuleRows.defect, "DF", "promised_by", 7, "description", "open", True
    ),
    LongList(
        "inspection", "handover inspections", ModuleRows.inspection, "YF", "planned_on", 4, "", "planned", False
    ),
    LongList("order", "repair orders", ModuleRows.order, "WX", "due_at", 9, "description", "reported", True),
    LongList(
        "booking", "bookings", ModuleRows.booking, "YD", "number", 0, "contact_name", "confirmed", False
    ),
)  # fmt: skip
