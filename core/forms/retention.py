"""How long things are kept: the one rule that the housekeeper follows and that pages show.

1. A job is kept for its pipeline's `retention_days` after its end, or for DAYS_JOBS when that is set. It goes as a
   whole: with its children, steps, events and files. One that has not ended, or of which a child has not, stays.
2. A dataset is kept for DAYS_DATASETS after it was made. One that a person keeps for good, or that a schedule takes
   its data from, stays; so does one that a job at work reads.
3. A dataset and a mail keep their whole job for as long as they are kept themselves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from core import pipelines
from core.conf import conf
from core.forms import DatasetField
from core.models import Dataset, Job, Mail, Schedule
from core.pipelines import Pipeline

M = TypeVar("M", bound=Model)

#: Days for the jobs of a pipeline whose code is gone.
_GONE_DAYS = Pipeline.retention_days


@dataclass(frozen=True)
class Keeping:
    """How long a job is kept."""

    #: None while a dataset or mail without an end keeps the job.
    expires_at: dt.datetime | None
    #: The dataset or mail that keeps it beyond its own days, if there is one.
    keeper: Dataset | Mail | None = None


def keeping_of(job: Job) -> Keeping | None:
    """Return how long a job is kept, and for which dataset or mail; None for one that has not ended."""
    whole = _whole(job)
    if whole.finished_at is None or not whole.is_finished:
        return None
    latest = Keeping(whole.finished_at + dt.timedelta(days=job_days(whole.pipeline)))
    datasets = of_families(Dataset.objects.all(), [whole.pk])
    named = named_by_schedules(dataset.pk for dataset in datasets)
    for dataset in datasets:
        latest = _later(latest, Keeping(dataset_expires_at(dataset, named=named), dataset))
    for mail in of_families(Mail.objects.all(), [whole.pk]):
        is_unknown = mail.state == Mail.State.UNKNOWN
        until = None if is_unknown else mail.created_at + dt.timedelta(days=conf.DAYS_MAILS)
        latest = _later(latest, Keeping(until, mail))
    return latest


def dataset_expires_at(dataset: Dataset, *, named: Collection[int] | None = None) -> dt.datetime | None:
    """Return when a dataset goes; None for one that stays until somebody changes that.

    `named` are the datasets that schedules name, for a page that asks for many at once.
    """
    if dataset.is_kept or not conf.DAYS_DATASETS:
        return None
    if dataset.pk in (named_by_schedules([dataset.pk]) if named is None else named):
        return None
    return dataset.created_at + dt.timedelta(days=conf.DAYS_DATASETS)


def job_days(pipeline: str) -> int:
    """Return the days that an ended job of this pipeline is kept."""
    if conf.DAYS_JOBS:
        return int(conf.DAYS_JOBS)
    spec = pipelines.find(pipeline)
    return spec.retention_days if spec else _GONE_DAYS


def old_datasets(now: dt.datetime) -> QuerySet[Dataset]:
    """Return the datasets that are past their time; schedules and jobs at work may name some of them still."""
    if not conf.DAYS_DATASETS:
        return Dataset.objects.none()
    return Dataset.objects.filter(is_kept=False, created_at__lt=now - dt.timedelta(days=conf.DAYS_DATASETS))


def mails_that_hold(now: dt.datetime) -> QuerySet[Mail]:
    """Return the mails that keep their job: young ones, and those that may or may not have arrived."""
    young = Mail.objects.filter(created_at__gte=now - dt.timedelta(days=conf.DAYS_MAILS))
    return young | Mail.objects.filter(state=Mail.State.UNKNOWN)


def named_by_schedules(ids: Iterable[int]) -> set[int]:
    """Return those of these datasets that the parameters of a schedule name."""
    wanted = set(ids)
    if not wanted:
        return set()
    fields = dataset_fields()
    params = Schedule.objects.values_list("params", flat=True).iterator(chunk_size=500)
    return {pk for each in params for pk in _named(each, fields) if pk in wanted}


def named_by_live_jobs(ids: Collection[int]) -> set[int]:
    """Return those of these datasets that the parameters of a live job name."""
    used: set[int] = set()
    # The parameter may be a JSON number or a string of its digits.
    values = [*ids, *map(str, ids)]
    for field in sorted(dataset_fields()):
        for path in (f"params__{field}", f"params__item__{field}"):
            named = Job.objects.live().filter(**{f"{path}__in": values}).values_list(path, flat=True)
            used |= {int(pk) for pk in named}
    return used & set(ids)


def dataset_fields() -> set[str]:
    """Return the names of the parameters that name a dataset."""
    chosen = {
        name
        for spec in pipelines.every()
        for name, field in spec.form.base_fields.items()
        if isinstance(field, DatasetField)
    }
    return {"dataset"} | chosen


def of_families(rows: QuerySet[M], whole_ids: Collection[int], *, job: str = "job") -> list[M]:
    """Return the rows that belong to these whole jobs or to their children, however deep."""
    members: list[M] = []
    for depth in range(conf.FAN_OUT_DEPTH + 1):
        members += rows.filter(**{f"{job}{'__parent' * depth}__in": whole_ids})
        if depth == 0 and not Job.objects.filter(parent__in=whole_ids).exists():
            break
    return members


def _later(one: Keeping, other: Keeping) -> Keeping:
    if one.expires_at is None:
        return one
    return other if other.expires_at is None or other.expires_at > one.expires_at else one


def _whole(job: Job) -> Job:
    """Return the whole job that this one is a part of, however deep; the job itself when it is whole."""
    while job.parent_id is not None:
        job = Job.objects.defer("params", "result").get(pk=job.parent_id)
    return job


def _named(value: Any, fields: Collection[str], *, is_dataset: bool = False) -> Iterator[int]:
    """Yield the ids that are values of these names, at any depth."""
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from _named(entry, fields, is_dataset=name in fields)
    elif isinstance(value, list):
        for entry in value:
            yield from _named(entry, fields, is_dataset=is_dataset)
    elif is_dataset and isinstance(value, int | str) and str(value).isdecimal():
        yield int(value)
