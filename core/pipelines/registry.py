"""The registry of pipelines. Code registers a kind of work once; pages, actors and the command line find it here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal, cast

from django import forms

from core.errors import UnknownPipeline
from core.pipelines import cron
from core.pipelines.declared import Limit, room_of

#: A pipeline's function: takes the job's context and its parameters, returns the result as JSON or nothing.
Run = Callable[..., Any]

#: Days that a pipeline's jobs are kept at most.
MOST_DAYS = 36_500
#: Seconds below which a time limit has to be.
MOST_SECONDS = 86_400.0 * MOST_DAYS

_NAME = re.compile(r"[a-z][a-z0-9_]{0,78}\Z")


@dataclass(frozen=True, kw_only=True)
class Download:
    """A file that a pipeline makes of any dataset without asking: a button of its page (`core.forms.downloads`)."""

    #: Its name in addresses. A dataset whose own job has made an artifact of this name has the file already.
    name: str
    title: str
    #: Takes the `Dataset` and returns the values of the form, beside its field `dataset`.
    values: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """A kind of work: its form, its function, and how its jobs live."""

    name: str
    title: str
    run: Run
    form: type[forms.Form]
    description: str = ""
    icon: str = "play"
    #: The RabbitMQ queue its messages go through.
    queue: str = "default"
    #: Whether it takes the processor for seconds on end. The queues of such have a worker of their own.
    is_heavy: bool = False
    #: (name, title) of the stages a live page lists before they begin.
    stages: tuple[tuple[str, str], ...] = ()
    #: The most attempts of a job, and of those the most whose worker was lost, before it fails.
    max_attempts: int = 5
    max_crashes: int = 3
    #: Seconds that an attempt may take, and each of a job's parts; None is no limit. What takes longer has failed.
    time_limit: float | None = None
    #: How many jobs may start in a time, or be at work at once; each with the key that it counts by.
    limits: tuple[Limit, ...] = ()
    #: Days after its end that a job with its files is kept.
    retention_days: int = 90
    #: The kind of thing that its form can start from; `dataset` makes it an action of every dataset's page.
    takes: Literal["dataset"] | None = None
    #: Files that it makes of a dataset at one click, for a pipeline that takes one.
    downloads: tuple[Download, ...] = ()
    #: A cron expression, in UTC, by which it runs by itself: a schedule of the site's own that nobody can edit.
    every: str = ""
    #: Modules whose functions it runs in child processes, which have no Django: imported once, when a worker boots.
    preload: tuple[str, ...] = ()
    #: A module's function, called as `rehearsal(report)` in a child process that then waits for the first job: it does
    #: in little what jobs do, so that what is loaded at first use is loaded.
    rehearsal: Callable[..., object] | None = None
    #: Whether its owner is notified of its end: in the notices, and by mail if they wish. The desk lists jobs without
    #: notice only when they are asked for, or failed.
    notifies_owner: bool = True
    #: Whether its jobs count against what one person may have queued, running and stored.
    counts_as_load: bool = True
    #: Whether the steps and files of a cancelled job are deleted or kept.
    on_cancel: Literal["discard", "keep"] = "discard"
    #: Hidden pipelines have no entry on the desk.
    is_listed: bool = True
    #: Whether staff alone may fill in its form.
    is_for_staff: bool = False
    #: The role for which the site itself submits jobs to it: `mail` sends ordered mails. A role has one pipeline.
    role: str = ""


@dataclass
class Registry:
    """The pipelines by name, in the order of their titles."""

    _by_name: dict[str, Pipeline] = field(default_factory=dict)

    def add(self, spec: Pipeline) -> None:
        existing = self._by_name.get(spec.name)
        if existing and existing.run.__module__ != spec.run.__module__:
            raise ValueError(f"pipeline {spec.name!r} is registered in {existing.run.__module__} already")
        if spec.role and (other := next((it for it in self if it.role == spec.role and it.name != spec.name), None)):
            raise ValueError(f"pipeline {spec.name!r}: the role {spec.role!r} is that of {other.name!r} already")
        self._by_name[spec.name] = spec

    def remove(self, name: str) -> None:
        self._by_name.pop(name, None)

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(sorted(self._by_name.values(), key=lambda spec: spec.title))

    def find(self, name: str) -> Pipeline | None:
        return self._by_name.get(name)


_registry = Registry()


def pipeline(
    *,
    title: str,
    form: type[forms.Form] = forms.Form,
    stages: Iterable[str | tuple[str, str]] = (),
    name: str = "",
    preload: Iterable[ModuleType] = (),
    **options: Any,
) -> Callable[[Run], Run]:
    """Register the decorated function as a pipeline; its name is the function's unless one is given.

    The function is called with the job's context and the form's cleaned values as keyword arguments, and
    returns a small JSON value. Other options are the fields of `Pipeline`.
    """

    def register(run: Run) -> Run:
        chosen = name or run.__name__
        if not _NAME.match(chosen):
            raise ValueError(f"pipeline name {chosen!r}: use lower-case letters, digits and _ (up to 79)")
        named = tuple((stage, _as_title(stage)) if isinstance(stage, str) else stage for stage in stages)
        options["preload"] = tuple(module.__name__ for module in preload)
        options["limits"] = tuple(options.get("limits", ()))
        options["downloads"] = tuple(options.get("downloads", ()))
        _check_downloads(chosen, options["downloads"], takes=options.get("takes"))
        room_of(options["limits"])
        days = options.get("retention_days", Pipeline.retention_days)
        if type(days) is not int or not 1 <= days <= MOST_DAYS:
            raise ValueError(f"pipeline {chosen!r}: retention_days is {days!r}; write a number from 1 to {MOST_DAYS}")
        _check_time_limit(chosen, options.get("time_limit"))
        if text := options.get("every"):
            options["every"] = cron.read(text)
        _registry.add(Pipeline(name=chosen, title=title, run=run, form=form, stages=named, **options))
        return run

    return register


def find(name: str) -> Pipeline | None:
    """Return the pipeline of this name, or None."""
    return _registry.find(name)


def get(name: str) -> Pipeline:
    """Return the pipeline of this name; raise UnknownPipeline, naming those there are."""
    spec = find(name)
    if spec is None:
        names = ", ".join(sorted(entry.name for entry in _registry)) or "none"
        raise UnknownPipeline(f"unknown pipeline {name!r}; there are: {names}")
    return spec


def for_role(role: str) -> Pipeline:
    """Return the pipeline that has the role; raise UnknownPipeline when none has."""
    spec = next((spec for spec in _registry if spec.role == role), None)
    if spec is None:
        raise UnknownPipeline(f"no pipeline has the role {role!r}; register one with role={role!r}")
    return spec


def every() -> list[Pipeline]:
    """Return all pipelines in the order of their titles."""
    return list(_registry)


def listed(*, is_staff: bool) -> list[Pipeline]:
    """Return the pipelines that the desk of such a person offers."""
    return [spec for spec in _registry if spec.is_listed and (is_staff or not spec.is_for_staff)]


def taking(kind: str, *, is_staff: bool) -> list[Pipeline]:
    """Return the pipelines that such a person can fill from this kind of thing."""
    return [spec for spec in listed(is_staff=is_staff) if spec.takes == kind]


def queues() -> list[str]:
    """Return the names of all queues that pipelines use."""
    return sorted({spec.queue for spec in _registry} | {"default"})


def heavy_queues() -> list[str]:
    """Return the names of the queues whose pipelines take the processor for seconds on end."""
    return sorted({spec.queue for spec in _registry if spec.is_heavy})


def preloads(queues: Iterable[str]) -> list[str]:
    """Return the modules whose functions the jobs of these queues run in child processes."""
    return list(dict.fromkeys(module for spec in _registry if spec.queue in queues for module in spec.preload))


def rehearsals(queues: Iterable[str]) -> list[Callable[..., object]]:
    """Return what child processes of the jobs of these queues run before they wait for the first one."""
    return list(dict.fromkeys(spec.rehearsal for spec in _registry if spec.queue in queues and spec.rehearsal))


def forget(name: str) -> None:
    """Remove a pipeline; for tests that register their own."""
    _registry.remove(name)


def _check_time_limit(pipeline_name: str, seconds: object) -> None:
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < cast(float, seconds) < MOST_SECONDS):
        raise ValueError(
            f"pipeline {pipeline_name!r}: time_limit is {seconds!r}; write the seconds an attempt may take, or None"
        )


def _check_downloads(pipeline_name: str, downloads: Iterable[Download], *, takes: str | None) -> None:
    taken = {each.name: spec.name for spec in _registry if spec.name != pipeline_name for each in spec.downloads}
    for download in downloads:
        if takes != "dataset":
            raise ValueError(
                f"pipeline {pipeline_name!r}: downloads are made of a dataset; write takes='dataset' as well"
            )
        if download.name in taken:
            raise ValueError(
                f"pipeline {pipeline_name!r}: the download {download.name!r} is one of {taken[download.name]!r} already"
            )


def _as_title(name: str) -> str:
    return name.replace("_", " ").capitalize()
