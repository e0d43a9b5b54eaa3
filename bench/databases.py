"""Empty databases for the products: SQLite files, or a temporary PostgreSQL cluster that this module starts."""

from __future__ import annotations

import contextlib
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from bench.servers import processor_seconds
from tools.setup.temporary_postgresql import cluster


@dataclass(frozen=True)
class Database:
    """One database.

    Attributes:
        kind: `sqlite` or `postgresql`.
        url: its address as SQLAlchemy writes it.
    """

    kind: str
    url: str

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(make_url(self.url).database or "")

    def copy(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Writes rows into a table by the fastest way of the database, in one transaction.

        Foreign keys are not checked: the rows are computed, and those of a list are written in any order.
        """
        if self.kind == "sqlite":
            self._copy_to_sqlite(table, columns, rows)
        else:
            statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
                sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
            )
            with _connected(make_url(self.url)) as connection:
                connection.execute("SET session_replication_role = replica")
                with connection.cursor().copy(statement) as copy:
                    for row in rows:
                        copy.write_row(row)

    def _copy_to_sqlite(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        names = ", ".join(f'"{column}"' for column in columns)
        marks = ", ".join("?" for _ in columns)
        statement = f'INSERT INTO "{table}" ({names}) VALUES ({marks})'
        with closing(sqlite3.connect(self.path)) as connection, connection:
            # A table has a dozen indexes; outside the cache each row would touch as many pages of the disk.
            connection.execute("PRAGMA cache_size=-1000000")
            connection.execute("PRAGMA synchronous=OFF")
            connection.executemany(statement, (tuple(_sqlite_value(value) for value in row) for row in rows))

    def settle(self) -> None:
        """Brings statistics and visibility up to date after loading, as a database in use has them."""
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.path)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("ANALYZE")
                connection.commit()
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            with _connected(make_url(self.url), autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
                connection.execute("CHECKPOINT")

    def server_version(self) -> str:
        """The version of the database that answers."""
        if self.kind == "sqlite":
            return f"SQLite {sqlite3.sqlite_version}"
        with _connected(make_url(self.url)) as connection:
            row = connection.execute("SHOW server_version").fetchone()
            return f"PostgreSQL {row[0] if row else '?'}"


def _sqlite_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return value


class DatabaseKind(ABC):
    """A place where databases can be made; a context manager that stops what it started."""

    kind: str

    @abstractmethod
    def create(self, name: str) -> Database:
        """Makes an empty database of this name."""

    @abstractmethod
    def files(self) -> list[Path]:
        """The files that hold the databases."""

    def bring_into_memory(self) -> None:
        """Reads the files once, so that no figure waits for the disk.

        Some machines, virtual ones above all, take back the memory of files that nobody has read for some seconds.
        """
        buffer = bytearray(1 << 22)
        for file in self.files():
            # A table of PostgreSQL may be dropped or grow while its folder is read.
            with contextlib.suppress(FileNotFoundError), file.open("rb", buffering=0) as opened:
                while opened.readinto(buffer):
                    pass

    def processor_seconds(self) -> float:
        """Seconds of processor time that servers of the databases have used so far; SQLite has none."""
        return 0.0

    def __enter__(self) -> DatabaseKind:
        return self

    def __exit__(self, *exception: object) -> None:
        return None


class SqliteFiles(DatabaseKind):
    """One file per database in a folder."""

    kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(self, name: str) -> Database:
        """Makes the file, in WAL mode."""
        database = Database("sqlite", f"sqlite:///{self._folder / name}.sqlite")
        with closing(sqlite3.connect(database.path)) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        return database

    def files(self) -> list[Path]:
        """The files that :meth:`create` has made."""
        return sorted(self._folder.glob("*.sqlite"))


class PostgresCluster(DatabaseKind):
    """A cluster with default settings, made for this run and thrown away after it.

    The tests' cluster gives up durability for speed; here `fsync` and the rest stay as PostgreSQL ships them.
    """

    kind = "postgresql"

    def __init__(self, _folder: Path) -> None:
        self._cluster = cluster(settings={"listen_addresses": ""})
        self._url: URL | None = None

    def __enter__(self) -> PostgresCluster:
        self._url = make_url(self._cluster.__enter__())
        return self

    def __exit__(self, *exception: Any) -> None:
        self._cluster.__exit__(*exception)

    def processor_seconds(self) -> float:
        """Seconds of processor time that the processes of the cluster have used so far."""
        if self._url is None:
            return 0.0
        server = (self._data / "postmaster.pid").read_text().splitlines()[0]
        processes = Path(f"/proc/{server}/task/{server}/children").read_text().split()
        return sum(processor_seconds(int(process)) for process in processes)

    @property
    def _data(self) -> Path:
        if self._url is None:
            raise RuntimeError("The cluster has not been started.")
        return Path(str(self._url.query["host"])) / "data"

    def files(self) -> list[Path]:
        """The tables and indexes of the cluster."""
        return sorted(file for file in self._data.glob("base/*/*") if file.is_file())

    def create(self, name: str) -> Database:
        """Makes the database in the cluster."""
        if self._url is None:
            raise RuntimeError("The cluster has not been started.")
        with _connected(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return Database("postgresql", self._url.set(database=name).render_as_string(hide_password=False))


def _connected(url: URL, autocommit: bool = False) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=str(url.query["host"]), user=url.username, dbname=url.database, autocommit=autocommit
    )
