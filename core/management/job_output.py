"""Jobs as the command line prints them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from core import formatting
from core.addresses import site_address
from core.forms import retention
from core.life import dead_letters, fan_out, waiting
from core.models import Artifact, Dataset, Job, JobProgress
from core.models.job import Priority
from core.models.states import BEGUN
from core.pipelines import secrets


def as_row(job: Job) -> dict[str, Any]:
    """Return a job as `--json` prints it in a list."""
    return {
        "id": job.pk,
        "state": job.state,
        "pipeline": job.pipeline,
        "priority": Priority(job.priority).name.lower(),
        "attempt": job.attempt,
        "result": job.result,
        "warning": job.warning,
        "error": job.error,
        "parent": job.parent_id,
    }


def as_dict(job: Job) -> dict[str, Any]:
    """Return a job as `--json` prints it alone: with what it waits for, and its files."""
    why = waiting.why(job)
    return {
        **as_row(job),
        "waiting": why and {"kind": why.kind, "text": why.text, "at": why.at, "ahead": why.ahead},
        "artifacts": _files(job),
    }


def as_page(job: Job) -> dict[str, Any]:
    """Return a job as `job show --json` prints it: with all that its page shows."""
    progress: JobProgress | None = getattr(job, "progress", None)
    return {
        **as_dict(job),
        "title": job.title,
        "address": site_address(job.get_absolute_url()),
        "outcome": job.outcome,
        "owner": job.owner.get_username(),
        "subject": _subject(job),
        "key": job.idempotency_key,
        "queue": job.queue,
        "params": secrets.hidden(job.params, job.spec.form if job.spec and not job.task else None),
        "facts": job.result_facts(),
        "datasets": list(Dataset.objects.filter(job=job).values_list("pk", flat=True)),
        "created_at": job.created_at,
        "run_at": job.run_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "run_seconds": job.run_seconds,
        "cancel_requested_at": job.cancel_requested_at,
        "expires_at": keeping.expires_at if (keeping := retention.keeping_of(job)) else None,
        "max_attempts": job.max_attempts,
        "crashes": job.crashes,
        "worker": job.worker,
        "progress": None
        if progress is None
        else {
            "done": progress.done,
            "total": progress.total,
            "unit": progress.unit,
            "percent": progress.percent,
            "stage_percent": progress.stage_percent,
            "rate": progress.rate,
            "eta_seconds": progress.eta_seconds,
            "stage_eta_seconds": progress.stage_eta_seconds,
            "note": progress.note,
            "stages": progress.stages,
            "step": progress.step,
        },
        "steps": list(job.steps.values("key", "title", "attempt", "seconds", "children", "completed_at")),
        "fan_outs": [
            {"key": each.key, "title": each.title, "total": each.total, "states": each.by_state}
            for each in fan_out.summary(job.pk)
        ],
        "attempts": [asdict(report) for report in dead_letters.attempts_of(job)],
        "timeline": list(job.events.values("at", "kind", "attempt", "worker", "text")),
        "run_again_from": job.origin_id,
        "run_again_as": list(job.reruns.order_by("pk").values_list("pk", flat=True)),
        "mails": list(job.mails.order_by("pk").values("kind", "to", "subject", "state", "sent_at")),
    }


def as_lines(job: Job) -> list[str]:
    """Return a job as it is printed for a person."""
    waiting.note_parts([job])
    lines = [f"job {job.pk}: {job.pipeline}, {job.outcome_words.lower()}, attempt {job.attempt}"]
    if job.error or job.warning:
        lines.append(job.error or job.warning)
    if isinstance(job.result, dict) and (headline := job.result.get("headline")):
        lines.append(str(headline))
    if job.subject:
        lines.append(f"about {job.subject}")
    if words := _progress_words(job):
        lines.append(words)
    if why := waiting.why(job):
        lines.append(why.in_words())
    for part in fan_out.summary(job.pk):
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(part.by_state.items()))
        lines.append(f"{part.title}: {part.ended:,} of {part.total:,} parts ended ({states})")
    lines += [f"{name}: {value}" for name, value in job.result_facts()]
    lines += [f"{file['name']}  {formatting.size(file['bytes'])}  {file['path']}" for file in _files(job)]
    return [lines[0], *(f"  {line}" for line in lines[1:])]


def _progress_words(job: Job) -> str:
    """Return how far a job at work is, e.g. `Load the rows, 37% of the job`; empty when nothing can be said."""
    if job.state not in BEGUN:
        return ""
    progress: JobProgress | None = getattr(job, "progress", None)
    if progress is None:
        return ""
    stage, step = progress.current_stage or {}, progress.step or {}
    title = str(stage.get("title") or stage.get("name") or step.get("title") or "")
    share = ""
    if progress.percent is not None:
        share = f"{progress.percent:.0f}% of the job"
    elif progress.stage_percent is not None:
        share = f"{progress.stage_percent:.0f}% of {progress.scope}"
    return ", ".join(filter(None, (title, share)))


def _subject(job: Job) -> dict[str, Any] | None:
    if job.subject_type is None:
        return None
    model = ".".join(job.subject_type.natural_key())
    return {"model": model, "key": job.subject_key, "text": str(job.subject) if job.subject else None}


def _files(job: Job) -> list[dict[str, Any]]:
    return [
        {
            "name": artifact.name,
            "kind": artifact.kind,
            "path": str(artifact.local_path),
            "bytes": artifact.size,
            "sha256": artifact.sha256,
        }
        for artifact in Artifact.objects.filter(job=job)
    ]
