"""The file store: what has its final name is whole, and nothing leads out of it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from core.errors import Refused
from core.files import storage
from tests.configuration import OwnConf

SHA = hashlib.sha256(b"hello").hexdigest()


def stage(text: bytes = b"hello") -> Path:
    path = storage.staging_folder() / "staged"
    path.write_bytes(text)
    return path


def test_an_upload_is_kept_under_its_content(store: Path) -> None:
    staged = stage()
    key = storage.keep_upload(staged, sha256=SHA)
    assert key == f"uploads/{SHA[:2]}/{SHA}"
    assert storage.resolve(key).read_bytes() == b"hello"
    assert not staged.exists()


def test_the_same_content_is_kept_once_and_is_young_again(store: Path) -> None:
    final = storage.resolve(storage.keep_upload(stage(), sha256=SHA))
    os.utime(final, (0, 0))
    inode = final.stat().st_ino
    storage.keep_upload(stage(), sha256=SHA)
    assert final.stat().st_ino == inode
    assert final.stat().st_mtime > 1000
    assert list(storage.staging_folder().iterdir()) == []


@pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "uploads/../../outside", "jobs/7/../../../x"])
def test_a_key_that_leads_out_of_the_store_is_refused(store: Path, key: str) -> None:
    with pytest.raises(ValueError, match="leads out of the file store"):
        storage.resolve(key)


def test_a_link_that_leads_out_of_the_store_is_refused(store: Path, tmp_path: Path) -> None:
    store.mkdir()
    (store / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leads out of the file store"):
        storage.resolve("link/secret")


def test_keys_and_paths_are_two_names_of_one_file(store: Path) -> None:
    path = store / "jobs" / "7" / "1" / "out.csv"
    assert storage.key_of(path) == "jobs/7/1/out.csv"
    assert storage.resolve("jobs/7/1/out.csv") == path
    with pytest.raises(ValueError, match="subpath"):
        storage.key_of(store.parent / "elsewhere")


def test_two_attempts_never_share_a_folder(store: Path) -> None:
    assert storage.attempt_folder(7, 1) != storage.attempt_folder(7, 2)
    assert storage.scratch_folder(7, 1) != storage.scratch_folder(7, 2)


def test_staging_is_on_the_stores_disk_for_atomic_renames(store: Path) -> None:
    assert storage.staging_folder().is_relative_to(store)


def test_nothing_is_accepted_when_the_disk_would_be_full(store: Path, conf: OwnConf) -> None:
    storage.refuse_when_full()
    with pytest.raises(Refused, match="nearly full, so nothing was accepted"):
        storage.refuse_when_full(2**62)
    conf.DISK_FLOOR_BYTES = 2**62
    with pytest.raises(Refused, match="nearly full"):
        storage.refuse_when_full()
