"""The files that hang on the records of a plugin, for the export and the erasure of its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import sqlalchemy as sa
from flask_babel import lazy_gettext as _l

from core.extensions import db
from core.machinery.attachments import services
from core.machinery.attachments.models import Attachment, AttachmentMarkup
from core.machinery.attachments.store import DamagedFileError, MissingFileError
from core.plugin_system.holdings import Holding, Trace, delete_rows, queried


def _condition(trace: Trace) -> sa.ColumnElement[bool]:
    return trace.starts(Attachment.record_kind)


def _files(trace: Trace) -> Iterator[tuple[str, bytes | None]]:
    columns = (Attachment.id, Attachment.sha256, Attachment.file_name)
    query = sa.select(*columns).where(_condition(trace)).order_by(Attachment.id)
    for key, sha256, file_name in db.session.execute(query).all():
        name = file_name.replace("/", "_").replace("\\", "_")
        try:
            content: bytes | None = services.stored_bytes(sha256)
        except (MissingFileError, DamagedFileError):
            content = None
        yield f"{key}-{name}", content


def _erase(trace: Trace) -> Callable[[], None] | None:
    columns = (Attachment.sha256, Attachment.thumbnail_sha256)
    drawn = (AttachmentMarkup.sha256, AttachmentMarkup.thumbnail_sha256)

    def keys(condition: sa.ColumnElement[bool]) -> set[str]:
        rows = db.session.execute(sa.select(*columns).where(condition).distinct())
        own = sa.select(Attachment.id).where(condition)
        layers = db.session.execute(
            sa.select(*drawn).where(AttachmentMarkup.attachment_id.in_(own)).distinct()
        )
        return {key for row in (*rows, *layers) for key in row if key}

    doomed = keys(_condition(trace))
    of_plugin = sa.select(Attachment.id).where(_condition(trace))
    delete_rows(
        AttachmentMarkup, AttachmentMarkup.attachment_id.in_(of_plugin), f"erasing the plugin {trace.slug}"
    )
    delete_rows(Attachment, _condition(trace), f"erasing the plugin {trace.slug}")
    gone = doomed - keys(sa.true())
    return lambda: services.forget_bytes(gone)


HOLDINGS: tuple[Holding, ...] = (
    queried("attachments", _l("Files on its records"), Attachment, _condition, erase=_erase, files=_files),
)
