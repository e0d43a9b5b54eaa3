"""The pages of customers: list, search, record page, forms, merging, erasing, copying, the global search."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa

from core.customers import services
from core.customers.models import Consent, Customer, CustomerContact, CustomerPreference, CustomerUnit
from core.extensions import db
from core.people.models import Role
from core.projects.models import Project


@pytest.fixture
def grant(world, system):
    """Give a role of the world further permissions."""

    def grant(name, *codes):
        with system():
            role = db.session.get_one(Role, world.roles[name])
            role.permissions = sorted({*role.permissions, *codes})
            db.session.commit()

    return grant


@pytest.fixture
def masked(world, system):
    """Take the right to see personal data unmasked from everybody."""
    with system():
        for role in db.session.scalars(sa.select(Role)):
            role.permissions = [code for code in role.permissions if code != "personal.view"]
        db.session.commit()


@pytest.fixture
def made(scope_of, world):
    """Ids of two customers of the own project with the same number."""
    with scope_of("head"):
        project = db.session.get_one(Project, world.own.project_id)
        rows = [
            services.register_customer(
                project=project, name=name, phone="13900010001", identity_number=number
            )
            for name, number in (("欧阳明月", "440305199302049178"), ("欧阳月", None))
        ]
        db.session.commit()
        return [row.id for row in rows]


def test_the_list_masks_numbers_and_shows_only_own_customers(sign_in, world, masked):
    page = sign_in("engineer").get("/admin/customers/").text
    assert world.own.phones[0] not in page
    assert f"{world.own.phones[0][:3]}****{world.own.phones[0][-4:]}" in page
    assert world.foreign.canary not in page
    assert world.own.canary in page, "the name of the project"


def test_a_name_of_two_characters_and_a_phone_fragment_are_found(sign_in, grant, made):
    assert "欧阳明月" in sign_in("head").get("/admin/customers/?search=明月").text
    assert "欧阳明月" in sign_in("head").get("/admin/customers/?search=00100").text
    assert "欧阳明月" not in sign_in("service").get("/admin/customers/?search=00100").text
    grant("service", "customers.search_phone")
    assert "欧阳明月" in sign_in("service").get("/admin/customers/?search=00100").text


def test_projects_of_a_customer_are_called_as_the_reader_does(sign_in, world, system):
    with system():
        db.session.get_one(Project, world.own.project_id).name_en = "Lakeside Garden"
        db.session.commit()
    browser = sign_in("head")
    browser.post("/preferences/language", data={"locale": "en", "next": "/admin/"})
    for page in ("/admin/customers/", f"/admin/customers/details/?id={world.own.customer_ids[0]}"):
        assert "Lakeside Garden" in browser.get(page).text
    unit = browser.get(f"/admin/units/details/?id={world.own.unit_ids[0]}").text
    assert "Lakeside Garden" in unit[unit.index('class="crumb"') : unit.index("<h1")]


@pytest.mark.parametrize(
    "query", ["f_kind=person", "f_life_cycle=prospect", "f_created_at_from=2000-01-01", "f_project={own}"]
)
def test_filters(sign_in, world, made, query):
    page = sign_in("head").get("/admin/customers/?" + query.format(own=world.own.project_id)).text
    assert "欧阳明月" in page
    assert 'class="chip"' in page


def test_a_foreign_project_is_no_filter(sign_in, world):
    page = sign_in("head").get(f"/admin/customers/?f_project={world.foreign.project_id}").text
    assert world.foreign.canary not in page


def test_the_page_of_a_customer(sign_in, world, made, masked):
    page = sign_in("head").get(f"/admin/customers/details/?id={made[0]}")
    assert page.status_code == 200
    assert "4403**********9178" in page.text
    assert "440305199302049178" not in page.text
    assert "欧阳月" in page.text, "the one with the same number"
    assert "section could not be shown" not in page.text
    assert sign_in("other").get(f"/admin/customers/details/?id={made[0]}").status_code == 404


def test_units_and_owners_find_each_other(sign_in, world):
    browser = sign_in("head")
    customer = browser.get(f"/admin/customers/details/?id={world.own.customer_ids[0]}").text
    assert "/admin/units/details/?id=" in customer
    unit = browser.get(f"/admin/units/details/?id={world.own.unit_ids[0]}").text
    assert "/admin/customers/details/?id=" in unit
    assert "could not be shown" not in customer + unit


def create(browser, world, **values):
    page = browser.get("/admin/customers/new/").text
    nonce = page.split('name="form_nonce" value="')[1].split('"')[0]
    base = {
        "project_id": world.own.project_id,
        "kind": "person",
        "language": "zh_Hans_CN",
        "form_nonce": nonce,
    }
    return browser.post("/admin/customers/new/", data=base | values)


def test_registering_warns_of_a_visible_double_and_keeps_what_was_typed(sign_in, world, made):
    browser = sign_in("head")
    answer = create(browser, world, name="新客户", phone="13900010001")
    assert answer.status_code == 422
    assert "新客户" in answer.text
    assert f"/admin/customers/details/?id={made[0]}" in answer.text
    assert create(browser, world, name="新客户", phone="13900010001", register_anyway="y").status_code == 303


def test_registering_tells_nothing_of_foreign_customers(sign_in, world):
    assert create(sign_in("head"), world, name="新客户", phone=world.foreign.phones[0]).status_code == 303


def test_where_an_imported_customer_came_from_is_said_in_words(sign_in, made, scope_of):
    with scope_of("head"):
        db.session.get_one(Customer, made[1]).source = "import"
        db.session.commit()
    browser, address = sign_in("head"), f"/admin/customers/edit/?id={made[1]}"
    page = browser.get(address).text
    assert 'name="source"' in page and 'value="导入"' in page and 'value="import"' not in page
    for typed, kept in (("导入", "import"), ("Import", "import"), (" 朋友介绍 ", "朋友介绍")):
        form = browser.get(address).text.split('<form id="record-form"')[-1]
        hidden = dict(re.findall(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', form))
        known = {"name": "欧阳月", "kind": "person", "language": "zh_Hans_CN", "phone": "13900010001"}
        answer = browser.post(address, data={**hidden, **known, "source": typed, "register_anyway": "y"})
        assert answer.status_code == 303, answer.text
        with scope_of("head"):
            assert db.session.get_one(Customer, made[1]).source == kept


def test_an_impossible_number_stands_at_its_field(sign_in, world):
    answer = create(sign_in("head"), world, name="新客户", phone="12345")
    assert answer.status_code == 422
    assert 'id="phone-error"' in answer.text


def test_a_customer_of_a_foreign_project_cannot_be_made(sign_in, world, system):
    answer = create(sign_in("head"), world, name="新客户", project_id=world.foreign.project_id)
    assert answer.status_code == 422


def test_contacts_consents_preferences_and_units_are_entered_on_their_forms(sign_in, world, made, scope_of):
    browser = sign_in("head")

    def post(path, **values):
        page = browser.get(f"{path}?customer={made[0]}")
        assert "欧阳明月" in page.text
        nonce = page.text.split('name="form_nonce" value="')[1].split('"')[0]
        answer = browser.post(path, data={"customer_id": made[0], "form_nonce": nonce} | values)
        assert answer.status_code == 303, answer.text
        assert answer.location.endswith(f"/admin/customers/details/?id={made[0]}")

    post("/admin/customer_contacts/new/", kind="phone", value="0755-83880000", label="家")
    post("/admin/customer_consents/new/", purpose="marketing", channel="web", notice_version="3")
    post("/admin/customer_preferences/new/", channel="sms", opted_out="marketing")
    post("/admin/customer_units/new/", unit_id=world.own.unit_ids[-1], role="family")
    page = browser.get(f"/admin/customers/details/?id={made[0]}").text
    assert "could not be shown" not in page
    with scope_of("head"):
        consent = db.session.scalars(sa.select(Consent).where(Consent.customer_id == made[0])).one()
        assert (
            db.session.scalars(sa.select(CustomerContact).where(CustomerContact.customer_id == made[0]))
            .one()
            .label
            == "家"
        )
        held = db.session.scalars(
            sa.select(CustomerPreference).where(CustomerPreference.customer_id == made[0])
        ).one()
        assert (held.channel, held.opted_out) == ("sms", ["marketing"])
        assert (
            db.session.scalars(sa.select(CustomerUnit).where(CustomerUnit.customer_id == made[0])).one().role
            == "family"
        )
        key = consent.id
    assert browser.post("/admin/customer_consents/withdraw/", data={"id": key}).status_code == 303
    with scope_of("head"):
        assert db.session.get_one(Consent, key).withdrawn_at is not None


def test_merging_over_the_pages(sign_in, made, scope_of):
    browser = sign_in("head")
    assert f"merged={made[1]}" in browser.get(f"/admin/customers/merge/?id={made[0]}").text
    assert browser.get(f"/admin/customers/merge/?id={made[0]}&merged={made[1]}").status_code == 200
    assert browser.post(f"/admin/customers/merge/?id={made[0]}", data={"merged": made[1]}).status_code == 303
    page = browser.get(f"/admin/customers/details/?id={made[1]}").text
    assert f"/admin/customers/details/?id={made[0]}" in page
    with scope_of("head"):
        assert db.session.get_one(Customer, made[1]).merged_into_id == made[0]
    assert sign_in("engineer").get(f"/admin/customers/merge/?id={made[0]}").status_code == 403


def test_merging_with_a_foreign_customer_is_a_missing_page(sign_in, world, made):
    foreign = world.foreign.customer_ids[0]
    assert sign_in("head").get(f"/admin/customers/merge/?id={made[0]}&merged={foreign}").status_code == 404


def test_erasing_needs_reason_name_and_a_fresh_password(sign_in, made, scope_of):
    browser = sign_in("admin")
    path = f"/admin/customers/erase/?id={made[0]}"
    assert browser.post(path, data={"reason": "客户书面申请", "typed_name": "别人"}).status_code == 422
    assert browser.post(path, data={"reason": "", "typed_name": "欧阳明月"}).status_code == 422
    with browser.session_transaction() as session:
        held = session["fs_paa"]
        session["fs_paa"] = held - 3600
    assert browser.post(path, data={"reason": "客户书面申请", "typed_name": "欧阳明月"}).status_code == 302
    with browser.session_transaction() as session:
        session["fs_paa"] = held
    with scope_of("admin"):
        assert db.session.get_one(Customer, made[0]).erased_at is None
    assert browser.post(path, data={"reason": "客户书面申请", "typed_name": "欧阳明月"}).status_code == 303
    with scope_of("admin"):
        assert db.session.get_one(Customer, made[0]).erased_at is not None
    assert sign_in("head").get(f"/admin/customers/erase/?id={made[1]}").status_code == 403


def test_a_copy_of_the_data_is_a_file_and_logged(sign_in, made, scope_of):
    browser = sign_in("admin")
    path = f"/admin/customers/copy/?id={made[0]}"
    assert browser.post(path, data={"reason": "x"}).status_code == 422
    answer = browser.post(path, data={"reason": "客户申请副本"})
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert json.loads(answer.data)["customer"]["name"] == "欧阳明月"
    assert "客户申请副本" in browser.get(f"/admin/customers/details/?id={made[0]}").text


def test_the_global_search_finds_names_tails_and_units(sign_in, world, made, grant):
    browser = sign_in("head")
    assert "欧阳明月" in browser.get("/admin/search/?q=明月").text
    assert "欧阳明月" in browser.get("/admin/search/?q=0001").text
    assert "欧阳明月" not in sign_in("service").get("/admin/search/?q=0001").text
    unit = browser.get(f"/admin/units/details/?id={world.own.unit_ids[0]}").text
    code = unit.split("<h1>")[1].split("<")[0]
    answer = browser.get(f"/admin/search/?q={code}").text
    assert f"/admin/units/details/?id={world.own.unit_ids[0]}" in answer
    assert f"/admin/customers/details/?id={world.own.customer_ids[0]}" in answer
    building, *_middle, number = code.split("-")
    spoken = f"{building}栋{_middle[0]}单元{number}" if _middle else f"{building}栋{number}"
    assert (
        f"/admin/units/details/?id={world.own.unit_ids[0]}" in browser.get(f"/admin/search/?q={spoken}").text
    )
    assert world.foreign.canary not in answer


def test_who_stands_above_all_sees_every_project_without_a_list_of_them(scope_of, world, system):
    with scope_of("admin") as scope:
        assert scope.project_ids is None
        assert scope.department_ids is not None
        assert db.session.get(Customer, world.foreign.customer_ids[0]) is not None
    with scope_of("admin", "city") as scope:
        assert scope.project_ids == {world.own.project_id, world.sibling.project_id}
    with system():
        from core.people import services as people

        people.create_department(kind="region", code="R2", name="第二区域")
        db.session.commit()
    with scope_of("admin") as scope:
        assert scope.project_ids == {world.own.project_id, world.sibling.project_id, world.foreign.project_id}
