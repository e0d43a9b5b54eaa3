"""Every way to rows must show and change those of the acting user's projects alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import aliased, contains_eager, joinedload, selectinload, subqueryload

from core.customers.models import Customer, CustomerContact, CustomerProject, CustomerUnit
from core.database.scope import (
    Scope,
    ScopeError,
    all_departments,
    current_scope,
    kept_select,
    use_scope,
)
from core.extensions import db
from core.people.models import DepartmentSetting
from core.projects.models import Building, Phase, Project, Unit
from core.testing import World
from core.timeline.models import TimelineEntry


@pytest.fixture
def engineer(scope_of: Callable[..., object]) -> Iterator[Scope]:
    """The engineer of the group acts; he sees the project ``own`` alone."""
    with scope_of("engineer") as scope:  # type: ignore[attr-defined]
        yield scope


def ids(statement: sa.Select) -> set[int]:
    return set(db.session.scalars(statement).unique())


def count(statement: sa.Select) -> int:
    return db.session.scalar(statement)


# Reading


READS = {
    "entity": lambda: {unit.id for unit in db.session.scalars(sa.select(Unit))},
    "column": lambda: ids(sa.select(Unit.id)),
    "legacy query": lambda: {unit.id for unit in db.session.query(Unit).all()},
    "alias": lambda: ids(sa.select(aliased(Unit).id)),
    "alias of subquery": lambda: {
        unit.id for unit in db.session.scalars(sa.select(aliased(Unit, sa.select(Unit).subquery())))
    },
    "subquery": lambda: ids(sa.select(sa.select(Unit.id).subquery().c.id)),
    "cte": lambda: ids(sa.select(sa.select(Unit.id).cte("units").c.id)),
    "union": lambda: ids(sa.union_all(sa.select(Unit.id), sa.select(Unit.id))),
    "union of entities": lambda: {
        unit.id
        for unit in db.session.scalars(
            sa.select(Unit).from_statement(sa.union(sa.select(Unit), sa.select(Unit)))
        )
    },
    "join": lambda: ids(sa.select(Unit.id).join(Building, Building.id == Unit.building_id)),
    "join from parent": lambda: ids(sa.select(Unit.id).select_from(Building).join(Building.units)),
    "outer join": lambda: (
        ids(sa.select(Unit.id).select_from(Project).outerjoin(Unit, Unit.project_id == Project.id)) - {None}
    ),
    "join to an alias": lambda: ids(
        sa.select((other := aliased(Unit)).id)
        .select_from(Building)
        .join(other, other.building_id == Building.id)
    ),
    "outer join to an alias": lambda: (
        ids(
            sa.select((other := aliased(Unit)).id)
            .select_from(Project)
            .outerjoin(other, other.project_id == Project.id)
        )
        - {None}
    ),
    "join by relationship to an alias": lambda: ids(
        sa.select((other := aliased(Unit)).id).select_from(Building).join(Building.units.of_type(other))
    ),
    "joined with itself": lambda: ids(
        sa.select(Unit.id).join(other := aliased(Unit), other.id == Unit.id).where(other.id > 0)
    ),
    "in subquery": lambda: ids(sa.select(Unit.id).where(Unit.building_id.in_(sa.select(Building.id)))),
    "exists": lambda: ids(sa.select(Unit.id).where(sa.exists().where(Building.id == Unit.building_id))),
    "group": lambda: set(db.session.scalars(sa.select(sa.func.min(Unit.id)).group_by(Unit.id))),
    "window": lambda: {row.id for row in db.session.execute(sa.select(Unit.id, sa.func.count().over()))},
    "order and limit": lambda: ids(sa.select(Unit.id).order_by(Unit.id.desc()).limit(100)),
    "yield per": lambda: {
        unit.id for unit in db.session.scalars(sa.select(Unit).execution_options(yield_per=2))
    },
    "pagination": lambda: {unit.id for unit in db.paginate(sa.select(Unit), per_page=100).items},
    "get": lambda: {unit.id for each in range(1, 200) if (unit := db.session.get(Unit, each)) is not None},
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_reads_own_rows_alone(read: Callable[[], set[int]], world: World, engineer: Scope) -> None:
    assert read() == set(world.own.unit_ids)


COUNTS = {
    "rows": lambda: count(sa.select(sa.func.count()).select_from(Unit)),
    "column": lambda: count(sa.select(sa.func.count(Unit.id))),
    "over subquery": lambda: count(sa.select(sa.func.count()).select_from(sa.select(Unit).subquery())),
    "over cte": lambda: count(sa.select(sa.func.count()).select_from(sa.select(Unit.id).cte())),
    "legacy query": lambda: db.session.query(Unit).count(),
    "pager": lambda: db.paginate(sa.select(Unit), per_page=1).total,
    "scalar subquery": lambda: db.session.execute(
        sa.select(sa.literal(1), sa.select(sa.func.count(Unit.id)).scalar_subquery())
    ).one()[1],
    "join": lambda: count(sa.select(sa.func.count(Unit.id)).join(Building, Building.id == Unit.building_id)),
    "alias": lambda: count(sa.select(sa.func.count()).select_from(aliased(Unit))),
    "join to an alias": lambda: count(
        sa.select(sa.func.count((other := aliased(Unit)).id))
        .select_from(Project)
        .join(other, other.project_id == Project.id)
    ),
}


@pytest.mark.parametrize("counted", COUNTS.values(), ids=COUNTS)
def test_counts_own_rows_alone(counted: Callable[[], int], world: World, engineer: Scope) -> None:
    assert counted() == len(world.own.unit_ids)


def test_customers_joined_under_another_name_are_the_own_ones(world: World, engineer: Scope) -> None:
    other = aliased(Customer)
    found = ids(sa.select(other.id).select_from(Project).join(other, other.id > 0))
    assert found == ids(sa.select(Customer.id))
    assert not found & set(world.foreign.customer_ids) - set(world.own.customer_ids)


def test_an_alias_is_narrowed_anew_in_each_scope(world: World, engineer: Scope) -> None:
    """The statement is compiled once and cached; the projects in it are values."""
    other = aliased(Unit)
    query = sa.select(other.id).select_from(Project).join(other, other.project_id == Project.id)
    for project_ids, expected in (
        (world.own.project_id, world.own.unit_ids),
        (world.foreign.project_id, world.foreign.unit_ids),
    ):
        with use_scope(Scope(user_id=1, project_ids=frozenset({project_ids}))):
            assert ids(query) == set(expected)


def test_a_kept_select_is_narrowed_anew_in_each_scope(world: World, engineer: Scope) -> None:
    query = kept_select(sa.select(Unit.id).where(Unit.id.in_(sa.bindparam("keys", expanding=True))))
    everything = {"keys": [*world.own.unit_ids, *world.foreign.unit_ids]}
    for _turn in range(2):
        for site in (world.own, world.foreign):
            with use_scope(Scope(user_id=1, project_ids=frozenset({site.project_id}))):
                assert set(db.session.scalars(query, everything)) == set(site.unit_ids)
        with all_departments("a test"):
            assert set(db.session.scalars(query, everything)) == set(everything["keys"])


def test_exists_does_not_tell_of_foreign_rows(world: World, engineer: Scope) -> None:
    def exists(unit_id: int) -> bool:
        return db.session.scalar(sa.select(sa.select(Unit.id).where(Unit.id == unit_id).exists()))

    assert exists(world.foreign.unit_ids[0]) is False
    assert exists(world.own.unit_ids[0]) is True


def test_a_bare_exists_is_refused(world: World, engineer: Scope) -> None:
    with pytest.raises(ScopeError):
        db.session.scalar(sa.select(sa.exists().where(Unit.id == world.foreign.unit_ids[0])))


def test_aggregates_do_not_tell_of_foreign_rows(world: World, engineer: Scope) -> None:
    assert db.session.scalar(sa.select(sa.func.max(Unit.id))) == max(world.own.unit_ids)
    assert db.session.scalar(sa.select(sa.func.count(sa.distinct(Unit.project_id)))) == 1


LOADERS = {"selectin": selectinload, "joined": joinedload, "subquery": subqueryload, "lazy": None}


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_a_shared_customer_shows_own_links_alone(
    loader: Callable | None, world: World, engineer: Scope
) -> None:
    query = sa.select(Customer).where(Customer.id == world.shared_customer_id)
    if loader is not None:
        query = query.options(loader(Customer.project_links))
    customer = db.session.scalars(query).unique().one()
    assert [link.project_id for link in customer.project_links] == [world.own.project_id]


@pytest.mark.parametrize(
    "loader", [selectinload, joinedload, subqueryload], ids=["selectin", "joined", "subquery"]
)
def test_a_chain_of_loaders_is_narrowed_at_each_step(loader: Callable, world: World, engineer: Scope) -> None:
    query = (
        sa.select(Customer)
        .where(Customer.id == world.shared_customer_id)
        .options(
            loader(Customer.project_links),
            getattr(loader(Customer.project_links), loader.__name__)(CustomerProject.project),
        )
    )
    customer = db.session.scalars(query).unique().one()
    assert [link.project.id for link in customer.project_links] == [world.own.project_id]


@pytest.mark.parametrize("loader", LOADERS.values(), ids=LOADERS)
def test_a_foreign_customer_behind_an_own_row_is_not_loaded(
    loader: Callable | None, world: World, engineer: Scope
) -> None:
    with all_departments("a test gives a foreign customer an own flat"):
        db.session.get(CustomerUnit, world.own.customer_unit_ids[0]).customer_id = world.foreign.customer_ids[
            0
        ]
        db.session.flush()
        db.session.expire_all()
    query = sa.select(CustomerUnit).order_by(CustomerUnit.id)
    if loader is not None:
        query = query.options(loader(CustomerUnit.customer))
    found = [link.customer.id if link.customer else None for link in db.session.scalars(query).unique()]
    assert found == [None, *world.own.customer_ids[1:]]


def test_contains_eager_is_narrowed(world: World, engineer: Scope) -> None:
    query = (
        sa.select(Customer)
        .join(Customer.project_links)
        .options(contains_eager(Customer.project_links))
        .where(Customer.id == world.shared_customer_id)
    )
    customer = db.session.scalars(query).unique().one()
    assert [link.project_id for link in customer.project_links] == [world.own.project_id]


def test_a_foreign_parent_is_not_reached_through_a_relationship(world: World, engineer: Scope) -> None:
    assert (
        db.session.scalars(
            sa.select(Unit).where(Unit.building.has(Building.project_id == world.foreign.project_id))
        ).all()
        == []
    )
    assert ids(sa.select(Building.id).where(Building.units.any(Unit.id.in_(world.foreign.unit_ids)))) == set()


def test_refreshing_and_deferred_columns_stay_possible(world: World, engineer: Scope) -> None:
    unit = db.session.get(Unit, world.own.unit_ids[0])
    db.session.refresh(unit)
    db.session.expire(unit)
    assert unit.code == "1-1-101"


def test_a_foreign_row_that_was_loaded_before_cannot_be_refreshed_or_changed(
    world: World, engineer: Scope
) -> None:
    with all_departments("a test loads a foreign row"):
        unit = db.session.get(Unit, world.foreign.unit_ids[0])
    unit.layout = "changed"
    with pytest.raises(ScopeError):
        db.session.flush()


# Customers


def test_customers_of_visible_projects_are_seen(world: World, engineer: Scope) -> None:
    assert ids(sa.select(Customer.id)) == {*world.own.customer_ids, world.shared_customer_id}
    assert count(sa.select(sa.func.count()).select_from(Customer)) == len(world.own.customer_ids) + 1


def test_rows_of_foreign_customers_are_not_seen(world: World, engineer: Scope) -> None:
    with all_departments("a test adds contacts"):
        for customer_id in (world.own.customer_ids[0], world.foreign.customer_ids[0]):
            db.session.add(CustomerContact(customer_id=customer_id, kind="phone", value="075588888888"))
        db.session.flush()
    assert ids(sa.select(CustomerContact.customer_id)) == {world.own.customer_ids[0]}


def test_nobody_sees_nothing(world: World, engineer: Scope) -> None:
    with use_scope(Scope(user_id=1)):
        for model in (Project, Unit, Customer, CustomerUnit):
            assert count(sa.select(sa.func.count()).select_from(model)) == 0


@pytest.mark.parametrize(
    ("name", "department", "expected"),
    [
        ("admin", None, {"own", "sibling", "foreign"}),
        ("admin", "city", {"own", "sibling"}),
        ("admin", "group", {"own"}),
        ("head", None, {"own"}),
        ("sibling", None, {"sibling"}),
        ("other", None, {"foreign"}),
        ("other", "city", {"foreign"}),
    ],
)
def test_projects_follow_the_acting_department(
    name: str, department: str | None, expected: set[str], world: World, scope_of: Callable
) -> None:
    with scope_of(name, department):
        assert ids(sa.select(Project.id)) == {getattr(world, each).project_id for each in expected}


def test_settings_of_departments_are_seen_from_above_and_below_only(world: World, scope_of: Callable) -> None:
    with scope_of("engineer"):
        with all_departments("a test adds settings"):
            for name in ("region", "city", "group", "sibling_group", "other_city"):
                db.session.add(
                    DepartmentSetting(
                        department_id=world.departments[name], component="core", key="x", value=1
                    )
                )
            db.session.flush()
        seen = ids(sa.select(DepartmentSetting.department_id))
        assert seen == {world.departments[name] for name in ("region", "city", "group")}


def test_owned_rows_follow_project_then_customer_then_department(world: World, engineer: Scope) -> None:
    with all_departments("a test adds timeline entries"):
        for owner, text in (
            ({"project_id": world.own.project_id}, "own project"),
            ({"project_id": world.foreign.project_id}, "foreign project"),
            (
                {"project_id": world.foreign.project_id, "customer_id": world.own.customer_ids[0]},
                "foreign, own customer",
            ),
            ({"customer_id": world.own.customer_ids[0]}, "own customer"),
            ({"customer_id": world.foreign.customer_ids[0]}, "foreign customer"),
            ({"department_id": world.departments["group"]}, "own department"),
            ({"department_id": world.departments["sibling_group"]}, "sibling department"),
            ({}, "nobody"),
        ):
            db.session.add(TimelineEntry(kind="core.note", component="core", summary=text, **owner))
        db.session.flush()
    assert set(db.session.scalars(sa.select(TimelineEntry.summary))) == {
        "own project",
        "own customer",
        "own department",
    }


# Reading past the models


BARE = {
    "table": lambda: sa.select(Unit.__table__),
    "columns of the table": lambda: sa.select(Unit.__table__.c.id),
    "count of the table": lambda: sa.select(sa.func.count()).select_from(Unit.__table__),
    "alias of the table": lambda: sa.select(Unit.__table__.alias().c.id),
    "bare beside mapped": lambda: sa.select(Unit.id).where(Unit.id.in_(sa.select(Unit.__table__.c.id))),
    "bare count beside mapped": lambda: sa.select(
        Unit.id, sa.select(sa.func.count(Unit.__table__.c.id)).scalar_subquery()
    ),
    "bare source beside mapped": lambda: sa.select(
        Unit.id, sa.select(sa.func.count()).select_from(Unit.__table__).scalar_subquery()
    ),
    "bare alias beside mapped": lambda: sa.select(Unit.id).where(
        Unit.id.in_(sa.select(Unit.__table__.alias().c.id))
    ),
    "bare join target": lambda: sa.select(Building.id).join(
        Unit.__table__, Unit.__table__.c.building_id == Building.id
    ),
    "table by name": lambda: sa.select(sa.table("unit", sa.column("id")).c.id),
    "in exists": lambda: sa.select(Project.id).where(
        sa.exists().where(Unit.__table__.c.project_id == Project.id)
    ),
    "in union": lambda: sa.union_all(sa.select(Unit.id), sa.select(Unit.__table__.c.id)),
    "bare insert": lambda: sa.insert(Unit.__table__).values(code="x"),
    "bare update": lambda: sa.update(Unit.__table__).values(layout="x"),
    "bare delete": lambda: sa.delete(Unit.__table__),
}


@pytest.mark.parametrize("statement", BARE.values(), ids=BARE)
def test_tables_without_their_models_are_refused(
    statement: Callable[[], sa.Executable], world: World, engineer: Scope
) -> None:
    with pytest.raises(ScopeError):
        db.session.execute(statement())


@pytest.mark.parametrize("model", [Project, Unit, Customer, TimelineEntry])
def test_reading_outside_a_scope_raises(model: type, app: Flask) -> None:
    with app.app_context(), pytest.raises(ScopeError):
        db.session.scalars(sa.select(model)).all()


def test_the_system_sees_everything(world: World, system: Callable) -> None:
    with system():
        assert count(sa.select(sa.func.count()).select_from(Unit)) == 9
        assert db.session.execute(sa.select(sa.func.count()).select_from(Unit.__table__)).scalar() == 9


# Changing in bulk


def test_a_bulk_update_reaches_own_rows_alone(world: World, engineer: Scope) -> None:
    db.session.execute(sa.update(Unit).values(layout="changed"))
    with all_departments("a test looks at all rows"):
        changed = ids(sa.select(Unit.id).where(Unit.layout == "changed"))
    assert changed == set(world.own.unit_ids)


def test_a_bulk_update_of_customers_reaches_visible_ones_alone(world: World, engineer: Scope) -> None:
    db.session.execute(
        sa.update(Customer).values(source="changed"), execution_options={"synchronize_session": False}
    )
    with all_departments("a test looks at all rows"):
        changed = ids(sa.select(Customer.id).where(Customer.source == "changed"))
    assert changed == {*world.own.customer_ids, world.shared_customer_id}


def test_a_bulk_delete_reaches_own_rows_alone(world: World, engineer: Scope) -> None:
    db.session.execute(sa.delete(CustomerUnit))
    with all_departments("a test looks at all rows"):
        left = ids(sa.select(CustomerUnit.project_id))
    assert left == {world.sibling.project_id, world.foreign.project_id}


MOVES = {
    "values": lambda world: (sa.update(Unit).values(project_id=world.foreign.project_id), None),
    "values by column": lambda world: (
        sa.update(Unit).values({Unit.project_id: world.foreign.project_id}),
        None,
    ),
    "ordered values": lambda world: (
        sa.update(Unit).ordered_values((Unit.layout, "x"), (Unit.project_id, world.foreign.project_id)),
        None,
    ),
    "parameters": lambda world: (sa.update(Unit), {"project_id": world.foreign.project_id}),
    "by primary key": lambda world: (
        sa.update(Unit),
        [{"id": world.foreign.unit_ids[0], "layout": "x"}],
    ),
    "customer of a link": lambda world: (
        sa.update(CustomerProject).values(customer_id=world.foreign.customer_ids[0]),
        None,
    ),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_rows_are_not_moved_in_bulk(move: Callable, world: World, engineer: Scope) -> None:
    statement, parameters = move(world)
    with pytest.raises(ScopeError):
        db.session.execute(statement, parameters)


INSERTS = {
    "values": lambda world: (
        sa.insert(Phase).values(project_id=world.foreign.project_id, code="9", name="x"),
        None,
    ),
    "rows": lambda world: (
        sa.insert(Phase),
        [{"project_id": world.own.project_id, "code": "9", "name": "x"}],
    ),
    "from select": lambda world: (
        sa.insert(Phase).from_select(
            ["project_id", "code", "name"], sa.select(Project.id, Project.code, Project.name)
        ),
        None,
    ),
}


@pytest.mark.parametrize("insert", INSERTS.values(), ids=INSERTS)
def test_bulk_inserts_are_refused(insert: Callable, world: World, engineer: Scope) -> None:
    statement, parameters = insert(world)
    with pytest.raises(ScopeError):
        db.session.execute(statement, parameters)


# Writing objects


def test_own_rows_are_written(world: World, engineer: Scope) -> None:
    phase = Phase(project_id=world.own.project_id, code="2", name="二期")
    db.session.add(phase)
    db.session.flush()
    phase.name = "三期"
    db.session.flush()
    db.session.delete(phase)
    db.session.flush()


def test_a_row_takes_its_project_from_a_relationship(world: World, engineer: Scope) -> None:
    project = db.session.get(Project, world.own.project_id)
    phase = Phase(project=project, code="2", name="二期")
    db.session.add(phase)
    db.session.flush()
    assert phase.project_id == world.own.project_id


def refused() -> object:
    return pytest.raises(ScopeError, match="out of reach")


def test_a_new_row_in_a_foreign_project_is_refused(world: World, engineer: Scope) -> None:
    db.session.add(Phase(project_id=world.foreign.project_id, code="2", name="x"))
    with refused():
        db.session.flush()


def test_a_foreign_project_through_a_relationship_is_refused(world: World, engineer: Scope) -> None:
    with all_departments("a test loads a foreign project"):
        foreign = db.session.get(Project, world.foreign.project_id)
    db.session.add(Phase(project=foreign, code="2", name="x"))
    with refused():
        db.session.flush()


def test_a_relationship_cannot_overrule_a_visible_project(world: World, engineer: Scope) -> None:
    with all_departments("a test loads a foreign project"):
        foreign = db.session.get(Project, world.foreign.project_id)
    db.session.add(Phase(project_id=world.own.project_id, project=foreign, code="2", name="x"))
    with refused():
        db.session.flush()


def test_a_row_without_project_is_refused(world: World, engineer: Scope) -> None:
    db.session.add(Phase(code="2", name="x"))
    with pytest.raises((ScopeError, sa.exc.IntegrityError)):
        db.session.flush()


def test_moving_an_own_row_away_is_refused(world: World, engineer: Scope) -> None:
    unit = db.session.get(Unit, world.own.unit_ids[0])
    unit.project_id = world.foreign.project_id
    with refused():
        db.session.flush()


def test_deleting_a_foreign_row_is_refused(world: World, engineer: Scope) -> None:
    with all_departments("a test loads a foreign row"):
        link = db.session.get(CustomerUnit, world.foreign.customer_unit_ids[0])
    db.session.delete(link)
    with refused():
        db.session.flush()


def test_a_child_of_a_foreign_customer_is_refused(world: World, engineer: Scope) -> None:
    db.session.add(CustomerContact(customer_id=world.foreign.customer_ids[0], kind="phone", value="1"))
    with refused():
        db.session.flush()


def test_a_child_of_a_foreign_customer_through_a_relationship_is_refused(
    world: World, engineer: Scope
) -> None:
    with all_departments("a test loads a foreign customer"):
        foreign = db.session.get(Customer, world.foreign.customer_ids[0])
    db.session.add(CustomerContact(customer=foreign, kind="phone", value="1"))
    with refused():
        db.session.flush()


def test_a_foreign_customer_cannot_be_linked_into_sight(world: World, engineer: Scope) -> None:
    db.session.add(
        CustomerProject(customer_id=world.foreign.customer_ids[0], project_id=world.own.project_id)
    )
    with refused():
        db.session.flush()


def test_a_new_customer_is_linked_in_one_flush_and_in_two(world: World, engineer: Scope) -> None:
    at_once = Customer(name="新客户甲")
    at_once.project_links.append(CustomerProject(project_id=world.own.project_id))
    db.session.add(at_once)
    db.session.flush()
    later = Customer(name="新客户乙")
    db.session.add(later)
    db.session.flush()
    db.session.add(CustomerProject(customer_id=later.id, project_id=world.own.project_id))
    db.session.flush()
    assert {at_once.id, later.id} <= ids(sa.select(Customer.id))


def test_a_link_to_a_foreign_project_is_refused(world: World, engineer: Scope) -> None:
    db.session.add(
        CustomerProject(customer_id=world.own.customer_ids[0], project_id=world.foreign.project_id)
    )
    with refused():
        db.session.flush()


def test_the_database_refuses_a_child_of_a_foreign_parent(world: World, engineer: Scope) -> None:
    db.session.add(
        Unit(project_id=world.own.project_id, building_id=world.foreign.building_id, number="9", code="9-9-9")
    )
    with pytest.raises(sa.exc.IntegrityError):
        db.session.flush()


def test_owned_rows_of_foreign_records_are_refused(world: World, engineer: Scope) -> None:
    for owner in (
        {"project_id": world.foreign.project_id},
        {"customer_id": world.foreign.customer_ids[0]},
        {"department_id": world.departments["sibling_group"]},
        {},
    ):
        db.session.add(TimelineEntry(kind="core.note", component="core", summary="x", **owner))
        with refused():
            db.session.flush()
        db.session.rollback()


def test_writing_outside_a_scope_raises(world: World, app: Flask) -> None:
    with app.app_context(), pytest.raises(ScopeError):
        db.session.add(Phase(project_id=world.own.project_id, code="2", name="x"))
        db.session.flush()


# The stack of scopes


def test_equal_scopes_in_the_stack_end_in_their_order(app: Flask) -> None:
    narrow = Scope(user_id=1)
    with app.app_context(), all_departments("outer") as outer:
        with use_scope(narrow):
            with all_departments("outer"), use_scope(narrow):
                pass
            assert current_scope() == narrow
        assert current_scope() == outer
    with app.app_context():
        assert current_scope() is None


def test_opening_the_wall_needs_a_reason_and_keeps_the_user(app: Flask) -> None:
    with app.app_context():
        with pytest.raises(ValueError, match="reason"), all_departments(" "):
            pass
        with use_scope(Scope(user_id=7, department_id=3)), all_departments("why") as scope:
            assert (scope.user_id, scope.department_id, scope.reason) == (7, 3, "why")


def test_a_link_that_is_taken_away_ends_what_was_seen(running_app, world, scope_of):
    """A customer found visible once is asked about again as soon as his link is gone."""
    customer_id = world.own.customer_ids[0]
    with scope_of("engineer"):
        customer = db.session.get_one(Customer, customer_id)
        customer.note = "first"
        db.session.flush()
        for link in db.session.scalars(
            sa.select(CustomerProject).where(CustomerProject.customer_id == customer_id)
        ):
            db.session.delete(link)
        db.session.flush()
        customer.note = "second"
        with pytest.raises(ScopeError):
            db.session.flush()
