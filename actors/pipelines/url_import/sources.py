"""What is known of an address from its last fetch by the same person with the same options."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models.functions import Now

from core.attempt.context import JobContext
from core.files import storage
from core.models import ScheduledRun, Source
from core.models.states import State

from .kept import KeptFile


@dataclass(frozen=True, kw_only=True)
class Known:
    """The content that is here already, with the dataset that was made of it."""

    dataset: int
    rows: int
    sha256: str
    etag: str
    last_modified: str
    #: When it was fetched, e.g. "21 November 2026, 17:05 UTC".
    since: str


def find(ctx: JobContext, fingerprint: str) -> Known | None:
    """Return what is known of a source, if its dataset can still be opened."""
    known = Source.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint).select_related("dataset__job").first()
    dataset = known.dataset if known else None
    if known is None or dataset is None or dataset.job.state != State.SUCCEEDED:
        return None
    if not storage.resolve(dataset.parquet_path).is_file():
        return None
    return Known(
        dataset=dataset.pk,
        rows=dataset.rows,
        sha256=known.sha256,
        etag=known.etag,
        last_modified=known.last_modified,
        since=f"{known.fetched_at:%-d %B %Y, %H:%M} UTC",
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


def remember(ctx: JobContext, fingerprint: str, url: str, fetched: KeptFile, dataset_id: int) -> None:
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
