"""Rules of customers: identity, units, stages, merging, erasing, copying."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
import sqlalchemy as sa

from core.customers import services
from core.customers.identity import PersonalValueError
from core.customers.life_cycle import LifeCycle
from core.customers.models import Customer, CustomerContact, CustomerProject, CustomerUnit, UnitRole
from core.database.types import local_today
from core.extensions import db
from core.machinery.attachments.models import Attachment
from core.machinery.audit.models import AuditEntry, SubjectKey
from core.projects import services as projects
from core.projects.models import Building, Project, Unit
from core.timeline import services as timeline
from core.timeline.models import TimelineEntry

DAY = dt.timedelta(days=1)


@pytest.fixture
def project(scope_of, world):
    with scope_of("head"):
        yield db.session.get_one(Project, world.own.project_id)


def new_unit(world, number="3001", **fields):
    return projects.create_unit(db.session.get_one(Building, world.own.building_id), number, "9", **fields)


def register(project, name="张三", **fields):
    return services.register_customer(project=project, name=name, **fields)


def test_a_change_keeps_what_is_not_named(project):
    customer = register(project, phone="139 0001 0001", identity_number="440305199102159014")
    services.change_customer(customer, name=" 张 三丰 ")
    assert (customer.name, customer.phone) == ("张 三丰", "13900010001")
    assert customer.identity_number == "440305199102159014"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"phone": "123"}, "phone"),
        ({"credit_code": "X"}, "credit_code"),
        ({"identity_number": "1"}, "identity_number"),
    ],
)
def test_an_impossible_number_names_its_field(project, values, field):
    customer = register(project)
    with pytest.raises(PersonalValueError) as refused:
        services.change_customer(customer, identity_type="id_card", **values)
    assert refused.value.field == field


def test_duplicates_are_found_only_within_reach(project, world):
    customer = register(project, phone="13900010001")
    twin = register(project, "张三", phone="13900010001")
    assert [one.id for one in services.duplicates_of(customer)] == [twin.id]
    assert services.find_duplicates(phone=world.foreign.phones[0]) == []


def test_an_owner_without_dates_bought_on_a_day_that_nobody_wrote_down(project, world):
    customer, unit = register(project), new_unit(world)
    holding = services.link_unit(customer, unit)
    assert customer.life_cycle == LifeCycle.WAITING
    services.change_holding(holding, subscribed_on=local_today() + DAY)
    assert customer.life_cycle == LifeCycle.PROSPECT


def test_the_stage_follows_the_dates_of_the_unit_at_once(project, world):
    customer, unit = register(project), new_unit(world)
    today = local_today()
    holding = services.link_unit(customer, unit, subscribed_on=today - 9 * DAY)
    assert customer.life_cycle == LifeCycle.SUBSCRIBED
    services.change_holding(holding, signed_on=today - 8 * DAY)
    assert customer.life_cycle == LifeCycle.WAITING
    projects.record_delivery(unit, today)
    assert customer.life_cycle == LifeCycle.DELIVERED
    projects.change_unit(unit, occupied_on=today)
    assert customer.life_cycle == LifeCycle.OCCUPIED
    services.change_holding(holding, cancelled_on=today)
    assert customer.life_cycle == LifeCycle.CANCELLED


def test_the_stage_counts_purchases_that_the_acting_user_does_not_see(scope_of, world, system):
    with system():
        foreign = db.session.get_one(Unit, world.foreign.unit_ids[0])
        customer = db.session.get_one(Customer, world.shared_customer_id)
        services.link_unit(customer, foreign, UnitRole.FAMILY)
        db.session.add(
            CustomerUnit(
                project_id=foreign.project_id,
                unit_id=foreign.id,
                customer_id=customer.id,
                signed_on=local_today() - DAY,
            )
        )
        db.session.commit()
    with scope_of("head"):
        customer = db.session.get_one(Customer, world.shared_customer_id)
        services.link_unit(customer, new_unit(world), subscribed_on=local_today())
        assert customer.life_cycle == LifeCycle.WAITING


def test_the_daily_run_computes_stages_for_the_day(scope_of, world, running_app):
    with scope_of("head"):
        project = db.session.get_one(Project, world.own.project_id)
        customer, unit = register(project), new_unit(world)
        services.link_unit(customer, unit, signed_on=local_today())
        key = customer.id
        assert customer.life_cycle == LifeCycle.SIGNED
        db.session.commit()
        assert services.refresh_life_cycles(local_today() + DAY, batch=2) >= 1
    with scope_of("head"):
        assert db.session.get_one(Customer, key).life_cycle == LifeCycle.WAITING
        db.session.rollback()
        answer = running_app.test_cli_runner().invoke(args=["customers", "refresh-life-cycles"])
        assert "1 stages changed" in answer.output, answer.output


def test_shares_cannot_exceed_all_of_it_also_after_a_change(project, world):
    unit = new_unit(world)
    first = services.link_unit(register(project), unit, share_percent=Decimal(60))
    second = services.link_unit(
        register(project, "李四"), unit, UnitRole.JOINT_OWNER, share_percent=Decimal(40)
    )
    with pytest.raises(services.CustomerRuleError) as refused:
        services.change_holding(second, share_percent=Decimal(41))
    assert refused.value.field == "share_percent"
    services.change_holding(first, share_percent=Decimal(60))


def test_dates_in_the_wrong_order_name_the_later_one(project, world):
    holding = services.link_unit(register(project), new_unit(world), signed_on=local_today())
    with pytest.raises(services.CustomerRuleError) as refused:
        services.change_holding(holding, subscribed_on=local_today() + DAY)
    assert refused.value.field == "signed_on"


def test_a_signed_purchase_is_not_removed(project, world):
    customer = register(project)
    signed = services.link_unit(customer, new_unit(world), signed_on=local_today())
    with pytest.raises(services.CustomerRuleError):
        services.unlink_unit(signed)
    wrong = services.link_unit(customer, new_unit(world, "3002"))
    services.unlink_unit(wrong)
    assert db.session.get(CustomerUnit, wrong.id) is None


def test_merging_moves_everything_and_leaves_a_signpost(project, world):
    kept = register(project, phone="13900010001")
    merged = register(project, phone="13900010002", identity_number="440305199102159014")
    unit = new_unit(world)
    services.link_unit(merged, unit, signed_on=local_today())
    services.add_contact(merged, "wechat", "zs")
    services.give_consent(merged, "marketing", "web", "1")
    services.set_preference(merged, channel="wechat")
    entry = timeline.write(
        "core.milestone", "签约", customer=merged, record_kind="core.customer", record_id=merged.id
    )
    file = Attachment(
        record_kind="core.customer",
        record_id=merged.id,
        customer_id=merged.id,
        sha256="0" * 64,
        file_name="x",
        media_type="x",
        size=1,
    )
    db.session.add(file)
    db.session.flush()
    assert services.merge_preview(kept, merged) == {
        "customer_unit": 1,
        "customer_contact": 1,
        "consent": 1,
        "customer_project": 0,
    }
    services.merge_customers(kept, merged)
    db.session.expire_all()
    assert [row.unit_id for row in kept.units] == [unit.id]
    assert sorted(row.value for row in kept.contacts) == ["13900010002", "zs"]
    assert services.has_consent(kept, "marketing")
    assert kept.preference.channel == "wechat"
    assert kept.identity_number == "440305199102159014"
    assert (entry.customer_id, entry.record_id) == (kept.id, kept.id)
    assert (file.customer_id, file.record_id) == (kept.id, kept.id)
    assert (merged.merged_into_id, merged.life_cycle, merged.phone, merged.identity_index) == (
        kept.id,
        "merged",
        None,
        None,
    )
    assert kept.life_cycle == LifeCycle.SIGNED
    with pytest.raises(services.CustomerRuleError):
        services.change_customer(merged, name="x")


def test_merging_two_parts_in_the_same_unit_leaves_one(project, world):
    unit, kept, merged = new_unit(world), register(project), register(project)
    services.link_unit(kept, unit)
    services.link_unit(merged, unit, signed_on=local_today())
    services.merge_customers(kept, merged)
    rows = db.session.scalars(sa.select(CustomerUnit).where(CustomerUnit.unit_id == unit.id)).all()
    assert [(row.customer_id, row.signed_on) for row in rows] == [(kept.id, local_today())]


def test_nobody_merges_or_erases_a_customer_who_is_known_out_of_reach(project, world):
    shared = db.session.get_one(Customer, world.shared_customer_id)
    assert services.is_known_elsewhere(shared)
    with pytest.raises(services.CustomerRuleError):
        services.merge_customers(register(project), shared)
    with pytest.raises(services.CustomerRuleError):
        services.erase_customer(shared, "asked for it")
    assert services.export_of(shared)["complete"] is False


def test_erasing_leaves_nothing_readable_also_of_merged_records(project):
    kept = register(project, "王小明", phone="13900010001")
    merged = register(project, "王晓明", phone="13900010002")
    timeline.write("core.milestone", "王小明来访", customer=kept)
    services.merge_customers(kept, merged)
    services.erase_customer(kept, "the customer asked for it")
    db.session.flush()
    db.session.expire_all()
    for person in (kept, merged):
        assert "明" not in person.name
        assert person.phone is None
        assert person.life_cycle == "erased"
        key = db.session.get_one(SubjectKey, f"customer:{person.id}")
        assert key.key is None
    assert (
        db.session.scalars(sa.select(CustomerContact).where(CustomerContact.customer_id == kept.id)).all()
        == []
    )
    entries = db.session.scalars(sa.select(TimelineEntry).where(TimelineEntry.customer_id == kept.id)).all()
    assert entries
    assert all("王小明" not in str(entry.summary) for entry in entries)
    assert (
        db.session.scalar(sa.select(sa.func.count(AuditEntry.id)).where(AuditEntry.action == "erased")) == 2
    )


def test_an_owner_is_not_erased(project, world):
    customer = register(project)
    services.link_unit(customer, new_unit(world))
    assert services.erasure_obstacles(customer)
    with pytest.raises(services.CustomerRuleError):
        services.erase_customer(customer, "asked for it")


def test_a_copy_holds_what_the_core_knows(project, world):
    customer = register(project, phone="13900010001", identity_number="440305199102159014")
    services.link_unit(customer, new_unit(world))
    timeline.write("core.milestone", "来访", customer=customer)
    copy = services.export_of(customer)
    assert copy["complete"] is True
    assert copy["customer"]["identity_number"] == "440305199102159014"
    assert copy["customer"]["units"][0]["unit"].endswith("3001")
    assert copy["core"]["timeline"][0]["summary"] == "来访"
    assert "attachments" in copy["core"]


def test_a_consent_is_given_once_and_withdrawn(project):
    customer = register(project)
    consent = services.give_consent(customer, "marketing", "web", "1")
    with pytest.raises(services.CustomerRuleError):
        services.give_consent(customer, "marketing", "web", "1")
    services.withdraw_consent(consent)
    assert not services.has_consent(customer, "marketing")
    services.give_consent(customer, "marketing", "web", "2")


def test_a_link_to_a_project_is_made_once(project, world):
    customer = register(project)
    services.link_project(customer, project)
    assert (
        db.session.scalar(
            sa.select(sa.func.count())
            .select_from(CustomerProject)
            .where(CustomerProject.customer_id == customer.id)
        )
        == 1
    )
