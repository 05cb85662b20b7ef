"""The `ctx` of a pipeline's function: progress, steps, files, and an end when the job may not go on."""

from __future__ import annotations

import hashlib
import mimetypes
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from core.attempt import children
from core.attempt.durable import DurableAttempt
from core.database.jsontext import storable
from core.errors import PermanentError
from core.failpoints import failpoint
from core.files import storage
from core.life.fan_out import function_of
from core.models import Artifact

P = ParamSpec("P")
T = TypeVar("T")
Report = children.Report


@dataclass(frozen=True)
class InputFile:
    """A file the person gave with the form."""

    path: Path
    name: str
    size: int
    sha256: str


class JobContext(DurableAttempt):
    """One attempt of one job, as its pipeline's function sees it. Used by the attempt's thread alone."""

    def execute(self) -> Any:
        """Run the job's function and return its result: the pipeline's own, or that of a child."""
        if self.task:
            return function_of(self.task)(self, self.params["item"])
        return self.spec.run(self, **self.params)

    def file(self, field: str) -> InputFile:
        """Return the file that was given for this field of the form."""
        artifact = Artifact.objects.filter(job_id=self.job_id, kind=Artifact.Kind.INPUT, field=field).first()
        if artifact is None:
            raise PermanentError(f"No file was given for {field!r}; run the job again with one.")
        if not artifact.local_path.is_file():
            raise PermanentError(f"The file {artifact.name} is no longer kept; upload it again.")
        return InputFile(path=artifact.local_path, name=artifact.name, size=artifact.size, sha256=artifact.sha256)

    @cached_property
    def folder(self) -> Path:
        """The attempt's own folder in the store; what a step's result or an artifact names in it stays."""
        folder = storage.attempt_folder(self.job_id, self.fence)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @cached_property
    def scratch(self) -> Path:
        """A folder for the attempt's temporary files; deleted at its end."""
        folder = storage.scratch_folder(self.job_id, self.fence)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def key(self, path: Path) -> str:
        """Return a file's key in the store; step results hold keys, never paths."""
        return storage.key_of(path)

    def resolve(self, key: str) -> Path:
        """Return the path of a key."""
        return storage.resolve(key)

    def add_artifact(
        self,
        path: Path,
        *,
        name: str = "",
        title: str = "",
        content_type: str = "",
        field: str = "",
        preview: Path | None = None,
    ) -> int:
        """Publish a file of the attempt's folder on the job's page and return the artifact's id.

        The same name again, by this or a later attempt, replaces the pointer: a job has one file of a name.
        `preview` is a picture (PNG) of its beginning, for the page.
        """
        artifact = self.artifact(path, name=name, title=title, content_type=content_type, field=field, preview=preview)
        return self.publish([artifact])[0]

    def publish(self, artifacts: Sequence[Artifact]) -> list[int]:
        """Publish files that `artifact` has prepared, and return their ids."""
        failpoint("result-pointer")
        with self._fenced():
            return Artifact.objects.publish(artifacts)

    def artifact(
        self,
        path: Path,
        *,
        name: str = "",
        title: str = "",
        content_type: str = "",
        field: str = "",
        preview: Path | None = None,
        is_flushed: bool = False,
    ) -> Artifact:
        """Return what `add_artifact` would publish, not yet saved; the file is flushed, unless it is so already.

        For an atomic step: `Artifact.objects.publish` saves it there, with the step's checkpoint.
        """
        name = storable(name or path.name)
        if not is_flushed:
            storage.flush_file(path)
            storage.flush_folder(path.parent)
        return Artifact(
            job_id=self.job_id,
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

    def run_in_child(
        self,
        run: Callable[Concatenate[Report, P], T],
        *,
        memory_bytes: int | None = None,
        timeout_seconds: float | None = None,
        needs_django: bool = False,
        unit: str = "",
        kwargs: dict[str, Any] | None = None,
        **named: Any,
    ) -> T:
        """Run a module's function in a child process and return its result.

        For work that holds the interpreter or can't be interrupted. `run(report, **kwargs)` calls
        `report(done, total=None, note="")`. The child is killed when the attempt may not go on, and at its limits of
        memory (resident bytes) and time. It is forked in milliseconds and has no Django: what reads models, or
        translates, says `needs_django`, which costs a second whenever the process is a new one.
        """
        answer: T = self._child.run(
            run,
            {**(kwargs or {}), **named},
            on_report=lambda done, total, note: self.progress(done, total, unit=unit or None, note=note or None),
            check=self.check,
            needs_django=needs_django,
            memory_bytes=memory_bytes,
            timeout_seconds=timeout_seconds,
        )
        return answer

    @cached_property
    def _child(self) -> children.Child:
        """The attempt's child process: one of the pool's, which its steps share."""
        return children.pool.borrow(self.check)

    def release_child(self) -> None:
        """Give the child process back before the attempt's end: others may wait for one."""
        if "_child" in self.__dict__:
            children.pool.give_back(self.__dict__.pop("_child"))

    def close(self) -> None:
        """Give the child process back and delete what was temporary."""
        self.release_child()
        if "scratch" in self.__dict__:
            shutil.rmtree(self.scratch, ignore_errors=True)


def _slot(name: str) -> str:
    """Return the key under which an output replaces itself; long names that begin alike stay apart."""
    return name if len(name) <= 100 else f"{name[:35]}…{hashlib.sha256(storable(name).encode()).hexdigest()}"
