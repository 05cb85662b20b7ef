"""The child jobs of a job, which people call its parts: as a grid of squares, as a bar, and by their names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from urllib.parse import urlencode

from django.urls import reverse

from core.life import fan_out
from core.life.fan_out import FanOutSummary
from core.models import Job
from core.models.states import CANCELLING, WARNED, State

#: Parts that a page shows as squares; a fan-out with more is a bar.
SQUARES = 500
#: Failed parts that are named beside a bar.
NAMED_FAILURES = 10

#: The outcomes in the order in which a count names them, with its words.
_COUNTED: tuple[tuple[str, str], ...] = (
    (State.SUCCEEDED, "done"),
    (WARNED, "done, with warnings"),
    (State.RUNNING, "running"),
    (State.WAITING, "waiting"),
    (State.RETRYING, "to be tried again"),
    (State.QUEUED, "queued"),
    (State.SCHEDULED, "scheduled"),
    (State.FAILED, "failed"),
    (State.CANCELLED, "cancelled"),
)
_STATE_WORDS = {**dict(_COUNTED), CANCELLING: "cancelling"}
#: The outcomes that have a tab in the list of parts, with its state.
_TABS: dict[str, State] = {
    State.SUCCEEDED: State.SUCCEEDED,
    WARNED: State.SUCCEEDED,
    State.FAILED: State.FAILED,
    State.CANCELLED: State.CANCELLED,
}


@dataclass(frozen=True)
class Count:
    """The parts in one state, as a section of the bar."""

    state: str
    words: str
    number: int
    #: Where those are listed; empty when the list has no tab for them alone.
    address: str
    #: Of a bar of 1,000: where its section begins and how wide it is.
    begins: float
    width: float


@dataclass(frozen=True)
class Square:
    """One part in the grid."""

    pk: int
    address: str
    state: str
    name: str


@dataclass(frozen=True)
class FanOut:
    """One fan-out of a job."""

    #: Its place among the job's fan-outs, counted from 1.
    number: int
    key: str
    title: str
    total: int
    succeeded: int
    failed: int
    cancelled: int
    counts: tuple[Count, ...]
    #: Where all its parts are listed, and where those that failed.
    address: str
    failed_address: str
    #: All parts, in order; empty when there are too many.
    squares: tuple[Square, ...] = ()
    #: Id, name and error of the first failed ones, when there are too many parts for squares.
    failures: tuple[tuple[int, str, str], ...] = ()

    @property
    def live(self) -> int:
        return self.total - self.succeeded - self.failed - self.cancelled

    @property
    def parts(self) -> str:
        """How many parts it has, in words."""
        return f"{self.total:,} part{'' if self.total == 1 else 's'}"

    @property
    def lost(self) -> str:
        """How many did not end well, as the end of a sentence; empty when all did."""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return failed + (f", {self.cancelled:,} cancelled" if self.cancelled else "")

    @property
    def words(self) -> str:
        """How far it is, in words."""
        return (f"{self.succeeded:,} of {self.parts} done" if self.live or self.lost else self.parts) + self.lost

    @property
    def is_open(self) -> bool:
        """Whether the parts are visible at once: while they live, and when one did not end well."""
        return self.succeeded < self.total

    @property
    def more_failures(self) -> int:
        """Failed parts beside those that are named."""
        return self.failed - len(self.failures) if self.failures else 0


def part_name(job: Job) -> str:
    """Return what a child is called in its parent."""
    return f"Part {(job.fan_index or 0) + 1:,}"


def part_place(job: Job) -> str:
    """Return the title of the fan-out that a child is a part of."""
    titles = {summary.key: summary.title for summary in fan_out.summary(job.parent_id or 0)}
    return titles.get(job.fan_key, "")


def address_of_parts(parent_id: int, *, key: str = "", state: str = "") -> str:
    """Return the address of the list of a job's parts."""
    query = {"parent": parent_id, "fan": key, "state": state}
    return f"{reverse('headway:desk')}?{urlencode({name: value for name, value in query.items() if value})}"


def fan_outs_of(job: Job) -> list[FanOut]:
    """Return the job's fan-outs, oldest first. Squares are for the newest ones; there are at most 500 on a page."""
    summaries = fan_out.summary(job.pk)
    # In a job with one fan-out its parts need no name of it.
    is_only = len(summaries) == 1
    left, in_squares = SQUARES, set()
    for summary in reversed(summaries):
        if summary.total <= left:
            left -= summary.total
            in_squares.add(summary.key)
    squares = _squares(job, in_squares) if in_squares else {}
    bars = [each.key for each in summaries if each.key not in in_squares and each.by_state.get(State.FAILED)]
    failures = {key: _failures(job, key) for key in bars}
    return [
        FanOut(
            number=number,
            key=summary.key,
            title=summary.title,
            total=summary.total,
            succeeded=summary.by_state.get(State.SUCCEEDED, 0),
            failed=summary.by_state.get(State.FAILED, 0),
            cancelled=summary.by_state.get(State.CANCELLED, 0),
            counts=tuple(_counts(job.pk, summary, squares.get(summary.key, ()), key="" if is_only else summary.key)),
            address=address_of_parts(job.pk, key="" if is_only else summary.key),
            failed_address=address_of_parts(job.pk, key="" if is_only else summary.key, state=State.FAILED),
            squares=squares.get(summary.key, ()),
            failures=failures.get(summary.key, ()),
        )
        for number, summary in enumerate(summaries, 1)
    ]


def _counts(parent_id: int, summary: FanOutSummary, squares: Sequence[Square], *, key: str) -> Iterable[Count]:
    """Yield the parts by outcome; warnings are counted apart where each part was read."""
    numbers: dict[str, int] = dict(summary.by_state)
    if warned := sum(square.state == WARNED for square in squares):
        numbers |= {WARNED: warned, State.SUCCEEDED: numbers.get(State.SUCCEEDED, 0) - warned}
    begins = 0.0
    for outcome, words in _COUNTED:
        number = numbers.get(outcome, 0)
        if number <= 0:
            continue
        width = 1000 * number / summary.total
        address = address_of_parts(parent_id, key=key, state=_TABS[outcome]) if outcome in _TABS else ""
        yield Count(str(outcome), words, number, address, begins, width)
        begins += width


def _squares(job: Job, keys: set[str]) -> Mapping[str, tuple[Square, ...]]:
    parts = Job.objects.filter(parent=job, fan_key__in=keys).order_by("fan_key", "fan_index").brief()
    rows = parts.only("fan_key", "fan_index", "state", "attempt", "cancel_requested_at")
    return {key: tuple(map(_square, group)) for key, group in groupby(rows, key=lambda part: part.fan_key)}


def _square(part: Job) -> Square:
    name = f"{part_name(part)}: {_STATE_WORDS[part.outcome]}"
    return Square(
        pk=part.pk,
        address=part.get_absolute_url(),
        state=part.outcome,
        name=f"{name}, attempt {part.attempt}" if part.attempt > 1 else name,
    )


def _failures(job: Job, key: str) -> tuple[tuple[int, str, str], ...]:
    rows = Job.objects.filter(parent=job, fan_key=key, state=State.FAILED).order_by("fan_index")
    return tuple(
        (pk, f"Part {(index or 0) + 1:,}", error)
        for pk, index, error in rows.values_list("pk", "fan_index", "error")[:NAMED_FAILURES]
    )
