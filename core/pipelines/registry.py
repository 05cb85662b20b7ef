"""The registry of pipelines. Code registers a kind of work once; pages, actors and the command line find it here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, Literal, TypedDict, Unpack, cast

from django import forms

from core.errors import UnknownPipeline
from core.pipelines import checks, cron
from core.pipelines.checks import InvalidPipeline
from core.pipelines.cron import CronError
from core.pipelines.declared import Limit

#: A pipeline's function: takes the job's context and its parameters, returns the result as JSON or nothing.
Run = Callable[..., Any]


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
    #: Seconds before the second attempt, the third and so on, a tenth more at most; the last holds for all that follow.
    #: Empty is the site's own pause, which doubles (RETRY_BASE_SECONDS).
    retry_seconds: tuple[float, ...] = ()
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


class PipelineOptions(TypedDict, total=False):
    """The options of `@pipeline` beside those it names itself; `Pipeline` says what each is."""

    description: str
    icon: str
    queue: str
    is_heavy: bool
    max_attempts: int
    max_crashes: int
    retry_seconds: Iterable[float]
    limits: Iterable[Limit]
    retention_days: int
    takes: Literal["dataset"] | None
    downloads: Iterable[Download]
    every: str
    rehearsal: Callable[..., object] | None
    time_limit: float | None
    notifies_owner: bool
    counts_as_load: bool
    on_cancel: Literal["discard", "keep"]
    is_listed: bool
    is_for_staff: bool
    role: str


@dataclass
class Registry:
    """The pipelines by name, in the order of their titles."""

    _by_name: dict[str, Pipeline] = field(default_factory=dict)
    #: Queues that are worked for beside those of the pipelines.
    more_queues: set[str] = field(default_factory=set)
    #: The icons that pages have; empty until they say so.
    _icons: frozenset[str] = frozenset()

    def add(self, spec: Pipeline) -> None:
        """Take a pipeline in; raise ValueError for what is another's already, or can't work."""
        existing = self._by_name.get(spec.name)
        if existing and existing.run.__module__ != spec.run.__module__:
            raise ValueError(f"its name is that of a pipeline in {existing.run.__module__} already")
        if spec.role and (other := next((it for it in self if it.role == spec.role and it.name != spec.name), None)):
            raise ValueError(f"the role {spec.role!r} is that of {other.name!r} already")
        checks.check(spec)
        self._check_downloads(spec)
        self._check_icon(spec)
        self._by_name[spec.name] = spec

    def set_icons(self, names: Collection[str]) -> None:
        """Say which icons there are; raise InvalidPipeline for a pipeline with another."""
        self._icons = frozenset(names)
        for spec in self:
            try:
                self._check_icon(spec)
            except ValueError as error:
                raise _invalid(spec.name, spec.run, error) from None

    def remove(self, name: str) -> None:
        self._by_name.pop(name, None)

    def __iter__(self) -> Iterator[Pipeline]:
        return iter(sorted(self._by_name.values(), key=lambda spec: spec.title))

    def find(self, name: str) -> Pipeline | None:
        return self._by_name.get(name)

    def _check_icon(self, spec: Pipeline) -> None:
        if self._icons and spec.icon not in self._icons:
            raise ValueError(f"there is no icon {spec.icon!r}; there are: {', '.join(sorted(self._icons))}")

    def _check_downloads(self, spec: Pipeline) -> None:
        others = {each.name: other.name for other in self if other.name != spec.name for each in other.downloads}
        for download in spec.downloads:
            if not isinstance(download, Download):
                raise ValueError(f"downloads has {download!r}; write Download(…)")
            if spec.takes != "dataset":
                raise ValueError("downloads are made of a dataset; write takes='dataset' as well")
            if download.name in others:
                raise ValueError(f"the download {download.name!r} is one of {others[download.name]!r} already")


_registry = Registry()


def pipeline(
    *,
    title: str,
    form: type[forms.Form] = forms.Form,
    stages: Iterable[str | tuple[str, str]] = (),
    name: str = "",
    preload: Iterable[ModuleType] = (),
    **options: Unpack[PipelineOptions],
) -> Callable[[Run], Run]:
    """Register the decorated function as a pipeline; its name is the function's unless one is given.

    The function is called with the job's context and the form's cleaned values as keyword arguments, and
    returns a small JSON value. Other options are the fields of `Pipeline`. Raise InvalidPipeline, which names the
    function's file and line, for what could only fail in its jobs (`checks`).
    """

    def register(run: Run) -> Run:
        own = name or getattr(run, "__name__", "")
        try:
            checks.check_name(own)
            checks.check_form(form)
            checks.check_options(options, _OPTIONS)
            # The values are checked once they have their places.
            values = cast(dict[str, Any], dict(options))
            values |= {each: tuple(values[each]) for each in _TUPLES if each in values}
            spec = Pipeline(
                name=own,
                title=title,
                run=run,
                form=form,
                stages=checks.stages_of(stages),
                preload=checks.names_of_modules(preload),
                **values,
            )
            _registry.add(replace(spec, every=cron.read(spec.every)) if spec.every else spec)
        except (ValueError, TypeError, CronError) as error:
            raise _invalid(own, run, error) from error
        return run

    return register


#: The names of the options that `pipeline` hands on.
_OPTIONS = tuple(PipelineOptions.__annotations__)
#: Those that are kept as tuples, whatever they are given as.
_TUPLES = ("limits", "downloads", "retry_seconds")


def _invalid(name: str, run: Run, error: Exception) -> InvalidPipeline:
    return InvalidPipeline(f"{checks.place_of(run)}: pipeline {name!r}: {error}")


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
    """Return the names of all queues that workers listen to: those that pipelines use, and others that were added."""
    return sorted({spec.queue for spec in _registry} | _registry.more_queues | {"default"})


def add_queues(names: Iterable[str]) -> None:
    """Have workers listen to these queues too: a job may be submitted to another than its pipeline's.

    Raise ValueError, with a sentence, for what can't be a queue.
    """
    for name in names:
        checks.check_queue(name)
        _registry.more_queues.add(name)


def heavy_queues() -> list[str]:
    """Return the names of the queues whose pipelines take the processor for seconds on end."""
    return sorted({spec.queue for spec in _registry if spec.is_heavy})


def preloads(queues: Iterable[str]) -> list[str]:
    """Return the modules whose functions the jobs of these queues run in child processes."""
    return list(dict.fromkeys(module for spec in _registry if spec.queue in queues for module in spec.preload))


def rehearsals(queues: Iterable[str]) -> list[Callable[..., object]]:
    """Return what child processes of the jobs of these queues run before they wait for the first one."""
    return list(dict.fromkeys(spec.rehearsal for spec in _registry if spec.queue in queues and spec.rehearsal))


def set_icons(names: Collection[str]) -> None:
    """Say which icons pages have; raise InvalidPipeline for a pipeline with another, now or when it is registered."""
    _registry.set_icons(names)


def forget(name: str) -> None:
    """Remove a pipeline; for tests that register their own."""
    _registry.remove(name)
