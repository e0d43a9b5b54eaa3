"""Where the bytes lie: a folder, or an S3-compatible store. Both know content by its SHA-256 alone."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Protocol

_KEY = re.compile(r"[0-9a-f]{64}")


class MissingFileError(LookupError):
    """The store has no content under a key."""


class DamagedFileError(OSError):
    """What the store holds under a key is no longer what was put there."""


class FileStore(Protocol):
    """What a store can do. Content is put once and never changed; the key is its SHA-256 in hexadecimal."""

    def put(self, content: bytes) -> str:
        """Store ``content`` durably and return its key; content that is there already is not written again."""

    def read(self, key: str) -> bytes:
        """Return the content, checked against its key.

        Raises:
            MissingFileError: Nothing lies under the key.
            DamagedFileError: The content was changed.
        """

    def remove(self, key: str) -> None:
        """Remove the content; nothing happens when it is not there."""


def key_of(content: bytes) -> str:
    """Return the key of ``content``."""
    return hashlib.sha256(content).hexdigest()


def _checked(key: str, content: bytes) -> bytes:
    if key_of(content) != key:
        raise DamagedFileError(f"The stored file {key} was changed; restore it from a backup.")
    return content


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise MissingFileError(f"{key!r} is not the key of a stored file.")
    return key


class FolderStore:
    """Files in a folder, two levels deep by the first digits of the key.

    Content is written under a temporary name, forced to the disk, and renamed; the folder entry is forced to the disk
    too, so that a row that names the key never outlives the file in a power cut.
    """

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made, readable by its owner alone, when it is absent."""
        self.folder = folder

    def put(self, content: bytes) -> str:
        """Store ``content`` durably and return its key."""
        key = key_of(content)
        path = self._path(key)
        if path.exists() and path.stat().st_size == len(content):
            return key
        self._make_folder(path.parent)
        handle, name = tempfile.mkstemp(prefix=".new-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
        _force_entry(path.parent)
        return key

    def read(self, key: str) -> bytes:
        """Return the content, checked against its key."""
        try:
            return _checked(key, self._path(key).read_bytes())
        except FileNotFoundError as error:
            raise MissingFileError(f"The stored file {key} is missing.") from error

    def remove(self, key: str) -> None:
        """Remove the content."""
        path = self._path(key)
        if path.exists():
            path.unlink()
            _force_entry(path.parent)

    def _path(self, key: str) -> Path:
        key = _checked_key(key)
        return self.folder / key[:2] / key[2:4] / key

    def _make_folder(self, folder: Path) -> None:
        missing = [part for part in (folder, *folder.parents) if not part.exists()]
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
            _force_entry(part.parent)


def _force_entry(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class BucketStore:
    """Objects in an S3-compatible store, through the library obstore (``pip install doorstep[s3]``)."""

    def __init__(self, bucket: Any, prefix: str = "") -> None:
        """Use a store of obstore.

        Args:
            bucket: Any store object of obstore, for example from :func:`open_bucket`.
            prefix: Put before each key, for example ``attachments``.
        """
        self.bucket = bucket
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, content: bytes) -> str:
        """Store ``content`` and return its key; the store answers when it is durable."""
        import obstore

        key = key_of(content)
        try:
            held = obstore.head(self.bucket, self._name(key))
        except FileNotFoundError:
            held = None
        if held is None or held["size"] != len(content):
            obstore.put(self.bucket, self._name(key), content)
        return key

    def read(self, key: str) -> bytes:
        """Return the content, checked against its key."""
        import obstore

        try:
            content = bytes(obstore.get(self.bucket, self._name(key)).bytes())
        except FileNotFoundError as error:
            raise MissingFileError(f"The stored file {key} is missing.") from error
        return _checked(key, content)

    def remove(self, key: str) -> None:
        """Remove the content."""
        import obstore

        with contextlib.suppress(FileNotFoundError):
            obstore.delete(self.bucket, self._name(key))

    def _name(self, key: str) -> str:
        return f"{self.prefix}{_checked_key(key)}"


def open_store(folder: Path, bucket_url: str, purpose: str) -> FileStore:
    """Return the configured store.

    Args:
        folder: Used when ``bucket_url`` is empty.
        bucket_url: ``s3://bucket/path``; credentials, region and endpoint come from the usual ``AWS_*`` variables of
            the environment.
        purpose: Keeps several kinds of files apart in one bucket, for example ``attachments``.
    """
    if not bucket_url:
        return FolderStore(folder)
    try:
        from obstore.store import from_url
    except ImportError as error:
        raise RuntimeError(
            "DOORSTEP_FILE_BUCKET is set, but the library obstore is missing. Run: pip install 'doorstep[s3]'"
        ) from error
    return BucketStore(from_url(bucket_url), purpose)
