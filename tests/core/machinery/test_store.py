"""Both stores keep content under its hash, durably and once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.machinery.attachments.store import (
    BucketStore,
    DamagedFileError,
    FolderStore,
    MissingFileError,
    key_of,
    open_store,
)


@pytest.fixture(params=["folder", "bucket"])
def store(request, tmp_path):
    if request.param == "folder":
        return FolderStore(tmp_path / "files")
    obstore = pytest.importorskip("obstore.store")
    return BucketStore(obstore.MemoryStore(), "attachments")


def test_content_comes_back_under_its_hash(store):
    key = store.put(b"content")
    assert key == key_of(b"content")
    assert store.read(key) == b"content"
    assert store.put(b"content") == key
    store.remove(key)
    store.remove(key)
    with pytest.raises(MissingFileError):
        store.read(key)


@pytest.mark.parametrize("key", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 64])
def test_only_keys_are_looked_for(store, key):
    with pytest.raises(MissingFileError):
        store.read(key)


def test_changed_content_is_noticed(tmp_path):
    store = FolderStore(tmp_path)
    key = store.put(b"content")
    (tmp_path / key[:2] / key[2:4] / key).write_bytes(b"changed")
    with pytest.raises(DamagedFileError):
        store.read(key)
    store.put(b"content")


def test_half_written_content_is_written_again(tmp_path):
    store = FolderStore(tmp_path)
    key = store.put(b"content")
    (tmp_path / key[:2] / key[2:4] / key).write_bytes(b"con")
    store.put(b"content")
    assert store.read(key) == b"content"


def test_file_and_folder_reach_the_disk_before_the_name_is_known(tmp_path, monkeypatch):
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(handle):
        steps.append("folder" if Path(f"/proc/self/fd/{handle}").is_dir() else "file")
        fsync(handle)

    def noted_replace(*arguments, **options):
        steps.append("rename")
        replace(*arguments, **options)

    store = FolderStore(tmp_path)
    store.put(b"first, so that the folders exist already")
    monkeypatch.setattr(
        "core.machinery.attachments.store.FolderStore._make_folder",
        lambda self, path: path.mkdir(parents=True, exist_ok=True),
    )
    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    store.put(b"second")
    assert steps == ["file", "rename", "folder"]


def test_nothing_is_left_when_writing_fails(tmp_path, monkeypatch):
    store = FolderStore(tmp_path)

    def fail(handle):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        store.put(b"content")
    monkeypatch.undo()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_only_the_owner_may_look_into_the_folder(tmp_path):
    store = FolderStore(tmp_path / "files")
    key = store.put(b"content")
    assert (tmp_path / "files").stat().st_mode & 0o077 == 0
    assert (tmp_path / "files" / key[:2] / key[2:4] / key).stat().st_mode & 0o077 == 0


def test_the_configuration_chooses_the_store(tmp_path):
    assert isinstance(open_store(tmp_path, "", "attachments"), FolderStore)
    pytest.importorskip("obstore")
    assert isinstance(open_store(tmp_path, "memory:///", "attachments"), BucketStore)
