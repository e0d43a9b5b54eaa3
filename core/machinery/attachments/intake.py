"""Deciding by its content what an upload is, and making it safe to keep."""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import re
import subprocess
import sys
import unicodedata
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from flask_babel import gettext as _

from core.database.types import LOCAL_ZONE

logger = logging.getLogger(__name__)

MAX_BYTES = 10 * 1024 * 1024
MAX_PIXELS = 40_000_000
MAX_FILES = 10
"""Files in one request."""
LONGEST_SIDE = 1_600
THUMBNAIL_SIDE = 320
WORKER_MEMORY = 768 * 1024 * 1024
WORKER_SECONDS = 20
MAX_ZIP_ENTRIES = 5_000
MAX_ZIP_BYTES = 200 * 1024 * 1024
MAX_ZIP_RATIO = 100
MAX_NAME = 120

PICTURE = "image/jpeg"
_CHUNK = 1 << 16
_IMAGING = Path(__file__).with_name("imaging.py")

_OFFICE = {
    "word/": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
    "xl/": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    "ppt/": ("application/vnd.openxmlformats-officedocument.presentationml.presentation", ".pptx"),
}
_OLD_OFFICE = {
    "WordDocument": ("application/msword", ".doc"),
    "Workbook": ("application/vnd.ms-excel", ".xls"),
    "PowerPoint Document": ("application/vnd.ms-powerpoint", ".ppt"),
}
_ACCEPTED_SUFFIXES = {PICTURE: {".jpg", ".jpeg"}}


class UploadRefused(ValueError):
    """A file is not taken; the message is a full sentence for the user that names the file."""


@dataclass(frozen=True)
class Intake:
    """A file that may be stored.

    ``thumbnail`` is empty and the measures are None unless it is a picture. ``taken_at`` comes from the camera's clock.
    """

    content: bytes = field(repr=False)
    media_type: str
    file_name: str
    thumbnail: bytes = field(default=b"", repr=False)
    width: int | None = None
    height: int | None = None
    taken_at: dt.datetime | None = None


def take_in(
    stream: IO[bytes], file_name: str, *, watermark: Sequence[str] = (), font: Path | None = None
) -> Intake:
    """Read an upload and return what may be stored of it.

    Args:
        stream: The upload; at most 10 MB are read.
        file_name: Its name as the browser gave it.
        watermark: Lines of text for the lower edge of a picture; ``{time}`` in them becomes the moment it was taken.
        font: Font file for the watermark; needed with ``watermark``.

    Raises:
        UploadRefused: Too large, empty, of a kind that is not taken, or damaged.
    """
    name = clean_name(file_name)
    content = _read(stream, name)
    kind = _document_kind(content, name)
    if kind is not None:
        media_type, suffix = kind
        return Intake(content, media_type, _with_suffix(name, media_type, suffix))
    return _take_in_picture(content, name, list(watermark), font)


def _read(stream: IO[bytes], name: str) -> bytes:
    parts, size = [], 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > MAX_BYTES:
            raise UploadRefused(
                _(
                    "“%(name)s” is larger than %(size)s MB. Make it smaller and upload it again.",
                    name=name,
                    size=MAX_BYTES // (1024 * 1024),
                )
            )
        parts.append(chunk)
    if not size:
        raise UploadRefused(_("“%(name)s” is empty. Choose the file again.", name=name))
    return b"".join(parts)


def clean_name(file_name: str) -> str:
    """Return a name that is safe on every system; letters of every script are kept.

    Folders, control characters, invisible direction marks and characters that Windows forbids go; at most 120
    characters stay.
    """
    name = unicodedata.normalize("NFC", file_name).replace("\\", "/").rpartition("/")[2]
    name = "".join(
        "_" if character in '<>:"|?*' else character
        for character in name
        if unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    )
    name = re.sub(r"\s+", " ", name).strip(" .")
    stem, dot, suffix = name.rpartition(".")
    if dot and len(suffix) <= 10:
        return f"{stem[: MAX_NAME - len(suffix) - 1].rstrip(' .')}.{suffix}" if stem else f"file.{suffix}"
    return name[:MAX_NAME] or "file"


def _with_suffix(name: str, media_type: str, suffix: str) -> str:
    """Return the name with the suffix that belongs to its content, so that no name promises another kind."""
    stem, dot, given = name.rpartition(".")
    if dot and f".{given.lower()}" in _ACCEPTED_SUFFIXES.get(media_type, {suffix}):
        return name
    return f"{stem if dot and len(given) <= 5 else name}{suffix}"


def _document_kind(content: bytes, name: str) -> tuple[str, str] | None:
    """Return media type and suffix of a PDF or Office file; None for what may be a picture."""
    if content.startswith(b"%PDF-"):
        return "application/pdf", ".pdf"
    if content.startswith(b"PK\x03\x04"):
        return _office_kind(content, name)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _old_office_kind(content, name)
    return None


def _office_kind(content: bytes, name: str) -> tuple[str, str]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError) as error:
        raise _not_taken(name) from error
    unpacked = sum(entry.file_size for entry in entries)
    if (
        len(entries) > MAX_ZIP_ENTRIES
        or unpacked > MAX_ZIP_BYTES
        or unpacked > MAX_ZIP_RATIO * max(len(content), 1)
    ):
        raise UploadRefused(
            _(
                "“%(name)s” would unpack to far more than its size. Such files are not taken; save the document anew.",
                name=name,
            )
        )
    names = {entry.filename for entry in entries}
    if any(entry.lower().endswith("vbaproject.bin") for entry in names):
        raise _with_macros(name)
    if "[Content_Types].xml" in names:
        for folder, kind in _OFFICE.items():
            if any(entry.startswith(folder) for entry in names):
                return kind
    raise _not_taken(name)


def _old_office_kind(content: bytes, name: str) -> tuple[str, str]:
    if any(marker.encode("utf-16-le") in content for marker in ("_VBA_PROJECT", "Macros")):
        raise _with_macros(name)
    for stream_name, kind in _OLD_OFFICE.items():
        if stream_name.encode("utf-16-le") + b"\0\0" in content:
            return kind
    raise _not_taken(name)


def _take_in_picture(content: bytes, name: str, watermark: list[str], font: Path | None) -> Intake:
    now = dt.datetime.now(LOCAL_ZONE)
    options = {
        "max_pixels": MAX_PIXELS,
        "longest_side": LONGEST_SIDE,
        "thumbnail_side": THUMBNAIL_SIDE,
        "watermark": watermark if font is not None else [],
        "font": str(font or ""),
        "now": now.isoformat(),
        "zone_offset": int((now.utcoffset() or dt.timedelta()).total_seconds() // 60),
        "memory_bytes": WORKER_MEMORY,
        "seconds": WORKER_SECONDS,
    }
    try:
        finished = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-I", str(_IMAGING), json.dumps(options)],
            input=content,
            capture_output=True,
            timeout=WORKER_SECONDS + 5,
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired as error:
        raise _damaged(name) from error
    if finished.returncode != 0:
        logger.warning(
            "The program that decodes pictures ended with %s: %s",
            finished.returncode,
            finished.stderr.decode(errors="replace")[-1000:],
        )
        raise _damaged(name)
    line, _newline, rest = finished.stdout.partition(b"\n")
    answer = json.loads(line)
    match answer.get("refused"):
        case "not_a_picture":
            raise _not_taken(name)
        case "too_many_pixels":
            raise UploadRefused(
                _(
                    "“%(name)s” has more than %(count)s megapixels. Make it smaller and upload it again.",
                    name=name,
                    count=MAX_PIXELS // 1_000_000,
                )
            )
        case str():
            raise _damaged(name)
    size, thumbnail_size = answer["sizes"]
    taken_at = dt.datetime.fromisoformat(answer["taken_at"]) if answer["taken_at"] else None
    return Intake(
        content=rest[:size],
        media_type=PICTURE,
        file_name=_with_suffix(name, PICTURE, ".jpg"),
        thumbnail=rest[size : size + thumbnail_size],
        width=answer["width"],
        height=answer["height"],
        taken_at=taken_at,
    )


def _not_taken(name: str) -> UploadRefused:
    return UploadRefused(
        _(
            "“%(name)s” is neither a picture (JPEG, PNG, WebP, HEIC) nor a PDF, Word, Excel or PowerPoint file. "
            "Save it in one of these formats and upload it again.",
            name=name,
        )
    )


def _damaged(name: str) -> UploadRefused:
    return UploadRefused(
        _("The picture “%(name)s” is damaged and cannot be read. Take or save it again.", name=name)
    )


def _with_macros(name: str) -> UploadRefused:
    return UploadRefused(
        _("“%(name)s” contains macros. Save it without them, for example as .docx or .xlsx.", name=name)
    )
