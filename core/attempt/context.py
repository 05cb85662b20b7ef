"""The `ctx` of a pipeline's function: progress, steps, files, and an end when the job may not go on.

It has the names that docs/pipelines.md lists and no others. What it stands on belongs to the attempt (`attempt.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import msgspec

from core.attempt import artifacts
from core.attempt.artifacts import InputFile as InputFile
from core.attempt.children import BorrowedChild, Report
from core.attempt.display import Display
from core.attempt.fan_outs import FanOuts
from core.attempt.fencing import Ownership
from core.attempt.folders import Folders
from core.attempt.progress import Stage
from core.attempt.steps import Steps
from core.database.jsontext import storable, typed
from core.failpoints import failpoint
from core.files import storage
from core.forms.by_code import Files
from core.life.fan_out import Results
from core.life.ledger import Claim
from core.models import Artifact, JobEvent

P = ParamSpec("P")
T = TypeVar("T")


class JobContext:
    """One attempt of one job, as its pipeline's function sees it. Used by the attempt's thread alone."""

    def __init__(
        self,
        claim: Claim,
        *,
        own: Ownership,
        display: Display,
        steps: Steps,
        fan_outs: FanOuts,
        folders: Folders,
        child: BorrowedChild,
    ) -> None:
        self.job_id = claim.job_id
        self.owner_id = claim.owner_id
        self.attempt = claim.attempt
        self.fence = claim.fence
        self.params = claim.params
        self._own = own
        self._display = display
        self._steps = steps
        self._fan_outs = fan_outs
        self._folders = folders
        self._child = child

    # -- whether it may go on, and how far it is -------------------------------------------------------

    def check(self) -> None:
        """Raise when the attempt may not go on: cancelled, lost to another attempt, or the worker is stopping."""
        self._own.check()

    def stage(self, name: str, title: str = "") -> Stage:
        """Begin a stage; the one before it is done. Also a context manager that ends it."""
        self._own.check()
        progress = self._display.progress
        progress.begin_stage(name, title)
        return Stage(progress)

    def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None:
        """Say how far the current stage is. Costs next to nothing: call it in a hot loop.

        `total` None means that the amount of work is not known (yet).
        """
        progress = self._display.progress
        progress.done, progress.total = done, total
        if unit is not None:
            progress.unit = unit
        if note is not None:
            progress.note = note
        progress.is_dirty = True
        if self._own.stop is not None:
            self._own.check()

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
        progress = self._display.progress
        progress.note = text
        progress.is_dirty = True
        self._own.check()

    def log(self, text: str) -> None:
        """Add one line to the job's timeline."""
        with self._own.transaction():
            JobEvent.objects.create(
                job_id=self.job_id, kind=JobEvent.Kind.NOTE, attempt=self.attempt, text=storable(text)[:2000]
            )

    # -- durable work ----------------------------------------------------------------------------------

    def step(
        self,
        key: str,
        run: Callable[..., T],
        *args: Any,
        atomic: bool = False,
        title: str = "",
        returns: type[T] | None = None,
        **kwargs: Any,
    ) -> T:
        """Run a step once for the job and return its JSON result; a completed step only returns it.

        With `returns`, a dataclass or another type that msgspec knows, the result has this type: it is stored as JSON
        and converted back. A stored result of an earlier version of the code that does not fit the type raises
        PermanentError.

        With `atomic` the function runs inside the transaction that writes the checkpoint, so that its effects in
        our database happen exactly once; keep such a function short. Otherwise what it does outside may happen
        again after a crash.
        """
        if returns is None:
            plain: T = self._steps.run(key, lambda: run(*args, **kwargs), atomic=atomic, title=title)
            return plain
        stored = self._steps.run(key, lambda: msgspec.to_builtins(run(*args, **kwargs)), atomic=atomic, title=title)
        return typed(stored, returns, what=f"The result of step {key!r}")

    def fan_out(
        self,
        key: str,
        run: Callable[..., Any],
        items: Iterable[Any],
        *,
        title: str = "",
        weights: Iterable[float] | None = None,
        unit: str = "parts",
        queue: str = "",
    ) -> Results:
        """Run `run(ctx, item)` in a child job an item, on any worker, and return how each of them ended.

        `run` is a function of a module, or a pipeline's function: then an item is the dict of its parameters. Items
        are JSON. `weights` are the items' expected sizes in `unit`, which the job's progress counts.

        The first call makes the children and ends the attempt; this thread is free. When the last child has ended,
        the pipeline's function is called again from the top, and this call returns. So what comes before it belongs
        in steps. A child that failed is a result: see `Results.failed` and `Results.values`.
        """
        return self._fan_outs.run(key, run, items, title=title, weights=weights, unit=unit, queue=queue)

    @overload
    def run(
        self,
        pipeline: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Files | None = None,
        key: str = "",
        title: str = "",
    ) -> Any: ...
    @overload
    def run(
        self,
        pipeline: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Files | None = None,
        key: str = "",
        title: str = "",
        returns: type[T],
    ) -> T: ...
    def run(
        self,
        pipeline: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Files | None = None,
        key: str = "",
        title: str = "",
        returns: type[Any] | None = None,
    ) -> Any:
        """Run the pipeline of this name as a child job, on any worker, and return its result.

        `params` and `files` are checked by its form, as `core.jobs.submit` does; with `returns`, a dataclass or another
        type that msgspec knows, the result is one of these. As with `fan_out` the first call ends the attempt, and the
        function is called again from the top when the child has ended. `key` names the call, and is the pipeline's name
        unless given: of two calls of one pipeline one needs a key of its own.

        Raise ChildFailed, which is a PermanentError, when the child has failed or was cancelled; InvalidParams when its
        form does not take the parameters.
        """
        result = self._fan_outs.run_pipeline(pipeline, params or {}, files or {}, key=key or pipeline, title=title)
        return result if returns is None else typed(result, returns, what=f"The result of pipeline {pipeline!r}")

    # -- files -----------------------------------------------------------------------------------------

    def file(self, field: str) -> InputFile:
        """Return the file that was uploaded in this field of the form."""
        return artifacts.input_file(self.job_id, field)

    def files(self, field: str) -> list[InputFile]:
        """Return the files that were uploaded in this field, in their order; none for an optional field left empty."""
        return artifacts.input_files(self.job_id, field)

    @property
    def folder(self) -> Path:
        """The attempt's own folder in the store; files that a step's result or an artifact names are kept."""
        return self._folders.own

    @property
    def scratch(self) -> Path:
        """A folder for the attempt's temporary files; deleted at its end."""
        return self._folders.scratch

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
        with self._own.transaction():
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
        """Return the artifact of `add_artifact` without saving it; the file is flushed unless it is so already.

        For an atomic step: `Artifact.objects.publish` saves it there, with the step's checkpoint.
        """
        return artifacts.prepared(
            self.job_id,
            path,
            name=name,
            title=title,
            content_type=content_type,
            field=field,
            preview=preview,
            is_flushed=is_flushed,
        )

    # -- child processes -------------------------------------------------------------------------------

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
            needs_django=needs_django,
            memory_bytes=memory_bytes,
            timeout_seconds=timeout_seconds,
        )
        return answer

    def release_child(self) -> None:
        """Give the child process back before the attempt's end: others may wait for one."""
        self._child.give_back()
