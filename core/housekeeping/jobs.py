"""Jobs past their time, whole: with children, steps, events, progress, artifacts and folders."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator

from django.db import transaction

from core.files import storage
from core.forms import retention
from core.housekeeping.folders import lent_folders
from core.housekeeping.removal import measure, remove_tree
from core.housekeeping.rounds import BATCH, Round, Tally, batches
from core.models import Dataset, Job
from core.models.job import JobQuerySet
from core.models.states import TERMINAL


def expire_jobs(work: Round) -> Tally:
    """Delete the whole jobs that are past their time, but for those whose dataset or mail is kept."""
    tally = Tally()
    lent = {job_id for job_id, _ in lent_folders()}
    for pipelines, before in _due(work):
        after = 0
        while ids := list(_ended(pipelines, before).filter(pk__gt=after).values_list("pk", flat=True)[:BATCH]):
            after = ids[-1]
            with_children = _parents(ids)
            for group in ([pk for pk in ids if pk not in with_children], *([pk] for pk in sorted(with_children))):
                _expire(group, before=before, work=work, lent=lent, tally=tally)
                work.watch(tally.counts["jobs"])
    return tally


def _due(work: Round) -> Iterator[tuple[list[str], dt.datetime]]:
    """Yield pipelines that keep their jobs equally long, with the time before which those must have ended."""
    by_days: dict[int, list[str]] = defaultdict(list)
    for name in Job.objects.whole().order_by().values_list("pipeline", flat=True).distinct():
        by_days[retention.job_days(name)].append(name)
    for days, names in sorted(by_days.items()):
        yield names, work.before(days=days)


def _ended(pipelines: Collection[str], before: dt.datetime) -> JobQuerySet:
    return Job.objects.whole().filter(pipeline__in=pipelines, state__in=TERMINAL, finished_at__lt=before).order_by("pk")


def _parents(ids: Collection[int]) -> set[int]:
    """Return those of these jobs that have children."""
    parents = Job.objects.filter(parent__in=ids).order_by().values_list("parent", flat=True).distinct()
    return {pk for pk in parents if pk is not None}


def _expire(ids: list[int], *, before: dt.datetime, work: Round, lent: Collection[int], tally: Tally) -> None:
    """Delete these whole jobs in one transaction, and their folders after it.

    The row of a whole job is locked first, as every retry does: so none of them is retried meanwhile. A family is
    never deleted in part, so that no retry finds a fan-out with results missing.
    """
    if not ids:
        return
    with transaction.atomic():
        old = Job.objects.filter(pk__in=ids, state__in=TERMINAL, finished_at__lt=before).order_by("pk")
        locked = old.values_list("pk", flat=True) if work.is_dry else _locked(old)
        levels = [list(locked)]
        while level := list(Job.objects.filter(parent__in=levels[-1]).values_list("pk", flat=True)):
            levels.append(level)
        staying = _staying(levels, work)
        levels[0] = [pk for pk in levels[0] if pk not in staying]
        if not levels[0]:
            return
        going = [pk for level in levels for pk in level]
        if not work.is_dry:
            for level in reversed(levels):
                for batch in batches(level):
                    Job.objects.filter(pk__in=batch).only("pk").delete()
    tally.counts["jobs"] += len(levels[0])
    if len(levels) > 1:
        tally.counts["parts of jobs"] += len(going) - len(levels[0])
    for pk in going:
        folder = storage.job_folder(pk)
        if work.is_dry:
            extent = measure(folder)
            tally.counts["files"] += extent.files
            tally.bytes += extent.bytes
        elif pk not in lent:
            remove_tree(folder, tally)


def _locked(jobs: JobQuerySet) -> list[int]:
    return [job.pk for job in jobs.select_for_update().only("pk")]


def _staying(levels: list[list[int]], work: Round) -> set[int]:
    """Return those of these whole jobs that are not deleted. A job with children comes alone."""
    if len(levels) == 1:
        return _holders(levels[0], work)
    everybody = (batch for level in levels for batch in batches(level))
    if any(Job.objects.filter(pk__in=batch).live().exists() or _holders(batch, work) for batch in everybody):
        return set(levels[0])
    return set()


def _holders(ids: list[int], work: Round) -> set[int]:
    """Return those of these jobs that have a dataset or a mail which is kept."""
    datasets = Dataset.objects.filter(job__in=ids)
    if work.is_dry:
        # A real round would have deleted these before.
        datasets = datasets.exclude(pk__in=retention.old_datasets(work.now).values("pk"))
    mails = retention.mails_that_hold(work.now).filter(job__in=ids)
    return {*datasets.values_list("job", flat=True), *mails.values_list("job", flat=True)}
