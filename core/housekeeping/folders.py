"""The folders of attempts: which of them rows still refer to, and which are to be deleted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.db.models import CharField, F, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat

from core.conf import conf
from core.forms import retention
from core.housekeeping.datasets import PATHS
from core.housekeeping.removal import entries, measure, remove_tree
from core.housekeeping.rounds import Round, Tally, batches
from core.life import families
from core.models import Artifact, Dataset, Job, JobStep
from core.models.states import LIVE, State

#: A folder of an attempt: its job and its fence.
Attempt = tuple[int, int]

#: Where a key names a file or a folder of an attempt, in whatever text.
_KEY = re.compile(r"jobs/([1-9][0-9]{0,17})/([1-9][0-9]{0,17})(?![0-9])")
_SCRATCH = re.compile(r"([1-9][0-9]{0,17})-([1-9][0-9]{0,17})\Z")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


def collect_job_folders(root: Path, *, older_than: float, work: Round, tally: Tally) -> None:
    """Delete the folders of jobs that are no more, and those of attempts that nothing refers to.

    `older_than` is a time of the file store's clock.
    """
    lent = lent_folders()
    lenders = {job_id for job_id, _ in lent}
    for names in batches(_numbered(root / "jobs", tally)):
        jobs = {job.pk: job for job in Job.objects.filter(pk__in=names).defer("params", "result")}
        for job_id in names:
            if job_id not in jobs and job_id not in lenders:
                _drop(root / "jobs" / str(job_id), older_than=older_than, work=work, tally=tally)
        ended = {pk: job.parent_id for pk, job in jobs.items() if _is_quiet(job, work)}
        _collect_attempts(root, ended, lent, older_than=older_than, work=work, tally=tally)
        work.watch(tally.counts["files"])


def collect_scratch(root: Path, *, older_than: float, work: Round, tally: Tally) -> None:
    """Delete the temporary files of attempts that are over."""
    for batch in batches(_scratch(root / "scratch", tally)):
        # Queried after the folders were listed: an attempt has its fence before it has a folder.
        running = dict(
            Job.objects.filter(pk__in={job_id for job_id, _ in batch}, state=State.RUNNING).values_list("pk", "fence")
        )
        for job_id, fence in batch:
            if running.get(job_id) != fence:
                _drop(root / "scratch" / f"{job_id}-{fence}", older_than=older_than, work=work, tally=tally)
        work.watch(tally.counts["files"])


def newest_job_folder(root: Path, *, older_than: float) -> int:
    """Return the highest job id that has a folder which is not young; 0 when there is none."""
    newest = 0
    for entry in entries(root / "jobs"):
        if _NUMBER.match(entry.name) and int(entry.name) > newest and _is_older(Path(entry.path), older_than):
            newest = int(entry.name)
    return newest


def lent_folders() -> set[Attempt]:
    """Return the attempts' folders that rows of another job refer to, such as a report's row to a file of its part."""
    own = Concat(Value("jobs/"), Cast("job_id", CharField()), Value("/"))
    lent: set[Attempt] = set()
    rows: list[tuple[QuerySet[Artifact] | QuerySet[Dataset], tuple[str, ...]]] = [
        (Artifact.objects.all(), ("path", "preview_path")),
        (Dataset.objects.all(), PATHS),
    ]
    for queryset, paths in rows:
        foreign = Q()
        for path in paths:
            foreign |= Q(**{f"{path}__startswith": "jobs/"}) & ~Q(**{f"{path}__startswith": F("own")})
        foreign_rows = queryset.order_by().alias(own=own).filter(foreign).values_list("job_id", *paths)
        for job_id, *keys in foreign_rows.iterator(chunk_size=2_000):
            lent |= {attempt for attempt in _attempts_in(keys) if attempt[0] != job_id}
    return lent


def _is_quiet(job: Job, work: Round) -> bool:
    """Whether the job ended so long ago that nobody writes into its folders any more."""
    if job.is_live or job.finished_at is None:
        return False
    if work.is_dry and job.finished_at < work.before(days=retention.job_days(job.pipeline)):
        # A real round would have deleted it with its job: it is counted there.
        return False
    return job.finished_at < work.before(hours=conf.ORPHAN_HOURS)


def _collect_attempts(
    root: Path, ended: dict[int, int | None], lent: set[Attempt], *, older_than: float, work: Round, tally: Tally
) -> None:
    """Delete the folders of these jobs' attempts that nothing refers to: the attempt was lost, or its results are gone.

    A job that failed or was cancelled can be tried again from its last completed step, so the folders that its steps,
    and those of its family, name are kept. Of a job that has succeeded only results are kept.
    """
    wholes = _wholes(ended)
    unnamed = {
        (job_id, int(entry.name))
        for job_id in wholes
        for entry in entries(root / "jobs" / str(job_id), tally)
        if _NUMBER.match(entry.name) and entry.is_dir(follow_symlinks=False)
    } - lent
    if not unnamed:
        return
    by_own: dict[bool, list[int]] = {True: [], False: []}
    for job_id, (_, state) in wholes.items():
        by_own[state == State.SUCCEEDED].append(job_id)
    # First the job's own rows, which nearly always settle it; then those of its family.
    unnamed -= _named(by_own[False], with_steps=True) | _named(by_own[True], with_steps=False)
    named_by_family: dict[int, set[Attempt]] = {}
    for job_id, fence in sorted(unnamed):
        whole, state = wholes[job_id]
        if whole not in named_by_family:
            named_by_family[whole] = set()
            for family in batches([whole, *families.descendants(whole)]):
                named_by_family[whole] |= _named(family, with_steps=state != State.SUCCEEDED)
        if (job_id, fence) not in named_by_family[whole]:
            _drop(root / "jobs" / str(job_id) / str(fence), older_than=older_than, work=work, tally=tally)


def _wholes(ended: dict[int, int | None]) -> dict[int, tuple[int, str]]:
    """Return, by job, its whole job and that one's state; without the jobs that have a live parent."""
    states: dict[int, tuple[int | None, str]] = {}
    unknown = {job_id if parent is None else parent for job_id, parent in ended.items()}
    while unknown:
        rows = Job.objects.filter(pk__in=unknown).values_list("pk", "parent", "state")
        states |= {pk: (parent, state) for pk, parent, state in rows}
        # A job that was deleted at this moment has taken its children along.
        states |= dict.fromkeys(unknown - set(states), (None, State.RUNNING.value))
        unknown = {parent for parent, _ in states.values() if parent is not None} - set(states)
    wholes = {}
    for job_id, parent in ended.items():
        whole = job_id if parent is None else parent
        lives = states[whole][1] in LIVE
        while (above := states[whole][0]) is not None:
            whole = above
            lives = lives or states[whole][1] in LIVE
        if not lives:
            wholes[job_id] = (whole, states[whole][1])
    return wholes


def _named(job_ids: list[int], *, with_steps: bool) -> set[Attempt]:
    """Return the attempts' folders that rows of these jobs refer to."""
    if not job_ids:
        return set()
    texts: list[Iterable[tuple[str | None, ...]]] = [
        Artifact.objects.filter(job__in=job_ids).values_list("path", "preview_path"),
        Dataset.objects.filter(job__in=job_ids).values_list(*PATHS),
        _texts(Job.objects.filter(pk__in=job_ids), "params"),
        _texts(Job.objects.filter(pk__in=job_ids), "result"),
    ]
    if with_steps:
        texts.append(_texts(JobStep.objects.filter(job__in=job_ids), "result"))
    return {attempt for rows in texts for row in rows for attempt in _attempts_in(row)}


def _texts(rows: QuerySet[Job] | QuerySet[JobStep], field: str) -> Iterator[tuple[str | None, ...]]:
    """Yield the JSON of this column as text, where it may name a folder."""
    texts = rows.order_by().annotate(text=Cast(field, TextField())).filter(text__contains="jobs/")
    return texts.values_list("text").iterator(chunk_size=500)


def _attempts_in(texts: Iterable[str | None]) -> Iterator[Attempt]:
    for text in texts:
        for job_id, fence in _KEY.findall(text or ""):
            yield int(job_id), int(fence)


def _numbered(folder: Path, tally: Tally) -> Iterator[int]:
    for entry in entries(folder, tally):
        if _NUMBER.match(entry.name) and entry.is_dir(follow_symlinks=False):
            yield int(entry.name)
        else:
            tally.leave(f"jobs/{entry.name} is not of the file store, and was left alone.")


def _scratch(folder: Path, tally: Tally) -> Iterator[Attempt]:
    for entry in entries(folder, tally):
        match = _SCRATCH.match(entry.name)
        if match and entry.is_dir(follow_symlinks=False):
            yield int(match[1]), int(match[2])
        else:
            tally.leave(f"scratch/{entry.name} is not of the file store, and was left alone.")


def _drop(folder: Path, *, older_than: float, work: Round, tally: Tally) -> None:
    extent = measure(folder)
    if extent.newest >= older_than:
        return
    if work.is_dry:
        tally.counts["files"] += extent.files
        tally.bytes += extent.bytes
    else:
        remove_tree(folder, tally)


def _is_older(path: Path, older_than: float) -> bool:
    try:
        return path.lstat().st_mtime < older_than
    except OSError:
        return False
