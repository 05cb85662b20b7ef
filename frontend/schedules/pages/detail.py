"""The page of one schedule: its runs, its next times, and what each of its jobs gets."""

from __future__ import annotations

from typing import Any

from core import policy
from frontend.jobs.pages import job as job_pages
from frontend.schedules.pages.schedules import Row, RunList, as_job, files_of, times_of, version_of
from frontend.site.security import PersonRequest


def context_of(request: PersonRequest, row: Row) -> dict[str, Any]:
    """Return what the page shows, and its region."""
    schedule = row.schedule
    shows_all = policy.operates(request.user) or schedule.owner_id == request.user.pk
    return {
        "row": row,
        "schedule": schedule,
        "version": version_of([row]),
        "times": times_of(schedule),
        "runs": RunList(request, schedule),
        # The parameters of the code's own schedules are not for everybody.
        "parameters": job_pages.parameters_of(as_job(schedule), request) if shows_all else [],
        "files": files_of(schedule) if shows_all else [],
    }
