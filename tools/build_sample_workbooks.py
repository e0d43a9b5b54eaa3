"""Build the sample workbook of units and owners, and the verdict expected for each of its rows.

The workbook looks like what a developer really keeps: a sheet per building with a merged title, headers over two
rows, merged building cells, numbers stored as text, phones stored as numbers, full-width digits, joint owners, a
company owner, blank rows, a totals row, and a handful of wrong rows, each wrong in its own way.
Every person, phone and number in it is invented; the ID numbers only carry a correct check digit.

Run ``python tools/build_sample_workbooks.py`` to write ``docs/samples/units-and-owners.xlsx`` and
``docs/samples/units-and-owners.expected.json``. The output depends on nothing but this file.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import re
import zipfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet
from stdnum.cn import ric, uscc

SAMPLES = Path(__file__).resolve().parent.parent / "docs" / "samples"
WORKBOOK_NAME = "units-and-owners.xlsx"
EXPECTED_NAME = "units-and-owners.expected.json"
PROJECT = "湖畔花园一期"
WRITTEN_AT = datetime.datetime(2026, 3, 2, 9, 0, 0, tzinfo=datetime.UTC)
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")

ERRORS = {
    "phone_invalid": "The phone is not a Chinese mobile number: it has 10 digits.",
    "id_number_invalid": "The check digit of the ID number is wrong.",
    "id_number_precision_lost": "The ID number was stored as a number, its last digits are lost.",
    "credit_code_invalid": "The check character of the unified social credit code is wrong.",
    "unit_duplicate": "The unit stands in an earlier row already.",
    "area_not_a_number": "The area is a text.",
    "area_not_positive": "The area is negative.",
    "owner_missing": "A phone is given, but no owner.",
    "owners_phones_mismatch": "Two owners, but three phones.",
    "building_unknown": "The project has no such building.",
    "number_missing": "The number of the unit is empty.",
    "location_unreadable": "Building, entrance and room cannot be read from the text.",
}


THREE = "三房两厅两卫"
TWO = "两房两厅一卫"
FOUR = "四房两厅两卫"
COLUMN_WIDTHS = {"identity_number": 40, "owner": 30, "phone": 26, "location": 20}
LETTER_X = 95
"""A sequence number whose ID number ends with X."""


@dataclass(frozen=True)
class Owner:
    """An owner as the importer should store it.

    The phone is a mobile number of 11 digits, the identity number that of an ID card, or a credit code (``other``).
    """

    name: str
    kind: str
    phone: str
    identity_type: str
    identity_number: str


@dataclass
class Row:
    """A data row: the cell values as typed, and what the importer should make of them."""

    cells: list[Any]
    unit: dict[str, str] | None = None
    owners: tuple[Owner, ...] = ()
    errors: list[dict[str, str]] = field(default_factory=list)
    note: str = ""

    def expected(self, number: int) -> dict[str, Any]:
        """Return the entry of the row for the expectations file; ``number`` is its row in the sheet, from 1."""
        if self.errors:
            return {"row": number, "verdict": "reject", "errors": self.errors}
        entry: dict[str, Any] = {"row": number, "verdict": "accept", "unit": self.unit}
        entry["owners"] = [asdict(owner) for owner in self.owners]
        if self.note:
            entry["note"] = self.note
        return entry


def person_id(sequence: int) -> str:
    """Return an invented resident ID number with a correct check digit; ``sequence`` from 1 to 99 makes it unique."""
    born = datetime.date(1991, 1, 1) + datetime.timedelta(days=45 * sequence)
    body = f"440305{born:%Y%m%d}{900 + sequence:03}"
    return ric.validate(body + ric.calc_check_digit(body + "0"))


def credit_code(sequence: int) -> str:
    """Return an invented unified social credit code with a correct check character."""
    body = f"91440300MA5FAKE{sequence:02}"
    return uscc.validate(body + uscc.calc_check_digit(body))


def phone(sequence: int) -> str:
    """Return an invented mobile number of 11 digits."""
    return f"1990000{sequence:04}"


def person(name: str, sequence: int) -> Owner:
    """Return an invented person whose phone and ID number follow from ``sequence``."""
    return Owner(name, "person", phone(sequence), "id_card", person_id(sequence))


def company(name: str, sequence: int) -> Owner:
    """Return an invented company whose phone and credit code follow from ``sequence``."""
    return Owner(name, "company", phone(sequence), "other", credit_code(sequence))


def wrong_check_digit(number: str) -> str:
    """Return ``number`` with another, wrong last digit."""
    return number[:-1] + ("1" if number[-1] != "1" else "2")


class BuildingSheet:
    """Collects the rows of one sheet; a blank row is ``None``."""

    def __init__(
        self, building: str, layout: str, area: float | str, *, location_in_one_cell: bool = False
    ) -> None:
        """Start the sheet of ``building``; ``layout`` and ``area`` (m²) fill the rows that give no other."""
        self.building, self.layout, self.area = building, layout, area
        self.location_in_one_cell = location_in_one_cell
        self.rows: list[Row | None] = []

    def blank(self) -> None:
        """Add a blank row."""
        self.rows.append(None)

    def accept(
        self,
        entrance: str,
        number: str,
        /,
        *owners: Owner,
        note: str = "",
        stored_area: str = "",
        **typed: Any,
    ) -> None:
        """Add a row that is right.

        ``typed`` overrides what stands in a cell (``entrance``, ``number``, ``location``, ``layout``, ``area``,
        ``name``, ``phone``, ``identity``); ``stored_area`` is the area in m² when the cell is not a plain number.
        """
        area = typed.get("area", self.area)
        unit = {
            "building": self.building,
            "entrance": entrance,
            "number": number,
            "layout": typed.get("layout", self.layout),
            "gross_area_contract": stored_area or f"{float(area):.2f}",
        }
        self.rows.append(Row(self._cells(entrance, number, owners, typed), unit, owners, note=note))

    def reject(
        self, entrance: str, number: str, /, *owners: Owner, column: str, code: str, **typed: Any
    ) -> None:
        """Add a row that is wrong in ``column``; ``typed`` as in :meth:`accept`."""
        errors = [{"column": column, "code": code}]
        self.rows.append(Row(self._cells(entrance, number, owners, typed), errors=errors))

    def _cells(
        self, entrance: str, number: str, owners: tuple[Owner, ...], typed: dict[str, Any]
    ) -> list[Any]:
        if self.location_in_one_cell:
            place = [typed.get("location", f"{self.building}栋{entrance}单元{number}")]
        else:
            place = [
                f"{self.building}栋",
                typed.get("entrance", f"{entrance}单元"),
                typed.get("number", number),
            ]
        return [
            *place,
            typed.get("layout", self.layout),
            typed.get("area", self.area),
            typed.get("name", "、".join(owner.name for owner in owners) or None),
            typed.get("phone", "、".join(owner.phone for owner in owners) or None),
            typed.get("identity", "、".join(owner.identity_number for owner in owners) or None),
        ]


def rows_of_building_1() -> list[Row | None]:
    """Return the rows of building 1: separate columns, merged building and entrance cells."""
    sheet = BuildingSheet("1", THREE, 118.2)
    small: dict[str, Any] = {"layout": TWO, "area": 89.5}
    large: dict[str, Any] = {"layout": FOUR, "area": 143.6}
    zhao, spaced, wide = person("赵敏", 2), person("周杰", 7), person("吴秀英", 8)
    sheet.accept("1", "101", person("王建国", 1))
    sheet.accept("1", "102", zhao, phone=int(zhao.phone), note="phone stored as a number", **small)
    sheet.accept("1", "201", person("孙丽华", 3), area="118.20", note="area stored as text")
    sheet.accept("1", "202", person("张伟", 4), person("李娜", 5), note="joint owners", **small)
    sheet.accept("1", "301", company("深圳市湖光虚构贸易有限公司", 6), note="company owner")
    sheet.accept(
        "1",
        "302",
        spaced,
        name="  周杰　",
        phone=f" {spaced.phone[:3]} {spaced.phone[3:7]} {spaced.phone[7:]} ",
        identity=f" {spaced.identity_number}　",
        note="spaces around and within the values",
        **small,
    )
    sheet.blank()
    sheet.accept(
        "2",
        "101",
        wide,
        phone=wide.phone.translate(FULL_WIDTH),
        layout=FOUR,
        area="１４３．６０",
        stored_area="143.60",
        note="full-width digits",
    )
    sheet.accept("2", "102", person("陈志强", 11))
    sheet.reject(
        "2", "201", person("郑浩", 9), phone="1990000009", column="phone", code="phone_invalid", **large
    )
    sheet.accept("2", "202", person("褚晓明", 12))
    sheet.reject(
        "2",
        "301",
        person("冯雪", 10),
        identity=wrong_check_digit(person_id(10)),
        column="identity_number",
        code="id_number_invalid",
        **large,
    )
    sheet.accept("2", "302", person("卫国强", 13))
    sheet.accept("2", "401", note="unsold: a unit without an owner", **large)
    sheet.accept("2", "402", person("蒋文静", 14))
    sheet.accept("2", "501", person("沈涛", 15), **large)
    sheet.accept("2", "502", person("韩雪松", 16))
    sheet.accept("2", "601", person("欧阳明月", 17), **large)
    sheet.accept("2", "602", person("司马文", 18))
    return sheet.rows


def rows_of_building_2() -> list[Row | None]:
    """Return the rows of building 2: other header words, almost everything typed as text."""
    sheet = BuildingSheet("2", THREE, "105.75")
    yang, lower_case = person("杨光", 21), person("秦岚", LETTER_X)
    sheet.accept("1", "0101", person("韩梅", 20), note="number with a leading zero, kept as typed")
    sheet.accept(
        "1",
        "102",
        yang,
        entrance=1,
        number=102,
        area=105.75,
        phone=f"+86 {yang.phone}",
        note="entrance and number stored as numbers, phone with the country code",
    )
    sheet.accept(
        "1",
        "201",
        person("朱琳", 22),
        phone="199-0000-0022",
        area="105.75㎡",
        stored_area="105.75",
        note="area with its unit, phone with hyphens",
    )
    sheet.accept(
        "1",
        "202",
        lower_case,
        identity=lower_case.identity_number.lower(),
        note="the check character X of the ID number in lower case",
    )
    sheet.accept("1", "301", person("尤勇", 24))
    sheet.accept("1", "302", person("阿依古丽·买买提", 25), note="name with a middle dot")
    sheet.blank()
    sheet.blank()
    sheet.reject(
        "1",
        "401",
        person("许静", 26),
        identity=float(person_id(26)[:15] + "000"),
        column="identity_number",
        code="id_number_precision_lost",
    )
    sheet.reject("1", "201", person("何平", 27), column="number", code="unit_duplicate")
    sheet.accept("1", "402", person("何平", 28))
    sheet.reject(
        "1", "501", person("吕良", 29), area="待测", column="gross_area_contract", code="area_not_a_number"
    )
    sheet.reject("1", "502", phone=phone(33), column="owner", code="owner_missing")
    sheet.reject("1", "601", person("施敏", 30), number=None, column="number", code="number_missing")
    parents = person("孔祥", 31), person("曹颖", 32)
    sheet.accept(
        "2",
        "602",
        *parents,
        name="孔祥/曹颖",
        phone=f"{parents[0].phone}/{parents[1].phone}",
        identity=f"{parents[0].identity_number}\n{parents[1].identity_number}",
        note="joint owners separated by a slash and by a line break",
    )
    for number, name, sequence in [
        ("701", "严明", 34),
        ("702", "华敏", 35),
        ("801", "金鑫", 36),
        ("802", "魏晨", 37),
    ]:
        sheet.accept("2", number, person(name, sequence))
    return sheet.rows


def rows_of_building_3() -> list[Row | None]:
    """Return the rows of building 3: the location in one cell, as in ``3栋1单元1502``."""
    sheet = BuildingSheet("3", FOUR, 143.6, location_in_one_cell=True)
    couple = person("戚薇", 43), person("谢军", 44)
    firm = company("深圳市虚构湖畔物业服务有限公司", 45)
    sheet.accept("1", "1501", person("窦娟", 50))
    sheet.accept("1", "1502", person("章程", 51))
    sheet.accept(
        "1", "1601", person("陶然", 41), location="３栋１单元１６０１", note="location in full-width digits"
    )
    sheet.accept("1", "1602", person("姜涛", 42), location=" 3栋 1单元 1602 ", note="location with spaces")
    sheet.accept(
        "1",
        "1701",
        *couple,
        name="戚薇，谢军",
        phone=f"{couple[0].phone}，{couple[1].phone}",
        identity=f"{couple[0].identity_number}，{couple[1].identity_number}",
        note="joint owners separated by a full-width comma",
    )
    sheet.accept("1", "1702", firm, phone=int(firm.phone), note="company owner, phone stored as a number")
    sheet.reject(
        "1", "1502", person("邹凯", 46), location="３栋１单元 1502", column="location", code="unit_duplicate"
    )
    sheet.reject(
        "1", "101", person("喻红", 47), location="9栋1单元101", column="location", code="building_unknown"
    )
    sheet.blank()
    sheet.reject(
        "2", "101", person("柏林", 48), area=-143.6, column="gross_area_contract", code="area_not_positive"
    )
    sheet.accept("2", "102", person("王建国", 1), note="the owner of 1-1-101 owns this unit too")
    sheet.reject(
        "2", "103", person("水清", 49), location="待定", column="location", code="location_unreadable"
    )
    sheet.reject(
        "2",
        "201",
        company("深圳市虚构云水科技有限公司", 52),
        identity=wrong_check_digit(credit_code(52)),
        column="identity_number",
        code="credit_code_invalid",
    )
    sheet.reject(
        "2",
        "202",
        person("云飞", 53),
        person("苏洁", 54),
        phone=f"{phone(53)}、{phone(54)}、{phone(55)}",
        column="phone",
        code="owners_phones_mismatch",
    )
    sheet.accept("2", "301", person("潘悦", 56))
    sheet.accept("2", "302", person("葛平", 57))
    sheet.accept("2", "401", person("范磊", 58))
    sheet.accept("2", "402", note="unsold: a unit without an owner")
    sheet.accept("2", "501", person("彭敏", 59))
    return sheet.rows


@dataclass(frozen=True)
class SheetPlan:
    """How a sheet is laid out: title, header rows (two, the second empty below merged cells), column meanings, rows."""

    name: str
    title: str
    header: list[list[str | None]]
    columns: list[str]
    rows: list[Row | None]
    merged_headers: list[str]
    merged_columns: tuple[int, ...] = ()
    totals_as_formula: bool = False


def plans() -> list[SheetPlan]:
    """Return the three sheets that hold units."""
    over_two_rows = ["楼栋", "单元", "房号", "户型"]
    return [
        SheetPlan(
            "1栋",
            f"{PROJECT} 1 栋业主信息表",
            [
                [*over_two_rows, "面积", "业主信息", None, None, "备注"],
                [*[None] * 5, "业主", "电话", "证件号", None],
            ],
            [
                "building",
                "entrance",
                "number",
                "layout",
                "gross_area_contract",
                "owner",
                "phone",
                "identity_number",
                "ignored",
            ],
            rows_of_building_1(),
            ["A3:A4", "B3:B4", "C3:C4", "D3:D4", "E3:E4", "F3:H3", "I3:I4"],
            (1, 2),
            True,
        ),
        SheetPlan(
            "2栋",
            f"{PROJECT} 2 栋业主信息表",
            [
                [*over_two_rows, "建筑面积(㎡)", "业主信息", None, None],
                [*[None] * 5, "业主姓名", "联系电话", "身份证号"],
            ],
            [
                "building",
                "entrance",
                "number",
                "layout",
                "gross_area_contract",
                "owner",
                "phone",
                "identity_number",
            ],
            rows_of_building_2(),
            ["A3:A4", "B3:B4", "C3:C4", "D3:D4", "E3:E4", "F3:H3"],
            (1,),
        ),
        SheetPlan(
            "3栋",
            f"{PROJECT} 3 栋业主信息表",
            [
                ["房源", "房屋信息", None, "业主信息", None, None],
                [None, "户型", "面积", "业主", "电话", "证件号"],
            ],
            ["location", "layout", "gross_area_contract", "owner", "phone", "identity_number"],
            rows_of_building_3(),
            ["A3:A4", "B3:C3", "D3:F3"],
        ),
    ]


def write_sheet(sheet: Worksheet, plan: SheetPlan) -> dict[str, Any]:
    """Write ``plan`` into ``sheet`` and return what an importer is expected to find in it."""
    width = len(plan.columns)
    thin = Side(style="thin", color="999999")
    border, centre = (
        Border(thin, thin, thin, thin),
        Alignment(horizontal="center", vertical="center", wrap_text=True),
    )
    sheet["A1"] = plan.title
    sheet["A1"].font = Font(bold=True, size=16)
    sheet["A1"].alignment = centre
    sheet.merge_cells(start_row=1, end_row=1, start_column=1, end_column=width)
    sheet["A2"] = "制表：销售部　日期：2026 年 3 月 2 日　单位：平方米"
    sheet.merge_cells(start_row=2, end_row=2, start_column=1, end_column=width)
    for row_number, labels in enumerate(plan.header, start=3):
        for column, label in enumerate(labels, start=1):
            cell = sheet.cell(row_number, column, label)
            cell.font, cell.alignment, cell.border = Font(bold=True), centre, border
    for area in plan.merged_headers:
        sheet.merge_cells(area)

    expected: list[dict[str, Any]] = []
    first = number = 5
    for number, row in enumerate(plan.rows, start=first):
        if row is None:
            expected.append({"row": number, "verdict": "ignore", "reason": "blank"})
            continue
        for column, value in enumerate(row.cells, start=1):
            cell = sheet.cell(number, column, value)
            cell.border = border
            if isinstance(value, str) or plan.columns[column - 1] == "phone":
                cell.number_format = "@" if isinstance(value, str) else "0"
        expected.append(row.expected(number))
    for column in plan.merged_columns:
        merge_equal_runs(sheet, column, first, number)

    total = number + 1
    area_column = plan.columns.index("gross_area_contract") + 1
    letter = get_column_letter(area_column)
    count = sum(row is not None for row in plan.rows)
    accepted_area = sum(float(row.unit["gross_area_contract"]) for row in plan.rows if row and row.unit)
    sheet.cell(total, 1, "合计").font = Font(bold=True)
    sheet.cell(total, area_column - 1, f"{count} 套")
    formula = f"=SUM({letter}{first}:{letter}{number})"
    sheet.cell(total, area_column, formula if plan.totals_as_formula else round(accepted_area, 2))
    expected.append({"row": total, "verdict": "ignore", "reason": "totals"})
    for column, name in enumerate(plan.columns, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = COLUMN_WIDTHS.get(name, 14)
    sheet.freeze_panes = "A5"
    return {
        "name": plan.name,
        "kind": "units",
        "title_rows": [1, 2],
        "header_rows": [3, 4],
        "columns": plan.columns,
        "rows": expected,
    }


def merge_equal_runs(sheet: Worksheet, column: int, first: int, last: int) -> None:
    """Merge vertically adjoining cells of ``column`` that hold the same value, as people do with buildings."""
    start = first
    for number in range(first + 1, last + 2):
        if number <= last and sheet.cell(number, column).value == sheet.cell(start, column).value:
            continue
        if number - start > 1 and sheet.cell(start, column).value is not None:
            sheet.merge_cells(start_row=start, end_row=number - 1, start_column=column, end_column=column)
        start = number


def build() -> tuple[Workbook, dict[str, Any]]:
    """Return the workbook and the expectations file's content."""
    workbook = Workbook()
    workbook.remove(workbook.worksheets[0])
    notes = workbook.create_sheet("填表说明")
    texts = [
        f"{PROJECT}业主信息填表说明",
        "1. 每栋一张表，面积填写合同建筑面积。",
        "2. 多位业主用顿号隔开，电话与证件号按相同顺序填写。",
        "3. 本表人员、电话与证件号均为虚构，仅供演示。",
    ]
    for number, text in enumerate(texts, start=1):
        notes.cell(number, 1, text)
    notes.column_dimensions["A"].width = 60
    sheets: list[dict[str, Any]] = [{"name": notes.title, "kind": "notes", "rows": []}]
    sheets.extend(write_sheet(workbook.create_sheet(plan.name), plan) for plan in plans())
    rows = [row for sheet in sheets for row in sheet["rows"]]
    verdicts = {
        verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ("accept", "reject", "ignore")
    }
    content = {
        "workbook": WORKBOOK_NAME,
        "project": {"name": PROJECT, "buildings": ["1", "2", "3"]},
        "verdicts": verdicts,
        "error_codes": ERRORS,
        "sheets": sheets,
    }
    return workbook, content


def packed(workbook: Workbook) -> bytes:
    """Return the workbook as bytes with fixed times, so that building it again gives the same file."""
    workbook.properties.creator = "Doorstep"
    workbook.properties.created = WRITTEN_AT
    raw, result = io.BytesIO(), io.BytesIO()
    workbook.save(raw)
    stamp = f"{WRITTEN_AT:%Y-%m-%dT%H:%M:%SZ}".encode()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "docProps/core.xml":
                data = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>" + stamp, data)
            target.writestr(zipfile.ZipInfo(name, WRITTEN_AT.timetuple()[:6]), data, zipfile.ZIP_DEFLATED)
    return result.getvalue()


def main() -> None:
    """Write both files into the folder given by ``--output``."""
    parser = argparse.ArgumentParser(description="Build the sample workbook of units and owners.")
    parser.add_argument(
        "--output", type=Path, default=SAMPLES, help="folder to write to (default: docs/samples)"
    )
    folder: Path = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    workbook, content = build()
    (folder / WORKBOOK_NAME).write_bytes(packed(workbook))
    (folder / EXPECTED_NAME).write_text(
        json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
