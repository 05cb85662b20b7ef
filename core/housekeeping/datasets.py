"""Datasets past their time: the rows, then the files that no artifact shows."""

from __future__ import annotations

from django.db import transaction

from core.forms import retention
from core.housekeeping.removal import remove_key
from core.housekeeping.rounds import BATCH, Round, Tally
from core.models import Artifact, Dataset
from core.models.states import TERMINAL

#: The columns of a dataset that name a file.
PATHS = ("parquet_path", "clean_path", "rejects_path", "preview_path")


def expire_datasets(work: Round) -> Tally:
    """Delete the datasets that are past their time, and that neither a schedule nor a job at work names."""
    tally = Tally()
    after = 0
    # A dataset of a job that has not ended may be what its next step reads.
    old = retention.old_datasets(work.now).filter(job__state__in=TERMINAL).order_by("pk")
    while ids := list(old.filter(pk__gt=after).values_list("pk", flat=True)[:BATCH]):
        after = ids[-1]
        if work.is_dry:
            going = set(ids) - _named(ids)
            tally.counts["datasets"] += len(going)
        else:
            _expire(ids, tally)
        work.watch(tally.counts["datasets"])
    return tally


def _expire(ids: list[int], tally: Tally) -> None:
    with transaction.atomic():
        # Checked again under the lock: a person may just have chosen to keep one of them.
        locked = Dataset.objects.filter(pk__in=ids, is_kept=False).order_by("pk").select_for_update()
        rows = {pk: paths for pk, *paths in locked.values_list("pk", *PATHS)}
        going = set(rows) - _named(list(rows))
        Dataset.objects.filter(pk__in=going).delete()
    tally.counts["datasets"] += len(going)
    keys = {path for pk in going for path in rows[pk] if path.startswith("jobs/")}
    referenced = set(Artifact.objects.filter(path__in=keys).values_list("path", flat=True))
    for key in sorted(keys - referenced):
        remove_key(key, tally)


def _named(ids: list[int]) -> set[int]:
    return retention.named_by_schedules(ids) | retention.named_by_live_jobs(ids)
