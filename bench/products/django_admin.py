"""Django's admin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.client import Client, Request, Response, read_form, with_value
from bench.databases import Database
from bench.dataset import Customer, Dataset
from bench.products.base import AnyRows, Product, User, WrongAnswer, release_of
from bench.servers import PEER_SETTINGS, Server

_SETTINGS = "bench.peers.django_site.settings"
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
_LIST = "/admin/customers/customer/"
_NAME_COLUMN = 2


class DjangoAdmin(Product):
    """A `ModelAdmin` as the documentation shows it."""

    name = "django_admin"
    title = f"Django {release_of('django')} admin"
    row_marker = re.compile(r'class="field-name')
    list_path = _LIST
    settings_module = _SETTINGS
    models: tuple[str, ...] = ("customer",)
    """What a limited user gets permissions for."""

    def prepare(self, database: Database, dataset: AnyRows, users: list[User], folder: Path) -> None:
        from django.contrib.auth.hashers import PBKDF2PasswordHasher

        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": self.settings_module,
            "BENCH_DATABASE_URL": database.url,
            "BENCH_SECRET_KEY": "unused while migrating",
        }
        subprocess.run(
            [sys.executable, "-m", "django", "migrate", "--verbosity", "0"], check=True, env=environment
        )
        hasher = PBKDF2PasswordHasher()
        rest = {"is_staff": True, "is_active": True, "first_name": "", "last_name": "", "email": ""}
        now = datetime.now(UTC)
        database.copy(
            "auth_user",
            ("id", "username", "password", "is_superuser", "date_joined", *rest),
            (
                (
                    number,
                    user.name,
                    hasher.encode(user.password, hasher.salt()),
                    not user.limited,
                    now,
                    *rest.values(),
                )
                for number, user in enumerate(users, start=1)
            ),
        )
        database.copy(
            "customers_project", ("id", "name"), ((project.id, project.name) for project in dataset.projects)
        )
        limited = [number for number, user in enumerate(users, start=1) if user.limited]
        database.copy(
            "customers_staffproject",
            ("id", "user_id", "project_id"),
            (
                (position * 1000 + offset, number, project_id)
                for position, number in enumerate(limited, start=1)
                for offset, project_id in enumerate(dataset.limited_project_ids)
            ),
        )
        permissions = self._permissions(environment)
        database.copy(
            "auth_user_user_permissions",
            ("id", "user_id", "permission_id"),
            (
                (position * 1000 + permission, number, permission)
                for position, number in enumerate(limited, start=1)
                for permission in permissions
            ),
        )
        self._load_rows(database, dataset)
        database.settle()

    def _load_rows(self, database: Database, dataset: Any) -> None:
        database.copy(
            "customers_customer",
            _COLUMNS,
            (tuple(getattr(customer, column) for column in _COLUMNS) for customer in dataset.customers()),
        )

    def _permissions(self, environment: Mapping[str, str]) -> list[int]:
        script = (
            "import django; django.setup()\n"
            "from django.contrib.auth.models import Permission\n"
            f"for row in Permission.objects.filter(content_type__model__in={self.models}): print(row.pk)"
        )
        run = subprocess.run(
            [sys.executable, "-c", script], check=True, env=dict(environment), capture_output=True, text=True
        )
        return [int(line) for line in run.stdout.split()]

    def start(self, database: Database, environment: Mapping[str, str], folder: Path) -> Server:
        settings = {
            **environment,
            "BENCH_DATABASE_URL": database.url,
            "DJANGO_SETTINGS_MODULE": self.settings_module,
        }
        return Server(self.name, "bench.peers.django_site.wsgi:application", settings, PEER_SETTINGS, folder)

    def sign_in(self, client: Client, user: User) -> None:
        fields = read_form(client.get("/admin/login/").text, having="username")
        fields = with_value(with_value(fields, "username", user.name), "password", user.password)
        answer = client.send(Request("/admin/login/", fields))
        if answer.status != 302:
            raise WrongAnswer(f"{self.title} refused {user.name}: {answer.status}")

    def _list(self, **query: str | int) -> Request:
        return Request(self.list_path + (f"?{urlencode(query)}" if query else ""))

    def first_page(self) -> Request:
        return self._list()

    def last_page(self, dataset: AnyRows, user: User) -> Request:
        return self._list(p=self.pages(dataset, user))

    def sorted_by_name(self, descending: bool) -> Request:
        return self._list(o=-_NAME_COLUMN if descending else _NAME_COLUMN)

    def search(self, term: str) -> Request:
        return self._list(q=term)

    def filtered_by_project(self, dataset: AnyRows, project_id: int) -> Request:
        return self._list(project__id__exact=project_id)

    def edit_form(self, customer: Customer) -> Request:
        return Request(f"{_LIST}{customer.id}/change/")

    def save(self, client: Client, customer: Customer, value: str) -> Request:
        form = self.edit_form(customer)
        fields = read_form(client.get(form.path).text, having="email")
        return Request(form.path, [*with_value(fields, "email", value), ("_save", "Save")])

    def export(self, client: Client, dataset: Dataset, user: User) -> Request:
        path = self._list().path if user.limited else self._list(company__exact=dataset.companies[1]).path
        page = client.get(path).text
        fields = [
            (name, value) for name, value in read_form(page, having="action") if name == "csrfmiddlewaretoken"
        ]
        ticked = re.search(r'name="_selected_action" value="(\d+)"', page)
        if ticked is None:
            raise WrongAnswer(f"{self.title} shows no row to export.")
        fields += [
            ("action", "export_csv"),
            ("select_across", "1"),
            ("index", "0"),
            ("_selected_action", ticked[1]),
        ]
        return Request(path, fields)

    def next_page(self, page: Response, number: int) -> Request:
        return self._list(p=number + 1)

    def previous_page(self, page: Response, number: int) -> Request:
        return self._list(p=number - 1)
