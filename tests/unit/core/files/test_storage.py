"""The file store: what has its final name is whole, and nothing leads out of it."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.core import mail
from pytest_django import Settings

from core.errors import Refused
from core.files import storage
from tests.configuration import OwnConf

SITE = {"HOME": "/srv/shop", "STORAGE_URL": "file:///srv/files"}
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


@pytest.fixture
def site(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A site that keeps its files in /srv/files."""
    settings.HEADWAY = SITE
    monkeypatch.setattr(storage, "_of_the_site", SITE)
    return settings


def test_tests_of_a_site_never_write_among_its_files(site: Settings) -> None:
    folder = storage.root()
    assert folder.is_dir()
    assert folder.is_relative_to(tempfile.gettempdir())
    assert storage.root() == folder
    # A test that sets something else has its files there as well.
    site.HEADWAY = {**SITE, "RUN_AT_ONCE": True}
    assert storage.root() == folder


def test_a_test_may_name_a_folder_of_its_own(site: Settings) -> None:
    site.HEADWAY = {**SITE, "STORAGE_URL": "file:///srv/tests"}
    assert storage.root() == Path("/srv/tests")
    site.HEADWAY = {"HOME": "/srv/test-home"}
    assert storage.root() == Path("/srv/test-home/files")


def test_the_site_itself_has_its_own_files(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(mail, "outbox")
    assert storage.root() == Path("/srv/files")


def test_each_process_of_tests_has_a_folder_of_its_own(site: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    first = storage.root()
    monkeypatch.setattr(storage, "_of_tests", dict(storage._of_tests))
    monkeypatch.setattr(storage, "os", SimpleNamespace(getpid=lambda: -1))
    other = storage.root()
    assert other != first
    other.rmdir()
