"""The `ctx` of a pipeline's function that is `async def`: the same names as `JobContext` has, each call awaited."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterable, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, overload

import msgspec
from asgiref.sync import iscoroutinefunction

from core.attempt.artifacts import InputFile
from core.attempt.children import Report
from core.attempt.progress import Stage
from core.database.jsontext import typed
from core.forms.by_code import Files
from core.life.fan_out import Results
from core.models import Artifact

if TYPE_CHECKING:
    from core.attempt.async_run import Beside
    from core.attempt.attempt import Attempt

P = ParamSpec("P")
T = TypeVar("T")

#: Seconds after which a job that calls its context and awaits nothing else lets others go on.
TURN_SECONDS = 0.02


class AsyncJobContext:
    """One attempt of one job, as its async function sees it. Tasks that the function starts may use it too.

    What needs the database runs beside the event loop, one call of the job after the other. Each call raises when the
    attempt may not go on.
    """

    def __init__(self, attempt: Attempt, beside: Beside) -> None:
        #: The plain context, for functions of steps that are not async: they run beside the loop.
        self.sync = attempt.context
        self.job_id = attempt.claim.job_id
        self.owner_id = attempt.claim.owner_id
        self.attempt = attempt.claim.attempt
        self.fence = attempt.claim.fence
        self._own = attempt.own
        self._display = attempt.display
        self._steps = attempt.steps
        self._beside = beside
        self._lock = asyncio.Lock()
        self._turn_until = time.monotonic() + TURN_SECONDS

    @property
    def params(self) -> dict[str, Any]:
        """The job's parameters."""
        return self.sync.params

    # -- whether it may go on, and how far it is -------------------------------------------------------

    async def check(self) -> None:
        """Raise when the attempt may not go on; let other jobs go on when this one has had its turn."""
        self._own.check()
        if (now := time.monotonic()) >= self._turn_until:
            await asyncio.sleep(0)
            self._turn_until = now + TURN_SECONDS
            self._own.check()

    def stage(self, name: str, title: str = "") -> AsyncStage:
        """Begin a stage by `await`; the one before it is done. As `async with` block it ends with the block."""
        return AsyncStage(self._ready_then(lambda: self.sync.stage(name, title)))

    async def progress(
        self, done: int, total: int | None = None, *, unit: str | None = None, note: str | None = None
    ) -> None:
        """Say how far the current stage is. Costs next to nothing."""
        await self._ready_then(lambda: self.sync.progress(done, total, unit=unit, note=note))

    async def track(self, items: Iterable[T], *, total: int | None = None, unit: str = "items") -> AsyncIterator[T]:
        """Yield the items and count them as progress; the total is their number when they have one."""
        if total is None and isinstance(items, Sized):
            total = len(items)
        await self.progress(0, total, unit=unit)
        for count, item in enumerate(items, 1):
            yield item
            await self.progress(count, total)

    async def note(self, text: str) -> None:
        """Show one line beside the progress bar."""
        await self._ready_then(lambda: self.sync.note(text))

    async def log(self, text: str) -> None:
        """Add one line to the job's timeline."""
        await self._call(self.sync.log, text)

    # -- durable work ----------------------------------------------------------------------------------

    @overload
    async def step(
        self, key: str, run: Callable[..., Awaitable[T]], *args: Any, title: str = "",
        returns: type[T] | None = None, **kwargs: Any,
    ) -> T: ...  # fmt: skip
    @overload
    async def step(
        self, key: str, run: Callable[..., T], *args: Any, atomic: bool = False, title: str = "",
        returns: type[T] | None = None, **kwargs: Any,
    ) -> T: ...  # fmt: skip
    async def step(
        self,
        key: str,
        run: Callable[..., Any],
        *args: Any,
        atomic: bool = False,
        title: str = "",
        returns: type[Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run a step once for the job and return its JSON result, as `JobContext.step` does.

        The function may be async; then it runs on the loop. One that is not runs beside it, and has to be short: a few
        threads do that for all jobs. An atomic one can't be async, as it runs inside a transaction.
        """
        if atomic:
            if iscoroutinefunction(run):
                raise TypeError(
                    f"step {key!r}: an atomic step is a plain function, as no transaction stays open at an await"
                )
            return await self._call(
                self.sync.step, key, run, *args, atomic=True, title=title, returns=returns, **kwargs
            )
        if not await self._call(self._begin_step, key, title):
            began = time.monotonic()
            if iscoroutinefunction(run):
                made = await run(*args, **kwargs)
            else:
                made = await self._call(run, *args, **kwargs)
                if inspect.isawaitable(made):
                    made = await made
            if returns is not None:
                made = msgspec.to_builtins(made)
            seconds = time.monotonic() - began
            await self._call(self._steps.complete, key, made, seconds=seconds, title=title, children=0)
        stored = self._steps.results[key]
        return stored if returns is None else typed(stored, returns, what=f"The result of step {key!r}")

    async def fan_out(
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
        """Run `run(ctx, item)` in a child job an item, on any worker, as `JobContext.fan_out` does.

        `run` may be async or not, whatever its parent is.
        """
        return await self._call(
            self.sync.fan_out, key, run, items, title=title, weights=weights, unit=unit, queue=queue
        )

    @overload
    async def run(
        self, pipeline: str, params: Mapping[str, Any] | None = None, *, files: Files | None = None,
        key: str = "", title: str = "",
    ) -> Any: ...  # fmt: skip
    @overload
    async def run(
        self, pipeline: str, params: Mapping[str, Any] | None = None, *, files: Files | None = None,
        key: str = "", title: str = "", returns: type[T],
    ) -> T: ...  # fmt: skip
    async def run(
        self,
        pipeline: str,
        params: Mapping[str, Any] | None = None,
        *,
        files: Files | None = None,
        key: str = "",
        title: str = "",
        returns: type[Any] | None = None,
    ) -> Any:
        """Run the pipeline of this name as a child job and return its result, as `JobContext.run` does."""
        named: dict[str, Any] = {"files": files, "key": key, "title": title}
        if returns is not None:
            named["returns"] = returns
        return await self._call(self.sync.run, pipeline, params, **named)

    # -- files -----------------------------------------------------------------------------------------

    async def file(self, field: str) -> InputFile:
        """Return the file that was uploaded in this field of the form."""
        return await self._call(self.sync.file, field)

    async def files(self, field: str) -> list[InputFile]:
        """Return the files that were uploaded in this field, in their order; none for an optional field left empty."""
        return await self._call(self.sync.files, field)

    @property
    def folder(self) -> Path:
        """The attempt's own folder in the store; files that a step's result or an artifact names are kept."""
        return self.sync.folder

    @property
    def scratch(self) -> Path:
        """A folder for the attempt's temporary files; deleted at its end."""
        return self.sync.scratch

    def key(self, path: Path) -> str:
        """Return a file's key in the store; step results hold keys, never paths."""
        return self.sync.key(path)

    def resolve(self, key: str) -> Path:
        """Return the path of a key."""
        return self.sync.resolve(key)

    async def add_artifact(self, path: Path, **options: Any) -> int:
        """Publish a file of the attempt's folder on the job's page; options as of `JobContext.add_artifact`."""
        return await self._call(self.sync.add_artifact, path, **options)

    async def publish(self, artifacts: Sequence[Artifact]) -> list[int]:
        """Publish files that `artifact` has prepared, and return their ids."""
        return await self._call(self.sync.publish, artifacts)

    async def artifact(self, path: Path, **options: Any) -> Artifact:
        """Return the artifact of `add_artifact` without saving it; options as of `JobContext.artifact`."""
        return await self._call(self.sync.artifact, path, **options)

    # -- child processes -------------------------------------------------------------------------------

    async def run_in_child(self, run: Callable[Concatenate[Report, P], T], **options: Any) -> T:
        """Run a module's function in a child process and return its result; options as of `JobContext.run_in_child`.

        For what takes the processor: on the loop it would hold up all its jobs.
        """
        self._own.check()
        await self._show_progress()
        return await self._beside(partial(self.sync.run_in_child, run, **options), is_long=True)

    async def release_child(self) -> None:
        """Give the child process back before the attempt's end: others may wait for one."""
        await self._call(self.sync.release_child)

    # -- beside the loop -------------------------------------------------------------------------------

    async def _call(self, act: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call what needs the database, after the job's other calls."""
        self._own.check()
        async with self._lock:
            return await self._beside(partial(act, *args, **kwargs))

    async def _ready_then(self, act: Callable[[], T]) -> T:
        """Call what only changes the progress in memory."""
        await self.check()
        await self._show_progress()
        return act()

    async def _show_progress(self) -> None:
        """Have the progress in memory: that of a second attempt goes on from what the first has written."""
        if not self._display.has_progress:
            await self._call(lambda: self._display.progress)

    def _begin_step(self, key: str, title: str) -> bool:
        """Show the step as running; return whether it is completed already."""
        self._own.check()
        if key in self._steps.results:
            return True
        self._display.begin_step(key, title)
        return False


class AsyncStage:
    """A stage that begins when it is awaited, or entered."""

    def __init__(self, beginning: Any) -> None:
        self._beginning = beginning
        self._stage: Stage | None = None

    def __await__(self) -> Generator[Any, None, None]:
        self._stage = yield from self._beginning.__await__()

    async def __aenter__(self) -> None:
        await self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._stage is not None:
            self._stage.__exit__(kind, error, trace)
