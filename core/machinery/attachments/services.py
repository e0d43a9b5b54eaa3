"""Files on records: taking them in, finding them, removing them, reading their bytes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import sqlalchemy as sa
from flask import Flask, current_app, has_request_context
from flask_babel import gettext as _
from flask_login import current_user

from core.database.owners import owner_of
from core.database.scope import current_scope, require_scope
from core.database.types import utc_now
from core.extensions import db
from core.machinery.attachments import markup
from core.machinery.attachments.intake import MAX_FILES, THUMBNAIL_SIDE, UploadRefused, take_in
from core.machinery.attachments.models import Attachment, AttachmentMarkup
from core.machinery.attachments.store import DamagedFileError, FileStore, MissingFileError
from core.plugin_system.declarations import RecordKind
from core.plugin_system.gate import is_on
from core.plugin_system.runtime import current_runtime

__all__ = [
    "MAX_FILES",
    "AttachedFile",
    "DamagedFileError",
    "MissingFileError",
    "UploadRefused",
    "attach",
    "attachments_by_record",
    "attachments_of",
    "find",
    "forget_bytes",
    "kind_of",
    "mark_up",
    "markup_of",
    "markups_of",
    "open_bytes",
    "picture_bytes",
    "record_of",
    "remove",
    "seen_among",
    "set_up_attachments",
    "shown_bytes",
    "stored_bytes",
]

_EXTENSION = "doorstep.attachments"


@dataclass(frozen=True)
class _Means:
    store: FileStore
    watermark_font: Path | None


@dataclass(frozen=True)
class AttachedFile:
    """An attachment with the record that it hangs on, both loaded in the acting scope."""

    attachment: Attachment
    kind: RecordKind
    record: Any


def set_up_attachments(app: Flask, store: FileStore, watermark_font: Path | None = None) -> None:
    """Tell the application where attachments lie.

    Args:
        app: The application.
        store: The store of their bytes.
        watermark_font: Font file of watermarks; without it none are drawn.
    """
    app.extensions[_EXTENSION] = _Means(store, watermark_font)


def _means() -> _Means:
    means: _Means = current_app.extensions[_EXTENSION]
    return means


def kind_of(record: Any) -> RecordKind:
    """Return the kind of a record.

    Raises:
        LookupError: No component declares a kind for its class.
    """
    kind = current_runtime().declared.record_kind_of(record)
    if kind is None:
        raise LookupError(
            f"{type(record).__name__} is not a declared record kind, so nothing can be attached to it."
        )
    return kind


def attach(
    record: Any,
    stream: IO[bytes],
    file_name: str,
    slot: str = "",
    taken_at: dt.datetime | None = None,
    caption: str = "",
    watermark: bool = False,
) -> Attachment:
    """Check a file by its content and attach it to a record, in the caller's transaction.

    The bytes are stored durably before the row is written. Pictures are made anew: JPEG of at most 1600 pixels,
    upright, without metadata. PDF and Office files are kept as they are.

    Args:
        record: A loaded record of a declared kind.
        stream: The upload, read once; at most 10 MB.
        file_name: Its name as the browser gave it; Chinese names are kept.
        slot: What the file is to the record; one of the slots of its kind, or "".
        taken_at: When the picture was taken, if the page knows better than the camera.
        caption: A line below the picture.
        watermark: Whether to draw place, time and user on a picture (domain reference 3.7.6).

    Raises:
        UploadRefused: The file or the slot is not taken; the message is a sentence for the user.
        LookupError: The record is of no declared kind.
    """
    kind = kind_of(record)
    if slot and slot not in kind.attachment_slots:
        raise UploadRefused(
            _("There is no place of this name for files here. Reload the page and try again.")
        )
    means = _means()
    lines = _watermark_lines(kind, record) if watermark else ()
    taken = take_in(stream, file_name, watermark=lines, font=means.watermark_font)
    last = db.session.scalar(
        sa.select(sa.func.max(Attachment.position)).where(
            Attachment.record_kind == kind.code, Attachment.record_id == record.id
        )
    )
    scope = require_scope()
    attachment = Attachment(
        record_kind=kind.code,
        record_id=record.id,
        slot=slot,
        sha256=means.store.put(taken.content),
        thumbnail_sha256=means.store.put(taken.thumbnail) if taken.thumbnail else None,
        file_name=taken.file_name,
        media_type=taken.media_type,
        size=len(taken.content),
        width=taken.width,
        height=taken.height,
        taken_at=taken_at or taken.taken_at,
        caption=" ".join(caption.split())[:255],
        position=(last or 0) + 1,
        uploaded_by_id=scope.user_id,
        **owner_of(record).as_columns(),
    )
    db.session.add(attachment)
    db.session.flush()
    return attachment


def attach_again(attachment: Attachment, record: Any, slot: str = "") -> Attachment:
    """Attach the same file to a further record: the bytes stay as they are and are stored once.

    Args:
        attachment: An attachment that the acting user sees.
        record: A loaded record of a declared kind.
        slot: What the file is to that record; one of the slots of its kind, or "".

    Raises:
        UploadRefused: The kind has no such slot.
    """
    kind = kind_of(record)
    if slot and slot not in kind.attachment_slots:
        raise UploadRefused(
            _("There is no place of this name for files here. Reload the page and try again.")
        )
    last = db.session.scalar(
        sa.select(sa.func.max(Attachment.position)).where(
            Attachment.record_kind == kind.code, Attachment.record_id == record.id
        )
    )
    names = (
        "sha256",
        "thumbnail_sha256",
        "file_name",
        "media_type",
        "size",
        "width",
        "height",
        "taken_at",
        "caption",
    )
    copy = Attachment(
        record_kind=kind.code,
        record_id=record.id,
        slot=slot,
        position=(last or 0) + 1,
        uploaded_by_id=require_scope().user_id,
        **{name: getattr(attachment, name) for name in names},
        **owner_of(record).as_columns(),
    )
    db.session.add(copy)
    db.session.flush()
    return copy


def _watermark_lines(kind: RecordKind, record: Any) -> list[str]:
    lines = [" · ".join([*_path_words(kind, record), kind.title(record)])]
    user = current_user.name if has_request_context() and current_user.is_authenticated else ""
    lines.append(" · ".join(part for part in ("{time}", user) if part))
    return [line for line in lines if line]


def _path_words(kind: RecordKind, record: Any) -> list[str]:
    if kind.breadcrumbs is None:
        return []
    if has_request_context():
        return [text for text, _url in kind.breadcrumbs(record)]
    # The path has addresses too, which are made in requests alone; a job has none.
    with current_app.test_request_context():
        return [text for text, _url in kind.breadcrumbs(record)]


def attachments_of(record: Any, slot: str | None = None) -> Sequence[Attachment]:
    """Return the attachments of a record in their order, those that were removed left out.

    Args:
        record: A loaded record of a declared kind.
        slot: Only those of one slot; all when None.
    """
    query = _of_kind(kind_of(record).code).where(Attachment.record_id == record.id)
    if slot is not None:
        query = query.where(Attachment.slot == slot)
    return db.session.scalars(query).all()


def attachments_by_record(records: Iterable[Any]) -> dict[int, list[Attachment]]:
    """Return the attachments of many records of one kind by record id, in one query; for lists and documents."""
    rows = list(records)
    if not rows:
        return {}
    found: dict[int, list[Attachment]] = {row.id: [] for row in rows}
    query = _of_kind(kind_of(rows[0]).code).where(Attachment.record_id.in_(sorted(found)))
    for attachment in db.session.scalars(query):
        found[attachment.record_id].append(attachment)
    return found


def seen_among(keys: Iterable[int]) -> list[Attachment]:
    """Return those of some attachments that are in the acting scope and were not removed, in the order of the keys.

    Args:
        keys: Their ids.
    """
    wanted = list(dict.fromkeys(keys))
    query = sa.select(Attachment).where(Attachment.id.in_(wanted), Attachment.removed_at.is_(None))
    found = {row.id: row for row in db.session.scalars(query)}
    return [found[key] for key in wanted if key in found]


def _of_kind(code: str) -> sa.Select[Attachment]:
    return (
        sa.select(Attachment)
        .where(Attachment.record_kind == code, Attachment.removed_at.is_(None))
        .order_by(Attachment.position, Attachment.id)
    )


def remove(attachment: Attachment) -> None:
    """Remove an attachment from its record; row and bytes stay, because issued documents may show it."""
    if attachment.removed_at is None:
        attachment.removed_at = utc_now()
        db.session.flush()


def open_bytes(attachment: Attachment, thumbnail: bool = False) -> bytes:
    """Return the stored bytes, checked against their hash.

    Args:
        attachment: The attachment.
        thumbnail: Whether to return the small picture.

    Raises:
        MissingFileError: The store has lost them, or there is no thumbnail.
        DamagedFileError: They were changed in the store.
    """
    key = attachment.thumbnail_sha256 if thumbnail else attachment.sha256
    if key is None:
        raise MissingFileError(f"Attachment {attachment.id} has no thumbnail.")
    return _means().store.read(key)


def stored_bytes(key: str) -> bytes:
    """Return the content under a key of the store, for exports of what is erased.

    Raises:
        MissingFileError: The store has lost it.
        DamagedFileError: It was changed in the store.
    """
    return _means().store.read(key)


def forget_bytes(keys: Iterable[str]) -> None:
    """Remove content from the store that no row names any more; called after the commit.

    Args:
        keys: Its keys in the store.
    """
    store = _means().store
    for key in keys:
        store.remove(key)


def picture_bytes(identifier: str) -> bytes:
    """Return the bytes of ``attachment:<identifier>`` for a document, if the acting scope sees the attachment.

    Raises:
        LookupError: There is no such picture in the acting scope.
    """
    if not (identifier.isascii() and identifier.isdigit()):
        raise LookupError(f"{identifier!r} is not the id of an attachment.")
    attachment = db.session.scalar(sa.select(Attachment).where(Attachment.id == int(identifier[:18])))
    if attachment is None or attachment.removed_at is not None:
        raise LookupError(f"There is no attachment {identifier} here.")
    return shown_bytes(attachment)


def shown_bytes(attachment: Attachment, thumbnail: bool = False) -> bytes:
    """Return a picture with the drawing over it, if there is one; :func:`open_bytes` returns it as it was taken.

    Args:
        attachment: The attachment.
        thumbnail: Whether to return the small picture.

    Raises:
        MissingFileError: The store has lost it, or there is no thumbnail.
        DamagedFileError: It was changed in the store.
    """
    layer = markup_of(attachment)
    key = None if layer is None else layer.thumbnail_sha256 if thumbnail else layer.sha256
    return open_bytes(attachment, thumbnail) if key is None else _means().store.read(key)


def markup_of(attachment: Attachment) -> AttachmentMarkup | None:
    """Return the drawing over a photo that counts, or None."""
    if not attachment.markup_version:
        return None
    return db.session.scalar(
        sa.select(AttachmentMarkup).where(
            AttachmentMarkup.attachment_id == attachment.id,
            AttachmentMarkup.version == attachment.markup_version,
        )
    )


def markups_of(attachments: Iterable[Attachment]) -> dict[int, AttachmentMarkup]:
    """Return the drawings that count of many photos by attachment id, in one query; those without are left out."""
    keys = [each.id for each in attachments if each.markup_version]
    if not keys:
        return {}
    rows = db.session.scalars(
        sa.select(AttachmentMarkup)
        .join(Attachment, Attachment.id == AttachmentMarkup.attachment_id)
        .where(
            AttachmentMarkup.attachment_id.in_(keys), AttachmentMarkup.version == Attachment.markup_version
        )
    )
    return {row.attachment_id: row for row in rows if row.shapes}


def mark_up(attachment: Attachment, shapes: str, version: int | None = None) -> AttachmentMarkup:
    """Save a further version of the drawing over a photo, in the caller's transaction; the photo stays as it is.

    Args:
        attachment: A photo.
        shapes: What the editor sent, see :mod:`core.machinery.attachments.markup`; ``[]`` takes the drawing away.
        version: The version that was shown; when somebody has drawn since, nothing is saved.

    Raises:
        UploadRefused: It is no photo, somebody has drawn meanwhile, or the shapes cannot be taken.
    """
    db.session.refresh(attachment, with_for_update=True)
    if attachment.thumbnail_sha256 is None or attachment.removed_at is not None:
        raise UploadRefused(_("Only photos can be drawn on."))
    if version is not None and version != attachment.markup_version:
        raise UploadRefused(
            _(
                "A colleague has drawn on this photo meanwhile. Nothing was saved; open it again and draw once more."
            )
        )
    try:
        drawn = markup.read_shapes(shapes)
    except markup.MarkupRefused as refused:
        raise UploadRefused(
            _("There is too much on this photo: at most %(count)s shapes.", count=markup.MAX_SHAPES)
            if str(refused) == "large"
            else _("The drawing did not arrive whole. Draw once more.")
        ) from refused
    means = _means()
    keys: tuple[str | None, str | None] = (None, None)
    if drawn:
        pictures = markup.draw(open_bytes(attachment), drawn, means.watermark_font, THUMBNAIL_SIDE)
        keys = (means.store.put(pictures[0]), means.store.put(pictures[1]))
    layer = AttachmentMarkup(
        attachment_id=attachment.id,
        version=attachment.markup_version + 1,
        shapes=drawn,
        sha256=keys[0],
        thumbnail_sha256=keys[1],
        drawn_by_id=require_scope().user_id,
        project_id=attachment.project_id,
        customer_id=attachment.customer_id,
        department_id=attachment.department_id,
    )
    db.session.add(layer)
    attachment.markup_version = layer.version
    db.session.flush()
    return layer


def record_of(kind_code: str, record_id: int) -> tuple[RecordKind, Any] | None:
    """Return a record by kind and id if the acting user may see it: wall, plugin switch and permission; else None."""
    declared = current_runtime().declared
    kind = declared.record_kind(kind_code)
    scope = current_scope()
    if kind is None or scope is None or not is_on(declared.component_of(kind)):
        return None
    if kind.view_permission not in scope.permissions:
        return None
    conditions = kind.narrow() if kind.narrow is not None else ()
    record = db.session.scalar(sa.select(kind.model).where(kind.model.id == record_id, *conditions))
    return None if record is None else (kind, record)


def find(attachment_id: int) -> AttachedFile | None:
    """Return an attachment with its record if the acting user may see both; else None."""
    if current_scope() is None:
        return None
    attachment = db.session.scalar(
        sa.select(Attachment).where(Attachment.id == attachment_id, Attachment.removed_at.is_(None))
    )
    if attachment is None:
        return None
    held = record_of(attachment.record_kind, attachment.record_id)
    return None if held is None else AttachedFile(attachment, *held)


def erase_of_customer(customer_id: int) -> None:
    """Remove the files that hang on a customer and nothing else, and their bytes once the transaction is committed."""
    rows = db.session.scalars(
        sa.select(Attachment).where(Attachment.customer_id == customer_id, Attachment.project_id.is_(None))
    ).all()
    layers = db.session.scalars(
        sa.select(AttachmentMarkup).where(AttachmentMarkup.attachment_id.in_([row.id for row in rows]))
    ).all()
    stored: list[tuple[str | None, str | None]] = [(row.sha256, row.thumbnail_sha256) for row in rows]
    stored += [(layer.sha256, layer.thumbnail_sha256) for layer in layers]
    keys = {key for pair in stored for key in pair if key}
    for layer in layers:
        layer.shapes, layer.sha256, layer.thumbnail_sha256 = [], None, None
    for row in rows:
        row.removed_at = row.removed_at or utc_now()
        row.file_name, row.caption, row.taken_at = "", "", None
    db.session.flush()
    erased = [row.id for row in rows]
    shared = set(
        db.session.execute(
            sa.select(Attachment.sha256, Attachment.thumbnail_sha256).where(
                sa.or_(Attachment.sha256.in_(keys), Attachment.thumbnail_sha256.in_(keys)),
                Attachment.id.not_in(erased),
            )
        )
    )
    store = _means().store
    gone = keys - {key for pair in shared for key in pair}

    def remove_bytes(_session: Any) -> None:
        for key in gone:
            store.remove(key)

    if gone:
        sa.event.listen(db.session(), "after_commit", remove_bytes, once=True)


def move_to_customer(kept_id: int, merged_id: int) -> None:
    """Move the files of a merged customer to the one that is kept."""
    kinds = {
        kind.code
        for kind in current_runtime().declared.record_kinds()
        if kind.model.__tablename__ == "customer"
    }
    for row in db.session.scalars(sa.select(Attachment).where(Attachment.customer_id == merged_id)):
        row.customer_id = kept_id
        for layer in db.session.scalars(
            sa.select(AttachmentMarkup).where(AttachmentMarkup.attachment_id == row.id)
        ):
            layer.customer_id = kept_id
        if row.record_kind in kinds and row.record_id == merged_id:
            row.record_id = kept_id
    db.session.flush()


def of_customer(customer_id: int) -> list[dict[str, Any]]:
    """Return what is attached to a customer, as plain data (PIPL 45)."""
    rows = db.session.scalars(
        sa.select(Attachment).where(Attachment.customer_id == customer_id, Attachment.removed_at.is_(None))
    )
    return [
        {
            "file_name": row.file_name,
            "uploaded_at": row.uploaded_at.isoformat(),
            "record_kind": row.record_kind,
        }
        for row in rows
    ]
