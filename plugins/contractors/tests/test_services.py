"""Who answers for what: the rules of companies, contacts and the matrix."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from core.toolkit import PersonalValueError, Project, ScopeError, db, local_today
from plugins.contractors import services
from plugins.contractors.models import MAIN_TRADE, Company, Contact, ContactRole, ResponsibleContractor, Trade
from plugins.contractors.services import ContractorRuleError
from plugins.contractors.tests.conftest import CREDIT_CODE, building, company, trade, unit


def test_the_catalogue_loads_once_and_keeps_changes(site, system):
    with system():
        count = db.session.scalar(sa.select(sa.func.count(Trade.id)))
        services.change_trade(trade("gas"), name="燃气安装", position=5)
        services.load_trades()
        assert db.session.scalar(sa.select(sa.func.count(Trade.id))) == count == 18
        assert trade("gas").name == "燃气安装"
        assert services.active_trades()[0].code == "gas"


def test_the_trade_that_everything_falls_back_to_stays(site, system):
    with system(), pytest.raises(ContractorRuleError, match="总承包"):
        services.change_trade(trade(MAIN_TRADE), name="总承包", active=False)


@pytest.mark.parametrize("code", ["", "Gas", "1a", "a", "x" * 41, "gas", "气"])
def test_a_trade_needs_a_code_of_its_own(site, system, code):
    with system(), pytest.raises(ContractorRuleError):
        services.add_trade(code=code, name="某专业")


def test_a_company_is_registered_with_its_trades(site, world, scope_of):
    with scope_of("engineer"):
        made = services.register_company(
            department=world.department("city"),
            name="  丙 防水  有限公司 ",
            credit_code=f" {CREDIT_CODE[:9]} {CREDIT_CODE[9:].lower()} ",
            warranty_phone="400-830-0202",
            trades=[trade("painting"), trade("waterproofing")],
        )
        assert made.name == "丙 防水 有限公司"
        assert made.credit_code == CREDIT_CODE
        assert [each.code for each in made.trades] == ["waterproofing", "painting"]
        services.change_company(made, trades=[trade("gas")], note="改")
        assert [each.code for each in made.trades] == ["gas"]
        assert made.warranty_phone == "400-830-0202"


def test_a_company_is_registered_once_in_its_city(site, world, scope_of):
    with scope_of("engineer"):
        first = services.register_company(
            department=world.department("city"), name="丙公司", credit_code=CREDIT_CODE
        )
        with pytest.raises(ContractorRuleError, match="丙公司"):
            services.register_company(department=world.department("city"), name="丙公司")
        with pytest.raises(ContractorRuleError, match=CREDIT_CODE):
            services.register_company(
                department=world.department("city"), name="丁公司", credit_code=CREDIT_CODE
            )
        with pytest.raises(ContractorRuleError):
            services.change_company(company(site.painter_id), credit_code=CREDIT_CODE)
        services.change_company(first, name="丙公司", credit_code=CREDIT_CODE)
    with scope_of("other"):
        services.register_company(
            department=world.department("other_city"), name="丙公司", credit_code=CREDIT_CODE
        )


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"name": " "}, ContractorRuleError),
        ({"credit_code": "91440300MA5DEM002K"}, PersonalValueError),
        ({"warranty_phone": "12"}, PersonalValueError),
    ],
)
def test_impossible_values_are_refused(site, scope_of, values, refusal):
    with scope_of("engineer"):
        with pytest.raises(refusal):
            services.change_company(company(site.painter_id), **values)
        assert not db.session.dirty


def test_only_a_city_company_has_contractors(site, world, scope_of):
    with scope_of("engineer"), pytest.raises(ContractorRuleError, match="甲城一组"):
        services.register_company(department=world.department("group"), name="丙公司")


def test_no_company_is_written_into_another_city(site, world, scope_of):
    with scope_of("engineer"), pytest.raises(ScopeError):
        services.register_company(department=world.department("other_city"), name="丙公司")


def test_the_building_is_asked_before_its_main_contractor(site, scope_of):
    with scope_of("engineer"):
        house = unit(site.unit_id)
        assert services.responsible_company(house, "painting") is None
        services.set_responsible(building(site.building_id), trade(MAIN_TRADE), company(site.general_id))
        assert services.responsible_company(house, "painting").id == site.general_id
        services.set_responsible(building(site.building_id), trade("painting"), company(site.painter_id))
        assert services.responsible_company(house, "painting").id == site.painter_id
        assert services.responsible_company(house, "gas").id == site.general_id
        assert services.responsible_company(house, "no_such_trade").id == site.general_id


def test_another_building_answers_for_itself(site, scope_of):
    with scope_of("engineer"):
        services.set_responsible(
            building(site.second_building_id), trade("painting"), company(site.painter_id)
        )
        assert services.responsible_company(unit(site.unit_id), "painting") is None


def test_a_company_answers_from_its_first_day(site, scope_of):
    today = local_today()
    with scope_of("engineer"):
        services.set_responsible(building(site.building_id), trade(MAIN_TRADE), company(site.general_id))
        services.set_responsible(
            building(site.building_id),
            trade("painting"),
            company(site.painter_id),
            valid_from=today + dt.timedelta(days=1),
        )
        house = unit(site.unit_id)
        assert services.responsible_company(house, "painting").id == site.general_id
        assert (
            services.responsible_company(house, "painting", today + dt.timedelta(days=1)).id
            == site.painter_id
        )


def test_naming_again_replaces_and_nobody_empties(site, scope_of):
    with scope_of("engineer"):
        here, painting = building(site.building_id), trade("painting")
        first = services.set_responsible(here, painting, company(site.painter_id), contract_number=" HT-1 ")
        again = services.set_responsible(here, painting, company(site.general_id))
        assert first.id == again.id
        assert (again.company_id, again.contract_number) == (site.general_id, "")
        assert services.set_responsible(here, painting, None) is None
        assert db.session.scalar(sa.select(sa.func.count(ResponsibleContractor.id))) == 0


def test_a_company_of_another_city_or_archive_cannot_answer(site, system):
    with system():
        with pytest.raises(ContractorRuleError, match="外地公司"):
            services.set_responsible(building(site.building_id), trade("gas"), company(site.foreign_id))
        services.archive_company(company(site.painter_id))
        with pytest.raises(ContractorRuleError, match="乙装饰"):
            services.set_responsible(building(site.building_id), trade("gas"), company(site.painter_id))


def test_archiving_is_refused_while_responsible_and_says_where(site, scope_of):
    with scope_of("engineer"):
        painter = company(site.painter_id)
        services.set_responsible(building(site.second_building_id), trade("painting"), painter)
        with pytest.raises(ContractorRuleError, match="二栋：涂饰裱糊"):
            services.archive_company(painter)
        services.set_responsible(building(site.second_building_id), trade("painting"), None)
        services.archive_company(painter)
        assert painter.archived_at is not None
        assert painter not in services.companies_of_city(painter.department_id)
        services.restore_company(painter)
        assert painter in services.companies_of_city(painter.department_id)


def test_archiving_minds_buildings_that_the_user_cannot_see(site, world, scope_of, system):
    with system():
        services.set_responsible(building(world.sibling.building_id), trade("gas"), company(site.painter_id))
        db.session.commit()
    with scope_of("engineer"), pytest.raises(ContractorRuleError) as refused:
        services.archive_company(company(site.painter_id))
    assert world.sibling.canary not in str(refused.value)


def test_copying_fills_what_is_empty_and_replaces_on_request(site, scope_of):
    with scope_of("engineer"):
        source, target = building(site.building_id), building(site.second_building_id)
        for code, key in (("painting", site.painter_id), ("gas", site.general_id)):
            services.set_responsible(source, trade(code), company(key), contract_number="HT-9")
        services.set_responsible(target, trade("gas"), company(site.painter_id))
        assert services.fill_matrix(target, source) == 1
        assert {cell.trade.code: cell.company_id for cell in services.cells_of(target)} == {
            "painting": site.painter_id,
            "gas": site.painter_id,
        }
        assert services.fill_matrix(target, source, overwrite=True) == 1
        assert {cell.contract_number for cell in services.cells_of(target)} == {"HT-9"}
        assert services.fill_matrix(target, source, overwrite=True) == 0


def test_copying_stays_within_a_project(site, world, system):
    with system():
        for source in (site.second_building_id, world.sibling.building_id):
            with pytest.raises(ContractorRuleError):
                services.fill_matrix(building(site.second_building_id), building(source))


def test_companies_of_a_project(site, world, scope_of):
    with scope_of("engineer"):
        project = db.session.get_one(Project, world.own.project_id)
        assert services.companies_for(project) == []
        for code in ("gas", "painting"):
            services.set_responsible(building(site.building_id), trade(code), company(site.painter_id))
        assert [each.id for each in services.companies_for(project)] == [site.painter_id]


def test_the_matrix_counts_what_is_open(site, world, scope_of):
    with scope_of("engineer"):
        services.set_responsible(building(site.building_id), trade("gas"), company(site.general_id))
        services.change_trade(trade("lift"), name="电梯", active=False)
        matrix = services.matrix_of(db.session.get_one(Project, world.own.project_id))
        assert matrix.size == 2 * 17
        assert matrix.open_cells == 2 * 17 - 1
        assert len(matrix.open_trades(building(site.building_id))) == 16


@pytest.mark.parametrize(
    ("codes", "ordered"),
    [(["10", "2", "1"], ["1", "2", "10"]), (["B", "12A", "3", "A"], ["3", "12A", "A", "B"])],
)
def test_buildings_stand_as_people_count(codes, ordered):
    assert sorted(codes, key=services.building_order) == ordered


def test_the_contact_of_the_project_and_of_the_warranty_comes_first(site, world, scope_of):
    with scope_of("engineer"):
        painter = company(site.painter_id)
        project = db.session.get_one(Project, world.own.project_id)
        assert services.contact_for(painter, project) is None
        office = services.add_contact(painter, name="内勤", role=ContactRole.OFFICE)
        warranty = services.add_contact(painter, name="维保", role=ContactRole.WARRANTY_SUPERVISOR)
        assert services.contact_for(painter, project) is warranty
        manager = services.add_contact(
            painter, name="经理", role=ContactRole.PROJECT_MANAGER, phone="199 0000 0001", project=project
        )
        assert manager.phone == "19900000001"
        assert services.contact_for(painter, project) is manager
        assert services.contact_for(painter) is warranty
        assert office in painter.contacts


def test_a_contact_belongs_to_a_project_of_its_city(site, world, system):
    with system():
        with pytest.raises(ContractorRuleError, match=world.foreign.canary):
            services.add_contact(
                company(site.painter_id),
                name="某人",
                project=db.session.get_one(Project, world.foreign.project_id),
            )
        with pytest.raises(PersonalValueError):
            services.add_contact(company(site.painter_id), name="某人", phone="123")
        assert db.session.scalar(sa.select(sa.func.count(Contact.id))) == 0


def test_a_building_with_contractors_may_not_be_deleted(site, world, system):
    with system():
        assert services.uses_of("core.building", site.building_id) == []
        services.set_responsible(building(site.building_id), trade("gas"), company(site.general_id))
        for kind, key in (("core.building", site.building_id), ("core.project", world.own.project_id)):
            assert len(services.uses_of(kind, key)) == 1
        assert len(services.uses_of("core.department", world.departments["city"])) == 1
        assert services.uses_of("core.unit", site.unit_id) == []


def test_companies_are_seen_in_their_city_alone(site, scope_of):
    with scope_of("sibling"):
        assert {each.id for each in db.session.scalars(sa.select(Company))} == {
            site.general_id,
            site.painter_id,
        }
    with scope_of("other"):
        assert {each.id for each in db.session.scalars(sa.select(Company))} == {site.foreign_id}
