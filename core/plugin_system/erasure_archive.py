"""The zip that is written before the data of a plugin is erased: a file of JSON lines per table, and the files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from core.database.types import utc_now


class ErasureArchive:
    """A zip that is there only when it was kept: leaving the ``with`` block without :meth:`keep` removes it.

    Only the account of the server may read it, because it holds whatever the plugin held.
    """

    def __init__(self, folder: Path, slug: str) -> None:
        """Begin the file ``<slug>-<moment>.zip`` in a folder, which is made when it is absent."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._begun = utc_now()
        self.path = folder / f"{slug}-{self._begun:%Y%m%d-%H%M%S-%f}.zip"
        # Exclusively: an earlier export is never overwritten.
        self._handle = os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
        self._zip = zipfile.ZipFile(self._handle, "w", zipfile.ZIP_DEFLATED)
        self._parts: dict[str, Any] = {}
        self._lost: list[str] = []
        self._kept = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()
        self._handle.close()
        if not self._kept:
            self.path.unlink(missing_ok=True)

    def add_rows(
        self, name: str, rows: Iterable[Mapping[Any, Any]], columns: Mapping[str, str] | None = None
    ) -> None:
        """Add ``<name>.jsonl`` with one JSON object per row.

        Args:
            name: Path in the zip without its ending.
            rows: The rows; read one by one.
            columns: Names of the columns with their types, for the account.
        """
        count, digest = 0, hashlib.sha256()
        with self._zip.open(f"{name}.jsonl", "w", force_zip64=True) as file:
            for row in rows:
                line = json.dumps(
                    {str(key): value for key, value in row.items()}, ensure_ascii=False, default=_plain
                )
                encoded = line.encode() + b"\n"
                digest.update(encoded)
                file.write(encoded)
                count += 1
        self._parts[f"{name}.jsonl"] = {"rows": count, "sha256": digest.hexdigest()} | (
            {"columns": dict(columns)} if columns is not None else {}
        )

    def add_file(self, name: str, content: bytes | None) -> None:
        """Add a file; one whose content is lost is named in the account."""
        if content is None:
            self._lost.append(name)
            return
        # Pictures do not become smaller.
        self._zip.writestr(zipfile.ZipInfo(name, self._begun.timetuple()[:6]), content)

    def add_account(self, **facts: Any) -> None:
        """Add ``account.json``: what was exported, when, and what was lost already."""
        account = facts | {
            "exported_at": self._begun.isoformat(),
            "parts": self._parts,
            "lost_files": self._lost,
        }
        self._zip.writestr("account.json", json.dumps(account, ensure_ascii=False, indent=2))

    def finish(self) -> None:
        """Write the zip to the disk for good, before anything is erased."""
        self._zip.close()
        self._handle.flush()
        os.fsync(self._handle.fileno())

    def keep(self) -> None:
        """Say that the erasure was committed, so that the zip stays."""
        self._kept = True


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(bytes(value)).decode()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
