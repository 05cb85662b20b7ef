"""The desk: pipelines to start, one's jobs, and the newest datasets."""

from __future__ import annotations

from typing import Any

from core import pipelines, policy
from core.models import Dataset
from frontend.jobs.pages.list import JobList
from frontend.site.security import PersonRequest

RECENT_DATASETS = 6


def context_of(request: PersonRequest, jobs: JobList) -> dict[str, Any]:
    """Return what the desk shows, with these jobs."""
    datasets = Dataset.objects.for_user(request.user).filter(owner=request.user).order_by("-pk")
    listed = pipelines.listed(is_staff=policy.operates(request.user))
    return {
        # First pipelines that start from nothing, then those that take a dataset.
        "pipelines": sorted(listed, key=lambda spec: spec.takes is not None),
        "list": jobs,
        "datasets": list(datasets[:RECENT_DATASETS]),
    }
