"""The files of a job as its page shows them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from core.files import storage
from core.models import Artifact, Job

_PNG_HEAD = struct.Struct(">8s4x4sII")
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class FileEntry:
    """A file of a job, whether its bytes are still kept, and how it can be viewed."""

    artifact: Artifact
    is_kept: bool
    #: Whether the browser has a viewer for it.
    opens: bool = False
    #: Width and height in pixels of the picture of its first page.
    picture: tuple[int, int] | None = None

    @property
    def is_shown(self) -> bool:
        """Whether the page shows more of it than its name."""
        return self.is_kept and (self.opens or self.picture is not None)


def files_of(job: Job) -> tuple[list[FileEntry], list[FileEntry]]:
    """Return the job's input files and, once it has ended, its output files."""
    artifacts = list(job.artifacts.all())
    inputs = [
        FileEntry(artifact, artifact.local_path.is_file())
        for artifact in artifacts
        if artifact.kind == Artifact.Kind.INPUT
    ]
    outputs = [
        FileEntry(
            artifact,
            artifact.local_path.is_file(),
            opens=opens_in_browser(artifact),
            picture=picture_size(artifact),
        )
        for artifact in artifacts
        if artifact.kind == Artifact.Kind.OUTPUT and not job.is_live
    ]
    return inputs, outputs


def only_file_of(job: Job) -> FileEntry | None:
    """Return the only file that a job has made; None when there are more, or it is gone."""
    made = list(job.artifacts.filter(kind=Artifact.Kind.OUTPUT)[:2])
    if len(made) != 1 or not made[0].local_path.is_file():
        return None
    entry = FileEntry(made[0], True, opens=opens_in_browser(made[0]), picture=picture_size(made[0]))
    return None if entry.is_shown else entry


def opens_in_browser(artifact: Artifact) -> bool:
    """Whether the browser may show the file itself: a PDF that a job made, never an uploaded file."""
    return artifact.kind == Artifact.Kind.OUTPUT and base_type(artifact) == "application/pdf"


def base_type(artifact: Artifact) -> str:
    """Return the file's content type without its parameters."""
    return artifact.content_type.partition(";")[0].strip().lower()


def picture_size(artifact: Artifact) -> tuple[int, int] | None:
    """Return width and height of the file's picture, or None when there is none.

    They are the first two numbers of a PNG's IHDR chunk, which always comes first (RFC 2083, section 4.1.1).
    """
    if not artifact.preview_path:
        return None
    try:
        with storage.resolve(artifact.preview_path).open("rb") as file:
            signature, chunk, width, height = _PNG_HEAD.unpack(file.read(_PNG_HEAD.size))
    except (OSError, struct.error):
        return None
    return (width, height) if signature == _PNG_SIGNATURE and chunk == b"IHDR" and width and height else None
