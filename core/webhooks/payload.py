"""What is sent of an end: who, what, how and when. Never a parameter, and never a secret."""

from __future__ import annotations

import datetime as dt

from core.addresses import path_of, site_address
from core.database.jsontext import dumps
from core.models import EndSignal, Job, JobEvent, ScheduledRun, Webhook
from core.models.states import State

#: Bytes of the longest result that is sent. Receivers take about 20 KB as a rule.
RESULT_BYTES = 16 * 1024
_ERROR_LENGTH = 2000

#: The event of each end.
EVENTS: dict[str, str] = {
    State.SUCCEEDED: "job.succeeded",
    State.FAILED: "job.failed",
    State.CANCELLED: "job.cancelled",
}
#: The event that a person asks for to try a webhook.
TEST = "webhook.test"


def body_of(job: Job, end: EndSignal) -> str:
    """Return the JSON for the end of a job, as the job is now."""
    state = State(end.state)
    finished_at, error, result = job.finished_at, job.error, job.result
    if job.state != state or job.fence != end.fence or finished_at is None:
        # Tried again meanwhile: what the row says is of another run. The timeline has this end.
        event = JobEvent.objects.filter(job=job, kind=state).order_by("-pk").first()
        finished_at, error, result = (event.at if event else None), (event.text if event else ""), None
    fits = len(dumps(result)) <= RESULT_BYTES
    data = {
        "job": job.pk,
        "pipeline": job.pipeline,
        "title": job.title,
        "state": str(state),
        "created_at": _moment(job.created_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(finished_at),
        "attempt": job.attempt,
        "result": result if fits else None,
        "result_is_left_out": not fits,
        "error": error[:_ERROR_LENGTH] if state == State.FAILED else "",
        "subject": _subject_of(job),
        "schedule": ScheduledRun.objects.filter(job=job).values_list("schedule", flat=True).first(),
        "key": job.idempotency_key,
        "url": site_address(job.get_absolute_url()),
        "api_url": _address("api_job", job.pk),
    }
    return dumps({"type": EVENTS[state], "timestamp": _moment(finished_at or job.created_at), "data": data})


def test_body(webhook: Webhook, *, at: dt.datetime) -> str:
    """Return the JSON of a test event."""
    data = {"webhook": webhook.pk, "message": "A test, sent from the webhook's page."}
    return dumps({"type": TEST, "timestamp": _moment(at), "data": data})


def _moment(value: dt.datetime | None) -> str | None:
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z") if value else None


def _subject_of(job: Job) -> dict[str, str] | None:
    if job.subject_type is None:
        return None
    return {"type": f"{job.subject_type.app_label}.{job.subject_type.model}", "key": job.subject_key}


def _address(thing: str, pk: int) -> str | None:
    path = path_of(thing, pk)
    return None if path == "/" else site_address(path)
