"""What the harness asks of every product."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol

from bench.client import Client, Request, Response
from bench.databases import Database
from bench.dataset import PAGE_SIZE, Customer, Dataset, Project
from bench.servers import Server

_PHONE = re.compile(r"(?<!\d)1\d{10}(?!\d)")


class AnyRows(Protocol):
    """What the customers and the rows of the modules share: so many rows, in projects of city companies."""

    @property
    def rows(self) -> int:
        """How many rows a list has."""

    @property
    def companies(self) -> dict[int, str]:
        """The city companies by number."""

    @property
    def projects(self) -> list[Project]:
        """The projects."""

    @property
    def limited_company_id(self) -> int:
        """The city company of the limited user."""

    @property
    def limited_project_ids(self) -> list[int]:
        """The projects of the limited user."""

    def visible_rows(self, limited: bool) -> int:
        """How many rows a user sees."""


def release_of(distribution: str) -> str:
    """The installed version, or "(not installed)": the tests have no Django."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "(not installed)"


class WrongAnswer(RuntimeError):
    """A product answered something else than what was asked for, so its time means nothing."""


@dataclass(frozen=True)
class User:
    """Someone who signs in.

    Attributes:
        name: name or the local part of the address.
        password: made for this run.
        limited: sees only the projects of one city company.
    """

    name: str
    password: str
    limited: bool


class Product(ABC):
    """A product under measurement.

    Operations return the request to be timed. Where preparation is needed (a form must be read before it is
    posted) the operation does it through the client before the clock starts.

    Attributes:
        name: key in tables and files.
        title: name and version, for people.
        row_marker: what stands exactly once in each row of the list's HTML.
        list_path: address of the list.
        lines_beside_rows: lines of an exported file that hold no row: the head, and who took it.
    """

    name: str
    title: str
    row_marker: re.Pattern[str]
    list_path: str
    lines_beside_rows: int = 1

    @abstractmethod
    def prepare(self, database: Database, dataset: AnyRows, users: list[User], folder: Path) -> None:
        """Makes the schema and loads users, projects and rows.

        Args:
            database: an empty database.
            dataset: the rows.
            users: who will sign in.
            folder: the product's own, the same that `start` gets.
        """

    @abstractmethod
    def start(self, database: Database, environment: Mapping[str, str], folder: Path) -> Server:
        """Serves the product from this database.

        Args:
            database: the prepared database.
            environment: `BENCH_SECRET_KEY`, the key of the run.
            folder: for logs, sockets and instance files.
        """

    @abstractmethod
    def sign_in(self, client: Client, user: User) -> None:
        """Signs in through the real form.

        Raises:
            WrongAnswer: when the product did not let the user in.
        """

    @abstractmethod
    def first_page(self) -> Request:
        """Page 1 of the list, newest first."""

    @abstractmethod
    def last_page(self, dataset: AnyRows, user: User) -> Request:
        """The last page of the list."""

    @abstractmethod
    def sorted_by_name(self, descending: bool) -> Request:
        """Page 1 sorted by name."""

    @abstractmethod
    def search(self, term: str) -> Request:
        """Page 1 of what a search in name and phone finds."""

    @abstractmethod
    def filtered_by_project(self, dataset: AnyRows, project_id: int) -> Request:
        """Page 1 of one project's customers."""

    @abstractmethod
    def edit_form(self, customer: Customer) -> Request:
        """The form of one customer."""

    @abstractmethod
    def save(self, client: Client, customer: Customer, value: str) -> Request:
        """Posts the form of one customer with a new e-mail address (`value`)."""

    @abstractmethod
    def export(self, client: Client, dataset: Dataset, user: User) -> Request:
        """CSV of a tenth of all rows: one city company's, which for the limited user is all that is seen."""

    @abstractmethod
    def next_page(self, page: Response, number: int) -> Request:
        """The page after this one.

        Args:
            page: the answer that is on the screen.
            number: its number, from 1.
        """

    @abstractmethod
    def previous_page(self, page: Response, number: int) -> Request:
        """The page before this one."""

    def rows_on(self, page: Response) -> int:
        """How many customers a list page shows."""
        return len(self.row_marker.findall(page.text))

    def phones_on(self, page: Response) -> set[str]:
        """The telephone numbers on a list page; no two customers share one."""
        return set(_PHONE.findall(page.text))

    def saved(self, answer: Response) -> bool:
        """Whether a save succeeded: every product sends the browser back to a page of its own, not to the sign-in."""
        return (
            answer.status in (302, 303)
            and "sign-in" not in answer.location
            and "login" not in answer.location
        )

    @staticmethod
    def pages(dataset: AnyRows, user: User) -> int:
        """How many pages the user's list has."""
        return -(-dataset.visible_rows(user.limited) // PAGE_SIZE)
