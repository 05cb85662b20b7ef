"""The regions of a job's page: what each shows, and which of them differ between two versions."""

from __future__ import annotations

from typing import Any

from django.db.models import Exists, OuterRef
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from core import formatting, policy
from core.database.snapshot import snapshot
from core.forms import downloads
from core.life.waiting import note_parts
from core.models import Job, JobLog, JobStep
from core.models.states import State
from frontend.forms.pages import priorities
from frontend.jobs.pages import attempts as job_attempts
from frontend.jobs.pages import job as job_pages
from frontend.jobs.pages import waiting as job_waiting
from frontend.jobs.pages.files import FileEntry, files_of, only_file_of
from frontend.jobs.pages.log import log_of
from frontend.jobs.pages.mails import mails_of
from frontend.jobs.pages.parts import part_name
from frontend.jobs.pages.steps import steps_of
from frontend.jobs.pages.versions import BESIDE, never, ticket_for, version_of
from frontend.site import expiry
from frontend.site.security import PersonRequest

#: Fields of the job's schedule that the page does not show.
_UNSHOWN = ("scheduled_run__schedule__params", "scheduled_run__schedule__files")


def render_whole_job(request: PersonRequest, pk: int, *, notice: str = "") -> HttpResponse:
    """Return every region of the job's page, after an act on it; with a notice when the act was refused."""
    with snapshot():
        job = get_object_or_404(visible_jobs(request), pk=pk)
        version = version_of(request, pk) or ""
        return render_regions(request, job, version=version, beside=BESIDE, notice=notice)


def visible_jobs(request: PersonRequest) -> Any:
    jobs = Job.objects.for_user(request.user).select_related(
        "progress", "owner", "origin", "parent", "scheduled_run__schedule"
    )
    # Most jobs have neither, and need no query for them.
    return jobs.defer("parent__params", "parent__result", "origin__params", "origin__result", *_UNSHOWN).annotate(
        has_steps=Exists(JobStep.objects.filter(job=OuterRef("pk"))),
        has_children=Exists(Job.objects.filter(parent=OuterRef("pk"))),
        has_log=Exists(JobLog.objects.filter(job=OuterRef("pk"))),
    )


def render_regions(
    request: PersonRequest, job: Job, *, version: str, beside: tuple[str, ...], notice: str = ""
) -> HttpResponse:
    context = context_of(request, job, version=version, beside=beside)
    if context["steps"].version != request.GET.get("s", ""):
        beside = (*beside, "steps")
    if str(context["log"].version) != request.GET.get("l", "0"):
        beside = (*beside, "log")
    return render(request, "headway/_job_regions.html", {**context, "beside": beside, "notice": notice})


def context_of(request: PersonRequest, job: Any, *, version: str, beside: tuple[str, ...] = BESIDE) -> dict[str, Any]:
    """Return the context of the regions; data of regions that stay unchanged is not queried."""
    note_parts([job])
    steps = steps_of(job, has_steps=job.has_steps, has_children=job.has_children)
    # The parts of a cancelled job end a moment after it, which its version does not show.
    is_ending = job.is_finished and steps.has_live_parts
    context = {
        "job": job,
        "scheduled_run": getattr(job, "scheduled_run", None),
        "progress": getattr(job, "progress", None),
        "part": part_name(job) if job.parent_id else "",
        "version": never(version) if is_ending else version,
        "ticket": ticket_for(job.pk, version) if job.is_live else "",
        "goes_on": job.is_live or is_ending,
        "steps": steps,
        "log": log_of(job, has_log=job.has_log),
        "stages": job_pages.stages_of(job),
        "explanation": job_pages.explanation(job, steps.waiting_for),
        "advice": job_pages.advice(job),
        "can_retry": job_pages.can_retry(job),
        "has_form": job_pages.has_form(job),
        "can_choose_start": job_pages.can_choose_start(job, has_steps=job.has_steps, has_children=job.has_children),
        "failed_for_good": job_pages.failed_for_good(job),
        "time_limit": formatting.seconds(job.spec.time_limit) if job.spec and job.spec.time_limit else "",
        "priority": priorities.name_of(job.priority),
        "priorities": priorities.CHOICES,
        "can_reprioritise": job_pages.can_reprioritise(job),
        **_result_of(job, request),
        "datasets": job_pages.datasets_of(job, request),
        "headline": job.result.get("headline", "") if isinstance(job.result, dict) else "",
        "facts": job_pages.facts_of(job),
        "milestone": job_pages.milestone(job),
        "title": job_pages.page_title(job),
        **job_waiting.context_of(job_waiting.why_of(job)),
    }
    if "result" in beside:
        context["mails"] = mails_of(job)
    if "facts" in beside or "record" in beside:
        context["expiry"] = expiry.of_job(job)
        context["subject"] = job_pages.subject_of(job)
    if "record" in beside:
        inputs, outputs = files_of(job)
        events, older_events = job_pages.timeline_of(job, with_detail=policy.operates(request.user))
        context |= {
            "attempts": job_attempts.attempts_of(job, request),
            "results": [entry for entry in outputs if entry.is_shown],
            "outputs": [entry for entry in outputs if not entry.is_shown],
            "inputs": inputs,
            "events": events,
            "older_events": older_events,
        }
    return context


def _result_of(job: Job, request: PersonRequest) -> dict[str, Any]:
    """Return the job's dataset with its downloads, or the one file that the job has made."""
    dataset = job_pages.dataset_of(job, request)
    if dataset is not None and job_pages.has_made(job, dataset):
        return {"dataset": dataset, "files": downloads.files_of(dataset, is_staff=policy.operates(request.user))}
    return {"dataset": dataset, "file": only_file_of(job) if job.state == State.SUCCEEDED else None}


def reading_of(request: PersonRequest, results: list[FileEntry]) -> FileEntry | None:
    """Return the file that `?read=` asks to have shown inside the page."""
    artifact_id = request.GET.get("read", "")
    return next((entry for entry in results if entry.opens and str(entry.artifact.pk) == artifact_id), None)
