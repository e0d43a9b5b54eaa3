"""Reading workbooks and finding the table in a sheet."""

from __future__ import annotations

import io
import struct
import zipfile

import openpyxl
import pytest
import xlsxwriter

from core.machinery.exchange.tables import find_table, plain_head
from core.machinery.exchange.workbooks import MAX_ROWS, Sheet, WorkbookUnreadable, read_workbook
from core.machinery.exchange.writing import write_workbook

SYNONYMS = {"building": ("楼栋",), "number": ("房号",), "area": ("建筑面积", "面积"), "owner": ("业主",)}
NEEDED = [("building", "number")]


@pytest.fixture(autouse=True)
def _texts(running_app):
    with running_app.test_request_context():
        yield


def workbook(rows, merges=()):
    book = openpyxl.Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for area in merges:
        sheet.merge_cells(area)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def table_of(rows, merges=()):
    return find_table(read_workbook(workbook(rows, merges), "x.xlsx")[0], SYNONYMS, NEEDED, ("building",))


def test_heads_below_titles_and_merged_cells_filled_down():
    table = table_of(
        [
            ["某项目业主表", None, None],
            [None, None, None],
            ["楼 栋", "房号", "建筑面积(㎡)"],
            ["1栋", 101, 88.5],
            [None, 102, 90],
        ],
        ["A1:C1", "A4:A5"],
    )
    assert table.columns == ("building", "number", "area")
    assert table.head_rows == (3,)
    assert [(row.number, row.kind, row.text("building"), row.text("number")) for row in table.rows] == [
        (4, "data", "1栋", "101"),
        (5, "data", "1栋", "102"),
    ]


def test_heads_over_two_rows_with_and_without_merging():
    rows = [["楼栋", "房号", "房屋信息", None], [None, None, "面积", "业主"], ["1", "101", "80", "张伟"]]
    for merges in ((), ("A1:A2", "B1:B2", "C1:D1")):
        table = table_of(rows, merges)
        assert table.columns == ("building", "number", "area", "owner")
        assert table.head_rows == (1, 2)
        assert [row.number for row in table.rows] == [3]


def test_totals_blank_rows_and_repeated_heads_are_no_rows():
    table = table_of(
        [
            ["楼栋", "房号", "面积"],
            ["1", "101", 80],
            [None, None, None],
            ["楼栋", "房号", "面积"],
            ["1", "102", 80],
            ["合 计", "2 套", 160],
        ]
    )
    assert [row.kind for row in table.rows] == ["data", "blank", "head", "data", "totals"]


def test_a_sheet_without_the_heads_has_no_table():
    assert table_of([["房号", "业主"], ["101", "张伟"]]) is None


def test_numbers_keep_their_digits_and_tell_when_they_lost_some():
    cells = read_workbook(workbook([[19900000001, 102.0, 88.5, 440305199102159014, "0101"]]), "x")[0].rows[0]
    assert [cell.text for cell in cells[:3]] == ["19900000001", "102", "88.5"]
    assert [cell.is_inexact for cell in cells] == [False, False, False, True, False]
    assert cells[4].text == "0101"


def test_csv_of_chinese_excel():
    for encoding in ("utf-8-sig", "gb18030"):
        sheet = read_workbook("楼栋,房号\r\n1,101\r\n".encode(encoding), "x.csv")[0]
        assert [[cell.text for cell in row] for row in sheet.rows] == [["楼栋", "房号"], ["1", "101"]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 broken",
        b"\xd0\xcf\x11\xe0 broken",
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"a" * (10 * 1024 * 1024 + 1),
    ],
)
def test_what_is_no_workbook_is_refused_in_a_sentence(content):
    with pytest.raises(WorkbookUnreadable, match=r"“名单\.xlsx”"):
        read_workbook(content, "名单.xlsx")


def archive_of(name: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, "<x/>")
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "is_no_excel"),
    [
        (b"just some words", "a.xlsx", True),
        ("楼栋,房号\n1,101\n".encode(), "a.xlsx", True),
        (archive_of("word/document.xml"), "a.xlsx", True),
        (b"<html><table><tr><td>1</td></tr></table></html>", "a.xls", True),
        (b"%PDF-1.7 words", "a.csv", False),
    ],
)
def test_another_file_under_the_name_of_a_workbook_is_called_that(content, name, is_no_excel):
    with pytest.raises(WorkbookUnreadable) as refused:
        read_workbook(content, name)
    assert ("是 Excel 工作簿" in str(refused.value)) is is_no_excel
    assert ("既不是 Excel 文件也不是 CSV 文件" in str(refused.value)) is not is_no_excel


def test_too_many_rows_are_refused():
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    sheet = book.add_worksheet()
    for row in range(MAX_ROWS + 1):
        sheet.write_string(row, 0, "x")
    book.close()
    with pytest.raises(WorkbookUnreadable, match="20,000"):
        read_workbook(stream.getvalue(), "x.xlsx")


def test_a_written_workbook_holds_text_only():
    sheet: Sheet = read_workbook(write_workbook("坏行", ["列"], [["=1+1"], ["0101"]]), "x")[0]
    assert [row[0].text for row in sheet.rows] == ["列", "=1+1", "0101"]


def test_heads_are_compared_without_width_case_and_units():
    assert plain_head(" 建筑 面积（㎡） ") == plain_head("建筑面积") == "建筑面积"


def test_an_archive_that_lies_about_its_sizes_is_refused():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"\0" * 3_000_000)
    content = stream.getvalue().replace(struct.pack("<I", 3_000_000), struct.pack("<I", 1_000))
    with pytest.raises(WorkbookUnreadable):
        read_workbook(content, "x.xlsx")
