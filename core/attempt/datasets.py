"""Publishing a dataset: its row and its columns, in the transaction of the step that calls it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from core.attempt.context import JobContext
from core.models import Dataset, DatasetColumn
from core.people import audit

_COLUMN_BATCH = 1000


def publish_dataset(ctx: JobContext, *, columns: Iterable[dict[str, Any]], **fields: Any) -> int:
    """Insert the job's dataset with its columns and return its id.

    `fields` are those of `Dataset`; each of `columns` has "name" and "type", and may have "source_name", "nulls",
    "distinct" and "stats" as `DatasetColumn` describes them. Call it in an atomic step, once.
    """
    listed = list(columns)
    dataset = Dataset.objects.create(
        owner_id=ctx.owner_id, job_id=ctx.job_id, column_count=len(listed), **{**fields, "name": fields["name"][:255]}
    )
    DatasetColumn.objects.bulk_create(
        (DatasetColumn(dataset=dataset, position=position, **column) for position, column in enumerate(listed)),
        batch_size=_COLUMN_BATCH,
    )
    return dataset.pk


def keep(dataset: Dataset, *, is_kept: bool, by: str) -> None:
    """Keep a dataset for good, with the job that made it, or let it expire as others do."""
    with transaction.atomic():
        if not Dataset.objects.filter(pk=dataset.pk, is_kept=not is_kept).update(is_kept=is_kept):
            # It has that value already, or the dataset is gone.
            return
        audit.note(
            by,
            "keep_dataset" if is_kept else "release_dataset",
            job_id=dataset.job_id,
            before={"dataset": dataset.pk, "kept": not is_kept},
            after={"dataset": dataset.pk, "kept": is_kept},
        )
