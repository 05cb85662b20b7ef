"""Dead letters: the failed jobs, to search, to inspect, and to requeue or discard many at once.

1. A job fails for good: its pipeline said so, or its attempts or crashes are used up. Nothing tries it again by itself.
2. A person finds it by pipeline, owner, parameters or error, and sees each attempt with its reason.
3. One, the selected or all that match are requeued or discarded. The person confirms a number; when another number
   matches by then, nothing is done, and the new number is named.
4. The jobs that match at that moment are acted on in batches, each a transaction. A job that fails again meanwhile is
   not taken twice, and one that somebody else has acted on is passed over. Stopping and starting again does no harm.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass, replace

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from core import pipelines, policy
from core.database.jsontext import storable
from core.errors import Refused
from core.life import leftovers, requests
from core.logs import log
from core.models import Job, JobEvent
from core.models.job import JobQuerySet
from core.models.states import State
from core.people import audit
from core.people.users import owner_lookup

#: Jobs that one transaction acts on.
BATCH = 200


@dataclass(frozen=True, kw_only=True)
class Search:
    """The criteria of a search for failed jobs; an empty one matches all."""

    pipeline: str = ""
    #: The owner's user name.
    owner: str = ""
    #: A text in the JSON of the parameters.
    text: str = ""
    #: A text in the reason.
    error: str = ""


def find(user: AbstractBaseUser | AnonymousUser, search: Search) -> JobQuerySet:
    """Return the failed whole jobs that this person may see and that the search matches, the newest first."""
    # As text is stored: no database takes U+0000.
    pipeline, owner, text, error = (storable(word.strip()) for word in astuple(search))
    jobs = Job.objects.for_user(user).whole().filter(state=State.FAILED)
    if pipeline:
        jobs = jobs.filter(pipeline=pipeline)
    if owner:
        jobs = jobs.filter(**{owner_lookup("iexact"): owner})
    if text:
        jobs = jobs.alias(params_text=Cast("params", TextField())).filter(_holds(text))
    if error:
        jobs = jobs.filter(error__icontains=error)
    return jobs.order_by("-finished_at", "-pk")


def _holds(text: str) -> Q:
    # As JSON writes it: SQLite keeps what is not ASCII as \uXXXX, PostgreSQL as it is.
    plain, escaped = json.dumps(text, ensure_ascii=False)[1:-1], json.dumps(text)[1:-1]
    return Q(params_text__icontains=plain) | Q(params_text__icontains=escaped)


def requeue_all(
    user: AbstractBaseUser | AnonymousUser,
    search: Search,
    *,
    ids: Sequence[int] | None,
    expected: int,
    from_start: bool,
    by: str,
) -> int:
    """Run the failed jobs that match again, with `ids` only the selected of them; return how many.

    Raise Refused, with nothing done, when another number than `expected` matches.
    """

    def requeue(job_ids: Sequence[int]) -> int:
        with transaction.atomic():
            groups = _by_pipeline(_failed(job_ids))
            folders = [
                folder
                for spec, group in groups
                for folder in requests.requeue_rows(group, spec, by=by, from_start=from_start)
            ]
            done = [job for _, group in groups for job in group]
            audit.note_all(requests.retried(job, by=by, from_start=from_start) for job in done)
        leftovers.delete_folders(folders)
        return len(done)

    def requeue_family(job: Job) -> None:
        requests.retry_from(job, [State.FAILED], by=by, from_start=from_start)

    act = "requeue_all_from_start" if from_start else "requeue_all"
    chosen = _confirmed(policy.changeable(user, find(user, search)), ids=ids, expected=expected)
    return _act(chosen, requeue, requeue_family, by=by, act=act, search=search, selected=ids is not None)


def discard_all(
    user: AbstractBaseUser | AnonymousUser, search: Search, *, ids: Sequence[int] | None, expected: int, by: str
) -> int:
    """Give up the failed jobs that match, with `ids` only the selected of them; return how many.

    Raise Refused, with nothing done, when another number than `expected` matches.
    """

    def give_up(job_ids: Sequence[int]) -> int:
        with transaction.atomic():
            failed = _failed(job_ids)
            requests.discard_rows(failed, by=by)
            unkept = {job.pk: job.fence for job in failed if job.spec is None or job.spec.on_cancel == "discard"}
            folders = leftovers.delete_rows(unkept)
            audit.note_all(requests.discarded(job, by=by) for job in failed)
        leftovers.delete_folders(folders)
        return len(failed)

    def give_up_family(job: Job) -> None:
        requests.discard_failed(job, by=by)

    chosen = _confirmed(policy.changeable(user, find(user, search)), ids=ids, expected=expected)
    return _act(chosen, give_up, give_up_family, by=by, act="discard_all", search=search, selected=ids is not None)


def _confirmed(matches: JobQuerySet, *, ids: Sequence[int] | None, expected: int) -> list[int]:
    """Return the ids of the jobs to act on; raise Refused when their number is not the one that was confirmed."""
    if ids is not None:
        # An id from an address may be out of the database's range.
        matches = matches.filter(pk__in=[pk for pk in ids if 0 < pk < 2**63])
    chosen = sorted(matches.values_list("pk", flat=True))
    if len(chosen) != expected:
        jobs = "failed job matches" if len(chosen) == 1 else "failed jobs match"
        raise Refused(f"{len(chosen):,} {jobs} now, not {expected:,}. Nothing was done: look again and confirm anew.")
    return chosen


def _act(
    chosen: Sequence[int],
    on_many: Callable[[Sequence[int]], int],
    on_family: Callable[[Job], None],
    *,
    by: str,
    act: str,
    search: Search,
    selected: bool,
) -> int:
    """Act on the jobs in the order of their ids, in batches; those with children one by one. Return how many."""
    done = 0
    try:
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            parents = Job.objects.in_bulk(_parents(batch))
            done += on_many([pk for pk in batch if pk not in parents])
            for pk, job in sorted(parents.items()):
                try:
                    on_family(job)
                    done += 1
                except Refused as error:
                    log("dead_letter_passed_over", job=pk, reason=str(error))
    finally:
        # Also for an act that broke off: the trail says how many jobs it reached.
        audit.note(
            by,
            act,
            pipeline=search.pipeline,
            before={"search": asdict(search), "selected": selected, "jobs": len(chosen)},
            after={"jobs": done},
        )
    log("dead_letters_acted_on", act=act, count=done, of=len(chosen), by=by)
    return done


def _parents(job_ids: Sequence[int]) -> list[int]:
    """Return those of these jobs that have children."""
    children = Job.objects.filter(parent__in=job_ids).order_by()
    return [pk for pk in children.values_list("parent", flat=True).distinct() if pk is not None]


def _failed(job_ids: Sequence[int]) -> list[Job]:
    """Return those of these jobs that have still failed, locked until the commit in the order of their ids."""
    locked = Job.objects.filter(pk__in=job_ids).order_by("pk").select_for_update(no_key=True).defer("params", "result")
    return [job for job in locked if job.state == State.FAILED]


def _by_pipeline(jobs: Iterable[Job]) -> list[tuple[pipelines.Pipeline, list[Job]]]:
    """Group the jobs by their pipeline; those whose code is gone can't run, and are left out."""
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.pipeline, []).append(job)
    pairs = ((pipelines.find(name), group) for name, group in sorted(groups.items()))
    return [(spec, group) for spec, group in pairs if spec is not None]


# -- attempts -------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class AttemptReport:
    """One attempt, as read from the timeline."""

    attempt: int
    started_at: dt.datetime
    #: None while it runs.
    ended_at: dt.datetime | None
    worker: str
    #: The kind of the event that ended it, e.g. `failed`, `crashed`, `released`; `running` while it runs.
    outcome: str
    error: str = ""
    #: For staff.
    traceback: str = ""

    @property
    def seconds(self) -> float | None:
        return None if self.ended_at is None else max(0.0, (self.ended_at - self.started_at).total_seconds())


_KIND = JobEvent.Kind
#: Events that end an attempt.
_ENDS = (
    _KIND.SUCCEEDED,
    _KIND.FAILED,
    _KIND.RETRYING,
    _KIND.CANCELLED,
    _KIND.RELEASED,
    _KIND.WAITING,
    _KIND.DEFERRED,
    _KIND.CRASHED,
)


def attempts_of(job: Job) -> list[AttemptReport]:
    """Return the job's attempts, oldest first: one for each claim, also those that do not count."""
    events = JobEvent.objects.filter(job=job, kind__in=[_KIND.CLAIMED, *_ENDS]).order_by("pk")
    return list(_reports(events))


def _reports(events: Iterable[JobEvent]) -> Iterator[AttemptReport]:
    report: AttemptReport | None = None
    for event in events:
        if event.kind == _KIND.CLAIMED:
            if report:
                yield report
            report = AttemptReport(
                attempt=event.attempt, started_at=event.at, ended_at=None, worker=event.worker, outcome="running"
            )
        elif report and report.outcome == "running":
            report = replace(report, ended_at=event.at, outcome=event.kind, error=event.text, traceback=event.detail)
        elif report and report.outcome == _KIND.CRASHED and not report.error:
            # After a lost worker the next event says what became of the job, and why.
            report = replace(report, error=event.text)
    if report:
        yield report
