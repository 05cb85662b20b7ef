"""Fan-out as a pipeline sees it: the function that children run, and what they answered."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from django.db.models import Count

from core import pipelines
from core.errors import PermanentError
from core.models import Job, JobStep
from core.models.states import LIVE, TERMINAL, State

#: Reasons that the sentence about failed children names.
_NAMED_REASONS = 3


@dataclass(frozen=True, slots=True)
class ChildResult:
    """How one child ended."""

    index: int
    job_id: int
    item: Any
    state: State
    #: What its function returned; None unless it succeeded.
    result: Any
    error: str

    @property
    def succeeded(self) -> bool:
        return self.state == State.SUCCEEDED


@dataclass(frozen=True)
class Results(Sequence[ChildResult]):
    """The children of one fan-out in the order of their items, all ended."""

    title: str
    children: tuple[ChildResult, ...] = ()

    @overload
    def __getitem__(self, index: int) -> ChildResult: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[ChildResult]: ...
    def __getitem__(self, index: int | slice) -> ChildResult | Sequence[ChildResult]:
        return self.children[index]

    def __len__(self) -> int:
        return len(self.children)

    def __iter__(self) -> Iterator[ChildResult]:
        return iter(self.children)

    @property
    def failed(self) -> list[ChildResult]:
        """Those that failed or were cancelled."""
        return [child for child in self.children if not child.succeeded]

    def values(self) -> list[Any]:
        """Return what the children returned; raise PermanentError, with the reasons, when one did not succeed."""
        failed = self.failed
        if failed:
            reasons = list(dict.fromkeys(child.error or f"it was {child.state}" for child in failed))
            more = f" And {len(reasons) - _NAMED_REASONS} more reasons." if len(reasons) > _NAMED_REASONS else ""
            raise PermanentError(
                f"{self.title}: {len(failed):,} of {len(self):,} parts did not succeed. "
                + " ".join(_sentence(reason) for reason in reasons[:_NAMED_REASONS])
                + more
            )
        return [child.result for child in self.children]


@dataclass(frozen=True)
class FanOutSummary:
    """One fan-out of a job as its page counts it."""

    key: str
    title: str
    total: int
    by_state: dict[str, int] = field(default_factory=dict)

    @property
    def live(self) -> int:
        return sum(self.by_state.get(state, 0) for state in LIVE)

    @property
    def ended(self) -> int:
        return sum(self.by_state.get(state, 0) for state in TERMINAL)


def summary(job_id: int) -> list[FanOutSummary]:
    """Return the fan-outs of a job in the order in which they were made."""
    rows = Job.objects.filter(parent=job_id).order_by().values_list("fan_key", "state").annotate(count=Count("pk"))
    counted: dict[str, dict[str, int]] = {}
    for key, state, count in rows:
        counted.setdefault(key, {})[str(state)] = count
    if not counted:
        return []
    titles = _titles(job_id)
    first = dict(Job.objects.filter(parent=job_id, fan_index=0).order_by().values_list("fan_key", "pk"))
    return [
        FanOutSummary(
            key=key,
            title=titles.get(key) or title_of(key),
            total=sum(states.values()),
            by_state=states,
        )
        for key, states in sorted(counted.items(), key=lambda entry: first.get(entry[0], 0))
    ]


def title_of(key: str) -> str:
    """Return the name for people of a step or fan-out that was given none."""
    return key.replace("_", " ").capitalize()


def task_of(function: Callable[..., Any]) -> str:
    """Return the name, `module:function`, by which any worker finds a child's function again."""
    module, name = function.__module__, function.__qualname__
    if getattr(sys.modules.get(module), name, None) is not function:
        raise ValueError(f"fan_out needs a function of a module that workers can import, not {module}.{name}")
    return f"{module}:{name}"


def function_of(task: str) -> Callable[..., Any]:
    """Return the function of this name; raise PermanentError when this version of the site has none."""
    module, _, name = task.partition(":")
    try:
        function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise PermanentError(f"There is no {task!r} in this version of the site. Ask an operator.") from error
    return function


def pipeline_of(function: Callable[..., Any]) -> pipelines.Pipeline | None:
    """Return the pipeline whose function this is: its jobs can be children as well."""
    return next((spec for spec in pipelines.every() if spec.run is function), None)


def _titles(job_id: int) -> dict[str, str]:
    from core.models import JobProgress

    titles = dict(JobStep.objects.filter(job=job_id, children__gt=0).values_list("key", "title"))
    step = JobProgress.objects.filter(job=job_id).values_list("step", flat=True).first()
    if isinstance(step, dict) and step.get("key") not in titles:
        titles[str(step.get("key"))] = str(step.get("title") or "")
    return titles


def _sentence(text: str) -> str:
    text = text.strip()
    return text if text.endswith((".", "!", "?")) else f"{text}."
