"""Doorstep itself."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa

from bench.client import Client, Request, Response, read_form, with_value
from bench.databases import Database
from bench.dataset import Customer, Dataset
from bench.products.base import AnyRows, Product, User, WrongAnswer
from bench.servers import Server

_LIST = "/admin/customers/"
_SIGN_IN = "/login"
_CHUNK = 20_000
_EXPORTED = ("id", "name", "phone", "kind", "life_cycle", "email", "source", "created_at")
"""As many columns as the peers export."""
_LAST_PAGE = -1
"""Pages are numbered from the end too: an estimated list has no exact last number."""


class Doorstep(Product):
    """The product as `gunicorn wsgi:app` serves it, with its own gunicorn.conf.py."""

    name = "doorstep"
    title = f"Doorstep {version('doorstep')}"
    row_marker = re.compile(r'<tr data-id="')
    list_path = _LIST
    # An empty line and one that says who exported the file, when and why.
    lines_beside_rows = 3

    def prepare(self, database: Database, dataset: AnyRows, users: list[User], folder: Path) -> None:
        from core.app import create_app
        from core.extensions import db
        from core.plugin_system.runtime import current_runtime

        settings = self._settings(database, folder)
        create_app(settings).test_cli_runner().invoke(args=["setup"], catch_exceptions=False)
        # Made anew: an application that meets modules without tables puts them in quarantine.
        app = create_app(settings)
        with app.app_context():
            engine = db.engine
            permissions = [permission.code for permission in current_runtime().declared.permissions()]
            with engine.begin() as connection:
                departments = self._load_departments(connection, dataset)
                self._load_users(connection, users, permissions, departments, dataset.limited_company_id)
                self._load_projects(connection, dataset, departments)
            self._load_rows(database, engine, dataset, departments)
            engine.dispose()
        database.settle()

    @staticmethod
    def _settings(database: Database, folder: Path) -> dict[str, Any]:
        return {
            "DATABASE_URL": database.url,
            "INSTANCE_PATH": str(folder / "instance"),
            # The peers stream the whole list too; a job would be measured by its polling.
            "EXPORT_ROWS_IN_REQUEST": "2000000",
        }

    @staticmethod
    def _load_departments(connection: sa.Connection, dataset: AnyRows) -> dict[int, int]:
        """A region and its city companies; returns their keys by number, the region's under 0."""
        from core.people.models import Department, DepartmentKind

        def add(
            parent: tuple[int, str] | None, kind: DepartmentKind, code: str, name: str
        ) -> tuple[int, str]:
            values = {"parent_id": parent[0] if parent else None, "kind": kind, "code": code, "name": name}
            key = _added(connection, Department, **values)
            path = f"{parent[1] if parent else '/'}{key}/"
            connection.execute(sa.update(Department).where(Department.id == key).values(path=path))
            return key, path

        region = add(None, DepartmentKind.REGION, "bench", "华东区域")
        cities = {
            number: add(region, DepartmentKind.CITY, f"bench-{number}", name)[0]
            for number, name in dataset.companies.items()
        }
        return {0: region[0], **cities}

    @staticmethod
    def _load_users(
        connection: sa.Connection,
        users: list[User],
        permissions: list[str],
        departments: Mapping[int, int],
        limited_company_id: int,
    ) -> None:
        """The administrator acts in the region, the limited user in one city company; both may do everything there."""
        from flask_security import hash_password

        from core.people.models import Membership, Role
        from core.people.models import User as Account

        role = _added(connection, Role, name="bench", label="Benchmark", permissions=permissions)
        for user in users:
            department = departments[limited_company_id if user.limited else 0]
            account = _added(
                connection,
                Account,
                email=_address(user),
                name=user.name,
                password=hash_password(user.password),
                active=True,
                fs_uniquifier=uuid.uuid4().hex,
                acting_department_id=department,
            )
            _added(connection, Membership, user_id=account, department_id=department, role_id=role)

    @staticmethod
    def _load_projects(connection: sa.Connection, dataset: AnyRows, departments: Mapping[int, int]) -> None:
        from core.projects.models import Project

        connection.execute(
            sa.insert(Project),
            [
                {
                    "id": project.id,
                    "code": f"P{project.id}",
                    "name": project.name,
                    "department_id": departments[project.company_id],
                }
                for project in dataset.projects
            ],
        )

    def _load_rows(
        self, database: Database, engine: sa.Engine, dataset: Any, departments: Mapping[int, int]
    ) -> None:
        """Writes through the tables' own columns, so that defaults and stored forms are the product's.

        The search index is taken away meanwhile and made again from all rows at once, which is much faster.
        """
        from core.customers.models import CUSTOMER_SEARCH, CustomerProject
        from core.customers.models import Customer as Record

        with engine.begin() as connection:
            for statement in CUSTOMER_SEARCH.drop_statements(engine.dialect.name):
                connection.exec_driver_sql(statement)
        for chunk in _chunks(dataset.customers()):
            with engine.begin() as connection:
                connection.execute(
                    sa.insert(Record),
                    [
                        {
                            "id": customer.id,
                            "name": customer.name,
                            "phone": customer.phone,
                            "kind": customer.kind,
                            "email": customer.email,
                            "created_at": customer.created_at,
                            "updated_at": customer.updated_at,
                        }
                        for customer in chunk
                    ],
                )
                connection.execute(
                    sa.insert(CustomerProject),
                    [
                        {"customer_id": customer.id, "project_id": project_id, "since": customer.created_at}
                        for customer in chunk
                        for project_id in (customer.project_id, customer.second_project_id)
                        if project_id is not None
                    ],
                )
        with engine.begin() as connection:
            for statement in CUSTOMER_SEARCH.create_statements(engine.dialect.name):
                connection.exec_driver_sql(statement)

    def start(self, database: Database, environment: Mapping[str, str], folder: Path) -> Server:
        settings = {f"DOORSTEP_{key}": value for key, value in self._settings(database, folder).items()}
        return Server(self.name, "wsgi:app", {**environment, **settings}, "gunicorn.conf.py", folder)

    def sign_in(self, client: Client, user: User) -> None:
        fields = read_form(client.get(_SIGN_IN).text, having="password")
        fields = with_value(with_value(fields, "email", _address(user)), "password", user.password)
        answer = client.send(Request(_SIGN_IN, fields))
        if answer.status != 302 or client.get(self.list_path).status != 200:
            raise WrongAnswer(f"{self.title} refused {user.name}: {answer.status} {answer.location}")

    def _list(self, **query: str | int) -> Request:
        return Request(self.list_path + (f"?{urlencode(query)}" if query else ""))

    def first_page(self) -> Request:
        return self._list()

    def last_page(self, dataset: AnyRows, user: User) -> Request:
        return self._list(page=_LAST_PAGE)

    def sorted_by_name(self, descending: bool) -> Request:
        return self._list(sort="name", **({"desc": 1} if descending else {}))

    def search(self, term: str) -> Request:
        return self._list(search=term)

    def filtered_by_project(self, dataset: AnyRows, project_id: int) -> Request:
        return self._list(f_project=project_id)

    def edit_form(self, customer: Customer) -> Request:
        return Request(f"{_LIST}edit/?id={customer.id}")

    def save(self, client: Client, customer: Customer, value: str) -> Request:
        form = self.edit_form(customer)
        fields = read_form(client.get(form.path).text, having="email")
        return Request(form.path, with_value(fields, "email", value))

    def export(self, client: Client, dataset: Dataset, user: User) -> Request:
        if not user.limited:
            self._act_in(client, dataset.companies[1])
        path = f"{_LIST}export/"
        fields = read_form(client.get(path).text, having="reason")
        fields = with_value(with_value(fields, "format", "csv"), "reason", "benchmark")
        fields = [field for field in fields if field[0] != "columns" or field[1] in _EXPORTED]
        return Request(path, fields, leads_on=True)

    @staticmethod
    def _act_in(client: Client, company: str) -> None:
        """Chooses a city company in the top bar, which is how one gets the customers of one company."""
        page = client.get(_LIST).text
        choice = re.search(rf'<button name="department_id" value="(\d+)"[^>]*>{company}<', page)
        if choice is None:
            raise WrongAnswer(f"The top bar does not offer {company}.")
        token = dict(read_form(page, having="csrf_token"))["csrf_token"]
        client.send(Request("/admin/acting-department", {"csrf_token": token, "department_id": choice[1]}))

    def next_page(self, page: Response, number: int) -> Request:
        return Request(_link(page.text, "next", self.list_path))

    def previous_page(self, page: Response, number: int) -> Request:
        return Request(_link(page.text, "prev", self.list_path))


def _added(connection: sa.Connection, model: type[Any], **values: Any) -> int:
    """Inserts one row; returns its key."""
    key = connection.execute(sa.insert(model).values(values)).inserted_primary_key
    if key is None:
        raise RuntimeError(f"{model.__name__} gave no key.")
    return int(key[0])


def _address(user: User) -> str:
    return f"{user.name}@example.com"


def _chunks(customers: Iterable[Customer]) -> Iterator[list[Customer]]:
    iterator = iter(customers)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


def _link(page: str, relation: str, base: str) -> str:
    """The address of the pager's link of this relation; it carries the position, so it is read from the page."""
    for tag in re.findall(r"<a\b[^>]*>", page):
        if f'rel="{relation}"' in tag and (target := re.search(r'href="([^"]+)"', tag)):
            address = html.unescape(target[1])
            return address if address.startswith("/") else base + address
    raise LookupError(f'No link with rel="{relation}" is on the page.')
