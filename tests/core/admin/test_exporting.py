"""Exports: permission, reason, log, columns, masks, formula guard, cap, and steady memory."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
import sqlalchemy as sa

from core.admin import exporting, listing
from core.admin.exporting import guard_formula
from core.customers.models import Customer
from core.database.scope import all_departments
from core.extensions import db
from core.machinery.audit.models import AuditEntry

WORK = ("customers.view", "customers.export")
MARK = exporting.Mark("head", "2026-11-27 10:00", "the yearly letter")
REASON = {"reason": "the yearly letter"}


def download(clerk, path="/admin/customers/export/", file_format="csv", columns=("name", "phone"), **more):
    asked = clerk.post(path, data={"format": file_format, "columns": list(columns), **REASON, **more})
    assert asked.status_code == 303, asked.text
    return clerk.get(asked.location, buffered=True)


def rows_of(answer):
    """Return the rows of a file without its mark, which is its last line after an empty one."""
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"), newline="")))
    assert rows[-2] == []
    assert REASON["reason"] in rows[-1][0]
    return rows[:-2]


@pytest.fixture
def clerk(browser_with):
    return browser_with(*WORK, "personal.view")


def test_csv_has_the_mark_that_excel_needs(clerk, world):
    answer = download(clerk)
    assert answer.data.startswith("\ufeff".encode())
    assert answer.mimetype == "text/csv"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "no-store"


def test_rows_are_those_that_the_user_sees(clerk, world):
    rows = rows_of(download(clerk))
    assert rows[0] == ["Name", "Phone"]
    assert [row[0] for row in rows[1:]] == [
        *(f"{world.own.canary}客户{number}" for number in (101, 102, 201)),
        "共有客户",
    ]
    assert [row[1] for row in rows[1:]] == [*world.own.phones, "13700009999"]


def test_xlsx_holds_the_same_as_text(clerk, world):
    answer = download(clerk, file_format="xlsx", columns=("name", "phone", "kind"))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.data)).active
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0] == ["Name", "Phone", "Kind"]
    assert rows[1] == [f"{world.own.canary}客户101", world.own.phones[0], "Person"]
    assert all(cell.data_type == "s" for row in sheet.iter_rows() for cell in row)
    assert sheet.max_row == 5


def test_columns_are_chosen_and_only_from_the_declared(clerk, world):
    assert rows_of(download(clerk, columns=("kind", "name")))[0] == ["Name", "Kind"]
    answer = clerk.post(
        "/admin/customers/export/", data={"format": "csv", "columns": ["identity_number"], **REASON}
    )
    assert answer.status_code == 422
    mixed = rows_of(download(clerk, columns=("name", "identity_number", "__class__")))
    assert mixed[0] == ["Name"]


def test_personal_columns_are_masked_without_the_right(browser_with, world):
    rows = rows_of(download(browser_with(*WORK)))
    assert [row[1] for row in rows[1:4]] == ["139****0001", "139****0002", "139****0003"]


def test_an_export_needs_its_permission(browser_with, clerk, world):
    ticket = clerk.post(
        "/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON}
    ).location
    other = browser_with("customers.view")
    assert other.get("/admin/customers/export/").status_code == 403
    assert (
        other.post(
            "/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON}
        ).status_code
        == 403
    )
    assert other.get(ticket).status_code == 403


def test_the_ticket_of_somebody_else_is_worth_nothing(clerk, browser_with, world):
    ticket = clerk.post(
        "/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON}
    ).location
    other = browser_with(*WORK)
    for address in (
        ticket,
        ticket.replace("/csv/", "/xlsx/"),
        ticket[:-3],
        "/admin/customers/export/csv/",
        "/admin/customers/export/csv/?ticket=%00",
    ):
        answer = other.get(address)
        assert answer.status_code in {303, 400}, address
    assert clerk.get(ticket.replace("/csv/", "/xlsx/")).status_code == 303, (
        "another format needs another ticket"
    )
    assert clerk.get(ticket.replace("/csv/", "/exe/")).status_code == 404


def test_a_ticket_expires(clerk, world, monkeypatch):
    ticket = clerk.post(
        "/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON}
    ).location
    monkeypatch.setattr(exporting, "TICKET_SECONDS", -1)
    assert clerk.get(ticket).status_code == 303


@pytest.mark.parametrize("reason", ["", "  ", "abc", "\0\0\0\0"])
def test_without_a_reason_there_is_no_file(reason, clerk, world, running_app):
    answer = clerk.post(
        "/admin/customers/export/", data={"format": "csv", "columns": "name", "reason": reason}
    )
    assert answer.status_code in {400, 422}
    with running_app.app_context(), all_departments("a test"):
        assert not db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "exported")).all()


def test_an_unknown_format_is_a_sentence(clerk, world):
    answer = clerk.post("/admin/customers/export/", data={"format": "exe", "columns": "name", **REASON})
    assert answer.status_code == 422
    assert "Choose CSV or Excel" in answer.text
    assert "the yearly letter" in answer.text, "nothing typed is lost"


def test_the_log_keeps_who_what_and_why(clerk, world, running_app):
    download(clerk, path=f"/admin/customers/export/?f_project={world.own.project_id}")
    with running_app.app_context(), all_departments("a test"):
        entry = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "exported")).one()
        assert entry.reason == "the yearly letter"
        assert entry.changes["columns"][1] == ["name", "phone"]
        assert entry.changes["rows"][1] == 4
        assert entry.user_id is not None


def test_the_file_is_narrowed_like_the_list(clerk, world):
    assert len(rows_of(download(clerk, path="/admin/customers/export/?search=客户101"))) == 2
    assert (
        len(rows_of(download(clerk, path=f"/admin/customers/export/?f_project={world.own.project_id}"))) == 5
    )
    refused = download(clerk, path=f"/admin/customers/export/?f_project={world.foreign.project_id}")
    assert world.foreign.canary not in refused.text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", " =", "  +"])
def test_cells_that_look_like_formulas_are_made_texts(start, clerk, world, running_app):
    assert guard_formula(f"{start}1+1") == f"'{start}1+1"
    with running_app.app_context(), all_departments("a test"):
        db.session.get(Customer, world.own.customer_ids[0]).note = f"{start}HYPERLINK(1)"
        db.session.commit()
    rows = rows_of(download(clerk, columns=("note",)))
    assert rows[1][0].startswith("'")
    book = openpyxl.load_workbook(io.BytesIO(download(clerk, file_format="xlsx", columns=("note",)).data))
    cell = book.worksheets[0].cell(2, 1)
    assert (cell.data_type, cell.value[:1]) == ("s", "'")


def test_plain_texts_are_left_alone():
    for text in ("", "张三", "13800138000", "a=b", "1-1-101", "2026-01-01"):
        assert guard_formula(text) == text


def test_columns_of_references_are_read_with_the_rows(sign_in, world, running_app):
    clerk = sign_in("admin", "group")
    statements: list[str] = []
    with running_app.app_context():
        engine = db.engine
    asked = clerk.post(
        "/admin/units/export/", data={"format": "csv", "columns": ["code", "project.name"], **REASON}
    )
    note = lambda *given: statements.append(given[2])  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", note)
    rows = rows_of(clerk.get(asked.location, buffered=True))
    sa.event.remove(engine, "before_cursor_execute", note)
    assert rows[1:] == [[f"1-1-{number}", world.own.canary] for number in (101, 102, 201)]
    assert len([each for each in statements if "FROM unit" in each]) == 1


def test_more_rows_than_the_cap_are_refused_not_cut(clerk, world, running_app, monkeypatch):
    monkeypatch.setitem(running_app.config, "EXPORT_MAX_ROWS", 3)
    text = clerk.get("/admin/customers/export/").text
    assert "3 rows at most" in text
    answer = clerk.post("/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON})
    assert answer.status_code == 422
    monkeypatch.setitem(running_app.config, "EXPORT_MAX_ROWS", 4)
    assert len(rows_of(download(clerk))) == 5


def test_rows_are_streamed_in_batches_of_columns(running_app, world, view, scope_of, monkeypatch):
    monkeypatch.setattr(exporting, "BATCH", 2)
    with running_app.test_request_context(), scope_of("head"):
        loaded: list[object] = []
        note = lambda target, _context: loaded.append(target)  # noqa: E731
        sa.event.listen(Customer, "load", note)
        answer = exporting.stream(view("customers"), listing.ListRequest(), "csv", ["name"], False, MARK)
        pieces = list(answer.response)
        sa.event.remove(Customer, "load", note)
    assert len(pieces) == 3, "two batches and the end"
    assert "客户101" in pieces[0]
    assert loaded == [], "columns are read, not whole records"


def test_the_export_request_only_reads(clerk, world, running_app):
    asked = clerk.post("/admin/customers/export/", data={"format": "csv", "columns": "name", **REASON})
    began: list[str] = []
    with running_app.app_context():
        engine = db.engine
    note = lambda *given: began.append(given[2])  # noqa: E731
    sa.event.listen(engine, "before_cursor_execute", note)
    clerk.get(asked.location, buffered=True)
    sa.event.remove(engine, "before_cursor_execute", note)
    assert not [
        each for each in began if "IMMEDIATE" in each or each.startswith(("INSERT", "UPDATE", "DELETE"))
    ]
