"""The folders of one attempt in the file store; made when they are first needed."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.files import storage


class Folders:
    def __init__(self, job_id: int, fence: int) -> None:
        self._job_id = job_id
        self._fence = fence
        self._own: Path | None = None
        self._scratch: Path | None = None

    @property
    def own(self) -> Path:
        """The attempt's own folder, whose files may be published."""
        if self._own is None:
            self._own = _made(storage.attempt_folder(self._job_id, self._fence))
        return self._own

    @property
    def scratch(self) -> Path:
        """The folder for temporary files."""
        if self._scratch is None:
            self._scratch = _made(storage.scratch_folder(self._job_id, self._fence))
        return self._scratch

    def remove_earlier(self) -> None:
        """Delete what earlier attempts have left: one whose worker was killed could not tidy up."""
        storage.remove_scratch(self._job_id, range(1, self._fence))

    def close(self) -> None:
        """Delete what was temporary."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
