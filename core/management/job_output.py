"""Jobs as the command line prints them."""

from __future__ import annotations

from typing import Any

from core import formatting
from core.life import fan_out, waiting
from core.models import Artifact, Job
from core.models.job import Priority


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


def as_lines(job: Job) -> list[str]:
    """Return a job as it is printed for a person."""
    lines = [f"job {job.pk}: {job.pipeline}, {job.outcome_words.lower()}, attempt {job.attempt}"]
    if job.error or job.warning:
        lines.append(job.error or job.warning)
    if why := waiting.why(job):
        lines.append(why.in_words())
    for part in fan_out.summary(job.pk):
        states = ", ".join(f"{count:,} {state}" for state, count in sorted(part.by_state.items()))
        lines.append(f"{part.title}: {part.ended:,} of {part.total:,} parts ended ({states})")
    lines += [f"{name}: {value}" for name, value in job.result_facts()]
    lines += [f"{file['name']}  {formatting.size(file['bytes'])}  {file['path']}" for file in _files(job)]
    return [lines[0], *(f"  {line}" for line in lines[1:])]


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
