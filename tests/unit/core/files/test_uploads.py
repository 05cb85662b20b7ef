"""Uploads: written once, hashed on the way, kept durably, named by signed tokens."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import StopUpload
from django.http import HttpRequest
from django.test import RequestFactory

from core.errors import Overloaded, Refused
from core.files import storage, uploads
from core.files.uploads import StagedFile, StoredUpload
from tests.configuration import OwnConf

TEXT = b"a,b\n1,2\n"


def post(rf: RequestFactory, **files: Any) -> HttpRequest:
    request = rf.post("/", {name: SimpleUploadedFile(f"{name}.csv", text) for name, text in files.items()})
    request.upload_handlers = [uploads.StagingUploadHandler(request)]
    return request


def staged_file(request: HttpRequest) -> StagedFile:
    file = request.FILES["file"]
    assert isinstance(file, StagedFile)
    return file


def staged_files() -> list[Path]:
    return sorted(storage.staging_folder().iterdir())


@pytest.fixture
def received(rf: RequestFactory, store: Path) -> Iterator[StagedFile]:
    request = post(rf, file=TEXT)
    yield staged_file(request)
    request.close()


def test_an_upload_is_staged_whole_and_hashed_while_it_arrives(received: StagedFile) -> None:
    assert isinstance(received, StagedFile)
    assert received.staged.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert (received.name, received.size, received.read()) == ("file.csv", len(TEXT), TEXT)
    assert staged_files() == [received.staged.path]


def test_an_upload_larger_than_a_chunk_is_whole(rf: RequestFactory, store: Path) -> None:
    text = bytes(range(256)) * 4096 * 3  # three mebibytes
    request = post(rf, file=text)
    staged = staged_file(request).staged
    assert staged.size == len(text)
    assert staged.path.read_bytes() == text
    assert staged.sha256 == hashlib.sha256(text).hexdigest()
    request.close()


def test_a_kept_upload_is_in_the_store_and_no_longer_staged(received: StagedFile) -> None:
    kept = uploads.keep(received)
    received.close()
    assert storage.resolve(kept.path).read_bytes() == TEXT
    assert (kept.name, kept.size) == ("file.csv", len(TEXT))
    assert staged_files() == []


def test_an_upload_that_no_job_took_is_gone_with_its_request(rf: RequestFactory, store: Path) -> None:
    request = post(rf, file=TEXT, other=b"x")
    assert len(request.FILES) == 2
    assert len(staged_files()) == 2
    request.close()
    assert staged_files() == []


def test_an_upload_that_breaks_off_leaves_nothing(rf: RequestFactory, store: Path) -> None:
    request = post(rf, file=b"x" * 3_000_000)
    handler = uploads.StagingUploadHandler(request)
    handler.new_file("file", "file.csv", "text/csv", 3_000_000)
    handler.receive_data_chunk(b"x" * 1000, 0)
    assert len(staged_files()) == 1
    handler.upload_interrupted()
    assert staged_files() == []


def test_an_upload_over_the_limit_is_stopped_before_reading(rf: RequestFactory, store: Path, conf: OwnConf) -> None:
    conf.UPLOAD_LIMIT_BYTES = 100
    request = post(rf, file=b"x" * 1000)
    with pytest.raises(StopUpload):
        _ = request.FILES
    assert staged_files() == []


def test_an_upload_too_large_for_the_disk_is_refused_unread(rf: RequestFactory, store: Path, conf: OwnConf) -> None:
    conf.DISK_FLOOR_BYTES = 2**62
    request = post(rf, file=TEXT)
    with pytest.raises(Refused, match="nearly full"):
        _ = request.FILES
    assert staged_files() == []


def test_a_file_that_came_another_way_is_kept_the_same(store: Path) -> None:
    kept = uploads.keep(SimpleUploadedFile("in.csv", TEXT, "text/csv"))
    assert (kept.name, kept.size, kept.content_type) == ("in.csv", len(TEXT), "text/csv")
    assert kept.sha256 == hashlib.sha256(TEXT).hexdigest()
    assert storage.resolve(kept.path).read_bytes() == TEXT


@pytest.mark.parametrize(
    ("name", "kept"), [("n" * 300 + ".csv", "n" * 251 + ".csv"), ("caf\udce9.csv", "caf\ufffd.csv")]
)
def test_names_are_kept_as_their_column_holds_them(store: Path, name: str, kept: str) -> None:
    file = SimpleUploadedFile("x", TEXT)
    file._name = name  # type: ignore[attr-defined]
    assert uploads.keep(file).name == kept


def test_a_local_file_is_copied_and_the_original_stays(store: Path, tmp_path: Path) -> None:
    source = tmp_path / "mine.csv"
    source.write_bytes(TEXT)
    with uploads.open_path(source) as opened:
        kept = uploads.keep(opened)
    assert source.read_bytes() == TEXT
    assert (kept.name, kept.content_type) == ("mine.csv", "text/csv")
    assert storage.resolve(kept.path).read_bytes() == TEXT
    assert staged_files() == []


def test_a_local_file_that_cannot_be_read_leaves_nothing(store: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        uploads.open_path(tmp_path / "nowhere")
    with pytest.raises(IsADirectoryError):
        uploads.open_path(tmp_path)
    assert staged_files() == []


# -- tokens -----------------------------------------------------------------------------------------


@pytest.fixture
def kept(store: Path) -> StoredUpload:
    return uploads.keep(SimpleUploadedFile("in.csv", TEXT, "text/csv"))


def test_a_token_names_the_file_for_its_owner(kept: StoredUpload) -> None:
    assert StoredUpload.from_token(kept.sign(owner_id=1), owner_id=1) == kept


def test_another_persons_token_names_nothing(kept: StoredUpload) -> None:
    assert StoredUpload.from_token(kept.sign(owner_id=1), owner_id=2) is None


@pytest.mark.parametrize("token", ["", "x", "x:y:z", "\x00"])
def test_a_token_that_was_not_signed_here_names_nothing(kept: StoredUpload, token: str) -> None:
    assert StoredUpload.from_token(token, owner_id=1) is None
    forged = signing.dumps({"owner": 1, "path": "../secret"}, salt="another")
    assert StoredUpload.from_token(forged, owner_id=1) is None


def test_a_token_is_good_for_a_day(kept: StoredUpload, monkeypatch: pytest.MonkeyPatch) -> None:
    token = kept.sign(owner_id=1)
    monkeypatch.setattr(uploads, "_TOKEN_SECONDS", -1)
    assert StoredUpload.from_token(token, owner_id=1) is None


def test_a_token_of_a_file_that_is_gone_names_nothing(kept: StoredUpload) -> None:
    storage.resolve(kept.path).unlink()
    assert StoredUpload.from_token(kept.sign(owner_id=1), owner_id=1) is None


@pytest.mark.parametrize("failing", ["mkstemp", "write"])
def test_a_disk_that_is_full_is_a_refusal_that_leaves_nothing(
    store: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    handler = uploads.StagingUploadHandler()
    if failing == "mkstemp":
        monkeypatch.setattr("tempfile.mkstemp", full)
        with pytest.raises(Overloaded, match="nearly full"):
            handler.new_file("file", "a.csv", "text/csv", 3)
    else:
        handler.new_file("file", "a.csv", "text/csv", 3)
        monkeypatch.setattr(handler, "_file", SimpleNamespace(write=full, close=handler._file.close))
        with pytest.raises(Overloaded, match="nearly full"):
            handler.receive_data_chunk(b"abc", 0)
    staging = store / "staging"
    assert not staging.is_dir() or not list(staging.iterdir())
