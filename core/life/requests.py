"""What a person may ask of a job that exists."""

from __future__ import annotations

import shutil

from django.db import transaction

from core import pipelines, statements, storage
from core.errors import Refused
from core.life.submission import jobs_due
from core.logs import tell
from core.models import Artifact, Dataset, Job, JobStep
from core.states import State


def cancel(job: Job, *, by: str) -> State:
    """Ask for the job's end; return its state after. Raise Refused when it has ended or is cancelling already.

    A job that nobody runs is cancelled at once. A running one is told within seconds; its result can't appear
    any more.
    """
    rows = statements.run("cancel", {"id": job.pk, "by": by})
    if not rows:
        job.refresh_from_db(fields=["state", "cancel_requested_at"])
        if job.is_cancelling:
            raise Refused(f"Job {job.pk} is being cancelled already.")
        raise Refused(f"Job {job.pk} can't be cancelled: it has {job.get_state_display().lower()}.")
    state = State(rows[0][1])
    tell("cancel_accepted", job=job.pk, state=state, by=by)
    if state == State.CANCELLED:
        discard(job.pk)
    return state


def retry(job: Job, *, by: str) -> None:
    """Run a failed or cancelled job again, from its last completed step. Raise Refused in any other state."""
    spec = pipelines.get(job.pipeline)
    with transaction.atomic():
        rows = statements.run(
            "requeue",
            {"id": job.pk, "by": by, "max_attempts": spec.max_attempts, "max_crashes": spec.max_crashes},
        )
        if not rows:
            job.refresh_from_db(fields=["state"])
            state = job.get_state_display().lower()
            raise Refused(f"Job {job.pk} is {state} now: only a failed or cancelled job can be retried.")
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=1))
    tell("job_requeued", job=job.pk, by=by)


def discard(job_id: int) -> None:
    """Delete what a cancelled job had made so far, unless its pipeline keeps it."""
    with transaction.atomic():
        # The row lock keeps a retry from starting while its steps are taken away.
        job = Job.objects.select_for_update().filter(pk=job_id, state=State.CANCELLED).first()
        spec = job.spec if job else None
        if job is None or (spec is not None and spec.on_cancel == "keep"):
            return
        JobStep.objects.filter(job=job).delete()
        Artifact.objects.filter(job=job, kind=Artifact.Kind.OUTPUT).delete()
        Dataset.objects.filter(job=job).delete()
        fence = job.fence
    # Only folders of attempts that are over: a retry writes under a higher fence.
    for attempt in range(1, fence + 1):
        shutil.rmtree(storage.attempt_folder(job_id, attempt), ignore_errors=True)
