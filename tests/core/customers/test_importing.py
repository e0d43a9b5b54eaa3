"""Units and owners from Excel: the sample workbook's verdicts, and what a confirmation writes."""

from __future__ import annotations

import io
import json
import re
import time
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from flask_babel import force_locale

from core.customers import services as customers
from core.customers.importing import UnitImporter
from core.customers.models import Customer, CustomerUnit, UnitRole
from core.database.types import utc_now
from core.extensions import db
from core.machinery.exchange import services
from core.machinery.exchange.importer import ImportRefused
from core.machinery.exchange.staging import read_file, unpack_content
from core.projects import services as projects
from core.projects.models import Building, Phase, Project, Unit

SAMPLES = Path(__file__).resolve().parents[3] / "docs" / "samples"
IMPORTER = UnitImporter()
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


def previewed(project, content, phase=None):
    options = {"make_buildings": phase is not None, "phase_id": phase.id if phase else None}
    batch, _read = services.start_import(
        "core.units_and_owners", IMPORTER, content, "units-and-owners.xlsx", project=project, options=options
    )
    services.check_all(batch, IMPORTER)
    return batch


def confirmed(batch):
    result = services.write_all(batch, IMPORTER, all_or_nothing=False)
    created = [key for kind, key in services.written_records(batch)[0] if kind == "new"]
    changed = [key for kind, key in services.written_records(batch)[0] if kind == "changed"]
    return result, created, changed


def made_and_confirmed(project, content, phase=None):
    return confirmed(previewed(project, content, phase))


def kinds(batch):
    return {
        kind: number for kind, number in services.counts_of(batch).items() if number and kind != "ignored"
    }


def shown(batch):
    return list(services.rows_of(batch, IMPORTER, ("new", "changed", "unchanged", "error")))


def values_of(batch, row):
    number, offset = divmod(row.position, services.CHUNK_ROWS)
    return unpack_content(services.content_of(batch, number)).rows[offset].values


def test_what_the_file_makes_is_read_in_the_readers_language(place):
    phase = db.session.scalar(sa.select(Phase).where(Phase.project_id == place.id))
    rows = [["77", "1", f"10{number}", "", "", "", "", ""] for number in (1, 2)]
    batch = previewed(place, workbook(*rows), phase)
    told = []
    for language in ("zh_Hans_CN", "en"):
        with force_locale(language):
            told.append([str(each) for each in batch.remarks])
    assert told[1] == ["Building 77 will be made."]
    assert len(told[0]) == 1 and "77" in told[0][0] and "Building" not in told[0][0]


def test_every_verdict_of_the_sample(place, content):
    expected = json.loads((SAMPLES / "units-and-owners.expected.json").read_text(encoding="utf-8"))
    batch = previewed(place, content)
    by_place = {(row.sheet, row.number): row for row in shown(batch)}
    seen = {"accept": 0, "reject": 0, "ignore": 0}
    for sheet in expected["sheets"]:
        for row in sheet["rows"]:
            found = by_place.get((sheet["name"], row["row"]))
            seen[row["verdict"]] += 1
            if row["verdict"] == "ignore":
                assert found is None
                continue
            assert found is not None
            if row["verdict"] == "reject":
                assert found.kind == "error"
                assert [{"column": error.column, "code": error.code} for error in found.errors] == row[
                    "errors"
                ]
                continue
            assert found.kind == "new", (sheet["name"], row["row"], found.errors)
            unit, values = row["unit"], values_of(batch, found)
            assert (values["building"], values["entrance"], values["number"]) == (
                unit["building"],
                unit["entrance"],
                unit["number"],
            )
            assert values["values"]["layout"] == unit["layout"]
            assert values["values"]["gross_area_contract"] == unit["gross_area_contract"]
            owners = [
                {
                    "name": one["name"],
                    "kind": one["kind"],
                    "phone": one["phone"],
                    "identity_type": "other" if one["kind"] == "company" else one["identity_type"],
                    "identity_number": one["credit_code"]
                    if one["kind"] == "company"
                    else one["identity_number"],
                }
                for one in values["owners"]
            ]
            assert owners == row["owners"]
    assert seen == expected["verdicts"]
    assert batch.skipped == ["填表说明"]


def test_a_preview_writes_neither_units_nor_customers(place, content):
    before = [
        db.session.scalar(sa.select(sa.func.count()).select_from(model))
        for model in (Unit, Customer, CustomerUnit)
    ]
    previewed(place, content)
    after = [
        db.session.scalar(sa.select(sa.func.count()).select_from(model))
        for model in (Unit, Customer, CustomerUnit)
    ]
    assert before == after


def test_a_confirmation_writes_the_good_rows_once(place, content):
    batch = previewed(place, content)
    result, created, changed = confirmed(batch)
    assert (len(created), len(changed), result["error"]) == (40, 0, 13)
    assert confirmed(batch) == (result, created, changed)
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
    again = previewed(place, content)
    assert kinds(again) == {"unchanged": 40, "error": 13}
    confirmed(again)
    assert db.session.scalar(sa.select(sa.func.count(Customer.id))) == customers


def test_a_change_is_shown_as_before_and_after_with_masked_numbers(place):
    first = ["1", "1", "1801", "三房", "88.00", "张三", "13900010001", ""]
    made_and_confirmed(place, workbook(first))
    changed = ["1", "1", "1801", "四房", "90.5", "张三、李四", "13900010001、13900010002", ""]
    batch = previewed(place, workbook(changed))
    assert shown(batch)[0].kind == "changed"
    assert set(shown(batch)[0].diff) == {
        ("layout", "三房", "四房"),
        ("gross_area_contract", "88.00", "90.50"),
        ("owner", "", "李四"),
    }
    _result, _created, keys = confirmed(batch)
    unit = db.session.get_one(Unit, keys[0])
    assert unit.layout == "四房"
    assert [customer.name for customer in customers.owners_of(unit)] == ["张三", "李四"]


def test_another_owner_is_a_conflict_and_never_a_silent_change(place):
    made_and_confirmed(place, workbook(["1", "1", "1801", "", "", "张三", "13900010001", ""]))
    batch = previewed(place, workbook(["1", "1", "1801", "", "", "李四", "13900010002", ""]))
    assert [error.code for error in shown(batch)[0].errors] == ["owner_conflict"]


def test_missing_buildings_are_made_only_when_asked(place, world):
    rows = workbook(["7栋", "", "0301", "", "", "", "", ""])
    assert shown(previewed(place, rows))[0].errors[0].code == "building_unknown"
    phase = db.session.scalars(sa.select(Phase).where(Phase.project_id == place.id)).one()
    batch = previewed(place, rows, phase)
    assert ["7" in remark for remark in batch.result["remarks"]] == [True]
    _result, created, _changed = confirmed(batch)
    unit = db.session.get_one(Unit, created[0])
    assert (unit.code, unit.floor, unit.building.phase_id) == ("7-0301", 3, phase.id)


def test_a_customer_of_another_company_is_not_recognised_nor_told(place, world):
    foreign_phone = world.foreign.phones[0]
    batch = previewed(place, workbook(["1", "1", "1801", "", "", "某人", foreign_phone, ""]))
    assert shown(batch)[0].kind == "new"


def test_an_expired_preview_is_refused(place, content):
    batch = previewed(place, content)
    batch.expires_at = utc_now()
    with pytest.raises(ImportRefused):
        confirmed(batch)


def test_errors_stop_everything_when_asked(place, content):
    with pytest.raises(ImportRefused):
        services.write_all(previewed(place, content), IMPORTER, all_or_nothing=True)


def test_everything_that_the_import_made_goes_when_it_is_taken_back(place, content):
    phase = db.session.scalars(sa.select(Phase).where(Phase.project_id == place.id)).one()
    before = [numbers(model) for model in (Unit, Customer, CustomerUnit, Building)]
    made_and_confirmed(place, workbook(["1", "1", "1801", "三房", "88", "张三", "13900010001", ""]))
    unit = db.session.scalars(sa.select(Unit).where(Unit.code == "1-1-1801")).one()
    rows = [
        ["1", "1", "1801", "四房", "90", "张三、李四", "13900010001、13900010002", ""],
        ["9", "1", "0101", "", "", "张三", "13900010001", ""],
        ["9", "1", "0102", "", "", "王五", "13900010003", ""],
        ["9", "1", "0103", "", "", "王五", "13900010003", ""],
    ]
    batch = previewed(place, workbook(*rows), phase)
    confirmed(batch)
    assert services.undo_all(batch, IMPORTER) == (4, 0)
    after = [numbers(model) for model in (Unit, Customer, CustomerUnit, Building)]
    assert [new - old for new, old in zip(after, before, strict=True)] == [1, 1, 1, 0]
    assert (unit.layout, [row.name for row in customers.owners_of(unit)]) == ("三房", ["张三"])


def test_what_somebody_changed_since_stays(place):
    batch = previewed(
        place,
        workbook(
            ["1", "1", "1801", "三房", "88", "张三", "13900010001", ""],
            ["1", "1", "1802", "三房", "88", "李四", "13900010002", ""],
        ),
    )
    confirmed(batch)
    person = db.session.scalars(sa.select(Customer).where(Customer.name == "张三")).one()
    customers.change_customer(person, note="要求来电")
    assert services.undo_all(batch, IMPORTER) == (1, 1)
    assert [unit.code for unit in db.session.scalars(sa.select(Unit).where(Unit.project_id == place.id))] == [
        "1-1-1801"
    ]


def numbers(model):
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


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
    batch = previewed(place, book)
    taken = time.perf_counter() - start
    assert kinds(batch) == {"new": 5_000}
    assert taken < 15, taken


def test_a_file_without_a_table_is_refused(running_app):
    book = openpyxl.Workbook()
    book.active.append(["甲", "乙"])
    book.active.append(["1", "2"])
    stream = io.BytesIO()
    book.save(stream)
    with running_app.test_request_context():
        assert not read_file(stream.getvalue(), "x.xlsx", IMPORTER).understood
        book.active.delete_rows(1, 5)
        empty = io.BytesIO()
        book.save(empty)
        with pytest.raises(ImportRefused):
            read_file(empty.getvalue(), "x.xlsx", IMPORTER)


def test_the_pages_from_upload_to_result(sign_in, world, content):
    browser = sign_in("head")
    moved = browser.get(f"/admin/unit_import/?project={world.own.project_id}")
    assert moved.status_code == 303
    answer = browser.post(
        moved.location,
        data={
            "project_id": world.own.project_id,
            "file": (io.BytesIO(content), "名单.xlsx"),
            "make_buildings": "y",
            "phase_id": world.own.phase_id,
            "match": "unit",
            "mode": "both",
        },
    )
    assert answer.status_code == 303, answer.text
    columns = browser.get(answer.location)
    fields = dict(re.findall(r'name="(c\d+-\d+)".*?<option value="(\w+)" selected', columns.text))
    answer = browser.post(answer.location, data=fields)
    page = browser.get(answer.location)
    assert page.status_code == 200
    assert "bad-row" in page.text
    key = answer.location.rpartition("=")[2]
    answer = browser.post("/admin/imports/confirm/", data={"id": key})
    result = browser.get(answer.location)
    assert "3-1-1501" in result.text
    assert sign_in("nobody").get("/admin/unit_import/").status_code == 403


def test_a_missing_phase_keeps_what_was_typed(sign_in, world, content):
    answer = sign_in("head").post(
        "/admin/imports/start/?kind=core.units_and_owners",
        data={
            "project_id": world.own.project_id,
            "file": (io.BytesIO(content), "x.xlsx"),
            "make_buildings": "y",
            "match": "unit",
            "mode": "both",
        },
    )
    assert answer.status_code == 422
    assert f'value="{world.own.project_id}"' in answer.text
