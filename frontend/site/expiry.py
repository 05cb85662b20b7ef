"""When jobs and datasets expire, for their pages; core.forms.retention has the rule."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils import timezone

from core.conf import conf
from core.forms import retention
from core.models import Dataset, Job

#: Days before an expiry from which on a page warns of it.
NEAR_DAYS = 14


@dataclass(frozen=True)
class Expiry:
    """When a job or a dataset expires; without a time it stays until somebody changes that."""

    at: dt.datetime | None
    #: The dataset that a job is kept with beyond its own days.
    dataset: Dataset | None = None
    #: Whether a mail keeps the job; without a time it is one that may or may not have arrived.
    has_mail: bool = False
    #: Whether a person keeps the dataset; without a time and this, a schedule uses it.
    is_kept: bool = False

    @property
    def is_near(self) -> bool:
        return self.at is not None and self.at < timezone.now() + dt.timedelta(days=NEAR_DAYS)

    @property
    def is_over(self) -> bool:
        """Whether the next round of the housekeeper deletes it."""
        return self.at is not None and self.at <= timezone.now()


def of_job(job: Job) -> Expiry | None:
    """Return when an ended job expires; None for one that has not ended."""
    keeping = retention.keeping_of(job) if job.is_finished else None
    if keeping is None:
        return None
    keeper = keeping.keeper
    dataset = keeper if isinstance(keeper, Dataset) else None
    return Expiry(keeping.expires_at, dataset=dataset, has_mail=keeper is not None and dataset is None)


def of_dataset(dataset: Dataset) -> Expiry | None:
    """Return when a dataset expires; None where datasets are kept for good."""
    if not conf.DAYS_DATASETS:
        return None
    return Expiry(retention.dataset_expires_at(dataset), is_kept=dataset.is_kept)


def near(datasets: Iterable[Dataset]) -> dict[int, dt.datetime]:
    """Return, by id, when those of these datasets expire that do so soon."""
    until = timezone.now() + dt.timedelta(days=NEAR_DAYS)
    days = dt.timedelta(days=conf.DAYS_DATASETS)
    leaving = [each for each in datasets if days and not each.is_kept and each.created_at + days < until]
    named = retention.named_by_schedules(each.pk for each in leaving)
    times = {each.pk: retention.dataset_expires_at(each, named=named) for each in leaving}
    return {pk: at for pk, at in times.items() if at is not None}
