"""Uploads: written once, straight into the store's staging folder, hashed while they arrive."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload

from core.conf import conf
from core.database.jsontext import storable
from core.errors import Refused
from core.files import storage

_SALT = "headway.upload"
_TOKEN_SECONDS = 24 * 3600


@dataclass(frozen=True)
class StagedUpload:
    """A whole file in the staging folder that no job refers to yet."""

    path: Path
    name: str
    size: int
    sha256: str
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class StoredUpload:
    """A file kept durably in the store, under its key."""

    path: str
    name: str
    size: int
    sha256: str
    content_type: str = "application/octet-stream"

    def sign(self, *, owner_id: Any) -> str:
        """Return a token by which this owner's next submit can name the file."""
        return signing.dumps({"owner": str(owner_id), **asdict(self)}, salt=_SALT, compress=True)

    @classmethod
    def from_token(cls, token: str, *, owner_id: Any) -> StoredUpload | None:
        """Return the file of a token that was issued to this owner within the last day, else None."""
        try:
            fields = signing.loads(token, salt=_SALT, max_age=_TOKEN_SECONDS)
        except signing.BadSignature:
            return None
        if str(fields.pop("owner")) != str(owner_id):
            return None
        upload = cls(**fields)
        return upload if storage.touch(upload.path) else None


class StagedFile(UploadedFile):
    """Django's view of a staged file; deleted when it is closed unless a job has taken it."""

    def __init__(self, *, staged: StagedUpload, charset: str | None = None) -> None:
        super().__init__(staged.path.open("rb"), staged.name, staged.content_type, staged.size, charset)
        self.staged = staged

    def close(self) -> None:
        super().close()
        # A file that a job took was renamed away: there is nothing to delete then.
        self.staged.path.unlink(missing_ok=True)


class StagingUploadHandler(FileUploadHandler):
    """Writes each upload into the staging folder in the request's own thread, and hashes it on the way."""

    chunk_size = 1024 * 1024

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803 - Django's name
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        # Refused before a byte is read, so that nobody waits for an upload that can't be accepted.
        if content_length > conf.UPLOAD_LIMIT_BYTES:
            raise StopUpload(connection_reset=True)
        storage.refuse_when_full(content_length)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._hash = hashlib.sha256()
        with storage.refused_when_full():
            descriptor, name = tempfile.mkstemp(dir=storage.staging_folder(), prefix="upload-")
        self._path = Path(name)
        self._file = os.fdopen(descriptor, "wb")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._hash.update(raw_data)
        try:
            with storage.refused_when_full():
                self._file.write(raw_data)
        except Refused:
            self.upload_interrupted()
            raise

    def file_complete(self, file_size: int) -> UploadedFile:
        try:
            with storage.refused_when_full():
                self._file.close()
        except Refused:
            self._path.unlink(missing_ok=True)
            raise
        staged = StagedUpload(
            path=self._path,
            name=self.file_name or "file",
            size=file_size,
            sha256=self._hash.hexdigest(),
            content_type=self.content_type or "application/octet-stream",
        )
        return StagedFile(staged=staged, charset=self.charset)

    def upload_interrupted(self) -> None:
        if hasattr(self, "_file"):
            with suppress(OSError):
                # The bytes that were still buffered have no room either.
                self._file.close()
            self._path.unlink(missing_ok=True)


def keep(file: UploadedFile) -> StoredUpload:
    """Keep an uploaded file durably and return where it is. The upload itself can't be read afterwards."""
    staged = file.staged if isinstance(file, StagedFile) else stage_chunks(file.chunks(), file)
    return StoredUpload(
        path=storage.keep_upload(staged.path, sha256=staged.sha256),
        name=storable(staged.name)[-255:],
        size=staged.size,
        sha256=staged.sha256,
        content_type=staged.content_type[:100],
    )


def stage_chunks(chunks: Iterable[bytes], file: UploadedFile) -> StagedUpload:
    """Stage a file that came another way than through the upload handler."""
    digest = hashlib.sha256()
    with storage.refused_when_full():
        descriptor, path = tempfile.mkstemp(dir=storage.staging_folder(), prefix="chunks-")
        with os.fdopen(descriptor, "wb") as staged:
            for chunk in chunks:
                digest.update(chunk)
                staged.write(chunk)
    return StagedUpload(
        path=Path(path),
        name=file.name or "file",
        size=Path(path).stat().st_size,
        sha256=digest.hexdigest(),
        content_type=file.content_type or "application/octet-stream",
    )


def open_path(source: Path, *, name: str = "") -> StagedFile:
    """Copy a local file into the staging folder and open it as an upload, under its own name unless one is given."""
    with source.open("rb") as original, storage.refused_when_full():
        descriptor, copied = tempfile.mkstemp(dir=storage.staging_folder(), prefix="copy-")
        with os.fdopen(descriptor, "wb") as copy:
            shutil.copyfileobj(original, copy, storage.BLOCK_BYTES)
    target = Path(copied)
    name = name or source.name
    return StagedFile(
        staged=StagedUpload(
            path=target,
            name=name,
            size=target.stat().st_size,
            sha256=storage.sha256_of(target),
            content_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        )
    )
