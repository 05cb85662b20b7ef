"""What the pages of a job show, computed from its rows."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from django.forms.utils import pretty_name
from django.urls import NoReverseMatch

from core.forms.words import in_words, parameters_in_words
from core.models import Dataset, Job, JobEvent, JobProgress
from core.models.states import CANCELLING, CLAIMABLE, WARNED, State
from frontend.jobs.pages.parts import FanOut
from frontend.site.security import PersonRequest

#: The most events that a timeline shows, the newest ones.
TIMELINE_LENGTH = 200
#: Entries that are shown of a list which a part works on.
ITEM_LENGTH = 12
#: Datasets of one result that are shown.
MOST_DATASETS = 100
#: Keys of the file store: they mean nothing to a person.
_STORE_KEY = re.compile(r"jobs/\d+/\d+/|uploads/[0-9a-f]{2}/")

#: The icon of each outcome, of each stage's and worker's state and of each kind of event.
ICONS: dict[str, str] = {
    State.SCHEDULED: "calendar",
    State.QUEUED: "queue",
    State.RUNNING: "running",
    State.WAITING: "hourglass",
    State.RETRYING: "retry",
    State.SUCCEEDED: "check-circle",
    State.FAILED: "x-circle",
    State.CANCELLED: "ban",
    CANCELLING: "ban",
    WARNED: "alert",
    "pending": "circle",
    "done": "check-circle",
    "interrupted": "alert",
    "partial": "alert",
    JobEvent.Kind.SUBMITTED: "inbox",
    JobEvent.Kind.CLAIMED: "play",
    JobEvent.Kind.STEP: "check",
    JobEvent.Kind.NOTE: "info",
    JobEvent.Kind.CRASHED: "alert",
    JobEvent.Kind.RESUMED: "arrow-right",
    JobEvent.Kind.RELEASED: "queue",
    JobEvent.Kind.DEFERRED: "hourglass",
    JobEvent.Kind.CANCEL_REQUESTED: "ban",
    JobEvent.Kind.REQUEUED: "retry",
    JobEvent.Kind.DISCARDED: "trash",
    JobEvent.Kind.EDITED: "pencil",
    JobEvent.Kind.REPRIORITISED: "bolt",
    "idle": "circle",
    "working": "running",
    "busy": "running",
    "stopping": "hourglass",
    "gone": "x-circle",
    "paused": "pause",
}

#: Short words of outcomes for badges in lists, which have little room.
BADGES = {WARNED: "With warnings"}


@dataclass(frozen=True)
class Stage:
    """One stage of a job as its page lists it."""

    title: str
    state: str
    #: How long it took, or has taken so far; None before it began.
    seconds: float | None
    is_running: bool


def stages_of(job: Job) -> list[Stage]:
    """Return the job's stages; those that an ended job never reached are marked so."""
    progress: JobProgress | None = getattr(job, "progress", None)
    now = time.time()
    stages = []
    for entry in progress.stages if progress else []:
        started, ended = entry.get("started_at"), entry.get("ended_at")
        is_running = entry.get("state") == "running" and job.state in (State.RUNNING, State.WAITING)
        stages.append(
            Stage(
                title=str(entry.get("title") or entry.get("name") or "Stage"),
                state=_stage_state(str(entry.get("state") or "pending"), job),
                seconds=max(0.0, (ended or now) - started) if started and (ended or is_running) else None,
                is_running=is_running,
            )
        )
    return stages


def explanation(job: Job, waiting_for: FanOut | None = None) -> str:
    """Return one sentence about the state of the job; empty when its numbers, or why it waits, say it all."""
    if job.state == State.WAITING and waiting_for is not None:
        now = "It runs in parts" if job.parts_run else "None of its parts runs now"
        return f"{now}: {waiting_for.succeeded:,} of {waiting_for.total:,} done{waiting_for.lost}."
    if job.is_cancelling:
        return "Cancelling. The worker stops at its next safe point; no result will appear."
    if job.state == State.QUEUED and job.attempt:
        return "Handed back to the queue. It goes on from its last completed step."
    sentences = {
        State.WAITING.value: f"{job.outcome_words}.",
        State.RETRYING.value: "The last attempt did not succeed. It is tried again by itself.",
    }
    return sentences.get(str(job.state), "")


def failed_for_good(job: Job) -> bool:
    """Whether the job failed although it had attempts left: trying it again as it is will hardly help."""
    return job.state == State.FAILED and job.attempt < job.max_attempts and job.crashes < job.max_crashes


def advice(job: Job) -> str:
    """Return what a person can do about a job that failed or was cancelled."""
    if job.parent_id is not None:
        return _advice_for_part(job)
    if job.state == State.FAILED and job.spec is not None and not has_form(job):
        return "The site ordered this job. Try it again once what the sentence names is mended, or discard it."
    if failed_for_good(job):
        return "Correct what the sentence names: edit its parameters, or run it again with changes."
    if job.state == State.FAILED:
        return "All attempts are used up. Try it again as it is, edit its parameters, or discard it."
    if job.state == State.CANCELLED:
        return "Nothing more will happen. Try again to run it with the same parameters."
    return ""


def has_form(job: Job) -> bool:
    """Whether a person can fill in the pipeline's form: some pipelines are for the site's own jobs alone."""
    return job.spec is not None and not getattr(job.spec.form, "is_nobodys", False)


def can_retry(job: Job) -> bool:
    """Whether trying the job again is offered: a part is tried again alone only while its job waits for it."""
    return job.can_retry and (job.parent is None or job.parent.state == State.WAITING)


def can_choose_start(job: Job, *, has_steps: bool, has_children: bool) -> bool:
    """Whether a retry can continue from a completed step: those of a cancelled job are deleted as a rule."""
    if not can_retry(job) or not (has_steps or has_children):
        return False
    return job.state == State.FAILED or (job.spec is not None and job.spec.on_cancel == "keep")


def can_reprioritise(job: Job) -> bool:
    """Whether another priority has an effect: on a job that nobody runs, or on the parts that it waits for."""
    return job.parent_id is None and job.state in (*CLAIMABLE, State.WAITING) and not job.is_cancelling


def parameters_of(job: Job, request: PersonRequest) -> list[tuple[str, str]]:
    """Return the job's parameters as (label, value) pairs in its form's words; empty ones are left out."""
    if job.task:
        return _item_of(job)
    return parameters_in_words(job.spec, job.params, viewer=request.user)


@dataclass(frozen=True)
class Subject:
    """The object of the site's that a job is about."""

    text: str
    #: Of its own page; empty when it has none.
    address: str


def subject_of(job: Job) -> Subject | None:
    """Return what the job is about; None for a job about nothing, and when the object is gone."""
    subject = job.subject
    if subject is None:
        return None
    try:
        address = str(subject.get_absolute_url()) if hasattr(subject, "get_absolute_url") else ""
    except NoReverseMatch:
        # Its page is another site's.
        address = ""
    return Subject(str(subject), address)


def facts_of(job: Job) -> list[tuple[str, Any]]:
    """Return the job's result as (name, value) pairs; of a part's, which is for its job, only what people can read."""
    facts = job.result_facts()
    if not job.task:
        return facts
    return [
        (pretty_name(name), _shortly(value) if isinstance(value, (list, dict)) else value)
        for name, value in facts
        if value not in (None, "", [], {}) and not _STORE_KEY.match(str(value))
    ]


def timeline_of(job: Job, *, with_detail: bool) -> tuple[list[JobEvent], int]:
    """Return the job's newest events, oldest first, and how many older ones there are.

    Each has `display_kind` and `words` for its line: a success with a warning looks like one here too.
    """
    events = JobEvent.objects.filter(job=job).order_by("-pk")
    newest = list((events if with_detail else events.defer("detail"))[:TIMELINE_LENGTH])
    older = 0
    if len(newest) == TIMELINE_LENGTH:
        older = JobEvent.objects.filter(job=job, pk__lt=newest[-1].pk).count()
    for event in newest:
        is_success = event.kind == JobEvent.Kind.SUCCEEDED
        event.display_kind = job.outcome if is_success else event.kind  # type: ignore[attr-defined]  # for its line
        event.words = job.outcome_words if is_success else event.get_kind_display()  # type: ignore[attr-defined]
    return newest[::-1], older


def dataset_of(job: Job, request: PersonRequest) -> Dataset | None:
    """Return the dataset that the job's result names, if this person may open it."""
    named = job.result.get("dataset") if isinstance(job.result, dict) else None
    if not isinstance(named, int):
        return None
    datasets = Dataset.objects.for_user(request.user).filter(pk=named)
    return datasets.select_related("job").prefetch_related("job__artifacts").first()


def has_made(job: Job, dataset: Dataset) -> bool:
    """Whether the dataset that the job's result names is the job's own, or was made by a part of it."""
    return job.pk in (dataset.job_id, dataset.job.parent_id)


def datasets_of(job: Job, request: PersonRequest) -> list[Dataset]:
    """Return the datasets that the result of a job with several names, as far as this person may open them."""
    named = job.result.get("datasets") if isinstance(job.result, dict) else None
    if not isinstance(named, list) or not all(isinstance(pk, int) for pk in named):
        return []
    by_id = Dataset.objects.for_user(request.user).in_bulk(named[:MOST_DATASETS])
    return [by_id[pk] for pk in named if pk in by_id]


def milestone(job: Job) -> str:
    """Return the text for a screen reader: it changes with the state and the stage, never with the numbers."""
    progress: JobProgress | None = getattr(job, "progress", None)
    if job.is_cancelling:
        return "Cancelling"
    if job.state in (State.RUNNING, State.WAITING) and progress and (stage := progress.current_stage):
        return f"{job.outcome_words}: {stage.get('title') or stage.get('name')}"
    if job.state == State.SUCCEEDED and isinstance(job.result, dict) and job.result.get("headline"):
        return ". ".join(filter(None, (f"{job.outcome_words}: {job.result['headline']}", job.warning)))
    if job.state == State.FAILED and job.error:
        return f"Failed: {job.error}"
    return job.outcome_words


def page_title(job: Job) -> str:
    """Return the title of the job's tab, with its progress as far as it is that of the whole job."""
    progress: JobProgress | None = getattr(job, "progress", None)
    head = job.outcome_words
    if job.outcome in (State.RUNNING, State.WAITING) and progress and progress.percent is not None:
        head = f"{progress.percent:.0f}%"
    return f"{head} · {job.title}"


def _advice_for_part(job: Job) -> str:
    if job.state not in (State.FAILED, State.CANCELLED):
        return ""
    if can_retry(job):
        return f"Try it again, or leave it: job #{job.parent_id} goes on without it when its other parts have ended."
    return f"Job #{job.parent_id} has gone on without it. Try that job again, and what failed of it is tried again."


def _item_of(job: Job) -> list[tuple[str, str]]:
    """Return the words for the item that a part works on."""
    item = job.params.get("item")
    values = item if isinstance(item, dict) else {"item": item}
    pairs = [(pretty_name(str(name)), _shortly(value)) for name, value in values.items()]
    return [(name, value) for name, value in pairs if value and not _STORE_KEY.match(value)]


def _shortly(value: Any) -> str:
    if isinstance(value, list) and len(value) > ITEM_LENGTH:
        return f"{in_words(value[:ITEM_LENGTH])} and {len(value) - ITEM_LENGTH:,} more"
    return in_words(value)


def _stage_state(state: str, job: Job) -> str:
    if state != "running":
        return state
    # The last write of a lost attempt still says "running".
    meanings = {
        State.RUNNING.value: "running",
        State.WAITING.value: "running",
        State.FAILED.value: "failed",
        State.CANCELLED.value: "cancelled",
        State.SUCCEEDED.value: "done",
    }
    return meanings.get(str(job.state), "pending")
