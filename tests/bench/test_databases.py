"""The databases of the bench, and their files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.databases import SqliteFiles


def test_the_files_of_all_databases_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SqliteFiles(tmp_path) as place:
        made = [place.create(name).path for name in ("one", "two")]
        (tmp_path / "notes.txt").write_text("not a database")
        assert place.files() == sorted(made)

        opened: list[Path] = []
        real: Callable[..., Any] = Path.open

        def noted(self: Path, *arguments: Any, **options: Any) -> Any:
            opened.append(self)
            return real(self, *arguments, **options)

        monkeypatch.setattr(Path, "open", noted)
        place.bring_into_memory()
        assert opened == place.files()

        monkeypatch.setattr(place, "files", lambda: [tmp_path / "dropped.sqlite"])
        place.bring_into_memory()
