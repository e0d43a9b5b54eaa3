"""Stock Flask-Admin."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import create_engine
from sqlalchemy.engine import Engine
from werkzeug.security import generate_password_hash

from bench.client import Client, Request, Response, read_form, with_value
from bench.databases import Database
from bench.dataset import Customer, Dataset
from bench.products.base import AnyRows, Product, User, WrongAnswer, release_of
from bench.servers import PEER_SETTINGS, Server

_COLUMNS = (
    "id",
    "name",
    "phone",
    "kind",
    "stage",
    "email",
    "company",
    "project_id",
    "created_at",
    "updated_at",
)
_NAME_COLUMN = "1"


class StockFlaskAdmin(Product):
    """A `ModelView` as the documentation shows it."""

    name = "flask_admin"
    title = f"Flask-Admin {release_of('flask-admin')}, stock"
    row_marker = re.compile(r'<td class="col-name">')
    list_path = "/admin/customer/"
    application = "bench.peers.flask_admin_app:create_app()"

    def prepare(self, database: Database, dataset: AnyRows, users: list[User], folder: Path) -> None:
        engine = create_engine(database.url)
        self._create_tables(engine)
        engine.dispose()
        database.copy("project", ("id", "name"), ((project.id, project.name) for project in dataset.projects))
        database.copy(
            "staff",
            ("id", "name", "password", "is_administrator"),
            (
                (number, user.name, generate_password_hash(user.password), not user.limited)
                for number, user in enumerate(users, start=1)
            ),
        )
        database.copy(
            "staff_project",
            ("staff_id", "project_id"),
            (
                (number, project_id)
                for number, user in enumerate(users, start=1)
                if user.limited
                for project_id in dataset.limited_project_ids
            ),
        )
        self._load_rows(database, dataset)
        database.settle()

    def _create_tables(self, engine: Engine) -> None:
        from bench.peers.flask_admin_app import create_tables

        create_tables(engine)

    def _load_rows(self, database: Database, dataset: Any) -> None:
        database.copy(
            "customer",
            _COLUMNS,
            (tuple(getattr(customer, column) for column in _COLUMNS) for customer in dataset.customers()),
        )

    def start(self, database: Database, environment: Mapping[str, str], folder: Path) -> Server:
        settings = {**environment, "BENCH_DATABASE_URL": database.url}
        return Server(self.name, self.application, settings, PEER_SETTINGS, folder)

    def sign_in(self, client: Client, user: User) -> None:
        answer = client.send(Request("/sign-in", {"name": user.name, "password": user.password}))
        if answer.status != 302:
            raise WrongAnswer(f"{self.title} refused {user.name}: {answer.status}")

    def _list(self, **query: str | int) -> Request:
        return Request(self.list_path + (f"?{urlencode(query)}" if query else ""))

    def first_page(self) -> Request:
        return self._list()

    def last_page(self, dataset: AnyRows, user: User) -> Request:
        return self._list(page=self.pages(dataset, user) - 1)

    def sorted_by_name(self, descending: bool) -> Request:
        return self._list(sort=_NAME_COLUMN, **({"desc": 1} if descending else {}))

    def search(self, term: str) -> Request:
        return self._list(search=term)

    def filtered_by_project(self, dataset: AnyRows, project_id: int) -> Request:
        return self._list(flt0_project_project_name_equals=dataset.projects[project_id - 1].name)

    def edit_form(self, customer: Customer) -> Request:
        return Request(f"/admin/customer/edit/?id={customer.id}")

    def save(self, client: Client, customer: Customer, value: str) -> Request:
        form = self.edit_form(customer)
        fields = read_form(client.get(form.path).text, having="email")
        return Request(form.path, with_value(fields, "email", value))

    def export(self, client: Client, dataset: Dataset, user: User) -> Request:
        query = "" if user.limited else "?" + urlencode({"flt0_company_equals": dataset.companies[1]})
        return Request("/admin/customer/export/csv/" + query)

    def next_page(self, page: Response, number: int) -> Request:
        return self._list(page=number)

    def previous_page(self, page: Response, number: int) -> Request:
        return self._list(page=number - 2) if number > 2 else self._list()
