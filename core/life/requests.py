"""The acts of a person on an existing job.

Each act is one transaction: the job's row is locked, one conditional update decides (an act that comes too late is
refused), and the audit trail gets its entry. Files that become useless are deleted after the commit.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from core import pipelines
from core.database import statements
from core.database.jsontext import dumps_limited, storable
from core.errors import Refused
from core.life import end_signals, families, leftovers
from core.logs import log
from core.models import AuditEntry, Job, JobProgress
from core.models.job import Priority
from core.models.states import IDLE, RETRIABLE, TERMINAL, State
from core.people import audit
from core.pipelines import Pipeline, secrets
from core.pipelines.declared import lane_of
from core.wakeup import jobs_due


def cancel(job: Job, *, by: str) -> State:
    """Ask for the job's end; return its state after. Raise Refused when it has ended or is cancelling already.

    A job that nobody runs is cancelled at once. A running one notices it within seconds; its result can't appear any
    more.
    """
    with transaction.atomic():
        was = _lock(job.pk)
        rows = statements.run("cancel", {"id": job.pk, "by": by, **end_signals.hearing()})
        if not rows:
            if was.is_cancelling:
                raise Refused(f"Job {job.pk} is being cancelled already.")
            has = "been cancelled already" if was.state == State.CANCELLED else _word(was)
            raise Refused(f"Job {job.pk} can't be cancelled: it has {has}.")
        state = State(rows[0][2])
        # A statement of its own: it sees the children of a fan-out that was committed while the first one waited.
        families.cancel_family([job.pk], by=by)
        before = _audit_values(was)
        audit.note(by, "cancel", job_id=job.pk, pipeline=was.pipeline, before=before, after={"state": state})
        # A place under a limit may have come free.
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=0))
    log("cancel_accepted", job=job.pk, state=state, by=by)
    if state == State.CANCELLED:
        discard(job.pk)
        if was.parent_id is not None:
            families.wake([was.parent_id])
    return state


def retry(job: Job, *, by: str, from_start: bool = False) -> None:
    """Run a failed or cancelled job again. Raise Refused in any other state.

    It goes on after its last completed step, and what failed of its children is tried again with it. With
    `from_start` its steps, children, outputs and datasets are deleted first. A child alone can be tried again only
    while its parent waits for it.
    """
    retry_from(job, RETRIABLE, by=by, from_start=from_start)


def retry_from(job: Job, states: Collection[State], *, by: str, from_start: bool) -> None:
    """Run a job again that is in one of these states."""
    spec = pipelines.get(job.pipeline)
    with transaction.atomic():
        _refuse_orphan(job)
        was = _lock(job.pk)
        if was.state not in states:
            raise Refused(f"Job {job.pk} is {_word(was)} now: only a {' or '.join(states)} job can be retried.")
        folders = _requeue_family(was, spec, by=by, from_start=from_start)
        audit.note_all([retried(was, by=by, from_start=from_start)])
    leftovers.delete_folders(folders)
    log("job_requeued", job=job.pk, by=by, from_start=from_start)


def discard_failed(job: Job, *, by: str) -> None:
    """Give a failed job up: it is cancelled, and what it made is deleted unless its pipeline keeps it.

    Raise Refused in any other state.
    """
    with transaction.atomic():
        was = _lock(job.pk)
        if not discard_rows([was], by=by):
            raise Refused(f"Job {job.pk} is {_word(was)} now: only a failed job can be discarded.")
        families.cancel_family([job.pk], by=by)
        audit.note_all([discarded(was, by=by)])
        folders = _delete_what_was_made(was)
    leftovers.delete_folders(folders)
    log("job_discarded", job=job.pk, by=by)


def edit_and_retry(job: Job, *, params: Mapping[str, Any], by: str, label: str | None = None) -> None:
    """Give a failed job other parameters and run it again from the start. Raise Refused in any other state.

    `params` are all its parameters, as its form has cleaned them. `label` is its new name; None leaves the old one. Its
    input files stay.
    """
    spec = pipelines.get(job.pipeline)
    text = dumps_limited(secrets.seal(spec.form, params), what="The JSON of the parameters")
    stored = json.loads(text)
    with transaction.atomic():
        was = _lock(job.pk)
        if was.parent_id is not None:
            raise Refused(f"Job {job.pk} is a part of job {was.parent_id}: its parameters come from there.")
        lane = lane_of(spec.limits, stored)
        name = was.label if label is None else storable(label)[:255]
        if not statements.run("edit", {"id": job.pk, "params": text, "lane": lane, "label": name, "by": by}):
            raise Refused(f"Job {job.pk} is {_word(was)} now: only a failed job's parameters can be changed.")
        folders = _requeue_family(was, spec, by=by, from_start=True)
        audit.note(
            by,
            "edit",
            job_id=job.pk,
            pipeline=was.pipeline,
            before={**_audit_values(was), "params": secrets.hidden(was.params, spec.form)},
            after={"state": State.QUEUED, "params": secrets.hidden(stored)},
        )
    leftovers.delete_folders(folders)
    log("job_edited", job=job.pk, by=by)


def reprioritise(job: Job, priority: Priority, *, by: str) -> None:
    """Give a job that nobody runs another priority, and its parts with it. Raise Refused in any other state.

    A message that is on its way has the old priority: the job is published again.
    """
    priority = Priority(priority)
    with transaction.atomic():
        was = _lock(job.pk)
        if was.state not in IDLE:
            raise Refused(f"Job {job.pk} is {_word(was)} now: its priority makes no difference any more.")
        if was.priority == priority:
            return
        ids = [job.pk, *families.descendants(job.pk)]
        text = f"{priority.label}, by {by}"
        statements.run(
            "reprioritise",
            {"id": job.pk, "ids": statements.id_list(ids), "priority": int(priority), "text": text},
        )
        audit.note(
            by,
            "priority",
            job_id=job.pk,
            pipeline=was.pipeline,
            before={"priority": Priority(was.priority).name.lower()},
            after={"priority": priority.name.lower()},
        )
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=1))
    log("job_reprioritised", job=job.pk, priority=priority.name.lower(), by=by)


def discard(job_id: int) -> None:
    """Delete what a cancelled job and its children had made so far, unless its pipeline keeps it."""
    with transaction.atomic():
        # The row lock keeps a retry from starting while its steps are taken away.
        job = _locked(Job.objects.filter(pk=job_id, state=State.CANCELLED)).first()
        folders = _delete_what_was_made(job) if job else []
    leftovers.delete_folders(folders)


# -- rows that the caller's transaction has locked ------------------------------------------------------


def requeue_rows(jobs: Sequence[Job], spec: Pipeline, *, by: str, from_start: bool) -> list[Path]:
    """Queue failed or cancelled jobs of one pipeline again, without their children.

    From the start, what they made is deleted; returns the folders to delete after the commit.
    """
    ids = [job.pk for job in jobs]
    rows = statements.run(
        "requeue",
        {
            "ids": statements.id_list(ids),
            "text": f"{by}, from the start" if from_start else by,
            "max_attempts": spec.max_attempts,
            "max_crashes": spec.max_crashes,
        },
    )
    if len(rows) != len(ids):
        raise Refused("Somebody else has acted on it at the same moment.")
    transaction.on_commit(lambda: jobs_due.send(sender=Job, count=len(ids)))
    if not from_start:
        return []
    Job.objects.filter(pk__in=ids).update(started_at=None)
    JobProgress.objects.filter(job__in=ids).update(
        stages=[{"name": name, "title": title, "state": "pending"} for name, title in spec.stages],
        done=0,
        total=None,
        unit="",
        note="",
        rate=None,
        step=None,
        is_whole=True,
        version=F("version") + 1,
    )
    # The fence stays: the next attempt's is higher than those whose files go.
    return leftovers.delete_rows({job.pk: job.fence for job in jobs})


def discard_rows(jobs: Sequence[Job], *, by: str) -> list[int]:
    """Cancel those of these jobs that have failed; return their ids."""
    rows = statements.run("discard", {"ids": statements.id_list(job.pk for job in jobs), "by": by})
    return [row[0] for row in rows]


def retried(was: Job, *, by: str, from_start: bool) -> AuditEntry:
    """Return the audit entry of a retry of a job as it was."""
    act = "retry_from_start" if from_start else "retry"
    after = {"state": State.QUEUED}
    return audit.entry(by, act, job_id=was.pk, pipeline=was.pipeline, before=_audit_values(was), after=after)


def discarded(was: Job, *, by: str) -> AuditEntry:
    """Return the audit entry of giving a job up as it was."""
    return audit.entry(
        by, "discard", job_id=was.pk, pipeline=was.pipeline, before=_audit_values(was), after={"state": State.CANCELLED}
    )


def _requeue_family(was: Job, spec: Pipeline, *, by: str, from_start: bool) -> list[Path]:
    """Queue a job again with what failed of its children, or from the start without any of them."""
    family = families.descendants(was.pk)
    if family and Job.objects.filter(pk__in=family).live().exists():
        raise Refused(f"The parts of job {was.pk} are still stopping. Try again in a moment.")
    # What a cancelled job and its children had made is deleted, or is about to be: all of it is made anew.
    from_start = from_start or (was.state == State.CANCELLED and spec.on_cancel == "discard")
    if not from_start:
        folders = requeue_rows([was], spec, by=by, from_start=False)
        families.requeue_failed(was.pk, by=by, spec=spec)
        return folders
    folders = leftovers.delete_children([was.pk], descendants=family)
    return folders + requeue_rows([was], spec, by=by, from_start=True)


def _delete_what_was_made(job: Job) -> list[Path]:
    spec = job.spec
    if spec is not None and spec.on_cancel == "keep":
        return []
    # Children that are still stopping delete theirs themselves.
    over = Job.objects.filter(pk__in=families.descendants(job.pk), state__in=TERMINAL)
    return leftovers.delete_rows({job.pk: job.fence, **dict(over.values_list("pk", "fence"))})


def _refuse_orphan(job: Job) -> None:
    """Raise Refused when the job is a part of one that does not wait for it."""
    if job.parent_id is None:
        return
    parent = _lock(job.parent_id)
    if parent.state != State.WAITING:
        raise Refused(
            f"Job {job.pk} is a part of job {parent.pk}, which does not wait for it: retry job {parent.pk}, and "
            "what failed of it is tried again."
        )


def _lock(job_id: int) -> Job:
    """Return the job's row, locked until the commit; raise Refused when it is gone."""
    job = _locked(Job.objects.filter(pk=job_id)).first()
    if job is None:
        raise Refused(f"Job {job_id} is not there any more.")
    return job


def _locked(jobs: QuerySet[Job]) -> QuerySet[Job]:
    # Its events and steps can still be written: they need only the row's key.
    return jobs.select_for_update(no_key=True)


def _audit_values(job: Job) -> dict[str, Any]:
    """Return the values of a job before an act, for its audit entry."""
    return {"state": job.state, "attempt": job.attempt, **({"error": job.error[:500]} if job.error else {})}


def _word(job: Job) -> str:
    return job.get_state_display().lower()
