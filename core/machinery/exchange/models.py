"""Imports between the upload and the end of their retention: the batch, its rows in chunks, and remembered columns."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from core.database.base import CoreBase, Identified, Record, Timestamped, big_id
from core.database.scope import ByDepartment
from core.database.types import EncryptedText, Wording, utc_now
from core.extensions import db


class ImportState(StrEnum):
    """How far an import is."""

    READ = "read"
    """The file was read; its columns wait for their confirmation."""
    CHECKING = "checking"
    CHECKED = "checked"
    """Every row has its verdict; nothing is written."""
    WRITING = "writing"
    WRITTEN = "written"
    UNDOING = "undoing"
    UNDONE = "undone"


class ImportBatch(Record, CoreBase):
    """An uploaded file on its way into the records of one kind, and what came of it."""

    __tablename__ = "import_batch"
    __scope__ = ByDepartment()

    kind: Mapped[str] = mapped_column(sa.String(80))
    """Code of the declaration."""
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    """Only this user sees and confirms it."""
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"), index=True)
    """The department in which he acted; its rows are judged and written in that scope alone."""
    project_id: Mapped[int | None] = mapped_column(
        sa.ForeignKey("project.id", ondelete="CASCADE"), index=True
    )
    file_name: Mapped[str]
    state: Mapped[ImportState] = mapped_column(sa.String(12), default=ImportState.READ)
    match: Mapped[str] = mapped_column(sa.String(40), default="")
    mode: Mapped[str] = mapped_column(sa.String(12), default="both")
    all_or_nothing: Mapped[bool] = mapped_column(default=False)
    options: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    sheets: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """For each sheet with a table: name, heads, field of each column."""
    skipped: Mapped[Any] = mapped_column(sa.JSON, default=list)
    """Names of the sheets without a table."""
    total: Mapped[int] = mapped_column(default=0)
    """Rows that were read."""
    blank: Mapped[int] = mapped_column(default=0)
    """Rows that hold nothing and were not kept."""
    expires_at: Mapped[dt.datetime]
    """When the rows are removed; after a write, when it cannot be undone any more."""
    written_at: Mapped[dt.datetime | None]
    result: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """After the write: how many rows were new, changed, unchanged and left out, and what the importer counted."""
    job_id: Mapped[int | None] = mapped_column(big_id)
    """The job that works on it, when it is too large for a request."""

    @property
    def remarks(self) -> list[str | Wording]:
        """What is said of the file as a whole, in the reader's language."""
        return [Wording.read(each) for each in (self.result or {}).get("remarks", ())]

    @property
    def project(self) -> Any:
        """The project, or None where there is none or it cannot be seen."""
        return _row("project", self.project_id)

    @property
    def department(self) -> Any:
        """The department in which the user acted."""
        return _row("department", self.department_id)


def _row(table: str, key: int | None) -> Any:
    """Return a row of a model that stands above this layer, found by the name of its table."""
    if key is None:
        return None
    model: Any = next(
        mapper.class_ for mapper in CoreBase.registry.mappers if mapper.class_.__tablename__ == table
    )
    return db.session.scalars(sa.select(model).where(model.id == key)).one_or_none()


class ImportChunk(Identified, CoreBase):
    """Some hundred rows of an import: what one step reads, judges, writes and takes back."""

    __tablename__ = "import_chunk"
    __scope__ = ByDepartment()
    __audited__ = False  # staged rows are no facts; the batch, and every record that is written, are logged
    __table_args__: Any = (sa.UniqueConstraint("batch_id", "number"),)

    batch_id: Mapped[int] = mapped_column(sa.ForeignKey("import_batch.id", ondelete="CASCADE"))
    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    rows: Mapped[int]
    """How many rows it holds."""
    verdicts: Mapped[str] = mapped_column(sa.Text, default="")
    """A letter for each row; see ``core.machinery.exchange.staging``."""
    keys: Mapped[str] = mapped_column(sa.Text, default="")
    """Keyed hashes of what names each row, to find the same record twice in a file."""
    doubles: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Position of each row whose record stands in an earlier row: sheet and number of that."""
    content: Mapped[str | None] = mapped_column(EncryptedText())
    """The rows; removed with the retention."""
    outcome: Mapped[str | None] = mapped_column(EncryptedText())
    """What was written for each row, with the values before; removed with the retention."""
    written: Mapped[str | None] = mapped_column(sa.Text)
    """Letter and key of the record of each row that was written; None until then. It stays."""
    undone: Mapped[bool] = mapped_column(default=False)


class ImportMapping(Identified, Timestamped, CoreBase):
    """Which column means what in files with these heads, as somebody confirmed it."""

    __tablename__ = "import_mapping"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "user_id", "kind", "signature"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(sa.String(80))
    signature: Mapped[str] = mapped_column(sa.String(64))
    """Hash of the plain heads."""
    columns: Mapped[Any] = mapped_column(sa.JSON, default=dict)
    """Field by plain head."""


class ExportPreset(Identified, CoreBase):
    """Columns that somebody chose for the download of a list, under a name or as the last choice."""

    __tablename__ = "export_preset"
    __scope__ = ByDepartment()
    __table_args__: Any = (sa.UniqueConstraint("department_id", "user_id", "view", "name"),)

    department_id: Mapped[int] = mapped_column(sa.ForeignKey("department.id", ondelete="CASCADE"))
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    view: Mapped[str] = mapped_column(sa.String(80))
    """Endpoint of the list."""
    name: Mapped[str] = mapped_column(sa.String(60), default="")
    """Empty for the last choice."""
    columns: Mapped[Any] = mapped_column(sa.JSON, default=list)
    changed_at: Mapped[dt.datetime] = mapped_column(default=utc_now, onupdate=utc_now)
