"""The last fetch of an address by the same person with the same options."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Now

from core.attempt.context import JobContext
from core.files import storage
from core.models import ScheduledRun, Source
from core.models.states import State

from .results import StoredFile


@dataclass(frozen=True, kw_only=True)
class PreviousFetch:
    """The content fetched before, and the dataset that was made of it."""

    dataset: int
    rows: int
    sha256: str
    etag: str
    last_modified: str
    #: When it was fetched, e.g. "21 November 2026, 17:05 UTC".
    since: str


def find(ctx: JobContext, fingerprint: str) -> PreviousFetch | None:
    """Return the last fetch of a source, if its dataset can still be opened."""
    source = (
        Source.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint).select_related("dataset__job").first()
    )
    dataset = source.dataset if source else None
    if source is None or dataset is None or dataset.job.state != State.SUCCEEDED:
        return None
    if not storage.resolve(dataset.parquet_path).is_file():
        return None
    return PreviousFetch(
        dataset=dataset.pk,
        rows=dataset.rows,
        sha256=source.sha256,
        etag=source.etag,
        last_modified=source.last_modified,
        since=f"{source.fetched_at:%-d %B %Y, %H:%M} UTC",
    )


def model_for(ctx: JobContext, fingerprint: str, job_id: int) -> int | None:
    """Return the dataset that the last fetch made, when the job came of a schedule: it is to be read as that one was.

    What a person fetches by hand is looked at anew.
    """
    if not ScheduledRun.objects.filter(job_id=job_id).exists():
        return None
    return (
        Source.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint).values_list("dataset", flat=True).first()
    )


def remember(ctx: JobContext, fingerprint: str, url: str, fetched: StoredFile, dataset_id: int) -> None:
    """Keep what was fetched, in the caller's fenced transaction: the next fetch of the same is a conditional one."""
    Source.objects.update_or_create(
        owner_id=ctx.owner_id,
        fingerprint=fingerprint,
        defaults={
            "url": url,
            "etag": fetched.etag,
            "last_modified": fetched.last_modified,
            "sha256": fetched.sha256,
            "dataset_id": dataset_id,
            "fetched_at": Now(),
        },
    )


def confirm(ctx: JobContext, fingerprint: str, *, etag: str, last_modified: str) -> None:
    """Keep the server's new words for the same content, in the caller's fenced transaction."""
    Source.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint).update(etag=etag, last_modified=last_modified)
