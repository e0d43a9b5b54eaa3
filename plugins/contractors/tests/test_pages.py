"""The pages: the matrix with its edits and conflicts, companies, contacts and the search."""

from __future__ import annotations

import re

import pytest

from core.toolkit import Project, all_departments, db, utc_now
from plugins.contractors import services
from plugins.contractors.models import Company, Contact
from plugins.contractors.tests.conftest import CREDIT_CODE, building, company, trade


@pytest.fixture
def staff(site, switch_on, sign_in):
    """``staff("engineer")``: a signed-in browser in a department where the module is on."""
    switch_on("contractors")
    return sign_in


def fields_of(page: str) -> dict[str, str]:
    """Return what a browser would send for the form of the matrix."""
    form = page[page.index("matrix-form") :]
    sent = dict(re.findall(r'name="(t\d+-version)" value="([^"]*)"', form))
    for name, options in re.findall(
        r'<select id="[^"]*" name="(t\d+-company)"[^>]*>(.*?)</select>', form, re.DOTALL
    ):
        chosen = re.search(r'value="(\d+)" selected', options)
        sent[name] = chosen[1] if chosen else ""
    for name, value in re.findall(
        r'name="(t\d+-(?:contract_number|retention_note))"[^>]*value="([^"]*)"', form
    ):
        sent[name] = value
    return sent


def edit_address(site) -> str:
    return f"/admin/contractors/matrix/edit/?building={site.building_id}"


def responsible(running_app, site) -> dict[str, int]:
    with running_app.app_context(), all_departments("a test"):
        return {cell.trade.code: cell.company_id for cell in services.cells_of(building(site.building_id))}


def trade_id(running_app, code: str) -> int:
    with running_app.app_context():
        return trade(code).id


def test_the_matrix_shows_companies_and_gaps(site, world, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        services.set_responsible(building(site.building_id), trade("painting"), company(site.painter_id))
        db.session.commit()
    page = staff("engineer").get("/admin/contractors/matrix/")
    assert page.status_code == 200
    assert page.text.count("乙装饰") >= 1
    assert page.text.count('class="st late"') == 2 * 18 - 1
    assert world.own.canary in page.text
    assert world.sibling.canary not in page.text


def test_the_matrix_without_projects_says_what_to_do(world, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        db.session.get_one(Project, world.own.project_id).archived_at = utc_now()
        db.session.commit()
    page = staff("engineer").get("/admin/contractors/matrix/")
    assert page.status_code == 200
    assert 'class="empty' in page.text


def test_naming_companies(site, staff, running_app):
    browser = staff("engineer")
    sent = fields_of(browser.get(edit_address(site)).text)
    painting = trade_id(running_app, "painting")
    sent |= {
        f"t{painting}-company": str(site.painter_id),
        f"t{painting}-valid_from": "2026-01-31",
        f"t{painting}-contract_number": "HT-7",
    }
    answer = browser.post(edit_address(site), data=sent)
    assert answer.status_code == 303
    assert responsible(running_app, site) == {"painting": site.painter_id}
    again = fields_of(browser.get(edit_address(site)).text)
    assert again[f"t{painting}-company"] == str(site.painter_id)
    assert again[f"t{painting}-contract_number"] == "HT-7"
    again[f"t{painting}-company"] = ""
    assert browser.post(edit_address(site), data=again).status_code == 303
    assert responsible(running_app, site) == {}


def test_a_stale_change_is_refused_and_nothing_is_lost(site, staff, running_app):
    first, second = staff("engineer"), staff("head")
    stale = fields_of(first.get(edit_address(site)).text)
    painting, gas = trade_id(running_app, "painting"), trade_id(running_app, "gas")
    fresh = stale | {f"t{painting}-company": str(site.general_id)}
    assert second.post(edit_address(site), data=fresh).status_code == 303
    typed = stale | {f"t{painting}-company": str(site.painter_id), f"t{gas}-company": str(site.painter_id)}
    refused = first.post(edit_address(site), data=typed)
    assert refused.status_code == 422
    assert "甲总包" in refused.text
    assert responsible(running_app, site) == {"painting": site.general_id}
    kept = fields_of(refused.text)
    assert kept[f"t{gas}-company"] == str(site.painter_id)
    assert first.post(edit_address(site), data=kept).status_code == 303
    assert responsible(running_app, site) == {"painting": site.painter_id, "gas": site.painter_id}


def test_what_others_changed_elsewhere_stays(site, staff, running_app):
    browser = staff("engineer")
    stale = fields_of(browser.get(edit_address(site)).text)
    with running_app.app_context(), all_departments("a test"):
        services.set_responsible(building(site.building_id), trade("gas"), company(site.general_id))
        db.session.commit()
    painting = trade_id(running_app, "painting")
    answer = browser.post(edit_address(site), data=stale | {f"t{painting}-company": str(site.painter_id)})
    assert answer.status_code == 422
    assert responsible(running_app, site) == {"gas": site.general_id}


@pytest.mark.parametrize("value", ["999999", "x", "1,5", "-1", "９"])
def test_a_company_that_cannot_be_chosen_is_an_error_at_the_row(site, staff, running_app, value):
    browser = staff("engineer")
    sent = fields_of(browser.get(edit_address(site)).text)
    sent[f"t{trade_id(running_app, 'gas')}-company"] = value
    answer = browser.post(edit_address(site), data=sent)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert responsible(running_app, site) == {}


def test_a_company_of_another_city_cannot_be_named(site, staff, running_app):
    browser = staff("engineer")
    page = browser.get(edit_address(site)).text
    assert "外地公司" not in page
    sent = fields_of(page) | {f"t{trade_id(running_app, 'gas')}-company": str(site.foreign_id)}
    answer = browser.post(edit_address(site), data=sent)
    assert answer.status_code == 422
    assert "外地公司" not in answer.text
    assert responsible(running_app, site) == {}


@pytest.mark.parametrize("day", ["2026-02-30", "0001-01-01", "tomorrow"])
def test_an_impossible_day_keeps_what_was_typed(site, staff, running_app, day):
    browser = staff("engineer")
    sent = fields_of(browser.get(edit_address(site)).text)
    gas = trade_id(running_app, "gas")
    sent |= {f"t{gas}-company": str(site.general_id), f"t{gas}-valid_from": day}
    answer = browser.post(edit_address(site), data=sent)
    assert answer.status_code == 422
    assert f'value="{day}"' in answer.text
    assert responsible(running_app, site) == {}


def test_copying_from_another_building(site, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        services.set_responsible(building(site.second_building_id), trade("gas"), company(site.general_id))
        db.session.commit()
    browser = staff("engineer")
    address = f"/admin/contractors/matrix/copy/?building={site.building_id}"
    assert browser.post(address, data={"source": site.second_building_id}).status_code == 303
    assert responsible(running_app, site) == {"gas": site.general_id}


@pytest.mark.parametrize(
    "address",
    [
        "/admin/contractors/matrix/?project={sibling}",
        "/admin/contractors/matrix/?project={foreign}",
        "/admin/contractors/matrix/?project=x",
        "/admin/contractors/matrix/?project={own}&project={own}",
        "/admin/contractors/matrix/?project={own}&building={sibling_building}",
        "/admin/contractors/matrix/edit/?building={foreign_building}",
        "/admin/contractors/matrix/edit/?building=999999",
        "/admin/contractors/matrix/edit/",
    ],
)
def test_foreign_missing_and_malformed_keys_answer_404(site, world, staff, address):
    address = address.format(
        own=world.own.project_id,
        sibling=world.sibling.project_id,
        foreign=world.foreign.project_id,
        sibling_building=world.sibling.building_id,
        foreign_building=world.foreign.building_id,
    )
    assert staff("engineer").get(address).status_code == 404


def test_copying_from_a_foreign_building_answers_404(site, world, staff, running_app):
    browser = staff("engineer")
    address = f"/admin/contractors/matrix/copy/?building={site.building_id}"
    for source in (world.foreign.building_id, "x", ""):
        assert browser.post(address, data={"source": source}).status_code == 404
    assert responsible(running_app, site) == {}


def nonce_of(page: str) -> str:
    return re.search(r'name="form_nonce" value="([^"]+)"', page)[1]


def test_registering_a_company_on_its_form(site, world, staff, running_app):
    browser = staff("engineer")
    page = browser.get("/admin/contractors/companies/new/").text
    gas = trade_id(running_app, "gas")
    typed = {
        "form_nonce": nonce_of(page),
        "department_id": world.departments["city"],
        "name": "丙燃气有限公司",
        "kind": "supplier",
        "credit_code": "91440300MA5DEM002K",
        "warranty_phone": "400-830-0202",
        "trades": [gas],
    }
    refused = browser.post("/admin/contractors/companies/new/", data=typed)
    assert refused.status_code == 422
    assert "丙燃气有限公司" in refused.text
    answer = browser.post("/admin/contractors/companies/new/", data=typed | {"credit_code": CREDIT_CODE})
    assert answer.status_code == 303
    assert "丙燃气有限公司" in browser.get(answer.location).text
    with running_app.app_context(), all_departments("a test"):
        made = db.session.query(Company).filter_by(credit_code=CREDIT_CODE).one()
        assert [each.code for each in made.trades] == ["gas"]
        assert made.department_id == world.departments["city"]


def test_archiving_a_responsible_company_says_where(site, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        services.set_responsible(building(site.second_building_id), trade("gas"), company(site.painter_id))
        db.session.commit()
    browser = staff("engineer")
    answer = browser.post(
        f"/admin/contractors/companies/archive/?id={site.painter_id}", follow_redirects=True
    )
    assert "二栋：燃气" in answer.text
    with running_app.app_context(), all_departments("a test"):
        assert company(site.painter_id).archived_at is None


def test_numbers_of_contacts_are_masked_and_survive_an_edit(site, world, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        role = world.role("engineer")
        role.permissions = [code for code in role.permissions if not code.startswith("personal.")]
        made = services.add_contact(
            company(site.painter_id), name="维保甲", phone="19900000123", email="a@b.example"
        )
        db.session.commit()
        key = made.id
    browser = staff("engineer")
    for address in (
        "/admin/contractors/contacts/",
        f"/admin/contractors/contacts/details/?id={key}",
        f"/admin/contractors/companies/details/?id={site.painter_id}",
    ):
        page = browser.get(address).text
        assert "维保甲" in page
        assert "199****0123" in page
        assert "19900000123" not in page
        assert "a@b.example" not in page
    edit = f"/admin/contractors/contacts/edit/?id={key}"
    version = re.search(r'name="row_version" value="([^"]+)"', browser.get(edit).text)[1]
    typed = {"row_version": version, "name": "维保乙", "role": "office", "phone": "", "email": ""}
    answer = browser.post(edit, data=typed)
    assert answer.status_code == 303
    with running_app.app_context(), all_departments("a test"):
        found = db.session.get_one(Contact, key)
        assert (found.name, found.phone, found.email) == ("维保乙", "19900000123", "a@b.example")


def test_the_project_of_a_contact_stays_hidden_from_who_may_not_see_it(
    site, world, staff, running_app, system
):
    with system():
        services.add_contact(
            company(site.painter_id),
            name="维保甲",
            project=db.session.get_one(Project, world.sibling.project_id),
        )
        db.session.commit()
    page = staff("engineer").get("/admin/contractors/contacts/").text
    assert "维保甲" in page
    assert world.sibling.canary not in page


def test_the_search_finds_companies_of_the_city(site, staff):
    browser = staff("engineer")
    assert (
        f"/admin/contractors/companies/details/?id={site.painter_id}"
        in browser.get("/admin/search/?q=乙装").text
    )
    assert "外地公司有限公司" not in browser.get("/admin/search/?q=外地").text


def test_a_record_of_the_core_shows_who_answers(site, world, staff, running_app):
    with running_app.app_context(), all_departments("a test"):
        services.set_responsible(building(site.building_id), trade("gas"), company(site.general_id))
        db.session.commit()
    browser = staff("engineer")
    for address in (
        f"/admin/projects/details/?id={world.own.project_id}",
        f"/admin/buildings/details/?id={site.building_id}",
    ):
        assert "甲总包" in browser.get(address).text
