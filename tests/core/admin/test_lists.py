"""Lists: pages, counts, order, search and filters, on few rows and on many; and nothing in an address breaks them."""

from __future__ import annotations

import datetime as dt
import re
from operator import attrgetter

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from core.admin import exporting, listing
from core.admin.cells import Cells
from core.admin.filters import LinkFilter
from core.admin.list_rows import RowReader
from core.customers.models import Customer, CustomerProject, CustomerUnit
from core.database.scope import all_departments
from core.extensions import db
from core.languages import speaking
from core.projects.models import Project, Unit

ROW = re.compile(r'<tr data-id="(\d+)"')


def keys_of(text: str) -> list[int]:
    return [int(key) for key in ROW.findall(text)]


def link(text: str, relation: str) -> str | None:
    found = re.search(rf'<a href="([^"]*)" {relation}>', text)
    return found[1].replace("&amp;", "&") if found else None


def total_of(browser, text: str) -> str:
    """Ask for the number of rows as the page does, and return the words that it shows then."""
    address = re.search(r'data-total="([^"]+)"', text)
    assert address is not None, "the page waits for the number of rows"
    answer = browser.get(address[1].replace("&amp;", "&"))
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.json["words"]


@pytest.fixture
def many(prepared, world):
    """230 customers of the group's project beside those of the world; every third has no telephone, names repeat."""

    def make():
        for number in range(230):
            phone = None if number % 3 == 0 else f"137{number % 40:08d}"
            customer = Customer(
                name=f"重名{number % 7}", phone=phone, kind="company" if number % 2 else "person"
            )
            db.session.add(customer)
            db.session.flush()
            db.session.add(CustomerProject(customer_id=customer.id, project_id=world.own.project_id))

    prepared("many customers", make)
    return 234


def walk(browser, start: str, relation: str) -> list[list[int]]:
    pages = []
    address: str | None = start
    while address:
        text = browser.get(address).text
        pages.append(keys_of(text))
        address = link(text, f'rel="{relation}"')
        assert len(pages) < 20
    return pages


@pytest.fixture
def houses_of_two_projects(prepared, world):
    """130 houses in turn in the own and the sibling project, so that each page of the city company has rows of both."""

    def make():
        models = [db.session.get_one(Unit, each.unit_ids[0]) for each in (world.own, world.sibling)]
        for number in range(130):
            like = models[number % 2]
            db.session.add(
                Unit(
                    project_id=like.project_id,
                    building_id=like.building_id,
                    number=f"9{number:03d}",
                    code=f"9-{number % 7}-9{number:03d}",
                )
            )

    prepared("houses of two projects", make)


def expected(running_app, column: str, descending: bool) -> list[int]:
    with running_app.app_context(), all_departments("a test"):
        attributes = [getattr(Customer, column), Customer.id] if column != "id" else [Customer.id]
        order = [each.desc() if descending else each.asc() for each in attributes]
        visible = sa.select(CustomerProject.customer_id).where(CustomerProject.project_id == 1)
        return list(
            db.session.scalars(sa.select(Customer.id).where(Customer.id.in_(visible)).order_by(*order))
        )


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", ["id", "name", "phone"])
def test_neighbours_lead_through_the_whole_list_in_order(column, descending, sign_in, many, running_app):
    browser = sign_in("head")
    start = f"/admin/customers/?sort={column}&desc={int(descending)}"
    rows = expected(running_app, column, descending)
    forward = walk(browser, start, "next")
    assert [key for page in forward for key in page] == rows
    assert [len(page) for page in forward] == [50, 50, 50, 50, 34]
    last = f"{start}&page=-1"
    backward = walk(browser, last, "prev")
    assert [key for page in reversed(backward) for key in page] == rows


@pytest.mark.parametrize("page", range(5))
def test_numbered_pages_are_the_same_from_either_end(page, sign_in, many, running_app):
    rows = expected(running_app, "name", True)
    browser = sign_in("head")
    wanted = rows[page * 50 : page * 50 + 50]
    assert keys_of(browser.get(f"/admin/customers/?sort=name&desc=1&page={page}").text) == wanted
    assert keys_of(browser.get(f"/admin/customers/?sort=name&desc=1&page={page - 5}").text) == wanted


@pytest.mark.parametrize("page", ["5", "6", "1000", "1" + "0" * 20, "99999999999999999999999", "-9999"])
def test_pages_beyond_the_end_are_the_nearest(page, sign_in, many):
    rows = keys_of(sign_in("head").get(f"/admin/customers/?page={page}").text)
    assert len(rows) == (50 if page.startswith("-") else 34)


def test_a_neighbour_that_is_gone_falls_back_to_the_number(sign_in, many, running_app):
    rows = expected(running_app, "name", True)
    browser = sign_in("head")
    start = "/admin/customers/?sort=name&desc=1&page=1"
    assert keys_of(browser.get(f"{start}&after=99999999").text) == rows[50:100]
    assert keys_of(browser.get(f"{start}&after=abc").text) == rows[50:100]


def test_in_the_order_of_keys_a_neighbour_that_is_gone_still_says_where_it_stood(sign_in, many, running_app):
    rows = expected(running_app, "id", True)
    browser = sign_in("head")
    with running_app.app_context(), all_departments("a test takes a row away"):
        db.session.execute(sa.delete(Customer).where(Customer.id == rows[60]))
        db.session.commit()
    assert keys_of(browser.get(f"/admin/customers/?page=1&after={rows[60]}").text) == rows[61:111]


def test_a_neighbour_out_of_reach_tells_nothing(sign_in, many, world, running_app):
    rows = expected(running_app, "name", True)
    foreign = world.foreign.customer_ids[0]
    page = sign_in("head").get(f"/admin/customers/?sort=name&desc=1&page=1&after={foreign}")
    assert keys_of(page.text) == rows[50:100]
    by_key = keys_of(sign_in("head").get(f"/admin/customers/?page=1&after={foreign}").text)
    assert by_key == [key for key in expected(running_app, "id", True) if key < foreign][:50]


def test_walking_back_ends_on_a_full_first_page(sign_in, many, running_app):
    rows = expected(running_app, "id", True)
    text = sign_in("head").get(f"/admin/customers/?page=0&before={rows[3]}").text
    assert keys_of(text) == rows[:50]
    assert link(text, 'rel="prev"') is None


class TestLargeLists:
    """The limits are lowered, so that few rows show what many would."""

    @pytest.fixture(autouse=True)
    def small_limits(self, monkeypatch):
        monkeypatch.setattr(listing, "COUNT_LIMIT", 100)
        monkeypatch.setattr(listing, "SHALLOW_OFFSET", 60)
        monkeypatch.setattr(listing, "DEEPEST_OFFSET", 150)

    def test_pages_are_right_without_knowing_how_many_there_are(self, sign_in, many, running_app):
        rows = expected(running_app, "name", False)
        browser = sign_in("head")
        start = "/admin/customers/?sort=name"
        assert [key for page in walk(browser, start, "next") for key in page] == rows
        backward = walk(browser, f"{start}&page=-1", "prev")
        assert [key for page in reversed(backward[:-1]) for key in page] == rows[34:]
        assert backward[-1] == rows[:50], "the first page is always full"
        assert keys_of(browser.get(f"{start}&page=1").text) == rows[50:100]
        assert keys_of(browser.get(f"{start}&page=2").text) == rows[100:150]
        assert keys_of(browser.get(f"{start}&page=-1").text) == rows[-50:]
        assert keys_of(browser.get(f"{start}&page=-2").text) == rows[-100:-50]

    def test_deep_pages_are_answered_by_the_last(self, sign_in, many, running_app):
        rows = expected(running_app, "name", False)
        for page in ("4", "400", "-400"):
            text = sign_in("head").get(f"/admin/customers/?sort=name&page={page}").text
            assert keys_of(text) == rows[-50:]

    def test_the_number_of_rows_is_said_to_be_at_least(self, sign_in, many):
        browser = sign_in("head")
        assert total_of(browser, browser.get("/admin/customers/").text) == "100+ rows · page 1"
        text = browser.get("/admin/customers/").text
        assert "100+ rows" in text, "that it is long is remembered for a minute"
        assert "234" not in text.partition("<main")[2].partition("list-pages")[0].partition("list-foot")[2]

    def test_who_sees_everything_gets_an_estimate_and_no_count(self, sign_in, many, running_app):
        with running_app.app_context(), db.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql("ANALYZE customer")
        statements: list[str] = []
        with running_app.app_context():
            engine = db.engine
        sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
        text = sign_in("admin").get("/admin/customers/").text
        assert "≈ 240" in text
        counting = [each for each in statements if "count(" in each.lower() and "customer" in each]
        assert all("LIMIT" in each for each in counting)


def test_counts_never_include_rows_out_of_reach(sign_in, world):
    assert "3 rows" in sign_in("head").get("/admin/units/").text
    alone = sign_in("head").get("/admin/units/?search=1-1-101").text
    assert "1 row ·" in alone and "1 rows" not in alone
    assert "6 rows" in sign_in("admin", "city").get("/admin/units/").text
    assert "9 rows" in sign_in("admin").get("/admin/units/").text
    assert "4 rows" in sign_in("head").get("/admin/customers/").text


def test_no_foreign_row_is_on_any_list(sign_in, world):
    browser = sign_in("head")
    for path in ("/admin/units/", "/admin/customers/", "/admin/projects/"):
        for query in (
            "",
            "?page=-1",
            "?search=金丝雀",
            "?sort=name&desc=1",
            f"?f_project={world.foreign.project_id}",
            f"?f_project_id={world.foreign.project_id}",
        ):
            text = browser.get(path + query).text
            assert world.foreign.canary not in text
            assert world.sibling.canary not in text


HOSTILE = [
    "page=abc",
    "page=-0",
    "page=1e5",
    "page=%00",
    "page=１",
    "after=1.5",
    "after=1&before=2",
    "before=99999999999999999999",
    "size=0",
    "size=-1",
    "size=100000",
    "size=abc",
    "sort=absent",
    "sort=__class__",
    "sort=id;drop",
    "sort=1",
    "desc=9",
    "search=%00",
    "search=%00%00%00",
    "search=" + "a%20" * 3000,
    "search=" + "x" * 6000,
    "search=%25",
    "search=_",
    "search=%27%22",
    "search=%22%20OR%201",
    "search=*",
    "search=%5C",
    "search=NEAR(a%20b)",
    "search=name:x",
    "search=%F0%9F%98%80%F0%9F%98%80",
    "search=-",
    "search=a",
    "search=%ED%A0%80",
    "search=^ab",
    "search=(ab",
    "search=ab%20AND",
    "search=--",
    "f_project=abc",
    "f_project=1,2",
    "f_project=99999999999999999999",
    "f_project=%00",
    "f_kind=absent",
    "f_kind=%00",
    "f_project_id=abc",
    "f_decoration=absent",
    "f_floor_from=abc",
    "f_floor_from=1e999",
    "f_floor_to=NaN",
    "f_floor_from=99999999999999999999",
    "f_contract_delivery_on_from=2026-02-31",
    "f_contract_delivery_on_to=0001-01-01",
    "f_created_at_to=9999-12-31",
    "f_created_at_from=%00",
    "f_delivered_on=7",
    "f_number=%00",
    "f_number=" + "9" * 500,
    "flt0_0=1",
    "extra[]=1",
    "f_=1",
]


@pytest.mark.parametrize("query", HOSTILE)
def test_nothing_in_an_address_breaks_a_list(query, sign_in, world):
    browser = sign_in("admin", "group")
    for path in ("/admin/units/", "/admin/customers/"):
        answer = browser.get(f"{path}?{query}")
        assert answer.status_code in {200, 400, 414}, answer.text[:500]
        assert "sqlalchemy" not in answer.text.lower()
    assert browser.get(
        f"/admin/units/ajax/lookup/?name=building_id&{query.replace('search', 'query')}"
    ).status_code in {200, 400, 414}
    assert browser.get(f"/admin/customers/export/?{query}").status_code in {200, 400, 414}


def test_unusable_values_are_named_and_left_out(sign_in, world):
    text = sign_in("head").get("/admin/units/?f_decoration=absent&f_floor_from=abc&search=x").text
    assert len(keys_of(text)) == 3 or "no such value" in text
    assert "no such value" in text
    assert "abc is not a number" in text


@pytest.mark.parametrize(
    ("term", "found"),
    [
        ("客户101", 1),
        ("客户", 4),
        ("共有", 1),
        ("13700009999", 1),
        ("9999", 1),
        ("0000000", 3),
        ("客户101 鹊桥", 1),
        ("客户101 absent", 0),
        ("客%", 0),
        ("__", 0),
        ("金丝雀QZC", 0),
        ("金丝雀qza", 3),
    ],
)
def test_search_finds_fragments_by_the_index(term, found, browser_with, world):
    browser = browser_with("customers.view", "customers.view_phone")
    assert len(keys_of(browser.get("/admin/customers/", query_string={"search": term}).text)) == found


def test_one_character_is_too_short_for_an_index(sign_in, world):
    text = sign_in("head").get("/admin/customers/?search=客").text
    assert "at least two characters" in text
    assert 'value="客"' in text, "nothing typed is lost"
    assert len(keys_of(text)) == 4


def test_search_in_a_catalogue_takes_percent_and_underscore_literally(sign_in, world):
    browser = sign_in("head")
    assert len(keys_of(browser.get("/admin/units/?search=1-1-2").text)) == 1
    assert keys_of(browser.get("/admin/units/?search=1_1").text) == []
    assert keys_of(browser.get("/admin/units/?search=%25").text) == []


def test_search_uses_the_index_and_no_scan(running_app, world, view):
    with running_app.test_request_context(), all_departments("a test"):
        for term in ("98765", "张伟"):
            statement = sa.select(Customer.id).where(view("customers").search.index.matches(Customer, term))
            compiled = statement.compile(db.engine, compile_kwargs={"literal_binds": True})
            explain = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
            with db.engine.connect() as connection:
                if explain == "EXPLAIN":
                    connection.exec_driver_sql("SET enable_seqscan = off")
                plan = "\n".join(str(row) for row in connection.execute(sa.text(f"{explain} {compiled}")))
            assert "SCAN customer\n" not in plan + "\n"
            assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("f_decoration=fitted", 3),
        ("f_decoration=rough", 0),
        ("f_floor_from=2", 1),
        ("f_floor_to=1", 2),
        ("f_floor_from=1&f_floor_to=2", 3),
        ("f_delivered_on=0", 3),
        ("f_delivered_on=1", 0),
        ("f_number=101", 1),
        ("f_created_at_from=2000-01-01", 3),
        ("f_created_at_to=2000-01-01", 0),
        ("f_contract_delivery_on_from=2000-01-01", 0),
        ("f_decoration=fitted&f_number=101", 1),
    ],
)
def test_filters(query, found, sign_in, world):
    text = sign_in("head").get(f"/admin/units/?{query}").text
    assert len(keys_of(text)) == found
    assert "Clear all" in text


def test_dates_of_moments_are_days_in_china(sign_in, world, running_app):
    with running_app.app_context(), all_departments("a test"):
        unit = db.session.get(Unit, world.own.unit_ids[0])
        unit.created_at = dt.datetime(2025, 12, 31, 16, 30, tzinfo=dt.UTC)
        db.session.commit()
    browser = sign_in("head")
    assert keys_of(
        browser.get("/admin/units/?f_created_at_from=2026-01-01&f_created_at_to=2026-01-01").text
    ) == [world.own.unit_ids[0]]
    assert (
        keys_of(browser.get("/admin/units/?f_created_at_from=2025-12-31&f_created_at_to=2025-12-31").text)
        == []
    )


def test_a_filtered_list_counts_when_it_is_shown(sign_in, many, world):
    browser = sign_in("head")
    start = f"/admin/customers/?f_project={world.own.project_id}"
    first = browser.get(start).text
    assert total_of(browser, first) == "234 rows · page 1 of 5"
    second = browser.get(link(first, 'rel="next"')).text
    assert "more than 100 rows · page 2" in second
    assert total_of(browser, second) == "234 rows · page 2 of 5"
    last = browser.get(f"{start}&page=-1").text
    assert "234 rows · page 5 of 5" in last, "who asks for the last page has it counted"
    assert "data-total" not in browser.get(f"{start}&f_kind=company&search=重名0").text
    refused = sign_in("head", "group").get(
        f"/admin/customers/?f_project={world.foreign.project_id}&part=total"
    )
    assert refused.json["words"].startswith("234 rows"), "a filter that is refused is left out"


def test_the_filter_by_a_link_reads_along_the_link(sign_in, many, world, view, running_app):
    browser = sign_in("admin")
    text = browser.get(f"/admin/customers/?f_project={world.own.project_id}").text
    assert "more than 50 rows · page 1" in text
    assert total_of(browser, text) == "234 rows · page 1 of 5"
    assert world.own.canary in text, "the chip names the project"
    assert keys_of(text) == expected(running_app, "id", True)[:50]
    pages = walk(browser, f"/admin/customers/?f_project={world.own.project_id}", "next")
    assert [key for page in pages for key in page] == expected(running_app, "id", True)
    by_name = walk(browser, f"/admin/customers/?f_project={world.own.project_id}&sort=name", "next")
    assert [key for page in by_name for key in page] == expected(running_app, "name", False)
    with running_app.test_request_context(), all_departments("a test"):
        asked = listing.read_request(view("customers"), MultiDict({"f_project": str(world.own.project_id)}))
        assert isinstance(asked.link[0], LinkFilter)
        assert listing.Lister(view("customers"), asked).key is not Customer.id


def test_the_filter_by_a_foreign_project_is_refused(sign_in, world):
    text = sign_in("head").get(f"/admin/customers/?f_project={world.foreign.project_id}").text
    assert "does not exist, or you may not see it" in text
    assert len(keys_of(text)) == 4


def test_the_columns_of_a_list_come_in_one_statement_without_the_others(running_app, world, view):
    statements: list[str] = []
    with running_app.test_request_context(), all_departments("a test"):
        engine = db.engine
        record = lambda *given: statements.append(given[2])  # noqa: E731
        sa.event.listen(engine, "before_cursor_execute", record)
        page = view("units").read_list(listing.ListRequest())
        assert [row.project.name for row in page.records]
        sa.event.remove(engine, "before_cursor_execute", record)
    selects = [each for each in statements if each.startswith("SELECT")]
    assert len(selects) == 1, "the rows with their projects; a list of one page is not counted"
    assert "net_area" not in selects[0]


def test_rows_of_plain_values_say_what_records_say(running_app, world, scope_of):
    paths = (
        "code",
        "number",
        "floor",
        "project.name",
        "building.code",
        "building.phase.code",
        "no_column",
        "label",
    )
    reader = RowReader(Unit, paths)
    with running_app.test_request_context(), scope_of("head"):
        rows = reader.rows(db.session.execute(reader.select.order_by(Unit.id)))
        records = db.session.scalars(sa.select(Unit).order_by(Unit.id)).all()
        assert [row.id for row in rows] == [record.id for record in records] == sorted(world.own.unit_ids)
        for row, record in zip(rows, records, strict=True):
            for path in ("code", "number", "floor", "project.name", "building.code", "building.phase.code"):
                assert attrgetter(path)(row) == attrgetter(path)(record)
            assert row.project is rows[0].project, "what refers to the same record shares it"
            assert row.layout == record.layout, "what was not read is taken from the record"
            with pytest.raises(AttributeError, match="Unit has no attribute colour"):
                row.colour  # noqa: B018


def test_rows_of_plain_values_keep_to_the_wall(running_app, world, scope_of):
    reader = RowReader(CustomerUnit, ("role", "customer.name", "unit.code", "unit.project.name"))
    with running_app.test_request_context():
        with all_departments("a test"):
            everybody = reader.rows(db.session.execute(reader.select))
        with scope_of("head"):
            own = reader.rows(db.session.execute(reader.select))
    assert {row.unit.project.name for row in own} == {world.own.canary}
    assert len(own) < len(everybody)


def test_names_of_related_records_are_in_the_language_of_the_page(running_app, world, view, scope_of):
    with running_app.test_request_context(), scope_of("head"):
        db.session.get_one(Project, world.own.project_id).name_en = "Cloud Bay"
        db.session.commit()
        for language, name in (("en", "Cloud Bay"), ("zh_Hans_CN", world.own.canary)):
            with speaking(language):
                page = view("units").read_list(listing.ListRequest())
                assert {Cells(view("units"), False).markup("project.name")(row) for row in page.records} == {
                    name
                }
                mark = exporting.Mark("head", "2026-11-28 10:00", "a test")
                answer = exporting.stream(
                    view("units"), listing.ListRequest(), "csv", ["project.name"], False, mark
                )
                assert name in "".join(answer.response)


def test_an_empty_list_says_what_to_do(sign_in, browser_with, world):
    assert "Nothing matches" in sign_in("head").get("/admin/units/?f_number=none").text
    browser = browser_with("units.view", "units.create", department="other_group")
    assert "1-1-101" in browser.get("/admin/units/").text


def test_cells_are_escaped(sign_in, world, running_app):
    attack = "<script>alert(1)</script>"
    with running_app.app_context(), all_departments("a test"):
        db.session.get(Customer, world.own.customer_ids[0]).name = attack
        db.session.commit()
    browser = sign_in("head")
    for path in (
        "/admin/customers/",
        "/admin/customers/?search=script",
        f"/admin/customers/details/?id={world.own.customer_ids[0]}",
        f"/admin/customers/edit/?id={world.own.customer_ids[0]}",
    ):
        assert attack not in browser.get(path).text


def test_no_page_carries_inline_script_or_style(sign_in, world):
    browser = sign_in("head")
    key = world.own.unit_ids[0]
    for path in (
        "/admin/units/",
        "/admin/units/new/",
        f"/admin/units/edit/?id={key}",
        f"/admin/units/details/?id={key}",
        f"/admin/units/delete/?id={key}",
        "/admin/customers/export/",
    ):
        text = browser.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)", text), path
        assert not re.search(r"\son[a-z]+\s*=|\sstyle\s*=|<style|javascript:", text), path


@pytest.mark.parametrize("name", ["head", "admin"])
@pytest.mark.parametrize("column", ["code"])
def test_rows_of_projects_are_sorted_by_a_column(name, column, sign_in, world, view):
    """Whoever sees some projects only is served along another index than whoever sees all."""
    assert column in view("units")._sort_permissions
    browser = sign_in(name)
    assert browser.get(f"/admin/units/?sort={column}").status_code == 200
    by_key = keys_of(browser.get("/admin/units/").text)
    assert sorted(keys_of(browser.get(f"/admin/units/?sort={column}").text)) == sorted(by_key)


@pytest.mark.parametrize("column", ["id", "code"])
@pytest.mark.parametrize("descending", [False, True])
def test_the_first_rows_of_each_project_are_the_first_rows_of_all(
    descending, column, sign_in, houses_of_two_projects, monkeypatch
):
    """Read project by project or by walking all rows, the pages are the same, forwards, backwards and by number."""

    def pages(most: int) -> list[list[list[int]]]:
        monkeypatch.setattr(listing, "MOST_PROJECTS", most)
        start = f"/admin/units/?sort={column}&desc={int(descending)}"
        browser = sign_in("admin", "city")
        by_number = [keys_of(browser.get(f"{start}&page={page}").text) for page in (1, 2, -1, -2)]
        return [walk(browser, start, "next"), walk(browser, f"{start}&page=-1", "prev"), by_number]

    assert listing.is_sorted_in_projects(Unit, "project_id", column)
    walked = pages(0)
    assert pages(100) == walked
    assert len(walked[0]) > 2


@pytest.mark.parametrize("descending", [False, True])
def test_what_a_search_found_is_walked_like_any_list(descending, sign_in, many, running_app):
    """Few hits are read at once and cut into pages; their order, neighbours and number are those of the list."""
    start = f"/admin/customers/?search=重名&sort=id&desc={int(descending)}"
    browser = sign_in("head")
    with running_app.app_context(), all_departments("a test"):
        key = Customer.id.desc() if descending else Customer.id
        rows = list(
            db.session.scalars(sa.select(Customer.id).where(Customer.name.like("重名%")).order_by(key))
        )
    forward = walk(browser, start, "next")
    assert [key for page in forward for key in page] == rows
    assert [len(page) for page in forward] == [50, 50, 50, 50, 30]
    backward = walk(browser, f"{start}&page=-1", "prev")
    assert [key for page in reversed(backward) for key in page] == rows
    assert keys_of(browser.get(f"{start}&page=2").text) == rows[100:150]
    assert "230" in browser.get(start).text


def test_a_filtered_page_tells_its_number(sign_in, many, monkeypatch):
    browser = sign_in("head")
    pages = walk(browser, "/admin/customers/?f_kind=person", "next")
    number = sum(map(len, pages))
    assert number > 100
    assert total_of(browser, browser.get("/admin/customers/?f_kind=person").text).startswith(f"{number} rows")
    monkeypatch.setattr(listing, "COUNT_LIMIT", 100)
    assert total_of(browser, browser.get("/admin/customers/?f_kind=person").text).startswith("100+ rows")


def rows_of(running_app, model, order, *conditions) -> list[int]:
    with running_app.app_context(), all_departments("a test"):
        return list(db.session.scalars(sa.select(model.id).where(*conditions).order_by(*order)))


def walked_both_ways(browser, address: str) -> list[int]:
    forward = [key for page in walk(browser, address, "next") for key in page]
    backward = walk(browser, f"{address}&page=-1", "prev")
    assert [key for page in reversed(backward) for key in page] == forward
    return forward


def test_lists_filtered_by_one_column_keep_to_the_projects_of_who_asks(
    sign_in, houses_of_two_projects, world, running_app
):
    """The select of a filtered list is made once, but read with each one's own projects and values."""
    lengths = []
    for _twice in range(2):
        for place in ("region", "city", "group"):
            browser = sign_in("admin", place)
            for project in (world.own.project_id, world.sibling.project_id):
                found = walked_both_ways(browser, f"/admin/units/?f_project_id={project}")
                is_refused = project == world.sibling.project_id and place == "group"
                # A filter by what may not be seen is left out.
                shown = world.own.project_id if is_refused else project
                assert found == rows_of(running_app, Unit, [Unit.id.desc()], Unit.project_id == shown)
                lengths.append(len(found))
    assert min(lengths) > 50


@pytest.mark.parametrize("column", ["id", "phone"])
def test_lists_filtered_by_one_column_share_a_select_and_not_its_value(
    column, sign_in, many, world, view, running_app
):
    own = sa.select(CustomerProject.customer_id).where(CustomerProject.project_id == world.own.project_id)
    order = [getattr(Customer, column), Customer.id] if column != "id" else [Customer.id]
    made = []
    for kind in ("person", "company", "person", "company"):
        address = f"/admin/customers/?f_kind={kind}&sort={column}&desc=0"
        assert walked_both_ways(sign_in("head"), address) == rows_of(
            running_app, Customer, order, Customer.id.in_(own), Customer.kind == kind
        )
        made.append(len(view("customers").kept_selects))
    assert made[0] > 0
    assert made[2:] == [made[1]] * 2, "another value makes no further select"
