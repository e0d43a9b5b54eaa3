"""Units and owners from Excel: the sample workbook's verdicts, and what a confirmation writes."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa

from core.customers import importing
from core.customers.import_rows import ImportRefused, read_file
from core.customers.models import Customer, CustomerUnit, UnitImport, UnitRole
from core.database.types import utc_now
from core.extensions import db
from core.projects import services as projects
from core.projects.models import Phase, Project, Unit

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
HEADS = ["楼栋", "单元", "房号", "户型", "面积", "业主", "电话", "证件号"]


@pytest.fixture
def content():
    return (SAMPLES / "units-and-owners.xlsx").read_bytes()


@pytest.fixture
def place(scope_of, world, system):
    """The head of the group acts; a project of the group has the three buildings of the sample."""
    with system():
        project = projects.create_project(
            department=world.department("city"),
            code="HPHY",
            name="湖畔花园",
            groups=[world.department("group")],
        )
        phase = projects.create_phase(project, "1", "一期")
        for code in ("1", "2", "3"):
            projects.create_building(phase, code)
        key = project.id
        db.session.commit()
    with scope_of("head"):
        yield db.session.get_one(Project, key)


def workbook(*rows):
    book = openpyxl.Workbook()
    for row in (HEADS, *rows):
        book.active.append(list(row))
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def made_and_confirmed(project, content, phase=None):
    made = importing.preview(project, content, "x.xlsx", phase)
    return importing.confirm(importing.find_import(made.id))


def test_every_verdict_of_the_sample(place, content):
    expected = json.loads((SAMPLES / "units-and-owners.expected.json").read_text(encoding="utf-8"))
    found = importing.preview(place, content, "units-and-owners.xlsx")
    by_place = {(verdict.row.sheet, verdict.row.row): verdict for verdict in found.verdicts}
    seen = {"accept": 0, "reject": 0, "ignore": 0}
    for sheet in expected["sheets"]:
        for row in sheet["rows"]:
            verdict = by_place.get((sheet["name"], row["row"]))
            seen[row["verdict"]] += 1
            if row["verdict"] == "ignore":
                assert verdict is None
                continue
            assert verdict is not None
            if row["verdict"] == "reject":
                assert verdict.kind == "error"
                assert [{"column": error.column, "code": error.code} for error in verdict.errors] == row[
                    "errors"
                ]
                continue
            assert verdict.kind == "new", (sheet["name"], row["row"], verdict.errors)
            unit = row["unit"]
            assert (verdict.row.building, verdict.row.entrance, verdict.row.number) == (
                unit["building"],
                unit["entrance"],
                unit["number"],
            )
            assert verdict.row.values["layout"] == unit["layout"]
            assert verdict.row.values["gross_area_contract"] == unit["gross_area_contract"]
            owners = [
                {
                    "name": one.name,
                    "kind": one.kind,
                    "phone": one.phone,
                    "identity_type": "other" if one.kind == "company" else one.identity_type,
                    "identity_number": one.credit_code if one.kind == "company" else one.identity_number,
                }
                for one in verdict.row.owners
            ]
            assert owners == row["owners"]
    assert seen == expected["verdicts"]
    assert found.skipped_sheets == ["填表说明"]


def test_a_preview_writes_neither_units_nor_customers(place, content):
    before = [
        db.session.scalar(sa.select(sa.func.count()).select_from(model))
        for model in (Unit, Customer, CustomerUnit)
    ]
    importing.preview(place, content, "x.xlsx")
    after = [
        db.session.scalar(sa.select(sa.func.count()).select_from(model))
        for model in (Unit, Customer, CustomerUnit)
    ]
    assert before == after


def test_a_confirmation_writes_the_good_rows_once(place, content):
    made = importing.preview(place, content, "x.xlsx")
    record = importing.find_import(made.id)
    result = importing.confirm(record)
    assert (len(result["created"]), len(result["changed"]), result["errors"]) == (40, 0, 13)
    assert importing.confirm(record) == result
    assert record.content is None
    unit = db.session.scalars(
        sa.select(Unit).where(Unit.project_id == place.id, Unit.code == "1-1-202")
    ).one()
    assert unit.floor == 2
    holdings = db.session.scalars(
        sa.select(CustomerUnit).where(CustomerUnit.unit_id == unit.id).order_by(CustomerUnit.id)
    ).all()
    assert [(row.customer.name, row.role) for row in holdings] == [
        ("张伟", UnitRole.BUYER),
        ("李娜", UnitRole.JOINT_OWNER),
    ]
    owner = db.session.scalars(sa.select(Customer).where(Customer.phone == "19900000001")).one()
    assert len(owner.units) == 2, "the owner of two units is one customer"
    company = db.session.scalars(
        sa.select(Customer).where(Customer.credit_code == "91440300MA5FAKE060")
    ).one()
    assert company.kind == "company"


def test_the_same_file_again_changes_nothing(place, content):
    made_and_confirmed(place, content)
    customers = db.session.scalar(sa.select(sa.func.count(Customer.id)))
    again = importing.preview(place, content, "x.xlsx")
    assert dict(again.counts) == {"unchanged": 40, "error": 13}
    importing.confirm(importing.find_import(again.id))
    assert db.session.scalar(sa.select(sa.func.count(Customer.id))) == customers


def test_a_change_is_shown_as_before_and_after_with_masked_numbers(place):
    first = ["1", "1", "1801", "三房", "88.00", "张三", "13900010001", ""]
    made_and_confirmed(place, workbook(first))
    changed = ["1", "1", "1801", "四房", "90.5", "张三、李四", "13900010001、13900010002", ""]
    found = importing.preview(place, workbook(changed), "x.xlsx")
    assert found.verdicts[0].kind == "changed"
    assert set(found.verdicts[0].diff) == {
        ("layout", "三房", "四房"),
        ("gross_area_contract", "88.00", "90.50"),
        ("owner", "", "李四"),
    }
    result = importing.confirm(importing.find_import(found.id))
    unit = db.session.get_one(Unit, result["changed"][0])
    assert unit.layout == "四房"
    assert [customer.name for customer in importing.services.owners_of(unit)] == ["张三", "李四"]


def test_another_owner_is_a_conflict_and_never_a_silent_change(place):
    made_and_confirmed(place, workbook(["1", "1", "1801", "", "", "张三", "13900010001", ""]))
    found = importing.preview(
        place, workbook(["1", "1", "1801", "", "", "李四", "13900010002", ""]), "x.xlsx"
    )
    assert [error.code for error in found.verdicts[0].errors] == ["owner_conflict"]


def test_missing_buildings_are_made_only_when_asked(place, world):
    rows = workbook(["7栋", "", "0301", "", "", "", "", ""])
    assert importing.preview(place, rows, "x.xlsx").verdicts[0].errors[0].code == "building_unknown"
    phase = db.session.scalars(sa.select(Phase).where(Phase.project_id == place.id)).one()
    found = importing.preview(place, rows, "x.xlsx", phase)
    assert found.new_buildings == ["7"]
    result = importing.confirm(importing.find_import(found.id))
    unit = db.session.get_one(Unit, result["created"][0])
    assert (unit.code, unit.floor, unit.building.phase_id) == ("7-0301", 3, phase.id)


def test_a_customer_of_another_company_is_not_recognised_nor_told(place, world):
    foreign_phone = world.foreign.phones[0]
    found = importing.preview(
        place, workbook(["1", "1", "1801", "", "", "某人", foreign_phone, ""]), "x.xlsx"
    )
    assert found.verdicts[0].kind == "new"


def test_an_expired_preview_is_refused_and_its_rows_are_removed(place, content):
    made = importing.preview(place, content, "x.xlsx")
    record = importing.find_import(made.id)
    record.expires_at = utc_now()
    with pytest.raises(ImportRefused):
        importing.confirm(record)
    importing.forget_expired()
    assert record.content is None


def test_errors_stop_everything_when_asked(place, content):
    record = importing.find_import(importing.preview(place, content, "x.xlsx").id)
    with pytest.raises(ImportRefused):
        importing.confirm(record, only_good_rows=False)


def test_the_rows_lie_encrypted_and_only_their_user_finds_them(place, content, scope_of):
    made = importing.preview(place, content, "x.xlsx")
    db.session.commit()
    stored = db.session.connection().exec_driver_sql("SELECT content FROM unit_import").scalar_one()
    assert "王建国" not in stored
    assert "19900000001" not in stored
    db.session.rollback()
    with scope_of("engineer"):
        assert importing.find_import(made.id) is None


def test_a_signed_purchase_gives_the_stage(place):
    book = openpyxl.Workbook()
    book.active.append(["房源", "业主", "电话", "签约日期", "合同编号"])
    book.active.append(["1栋1单元1901", "赵六", "13900010009", "2024年3月5日", "HT-1"])
    stream = io.BytesIO()
    book.save(stream)
    made_and_confirmed(place, stream.getvalue())
    customer = db.session.scalars(sa.select(Customer).where(Customer.phone == "13900010009")).one()
    assert customer.life_cycle == "waiting"
    assert customer.units[0].contract_number == "HT-1"


def test_five_thousand_rows_are_previewed_in_time(place):
    rows = [
        [
            "1",
            str(number % 4 + 1),
            f"{number // 100 + 1}{number % 100:02}",
            "三房",
            89.5,
            f"业主{number}",
            f"139{number:08}",
            "",
        ]
        for number in range(5_000)
    ]
    book = workbook(*rows)
    start = time.perf_counter()
    found = importing.preview(place, book, "x.xlsx")
    taken = time.perf_counter() - start
    assert len(found.verdicts) == 5_000
    assert taken < 15, taken


def test_a_file_without_a_table_is_refused(running_app):
    book = openpyxl.Workbook()
    book.active.append(["姓名", "电话"])
    stream = io.BytesIO()
    book.save(stream)
    with running_app.test_request_context(), pytest.raises(ImportRefused):
        read_file(stream.getvalue(), "x.xlsx")


def test_the_pages_from_upload_to_result(sign_in, world, content):
    browser = sign_in("head")
    answer = browser.post(
        "/admin/unit_import/",
        data={
            "project_id": world.own.project_id,
            "file": (io.BytesIO(content), "名单.xlsx"),
            "make_buildings": "y",
            "phase_id": world.own.phase_id,
        },
    )
    assert answer.status_code == 303, answer.text
    page = browser.get(answer.location)
    assert page.status_code == 200
    assert "bad-row" in page.text
    key = answer.location.rpartition("=")[2]
    bad = browser.get(f"/admin/unit_import/bad-rows/?id={key}")
    assert openpyxl.load_workbook(io.BytesIO(bad.data)).active.max_row > 10
    for _twice in range(2):
        answer = browser.post("/admin/unit_import/confirm/", data={"id": key})
    result = browser.get(answer.location)
    assert result.status_code == 200
    assert "3-1-1501" in result.text
    assert sign_in("sibling").get(f"/admin/unit_import/result/?id={key}").status_code == 404
    assert sign_in("nobody").get("/admin/unit_import/").status_code == 403


def test_a_bad_file_keeps_what_was_typed(sign_in, world):
    answer = sign_in("head").post(
        "/admin/unit_import/",
        data={"project_id": world.own.project_id, "file": (io.BytesIO(b"no"), "x.xlsx")},
    )
    assert answer.status_code == 422
    assert f'value="{world.own.project_id}"' in answer.text


def test_uploads_of_others_are_not_listed(place, content, world, scope_of):
    importing.preview(place, content, "x.xlsx")
    db.session.commit()
    assert len(importing.recent_imports()) == 1
    db.session.rollback()
    with scope_of("engineer"):
        assert importing.recent_imports() == []
        assert db.session.scalar(sa.select(sa.func.count(UnitImport.id))) == 1
