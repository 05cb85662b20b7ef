"""What a person may ask of a job that exists."""

from __future__ import annotations

import shutil

from django.db import transaction

from core import pipelines, statements, storage
from core.errors import Refused
from core.life import families
from core.life.submission import jobs_due
from core.logs import tell
from core.models import Artifact, Dataset, Job, JobStep
from core.states import TERMINAL, State


def cancel(job: Job, *, by: str) -> State:
    """Ask for the job's end; return its state after. Raise Refused when it has ended or is cancelling already.

    A job that nobody runs is cancelled at once. A running one is told within seconds; its result can't appear
    any more.
    """
    with transaction.atomic():
        rows = statements.run("cancel", {"id": job.pk, "by": by})
        # A statement of its own: it sees the children of a fan-out that was committed while the first one waited.
        if rows:
            families.cancel_family([job.pk], by=by)
    if not rows:
        job.refresh_from_db(fields=["state", "cancel_requested_at"])
        if job.is_cancelling:
            raise Refused(f"Job {job.pk} is being cancelled already.")
        raise Refused(f"Job {job.pk} can't be cancelled: it has {job.get_state_display().lower()}.")
    state = State(rows[0][1])
    tell("cancel_accepted", job=job.pk, state=state, by=by)
    if state == State.CANCELLED:
        discard(job.pk)
        if job.parent_id is not None:
            families.wake([job.parent_id])
    return state


def retry(job: Job, *, by: str) -> None:
    """Run a failed or cancelled job again, from its last completed step. Raise Refused in any other state.

    What failed of its children is tried again with it; a child alone only while its parent waits for it.
    """
    spec = pipelines.get(job.pipeline)
    with transaction.atomic():
        _refuse_family(job)
        if job.state == State.CANCELLED and spec.on_cancel == "discard":
            # What they had made is deleted: they are made anew.
            Job.objects.filter(parent=job).delete()
        rows = statements.run(
            "requeue",
            {"id": job.pk, "by": by, "max_attempts": spec.max_attempts, "max_crashes": spec.max_crashes},
        )
        if not rows:
            job.refresh_from_db(fields=["state"])
            state = job.get_state_display().lower()
            raise Refused(f"Job {job.pk} is {state} now: only a failed or cancelled job can be retried.")
        families.requeue_failed(job.pk, by=by, spec=spec)
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=1))
    tell("job_requeued", job=job.pk, by=by)


def _refuse_family(job: Job) -> None:
    """Raise Refused when the job's parent or children are not in a state in which it can be tried again."""
    if job.parent_id is not None:
        parent = Job.objects.select_for_update().get(pk=job.parent_id)
        if parent.state != State.WAITING:
            raise Refused(
                f"Job {job.pk} is a part of job {parent.pk}, which does not wait for it: retry job {parent.pk}, and "
                "what failed of it is tried again."
            )
    job.refresh_from_db(fields=["state"])
    if job.is_finished and Job.objects.filter(pk__in=families.descendants(job.pk)).live().exists():
        raise Refused(f"The parts of job {job.pk} are still stopping. Try again in a moment.")


def discard(job_id: int) -> None:
    """Delete what a cancelled job and its children had made so far, unless its pipeline keeps it."""
    with transaction.atomic():
        # The row lock keeps a retry from starting while its steps are taken away.
        job = Job.objects.select_for_update().filter(pk=job_id, state=State.CANCELLED).first()
        spec = job.spec if job else None
        if job is None or (spec is not None and spec.on_cancel == "keep"):
            return
        # Children that are still stopping delete theirs themselves.
        over = Job.objects.filter(pk__in=families.descendants(job_id), state__in=TERMINAL)
        fences = {job_id: job.fence, **dict(over.values_list("pk", "fence"))}
        JobStep.objects.filter(job__in=fences).delete()
        Artifact.objects.filter(job__in=fences, kind=Artifact.Kind.OUTPUT).delete()
        Dataset.objects.filter(job__in=fences).delete()
    # Only folders of attempts that are over: a retry writes under a higher fence.
    for pk, fence in fences.items():
        for attempt in range(1, fence + 1):
            shutil.rmtree(storage.attempt_folder(pk, attempt), ignore_errors=True)
