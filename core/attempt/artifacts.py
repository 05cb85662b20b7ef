"""The files of a job as its function uses them: the uploaded input files, and the files that it publishes."""

from __future__ import annotations

import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from core.database.jsontext import storable
from core.errors import PermanentError
from core.files import slots, storage
from core.models import Artifact


@dataclass(frozen=True)
class InputFile:
    """A file that the person uploaded with the form."""

    path: Path
    name: str
    size: int
    sha256: str


def input_file(job_id: int, field: str) -> InputFile:
    """Return the input file of this field of the form; raise PermanentError when there is none."""
    artifact = Artifact.objects.filter(job_id=job_id, kind=Artifact.Kind.INPUT, field=field).first()
    if artifact is None:
        raise PermanentError(f"No file was given for {field!r}; run the job again with one.")
    return _input(artifact)


def input_files(job_id: int, field: str) -> list[InputFile]:
    """Return the input files of this field, in their order; raise PermanentError when one is gone."""
    artifacts = Artifact.objects.filter(job_id=job_id, kind=Artifact.Kind.INPUT)
    rows = {artifact.field: artifact for artifact in artifacts}
    return [_input(artifact) for artifact in slots.in_field(rows, field)]


def _input(artifact: Artifact) -> InputFile:
    if not artifact.local_path.is_file():
        raise PermanentError(f"The file {artifact.name} is no longer kept; upload it again.")
    return InputFile(path=artifact.local_path, name=artifact.name, size=artifact.size, sha256=artifact.sha256)


def prepared(
    job_id: int,
    path: Path,
    *,
    name: str,
    title: str,
    content_type: str,
    field: str,
    preview: Path | None,
    is_flushed: bool,
) -> Artifact:
    """Return the unsaved artifact of a file; the file is flushed to the disk unless `is_flushed`."""
    name = storable(name or path.name)
    if not is_flushed:
        storage.flush_file(path)
        storage.flush_folder(path.parent)
    return Artifact(
        job_id=job_id,
        kind=Artifact.Kind.OUTPUT,
        field=_slot(field or name),
        name=name,
        title=title,
        path=storage.key_of(path),
        size=path.stat().st_size,
        sha256=storage.sha256_of(path),
        preview_path=storage.key_of(preview) if preview else "",
        content_type=content_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
    )


def _slot(name: str) -> str:
    """Return the key under which an output replaces itself; long names that begin alike stay apart."""
    return name if len(name) <= 100 else f"{name[:35]}…{hashlib.sha256(storable(name).encode()).hexdigest()}"
