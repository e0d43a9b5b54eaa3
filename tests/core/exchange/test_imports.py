"""Imports: from the file through the verdicts to the records, and back."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from flask_babel import force_locale

from core.admin import import_jobs
from core.customers import services as customers
from core.customers.importers import CustomerImporter
from core.customers.models import Customer, CustomerProject
from core.database.types import utc_now
from core.extensions import db
from core.machinery.audit.models import AuditEntry
from core.machinery.exchange import services, staging
from core.machinery.exchange.importer import ImportRefused
from core.machinery.exchange.models import ImportChunk, ImportState
from core.projects.models import Project
from core.testing import run_pending_jobs

IMPORTER = CustomerImporter()
HEADS = ["姓名", "手机号", "身份证号", "地址"]
OTHER_CARD = "110105194912310062"
ID_CARD = "11010519491231002X"


def workbook(*rows, heads=HEADS, title="客户"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in (heads, *rows):
        book.active.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


@pytest.fixture
def place(world, scope_of):
    with scope_of("head"):
        yield db.session.get_one(Project, world.own.project_id)


def checked(project, content, name="客户.xlsx", match="identity_number", mode="both"):
    batch, _read = services.start_import(
        "core.customers", IMPORTER, content, name, project=project, match=match, mode=mode
    )
    services.check_all(batch, IMPORTER)
    return batch


def kinds(batch):
    return {kind: number for kind, number in services.counts_of(batch).items() if number}


def found(name):
    return db.session.scalars(sa.select(Customer).where(Customer.name == name)).one()


def test_rows_are_judged_before_anything_is_written_and_then_written_once(place):
    before = db.session.scalar(sa.select(sa.func.count(Customer.id)))
    batch = checked(
        place,
        workbook(
            ["张三", "１３９ ０００１ ０００１", ID_CARD, "深圳"],
            ["李四", 13900010002, "", ""],
            ["王五", "12345", "", ""],
            ["", "13900010004", "", ""],
            ["赵六", "13900010005", "110105194912310021", ""],
            ["合计", "", "", ""],
        ),
    )
    assert kinds(batch) == {"new": 2, "error": 3, "ignored": 1}
    assert db.session.scalar(sa.select(sa.func.count(Customer.id))) == before
    errors = [
        (row.number, error.column, error.code)
        for row in services.rows_of(batch, IMPORTER, ("error",))
        for error in row.errors
    ]
    assert errors == [
        (4, "phone", "invalid"),
        (5, "name", "missing"),
        (6, "identity_number", "id_number_invalid"),
    ]
    result = services.write_all(batch, IMPORTER, all_or_nothing=False)
    assert (result["new"], result["changed"], result["error"]) == (2, 0, 3)
    assert services.write_all(batch, IMPORTER, all_or_nothing=False) == result
    person = found("张三")
    assert (person.phone, person.identity_number, person.source) == ("13900010001", ID_CARD, "import")
    assert person.identity_index
    pairs, total = services.written_records(batch)
    assert total == 2
    assert ("new", person.id) in pairs
    entries = db.session.scalars(
        sa.select(AuditEntry).where(
            AuditEntry.record_kind == "customer", AuditEntry.record_id == str(person.id)
        )
    ).all()
    assert [entry.action for entry in entries] == ["created"]
    assert entries[0].changes["project_links"] == [[], [str(place.id)]]
    assert "张三" not in str(entries[0].changes)


def test_the_same_file_again_changes_nothing_and_a_change_is_shown_masked(place):
    first = workbook(["张三", "13900010001", ID_CARD, "深圳市南山区科技园路1号"])
    services.write_all(checked(place, first), IMPORTER, all_or_nothing=True)
    assert kinds(checked(place, first)) == {"unchanged": 1}
    batch = checked(place, workbook(["张三丰", "13900010009", ID_CARD, "广州市天河区天河路1号"]))
    row = next(services.rows_of(batch, IMPORTER, ("changed",)))
    assert {name: (old, new) for name, old, new in row.diff} == {
        "name": ("张三", "张三丰"),
        "phone": ("139****0001", "139****0009"),
        "address": ("深圳市南山区******", "广州市天河区******"),
    }
    services.write_all(batch, IMPORTER, all_or_nothing=False)
    assert found("张三丰").phone == "13900010009"


def test_a_record_of_another_company_is_neither_found_nor_told(place, world):
    phone = world.foreign.phones[0]
    batch = checked(place, workbook(["某人", phone, "", ""]), match="phone")
    assert kinds(batch) == {"new": 1}
    only = checked(place, workbook(["某人", phone, "", ""]), match="phone", mode="change")
    unknown = checked(place, workbook(["某人", "13812345679", "", ""]), match="phone", mode="change")
    reasons = [
        [str(error.reason) for error in next(services.rows_of(each, IMPORTER, ("error",))).errors]
        for each in (only, unknown)
    ]
    assert reasons[0] == reasons[1], "a number that others know answers like one that nobody knows"


def test_the_same_record_twice_in_a_file_is_an_error_that_names_the_first(place):
    batch = checked(place, workbook(["张三", "13900010001", "", ""], ["张三", "139-0001-0001", "", ""]))
    assert kinds(batch) == {"new": 1, "error": 1}
    error = next(services.rows_of(batch, IMPORTER, ("error",))).errors[0]
    assert error.code == "duplicate"
    assert "2" in str(error.reason)


@pytest.mark.parametrize("language", ["en", "zh_Hans_CN"])
def test_whoever_corrects_a_row_reads_in_his_language_what_is_wrong(place, language):
    with force_locale("en" if language != "en" else "zh_Hans_CN"):
        batch = checked(place, workbook(["张三", "1390001", "", ""]))
    (row,) = services.rows_of(batch, IMPORTER, ("error",))
    with force_locale(language):
        assert ("telephone number" in str(row.errors[0].reason)) is (language == "en")


def test_a_customer_stands_twice_in_a_file_though_only_one_row_has_his_document(place):
    with_card, without = ["张三", "13900010001", ID_CARD, ""], ["张三", "139-0001-0001", "", ""]
    for rows in ((with_card, without), (without, with_card)):
        batch = checked(place, workbook(["李四", "13900010002", "", ""], *rows))
        (double,) = services.rows_of(batch, IMPORTER, ("error",))
        assert (double.number, double.errors[0].code) == (4, "duplicate")
        assert "3" in str(double.errors[0].reason)
        services.correct_row(batch, IMPORTER, double.position, {"phone": "13900010003"})
        assert kinds(batch) == {"new": 3}
    son = ["张三", "13900010001", OTHER_CARD, ""]
    assert kinds(checked(place, workbook(with_card, son))) == {"new": 2}, "two documents are two customers"


def test_a_row_is_corrected_on_the_page(place):
    batch = checked(place, workbook(["张三", "12345", "", ""], ["李四", "13900010002", "", ""]))
    row = next(services.rows_of(batch, IMPORTER, ("error",)))
    again = services.correct_row(batch, IMPORTER, row.position, {"phone": "13900010002", "name": "李四"})
    assert again.kind == "new", "the corrected row comes first, so the later one is the double"
    assert kinds(batch) == {"new": 1, "error": 1}
    services.correct_row(batch, IMPORTER, row.position, {"phone": "13900010003"})
    assert kinds(batch) == {"new": 2}
    assert services.correct_row(batch, IMPORTER, 99, {}) is None


def test_all_or_nothing_refuses_errors_also_those_that_come_up_later(place):
    bad = checked(place, workbook(["张三", "12345", "", ""]))
    with pytest.raises(ImportRefused):
        services.begin_write(bad, all_or_nothing=True)
    batch = checked(place, workbook(["新客户", "13900010001", "", ""]), match="phone", mode="create")
    customers.register_customer(project=place, name="别人", phone="13900010001")
    with pytest.raises(ImportRefused), db.session.begin_nested():
        services.write_all(batch, IMPORTER, all_or_nothing=True)
    assert db.session.scalar(sa.select(sa.func.count(Customer.id)).where(Customer.name == "新客户")) == 0
    db.session.refresh(batch)
    result = services.write_all(batch, IMPORTER, all_or_nothing=False)
    assert (result["new"], result["error"]) == (0, 1)


def test_columns_are_chosen_once_and_remembered_for_the_same_heads(place):
    content = workbook(["张三", "13900010001"], heads=["甲", "乙"])
    batch, read = services.start_import("core.customers", IMPORTER, content, "x.xlsx", project=place)
    assert not read.understood
    with pytest.raises(ImportRefused):
        services.set_columns(batch, IMPORTER, [["", ""]])
    services.set_columns(batch, IMPORTER, [["name", "phone"]])
    services.check_all(batch, IMPORTER)
    assert kinds(batch) == {"new": 1}
    swapped = workbook(["13900010002", "李四"], heads=["乙", "甲"])
    _batch, again = services.start_import("core.customers", IMPORTER, swapped, "y.xlsx", project=place)
    assert again.sheets[0].columns == ["phone", "name"]


def test_an_import_is_taken_back_where_nothing_else_changed_it(place):
    known = customers.register_customer(project=place, name="老客户", phone="13900010001", address="旧地址")
    batch = checked(
        place,
        workbook(
            ["老客户", "13900010001", "", "新地址"],
            ["甲", "13900010002", "", ""],
            ["乙", "13900010003", "", ""],
        ),
    )
    services.write_all(batch, IMPORTER, all_or_nothing=False)
    customers.change_customer(found("乙"), note="到访过")
    assert services.undo_all(batch, IMPORTER) == (2, 1)
    assert known.address == "旧地址"
    assert db.session.scalar(sa.select(sa.func.count(Customer.id)).where(Customer.name == "甲")) == 0
    assert found("乙").note == "到访过"
    assert batch.state == ImportState.UNDONE
    with pytest.raises(ImportRefused):
        services.begin_undo(batch)


def test_a_customer_of_a_visible_project_is_linked_to_this_one_and_unlinked_again(world, scope_of):
    with scope_of("admin"):
        own, other = (
            db.session.get_one(Project, key) for key in (world.own.project_id, world.sibling.project_id)
        )
        shared = customers.register_customer(project=other, name="两地客户", phone="13900010007")
        batch = checked(own, workbook(["两地客户", "13900010007", "", ""]))
        assert next(services.rows_of(batch, IMPORTER, ("changed",))).diff == (("project", "", own.name),)
        services.write_all(batch, IMPORTER, all_or_nothing=False)
        link = (shared.id, own.id)
        assert db.session.get(CustomerProject, link) is not None
        services.undo_all(batch, IMPORTER)
        db.session.expire_all()
        assert db.session.get(CustomerProject, link) is None


def test_rows_lie_encrypted_only_their_user_finds_them_and_they_go_with_time(place, scope_of, world):
    batch = checked(place, workbook(["王建国", "13900010001", "", ""]))
    db.session.commit()
    stored = db.session.connection().exec_driver_sql("SELECT content FROM import_chunk").scalar_one()
    assert "王建国" not in stored
    assert "13900010001" not in stored
    key = batch.id
    db.session.rollback()
    with scope_of("engineer"):
        assert services.find_import(key) is None
    assert services.forget_expired() == 0
    assert services.forget_expired(utc_now() + dt.timedelta(days=2)) == 1
    chunk = db.session.scalars(sa.select(ImportChunk)).one()
    assert (chunk.content, chunk.outcome, chunk.keys) == (None, None, "")


def test_the_sample_of_customers_is_taken_but_for_the_row_that_is_wrong_on_purpose(place):
    sample = Path(__file__).resolve().parents[3] / "docs" / "samples" / "customers.csv"
    batch = checked(place, sample.read_bytes(), "customers.csv")
    assert kinds(batch) == {"new": 3, "error": 1}
    services.write_all(batch, IMPORTER, all_or_nothing=False)
    assert found("湖畔投资有限公司").kind == "company"


def test_an_erased_customer_leaves_nothing_in_an_import(place):
    known = customers.register_customer(project=place, name="老客户", phone="13900010001", address="旧地址")
    batch = checked(place, workbook(["老客户", "13900010001", "", "新地址"]))
    services.write_all(batch, IMPORTER, all_or_nothing=False)
    services.forget_person(known.id + 1_000)
    assert db.session.scalars(sa.select(ImportChunk)).one().outcome is not None
    services.forget_person(known.id)
    chunk = db.session.scalars(sa.select(ImportChunk)).one()
    assert (chunk.content, chunk.outcome) == (None, None)
    assert services.undo_all(batch, IMPORTER) == (0, 0)


def test_a_csv_in_the_encoding_of_chinese_excel_with_dates_as_serials(place):
    stream = io.StringIO()
    csv.writer(stream).writerows([["客户姓名", "电话", "出生日期"], ["张三", "0755-26712345", "29358"]])
    batch = checked(place, stream.getvalue().encode("gb18030"), "客户.csv")
    assert kinds(batch) == {"new": 1}
    services.write_all(batch, IMPORTER, all_or_nothing=False)
    assert found("张三").born_on == dt.date(1980, 5, 17)
    assert found("张三").phone == "+8675526712345"


def test_the_pages_from_upload_to_result_and_back(sign_in, world):
    browser = sign_in("head")
    assert "客户" in browser.get("/admin/imports/").text
    template = browser.get("/admin/imports/template/?kind=core.customers")
    heads = [cell.value for cell in openpyxl.load_workbook(io.BytesIO(template.data)).worksheets[0][1]]
    assert len(heads) == len(IMPORTER.fields)
    content = workbook(["新来客户", "13900010001", "", ""], ["错误客户", "12", "", ""])
    answer = browser.post(
        "/admin/imports/start/?kind=core.customers",
        data={
            "project_id": world.own.project_id,
            "file": (io.BytesIO(content), "名单.xlsx"),
            "match": "identity_number",
            "mode": "both",
        },
    )
    assert answer.status_code == 303, answer.text
    columns = browser.get(answer.location)
    assert columns.status_code == 200
    key = answer.location.rpartition("=")[2]
    chosen = {"c0-0": "name", "c0-1": "phone", "c0-2": "identity_number", "c0-3": "address"}
    answer = browser.post(f"/admin/imports/columns/?id={key}", data=chosen)
    page = browser.get(answer.location)
    assert "bad-row" in page.text
    bad = browser.get(f"/admin/imports/bad-rows/?id={key}")
    assert openpyxl.load_workbook(io.BytesIO(bad.data)).active.max_row == 2
    wrong = browser.post(f"/admin/imports/row/?id={key}&row=1", data={"f-phone": "13"})
    assert wrong.status_code == 422
    assert 'value="13"' in wrong.text
    right = browser.post(f"/admin/imports/row/?id={key}&row=1", data={"f-phone": "13900010002"})
    assert right.status_code == 303
    for _twice in range(2):
        answer = browser.post("/admin/imports/confirm/", data={"id": key, "policy": "all"})
    result = browser.get(answer.location)
    assert "新来客户" in result.text
    assert "错误客户" in result.text
    narrowed = f"/admin/customers/?import={key}"
    assert narrowed in result.text
    page = browser.get(narrowed).text
    assert "新来客户" in page and "错误客户" in page
    assert page.count("data-id=") == 2 < browser.get("/admin/customers/").text.count("data-id=")
    for address in (
        "/admin/customers/?import=999999",
        "/admin/customers/?import=x",
        f"/admin/units/?import={key}",
    ):
        assert "没有您的此编号导入" in browser.get(address).text
    others = sign_in("service").get(narrowed).text
    assert "没有您的此编号导入" in others, "an import of somebody else narrows nothing"
    assert sign_in("sibling").get(f"/admin/imports/result/?id={key}").status_code == 404
    assert sign_in("nobody").get("/admin/imports/").status_code == 403
    browser = sign_in("head")
    assert browser.post("/admin/imports/discard/", data={"id": key}).status_code == 303
    browser.post("/admin/imports/undo/", data={"id": key})
    assert "2" in browser.get(f"/admin/imports/result/?id={key}").text
    assert browser.get("/admin/imports/row/?id=1&row=99999999999").status_code in (303, 404)


@pytest.fixture
def in_jobs(monkeypatch):
    """Every import runs in a job, two rows a step."""
    monkeypatch.setattr(import_jobs, "ROWS_IN_REQUEST", 0)
    monkeypatch.setattr(services, "CHUNK_ROWS", 2)
    monkeypatch.setattr(staging, "CHUNK_ROWS", 2)


def uploaded(browser, world, content, match="identity_number"):
    answer = browser.post(
        "/admin/imports/start/?kind=core.customers",
        data={
            "project_id": world.own.project_id,
            "file": (io.BytesIO(content), "名单.xlsx"),
            "match": match,
            "mode": "both",
        },
    )
    key = answer.location.rpartition("=")[2]
    chosen = {"c0-0": "name", "c0-1": "phone", "c0-2": "identity_number", "c0-3": "address"}
    browser.post(f"/admin/imports/columns/?id={key}", data=chosen)
    return key


def test_large_imports_are_checked_written_and_taken_back_by_jobs(app, sign_in, world, in_jobs, scope_of):
    browser = sign_in("head")
    rows = [[f"新客{number}", f"1390001{number:04}", "", ""] for number in range(5)]
    key = uploaded(browser, world, workbook(*rows, ["错", "1", "", ""], rows[0]))
    assert "progress" in browser.get(f"/admin/imports/preview/?id={key}").text
    run_pending_jobs(app)
    assert "bad-row" in browser.get(f"/admin/imports/preview/?id={key}").text
    browser.post("/admin/imports/confirm/", data={"id": key, "policy": "good"})
    run_pending_jobs(app)
    assert "新客4" in browser.get(f"/admin/imports/result/?id={key}").text
    with scope_of("head"):
        batch = services.find_import(int(key))
        assert (batch.state, batch.result["new"], batch.result["error"]) == ("written", 5, 2)
    browser.post("/admin/imports/undo/", data={"id": key})
    run_pending_jobs(app)
    with scope_of("head"):
        batch = services.find_import(int(key))
        assert (batch.state, batch.result["undone"], batch.result["kept"]) == ("undone", 5, 0)


@pytest.mark.parametrize("most", [100, 0], ids=["in one transaction", "step by step"])
def test_all_or_nothing_leaves_nothing_when_a_row_fails_late(
    app, sign_in, world, in_jobs, scope_of, system, monkeypatch, most
):
    monkeypatch.setattr(services, "ATOMIC_ROWS", most)
    browser = sign_in("head")
    rows = [[f"新客{number}", f"1390001{number:04}", "", ""] for number in range(5)]
    key = uploaded(browser, world, workbook(*rows), match="phone")
    run_pending_jobs(app)
    with system():
        place = db.session.get_one(Project, world.own.project_id)
        for name in ("甲", "乙"):
            customers.register_customer(project=place, name=name, phone="13900010004")
        db.session.commit()
    browser.post("/admin/imports/confirm/", data={"id": key, "policy": "all"})
    run_pending_jobs(app)
    with scope_of("head"):
        batch = services.find_import(int(key))
        assert (batch.state, len(batch.result["remarks"])) == ("checked", 1)
        assert not db.session.scalars(sa.select(Customer.id).where(Customer.name.like("新客%"))).all()
    page = browser.get(f"/admin/imports/preview/?id={key}").text
    assert "6" in page


def test_a_job_of_somebody_who_lost_the_right_writes_nothing(app, sign_in, world, in_jobs, scope_of, system):
    browser = sign_in("head")
    key = uploaded(browser, world, workbook(["新客", "13900010001", "", ""]))
    run_pending_jobs(app)
    browser.post("/admin/imports/confirm/", data={"id": key, "policy": "good"})
    with system():
        role = world.role("head")
        role.permissions = [code for code in role.permissions if code != "import.customers"]
        db.session.commit()
    run_pending_jobs(app)
    with scope_of("head"):
        assert services.find_import(int(key)).state == "writing"
        assert not db.session.scalars(sa.select(Customer.id).where(Customer.name == "新客")).all()
    assert browser.post("/admin/imports/resume/", data={"id": key}).status_code == 403


def test_a_bad_file_keeps_what_was_typed(sign_in, world):
    answer = sign_in("head").post(
        "/admin/imports/start/?kind=core.customers",
        data={
            "project_id": world.own.project_id,
            "match": "phone",
            "mode": "both",
            "file": (io.BytesIO(b"\xff\xfe\x00no"), "x.xlsx"),
        },
    )
    assert answer.status_code == 422
    assert f'value="{world.own.project_id}"' in answer.text
