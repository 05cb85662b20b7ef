"""The `ctx` of a pipeline's function: progress, steps, files, and an end when the job may not go on."""

from __future__ import annotations

import hashlib
import json
import mimetypes
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import IntegrityError, transaction

from core import children, statements, storage
from core.errors import JobCancelled, JobStopped, LeaseLost, PermanentError
from core.jsontext import dumps_limited, storable
from core.life.ledger import Claim
from core.models import Artifact, JobEvent, JobProgress, JobStep
from core.pipelines import Pipeline
from core.progress import Progress

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


class JobContext:
    """One attempt of one job, as its pipeline's function sees it. Used by the attempt's thread alone."""

    def __init__(self, claim: Claim, spec: Pipeline) -> None:
        self.job_id = claim.job_id
        self.owner_id = claim.owner_id
        self.attempt = claim.attempt
        self.fence = claim.fence
        self.params = claim.params
        self.spec = spec
        #: Set by the keeper when the attempt may not go on; raised at the next call of the attempt.
        self.stop: type[JobStopped] | None = None
        #: Set when the function has returned and only its end is to be written.
        self.is_over = False

    # -- progress ------------------------------------------------------------------------------------

    @cached_property
    def shown(self) -> Progress:
        """The progress in memory. A second attempt goes on from what the first had shown."""
        stages: list[dict[str, Any]] = [
            {"name": name, "title": title, "state": "pending"} for name, title in self.spec.stages
        ]
        if self.fence > 1:
            known = JobProgress.objects.filter(job_id=self.job_id).values_list("stages", flat=True).first()
            stages = [
                stage if stage.get("state") == "done" else {**stage, "state": "pending"} for stage in known or stages
            ]
        return Progress(stages=stages)

    def stage(self, name: str, title: str = "") -> Stage:
        """Begin a stage; the one before it is done. Also a context manager that ends it."""
        self.check()
        self.shown.begin_stage(name, title)
        return Stage(self)

    def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None:
        """Say how far the current stage is. Costs next to nothing: call it in a hot loop.

        `total` None means that the amount of work is not known (yet).
        """
        shown = self.shown
        shown.done, shown.total = done, total
        if unit is not None:
            shown.unit = unit
        if note is not None:
            shown.note = note
        shown.is_dirty = True
        if self.stop is not None:
            self.check()

    def track(self, items: Iterable[T], *, total: int | None = None, unit: str = "items") -> Iterator[T]:
        """Yield the items and count them as progress; the total is their number when they have one."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        self.progress(0, total, unit=unit)
        for count, item in enumerate(items, 1):
            yield item
            self.progress(count, total)

    def note(self, text: str) -> None:
        """Show one line beside the progress bar."""
        self.shown.note = text
        self.shown.is_dirty = True
        self.check()

    def log(self, text: str) -> None:
        """Add one line to the job's timeline."""
        with self._fenced():
            JobEvent.objects.create(
                job_id=self.job_id, kind=JobEvent.Kind.NOTE, attempt=self.attempt, text=storable(text)[:2000]
            )

    def check(self) -> None:
        """Raise when the attempt may not go on: cancelled, lost to another attempt, or the worker is stopping."""
        if self.stop is not None:
            raise self.stop(f"job {self.job_id}, attempt {self.attempt}")

    # -- steps ---------------------------------------------------------------------------------------

    @cached_property
    def _steps(self) -> dict[str, Any]:
        # The first claim of a job has no steps: not asked for, to keep small jobs cheap.
        if self.fence == 1:
            return {}
        return dict(JobStep.objects.filter(job_id=self.job_id).values_list("key", "result"))

    def step(self, key: str, run: Callable[..., T], *args: Any, atomic: bool = False, **kwargs: Any) -> T:
        """Run a step once for the job and return its JSON result; a completed step only returns it.

        With `atomic` the function runs inside the transaction that writes the checkpoint, so that its effects in
        our database happen exactly once; keep such a function short. Otherwise what it does outside may happen
        again after a crash.
        """
        self.check()
        if key in self._steps:
            result: T = self._steps[key]
            return result
        began = time.monotonic()
        if atomic:
            with self._fenced():
                result = self._checkpoint(key, run(*args, **kwargs), time.monotonic() - began)
        else:
            made = run(*args, **kwargs)
            with self._fenced():
                result = self._checkpoint(key, made, time.monotonic() - began)
        self._steps[key] = result
        return result

    def _checkpoint(self, key: str, made: Any, seconds: float) -> Any:
        # Returned as it is stored: the first attempt sees what a later one would.
        result = json.loads(dumps_limited(made, what=f"The result of step {key!r}"))
        JobStep.objects.create(
            job_id=self.job_id,
            key=key,
            result=result,
            attempt=self.attempt,
            fence=self.fence,
            seconds=round(seconds, 3),
        )
        JobEvent.objects.create(job_id=self.job_id, kind=JobEvent.Kind.STEP, attempt=self.attempt, text=key)
        return result

    def _fenced(self) -> FencedTransaction:
        return FencedTransaction(self)

    # -- files ---------------------------------------------------------------------------------------

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
        self, path: Path, *, name: str = "", title: str = "", content_type: str = "", field: str = ""
    ) -> int:
        """Publish a file of the attempt's folder on the job's page and return the artifact's id.

        The same name again, by this or a later attempt, replaces the pointer: a job has one file of a name.
        """
        name = storable(name or path.name)
        storage.flush_file(path)
        storage.flush_folder(path.parent)
        values = {
            "name": name,
            "title": title,
            "path": storage.key_of(path),
            "size": path.stat().st_size,
            "sha256": storage.sha256_of(path),
            "content_type": content_type or mimetypes.guess_type(name)[0] or "application/octet-stream",
        }
        with self._fenced():
            artifact, _ = Artifact.objects.update_or_create(
                job_id=self.job_id, kind=Artifact.Kind.OUTPUT, field=_slot(field or name), defaults=values
            )
        return artifact.pk

    def run_in_child(
        self,
        run: Callable[Concatenate[Report, P], T],
        *,
        memory_bytes: int | None = None,
        timeout_seconds: float | None = None,
        unit: str = "",
        kwargs: dict[str, Any] | None = None,
        **named: Any,
    ) -> T:
        """Run a module's function in a child process and return its result.

        For work that holds the interpreter or can't be interrupted. `run(report, **kwargs)` calls
        `report(done, total=None, note="")`. The child is killed when the attempt may not go on, and at its limits of
        memory (resident bytes) and time.
        """
        answer: T = self._child.run(
            run,
            {**(kwargs or {}), **named},
            on_report=lambda done, total, note: self.progress(done, total, unit=unit or None, note=note or None),
            check=self.check,
            memory_bytes=memory_bytes,
            timeout_seconds=timeout_seconds,
        )
        return answer

    @cached_property
    def _child(self) -> children.Child:
        """The attempt's child process: its steps share one, so that small work does not wait for starts."""
        return children.Child()

    def close(self) -> None:
        """End the child process and delete what was temporary."""
        if "_child" in self.__dict__:
            self._child.close()
        if "scratch" in self.__dict__:
            shutil.rmtree(self.scratch, ignore_errors=True)


def _slot(name: str) -> str:
    """Return the key under which an output replaces itself; long names that begin alike stay apart."""
    return name if len(name) <= 100 else f"{name[:35]}…{hashlib.sha256(storable(name).encode()).hexdigest()}"


class Stage:
    """A stage that has begun; as a context manager it ends with the block."""

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx

    def __enter__(self) -> JobContext:
        return self._ctx

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._ctx.shown.end_stage("done")


class FencedTransaction:
    """A transaction that commits only while the attempt owns the job and nobody has cancelled it.

    The fence is checked last and its row stays locked until the commit: what the block wrote becomes visible only
    if no other attempt could have claimed the job by then, and long blocks keep no lock.
    """

    def __init__(self, ctx: JobContext) -> None:
        self._ctx = ctx
        self._atomic = transaction.atomic()

    def __enter__(self) -> None:
        self._ctx.check()
        self._atomic.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._atomic.__exit__(kind, error, trace)
            if issubclass(kind, IntegrityError):
                # Most likely a later attempt has completed the same step: then this one has lost the job.
                with transaction.atomic():
                    hold_fence(self._ctx.job_id, self._ctx.fence)
            return
        try:
            hold_fence(self._ctx.job_id, self._ctx.fence)
        except BaseException as stale:
            self._atomic.__exit__(type(stale), stale, stale.__traceback__)
            raise
        self._atomic.__exit__(None, None, None)


def hold_fence(job_id: int, fence: int) -> None:
    """Lock the job's row under this fence until the commit; raise LeaseLost or JobCancelled instead."""
    rows = statements.run("hold_fence", {"id": job_id, "fence": fence})
    if not rows:
        raise LeaseLost(f"job {job_id} is no longer this attempt's (fence {fence})")
    if rows[0][0]:
        raise JobCancelled(f"job {job_id} is cancelled")
