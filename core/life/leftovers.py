"""Deleting what jobs have made: rows in a transaction, files after its commit.

Only folders of attempts that are over are named: a fence only rises, so that a later attempt never writes into one of
them, and none is given the same number again.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.files import storage
from core.models import Artifact, Dataset, Job, JobStep


def delete_rows(fences: Mapping[int, int]) -> list[Path]:
    """Delete the steps, outputs and datasets of these jobs, given with their fences; return their files' folders."""
    JobStep.objects.filter(job__in=fences).delete()
    Artifact.objects.filter(job__in=fences, kind=Artifact.Kind.OUTPUT).delete()
    Dataset.objects.filter(job__in=fences).delete()
    return [storage.attempt_folder(pk, fence) for pk, last in fences.items() for fence in range(1, last + 1)]


def delete_children(job_ids: Iterable[int], *, descendants: Iterable[int]) -> list[Path]:
    """Delete the children of these jobs with all that is theirs; return their files' folders."""
    family = list(descendants)
    if not family:
        return []
    # A dataset protects its job.
    Dataset.objects.filter(job__in=family).delete()
    Job.objects.filter(parent__in=list(job_ids)).delete()
    return [storage.job_folder(pk) for pk in family]


def delete_folders(folders: Iterable[Path]) -> None:
    """Delete what the transaction that has committed left on the disk."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
