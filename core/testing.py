"""Jobs in the tests of a site: run them in the test itself, without a worker.

    from core import testing

    def test_an_invoice_is_made(db, user):
        job = testing.run("invoice", owner=user, params={"month": "2026-10"})
        assert job.state == "succeeded"
        assert job.result == {"pages": 2}

What runs here is what a worker runs: the same claims, steps, limits, children, retries and ends, in the test's own
thread and transaction, so that Django's `TestCase` works. Only times are not waited for. The pytest plugin that comes
with Headway has it as the fixture `headway`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core import jobs
from core.conf import conf

if TYPE_CHECKING:
    from django.db.models import Model

    from core.models import Job

__all__ = ["assert_not_submitted", "assert_submitted", "drain", "run", "run_job", "submitted"]

#: Attempts that one call runs at most: a job that orders itself again and again is a mistake.
MOST_ATTEMPTS = 10_000
_running = threading.local()


def run(pipeline: str, **options: Any) -> Job:
    """Submit a job with the options of `core.jobs.submit`, run it to its end, and return it."""
    return run_job(jobs.submit(pipeline, **options))


def run_job(job: Job | int) -> Job:
    """Run this job to its end, with its children and retries, and return it. Times it should wait for have come."""
    job_id = job if isinstance(job, int) else job.pk
    _work(job_id)
    return jobs.get(job_id)


def drain(*, later: bool = False) -> int:
    """Run every job that is due, what they submit included, until none is; return how many attempts were made.

    Retries are not waited for. With `later`, jobs of a later time are due as well, and limits hold back none.
    """
    return _work(None, later=later)


def run_at_once(**_: Any) -> None:
    """Run what has become due in the process that made it so, where the site's settings say RUN_AT_ONCE."""
    if conf.RUN_AT_ONCE:
        _work(None, later=False)


def submitted(
    pipeline: str, *, owner: Any = None, params: Mapping[str, Any] | None = None, subject: Model | None = None
) -> list[Job]:
    """Return the jobs of this pipeline that were submitted, the oldest first: of this owner, about this subject, with
    these parameters among theirs."""
    from core.models import Job

    matches = Job.objects.whole().filter(pipeline=pipeline).order_by("pk")
    if owner is not None:
        matches = matches.filter(owner=owner)
    if subject is not None:
        matches = matches.about(subject)
    return [job for job in matches if _holds(job.params, params or {})]


def assert_submitted(pipeline: str, *, count: int | None = None, **search: Any) -> list[Job]:
    """Raise AssertionError unless such jobs were submitted: one or more, or exactly `count`. Return them.

    The search is that of `submitted`.
    """
    matches = submitted(pipeline, **search)
    if not matches if count is None else len(matches) != count:
        wanted = f"a job of {pipeline!r}" if count is None else f"{count} jobs of {pipeline!r}"
        raise AssertionError(f"expected {wanted}{_in_words(search)}, found {len(matches)}; there are: {_all_there()}")
    return matches


def assert_not_submitted(pipeline: str, **search: Any) -> None:
    """Raise AssertionError if such a job was submitted."""
    assert_submitted(pipeline, count=0, **search)


def _work(job_id: int | None, *, later: bool = True) -> int:
    """Run attempts until nothing is due, of this job's family or of all."""
    from core.attempt.attempts import Attempts
    from core.life import end_signals
    from core.limits import gate

    if getattr(_running, "is_on", False):
        # A job that submits another, where all run at once: the one at work goes on to it afterwards.
        return 0
    _running.is_on = True
    attempts, count = Attempts(), 0
    try:
        while True:
            gate.let_go()
            due = _due(job_id, later=later)
            if not due and not end_signals.send_due():
                break
            for each in due:
                attempts.run(each)
                count += 1
                if count > MOST_ATTEMPTS:
                    raise RuntimeError(f"{count} attempts were made, and jobs are still due: {_all_there()}")
    finally:
        _running.is_on = False
    return count


def _due(job_id: int | None, *, later: bool) -> list[int]:
    """Return the jobs to run next; those whose time has not come are brought forward."""
    from django.db.models.functions import Now

    from core.models import Job
    from core.models.states import CLAIMABLE, State

    there = Job.objects.filter(state__in=CLAIMABLE)
    if job_id is not None:
        # With its children, and theirs.
        family, level = {job_id}, {job_id}
        while level:
            level = set(Job.objects.filter(parent__in=level).values_list("pk", flat=True)) - family
            family |= level
        there = there.filter(pk__in=family)
    early = there.filter(run_at__gt=Now()) if later else there.filter(run_at__gt=Now(), state=State.RETRYING)
    early.update(run_at=Now(), publish_at=Now())
    if later:
        there.filter(is_held=True).update(is_held=False)
    due = there.filter(is_held=False, run_at__lte=Now()).order_by("-priority", "pk")
    return list(due.values_list("pk", flat=True))


def _holds(params: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(name in params and params[name] == _stored(value) for name, value in wanted.items())


def _stored(value: Any) -> Any:
    """Return a parameter as it is stored: an object by its key, a time or a number as JSON has it."""
    import json

    from django.core.serializers.json import DjangoJSONEncoder
    from django.db.models import Model

    if isinstance(value, Model):
        return _stored(value.pk)
    return json.loads(json.dumps(value, cls=DjangoJSONEncoder))


def _in_words(search: Mapping[str, Any]) -> str:
    parts = [f"{name} {value!r}" for name, value in search.items() if value is not None]
    return f" with {', '.join(parts)}" if parts else ""


def _all_there() -> str:
    from core.models import Job

    rows: Iterable[Any] = Job.objects.whole().order_by("pk").values_list("pk", "pipeline", "state", "params")[:20]
    return "; ".join(f"#{pk} {pipeline} ({state}) {params}" for pk, pipeline, state, params in rows) or "none"
