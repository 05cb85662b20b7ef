"""Jobs as the API shows them: in a list, and one with everything that its page knows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal, cast

from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

from core.life import dead_letters, waiting
from core.models import Artifact, Dataset, Job, JobProgress
from core.models.job import JobQuerySet, Priority
from core.models.states import LIVE, State
from core.people.users import owner_lookup
from core.pipelines import secrets
from frontend.api.access import ApiRequest, rows_for
from frontend.api.links import address, page_of
from frontend.api.paging import PageQuery
from frontend.api.problems import Problem
from frontend.jobs.pages import job as job_pages
from frontend.jobs.pages.attempts import LISTED_ATTEMPTS
from frontend.jobs.pages.steps import steps_of
from frontend.site.listing import as_id

StateName = Literal["scheduled", "queued", "running", "waiting", "retrying", "succeeded", "failed", "cancelled"]
OutcomeName = Literal[StateName, "cancelling", "warned"]
PriorityName = Literal["low", "normal", "urgent"]


def _in_utc(at: dt.datetime) -> dt.datetime:
    try:
        return at.astimezone(dt.UTC)
    except OverflowError:
        raise ValueError("This time is out of every calendar.") from None


#: A moment with its zone, which a database can compare.
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


# -- what is asked for ------------------------------------------------------------------------------------


class JobQuery(PageQuery):
    """Which jobs of a list."""

    state: Annotated[list[Literal[StateName, "live"]], Field(description="One or more; `live` is all that go on.")] = []
    pipeline: Annotated[str, Field(max_length=80)] = ""
    owner: Annotated[
        str, Field(max_length=254, description="A name, or `all` that you may see; without it your own.")
    ] = ""
    subject: Annotated[
        str, Field(max_length=300, description="The object they are about, as `app.model:key`, such as `shop.order:7`.")
    ] = ""
    parent: Annotated[int | None, Field(ge=1, le=2**62, description="The job whose parts they are.")] = None
    created_after: Moment | None = None
    created_before: Moment | None = None
    q: Annotated[str, Field(max_length=200, description="A text in their label, or a number.")] = ""


# -- what is answered -------------------------------------------------------------------------------------


class ProgressBody(BaseModel):
    """Where a job is."""

    stage: str | None = Field(description="The title of the stage that it is in.")
    done: int
    total: int | None = Field(description="None when the amount of work is not known.")
    percent: float | None = Field(
        description="Of the whole job: it never goes back within an attempt. Null where that can't be said."
    )
    stage_percent: float | None = Field(description="Of the present stage or step.")
    unit: str
    rate: float | None = Field(description="Units a second.")
    eta_seconds: float | None = Field(description="Seconds the whole job still takes; null while other stages follow.")
    stage_eta_seconds: float | None = Field(description="Seconds the present stage or step still takes.")
    note: str


class JobBrief(BaseModel):
    """A job, as a list has it."""

    id: int
    pipeline: str
    title: str
    state: StateName
    outcome: OutcomeName = Field(
        description="The state, or `cancelling` while it is being cancelled, or `warned` for a success with a warning."
    )
    is_finished: bool
    owner: str
    priority: PriorityName
    parent: int | None = Field(description="The job whose part it is.")
    created_at: dt.datetime
    run_at: dt.datetime = Field(description="When it may start.")
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    progress: ProgressBody
    error: str = Field(description="Why it failed, or is tried again; empty for neither.")
    url: str
    page: str = Field(description="Its live page, for people.")


class JobList(BaseModel):
    """A page of jobs, the newest first."""

    items: list[JobBrief]
    next: str | None = Field(description="The address of the next page; null on the last.")


class StageBody(BaseModel):
    """A part of the job as its page shows it."""

    title: str
    state: str
    seconds: float | None


class StepBody(BaseModel):
    """A checkpointed part of the job."""

    key: str
    title: str
    state: str
    attempt: int | None = Field(description="The attempt that completed it.")
    seconds: float | None
    parts: int | None = Field(description="How many child jobs it made; null for a step of its own.")
    parts_succeeded: int | None
    parts_failed: int | None


class AttemptBody(BaseModel):
    """One claim of the job by a worker."""

    attempt: int
    outcome: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    error: str
    worker: str | None = Field(description="For those who operate the site; null for others.")
    traceback: str | None = Field(description="For those who operate the site; null for others.")


class FileBody(BaseModel):
    """A file that the job read or made."""

    id: int
    kind: Literal["input", "output"]
    field: str = Field(description="The form's field of an input, the key of an output.")
    name: str
    title: str
    size: int
    sha256: str
    content_type: str
    is_kept: bool = Field(description="Whether its bytes are still there.")
    url: str


class WhyBody(BaseModel):
    """Why it does not run."""

    kind: str
    text: str
    at: dt.datetime | None
    ahead: int | None = Field(description="Jobs that go before it.")


class SubjectBody(BaseModel):
    """The object of the site's that it is about."""

    type: str = Field(description="Its model, as `app.model`.")
    key: str


class JobBody(JobBrief):
    """A job with everything that its page knows."""

    params: dict[str, Any] = Field(description="What it was given; a secret is `Hidden`.")
    idempotency_key: str
    result: Any = Field(description="What its function returned.")
    warning: str
    subject: SubjectBody | None
    attempt: int
    max_attempts: int
    can_cancel: bool
    can_retry: bool
    why: WhyBody | None = Field(description="Why nobody runs it yet; null for one that runs or has ended.")
    stages: list[StageBody]
    steps: list[StepBody]
    attempts: list[AttemptBody] = Field(description="The newest ones, the oldest of them first.")
    files: list[FileBody] = Field(description="Outputs are listed once the job has ended.")
    datasets: list[int] = Field(description="The datasets that it made.")
    events_url: str
    log_url: str
    files_url: str


class FileList(BaseModel):
    """The files of a job."""

    items: list[FileBody]


def brief_rows(jobs: QuerySet[Job]) -> QuerySet[Job]:
    """Return the jobs with what a list shows of each."""
    return cast(JobQuerySet, jobs).brief().select_related("progress", "owner")


def matching(request: ApiRequest, query: JobQuery) -> QuerySet[Job]:
    """Return the jobs that a query asks for and that the request may see; raise Problem for what can't be meant."""
    jobs = rows_for(request, Job.objects.all())
    if query.parent is not None:
        # Who may see a job sees its parts.
        jobs = jobs.filter(parent=query.parent)
    else:
        jobs = jobs.filter(parent__isnull=True)
        if not query.owner:
            jobs = jobs.filter(owner=request.auth.person.pk)
    if query.owner and query.owner != "all":
        jobs = jobs.filter(**{owner_lookup(): query.owner})
    if query.state:
        states = [state for name in query.state for state in (LIVE if name == "live" else (State(name),))]
        jobs = jobs.filter(state__in=states)
    if query.pipeline:
        jobs = jobs.filter(pipeline=query.pipeline)
    if query.subject:
        type_id, key = _subject(query.subject)
        jobs = jobs.filter(subject_type=type_id, subject_key=key)
    if query.created_after:
        jobs = jobs.filter(created_at__gte=query.created_after)
    if query.created_before:
        jobs = jobs.filter(created_at__lt=query.created_before)
    if query.q:
        number = as_id(query.q.strip().removeprefix("#"))
        jobs = jobs.filter(Q(label__icontains=query.q.strip()) | (Q(pk=number) if number else Q()))
    return jobs


def brief(job: Job, request: ApiRequest) -> JobBrief:
    return JobBrief(**_brief(job, request))


def whole(job: Job, request: ApiRequest) -> JobBody:
    """Return the job with everything that its page knows."""
    spec = job.spec
    why = waiting.why(job)
    return JobBody(
        **_brief(job, request),
        params=secrets.hidden(job.params, spec.form if spec else None),
        idempotency_key=job.idempotency_key,
        result=job.result,
        warning=job.warning,
        subject=_subject_of(job),
        attempt=job.attempt,
        max_attempts=job.max_attempts,
        can_cancel=job.can_cancel,
        can_retry=job_pages.can_retry(job),
        why=WhyBody(kind=why.kind, text=why.text, at=why.at, ahead=why.ahead) if why else None,
        stages=[
            StageBody(title=stage.title, state=stage.state, seconds=stage.seconds) for stage in job_pages.stages_of(job)
        ],
        steps=_steps(job),
        attempts=_attempts(job, request),
        files=files(job, request),
        datasets=_datasets(job, request),
        events_url=address(request, "api_job_events", job_id=job.pk),
        log_url=address(request, "api_job_log", job_id=job.pk),
        files_url=address(request, "api_job_files", job_id=job.pk),
    )


def files(job: Job, request: ApiRequest) -> list[FileBody]:
    """Return the job's files, its outputs only once it has ended."""
    artifacts = [each for each in job.artifacts.all() if each.kind == Artifact.Kind.INPUT or job.is_finished]
    return [
        FileBody(
            id=each.pk,
            kind=cast(Literal["input", "output"], each.kind),
            field=each.field,
            name=each.name,
            title=each.title,
            size=each.size,
            sha256=each.sha256,
            content_type=each.content_type,
            is_kept=each.local_path.is_file(),
            url=address(request, "api_job_file", job_id=job.pk, file_id=each.pk),
        )
        for each in artifacts
    ]


def progress_of(job: Job) -> ProgressBody:
    """Return where the job is."""
    progress: JobProgress = getattr(job, "progress", None) or JobProgress()
    stage = progress.current_stage if job.is_live else None
    return ProgressBody(
        stage=str(stage.get("title") or stage.get("name")) if stage else None,
        done=progress.done,
        total=progress.total,
        percent=progress.percent,
        stage_percent=progress.stage_percent,
        unit=progress.unit,
        rate=progress.rate,
        eta_seconds=progress.eta_seconds if job.is_live else None,
        stage_eta_seconds=progress.stage_eta_seconds if job.is_live else None,
        note=progress.note,
    )


def _brief(job: Job, request: ApiRequest) -> dict[str, Any]:
    return {
        "id": job.pk,
        "pipeline": job.pipeline,
        "title": job.title,
        "state": str(job.state),
        "outcome": str(job.outcome),
        "is_finished": job.is_finished,
        "owner": job.owner.get_username(),
        "priority": Priority(job.priority).name.lower(),
        "parent": job.parent_id,
        "created_at": job.created_at,
        "run_at": job.run_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "progress": progress_of(job),
        "error": job.error,
        "url": address(request, "api_job", job_id=job.pk),
        "page": page_of(request, job),
    }


def _steps(job: Job) -> list[StepBody]:
    return [
        StepBody(
            key=step.key,
            title=step.title,
            state=step.state,
            attempt=step.attempt,
            seconds=step.seconds,
            parts=step.fan_out.total if step.fan_out else None,
            parts_succeeded=step.fan_out.succeeded if step.fan_out else None,
            parts_failed=step.fan_out.failed if step.fan_out else None,
        )
        for step in steps_of(job).listed
    ]


def _attempts(job: Job, request: ApiRequest) -> list[AttemptBody]:
    operates = request.auth.operates
    return [
        AttemptBody(
            attempt=report.attempt,
            outcome=str(report.outcome),
            started_at=report.started_at,
            ended_at=report.ended_at,
            error=report.error,
            worker=report.worker if operates else None,
            traceback=report.traceback if operates else None,
        )
        for report in dead_letters.attempts_of(job)[-LISTED_ATTEMPTS:]
    ]


def _datasets(job: Job, request: ApiRequest) -> list[int]:
    """Return the ids of the datasets that the result names, as far as the request may open them."""
    result = job.result if isinstance(job.result, dict) else {}
    several = result.get("datasets")
    named = [result.get("dataset"), *(several[: job_pages.MOST_DATASETS] if isinstance(several, list) else [])]
    ids = [pk for pk in dict.fromkeys(named) if isinstance(pk, int)]
    visible = rows_for(request, Dataset.objects.filter(pk__in=ids, job__state=State.SUCCEEDED)) if ids else []
    there = {dataset.pk for dataset in visible}
    return [pk for pk in ids if pk in there]


def _subject_of(job: Job) -> SubjectBody | None:
    if not job.subject_type_id:
        return None
    kind = ContentType.objects.get_for_id(job.subject_type_id)
    return SubjectBody(type=f"{kind.app_label}.{kind.model}", key=job.subject_key)


def _subject(text: str) -> tuple[int, str]:
    name, _, key = text.partition(":")
    app, _, model = name.lower().partition(".")
    try:
        return ContentType.objects.get_by_natural_key(app, model).pk, key
    except ContentType.DoesNotExist:
        sentence = "Write app.model:key, such as shop.order:7."
        raise Problem(422, f"subject: {sentence}", errors={"subject": [sentence]}) from None
