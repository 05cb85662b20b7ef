"""Uploads that nothing refers to.

They are kept by their content, so that jobs and schedules share them, and a submit may take one up again at any moment.
Who wins is decided by the file itself:

1. A submit that finds its content in the store renews the file's age, and only then inserts its job (`storage.touch`).
2. The housekeeper renames an old file that no row names into `leaving`. A submit that comes now doesn't find it, and
   stores its own.
3. In `leaving` nobody can renew its age any more. If it is young by now, or a row names it by now, it is put back;
   otherwise it is deleted.
4. A housekeeper that died in between left it there: the next round decides again.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from core.files import storage
from core.housekeeping.datasets import PATHS
from core.housekeeping.removal import entries, remove_file
from core.housekeeping.rounds import Round, Tally, batches
from core.models import Artifact, Dataset, Job, JobStep, Schedule
from core.models.states import State

#: The folder of files that are about to be deleted.
LEAVING = "leaving"
#: Files that are in `leaving` at once: as many as a housekeeper that dies leaves to the next round.
GROUP = 100

_KEY = re.compile(r"uploads/[0-9a-f]{2}/[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{64}\Z")


def collect_uploads(root: Path, *, older_than: float, work: Round, tally: Tally) -> None:
    """Delete the uploads that are older than this time of the store's clock and that nothing refers to."""
    # A file that a row names after this query is renewed first, which step 3 notices.
    elsewhere = named_elsewhere()
    if not work.is_dry:
        (root / LEAVING).mkdir(parents=True, exist_ok=True)
        for names in batches(_leaving(root, tally), GROUP):
            _decide(root, names, elsewhere, older_than=older_than, tally=tally)
    for shard in entries(root / "uploads", tally):
        if not shard.is_dir(follow_symlinks=False):
            tally.leave(f"uploads/{shard.name} is not of the file store, and was left alone.")
            continue
        for batch in batches(_old(Path(shard.path), older_than, tally)):
            sizes = dict(batch)
            for keys in batches(sorted(sizes.keys() - _named(sizes) - elsewhere), GROUP):
                if work.is_dry:
                    tally.counts["files"] += len(keys)
                    tally.bytes += sum(sizes[key] for key in keys)
                else:
                    _drop(root, keys, elsewhere, older_than=older_than, tally=tally)
                work.watch(tally.counts["files"])
        work.watch(tally.counts["files"])


def named_elsewhere() -> set[str]:
    """Return the uploads that other rows than artifacts name: schedules, and JSON columns."""
    texts: list[Iterable[tuple[str | None, ...]]] = [
        _texts(Schedule.objects.all(), "files"),
        _texts(Schedule.objects.all(), "params"),
        _texts(Job.objects.exclude(state=State.SUCCEEDED), "params"),
        _texts(JobStep.objects.exclude(job__state=State.SUCCEEDED), "result"),
        Artifact.objects.filter(preview_path__startswith="uploads/").values_list("preview_path"),
        *(Dataset.objects.filter(**{f"{path}__startswith": "uploads/"}).values_list(path) for path in PATHS),
    ]
    return {key for rows in texts for row in rows for text in row for key in _KEY.findall(text or "")}


def _texts(
    rows: QuerySet[Job] | QuerySet[JobStep] | QuerySet[Schedule], field: str
) -> Iterator[tuple[str | None, ...]]:
    texts = rows.order_by().annotate(text=Cast(field, TextField())).filter(text__contains="uploads/")
    return texts.values_list("text").iterator(chunk_size=500)


def _named(keys: Collection[str]) -> set[str]:
    """Return those of these keys that an artifact names."""
    return set(Artifact.objects.filter(path__in=list(keys)).order_by().values_list("path", flat=True).distinct())


def _old(shard: Path, older_than: float, tally: Tally) -> Iterator[tuple[str, int]]:
    """Yield the key and the size of each upload in this folder that is not young."""
    for entry in entries(shard, tally):
        key = f"uploads/{shard.name}/{entry.name}"
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
        except OSError as error:
            tally.leave(f"{key} could not be read: {error.strerror or error}.")
            continue
        if not stat.S_ISREG(status.st_mode) or not _NAME.match(entry.name) or entry.name[:2] != shard.name:
            tally.leave(f"{key} is not of the file store, and was left alone.")
        elif status.st_mtime < older_than:
            yield key, status.st_size


def _leaving(root: Path, tally: Tally) -> Iterator[str]:
    for entry in entries(root / LEAVING, tally):
        if _NAME.match(entry.name) and entry.is_file(follow_symlinks=False):
            yield entry.name
        else:
            tally.leave(f"{LEAVING}/{entry.name} is not of the file store, and was left alone.")


def _drop(root: Path, keys: list[str], elsewhere: Collection[str], *, older_than: float, tally: Tally) -> None:
    """Take these files out of everybody's reach, and delete those that are still nobody's."""
    taken = []
    try:
        for key in keys:
            name = key.rpartition("/")[2]
            if not _is_old(root / key, older_than):
                # A submit has renewed it since it was listed.
                continue
            try:
                (root / key).rename(root / LEAVING / name)
            except FileNotFoundError:
                continue
            except OSError as error:
                tally.leave(f"{key} could not be deleted: {error.strerror or error}.")
                continue
            taken.append(name)
            # Checked at once, so that a submit of this very moment misses its content as briefly as possible.
            if not _is_old(root / LEAVING / name, older_than):
                _put_back(root, taken.pop())
        _decide(root, taken, elsewhere, older_than=older_than, tally=tally)
    except BaseException:
        for name in taken:
            _put_back(root, name)
        raise


def _decide(root: Path, names: list[str], elsewhere: Collection[str], *, older_than: float, tally: Tally) -> None:
    """Delete those of the files in `leaving` that are old and that nothing names; put the others back."""
    keys = {f"uploads/{name[:2]}/{name}": name for name in names}
    named = _named(keys) | set(elsewhere)
    for key, name in keys.items():
        path = root / LEAVING / name
        if key in named or not _is_old(path, older_than):
            _put_back(root, name)
            continue
        remove_file(path, tally)


def _put_back(root: Path, name: str) -> None:
    """Give a file its place again, unless a submit has stored the same content there meanwhile."""
    aside, final = root / LEAVING / name, root / "uploads" / name[:2] / name
    with suppress(FileNotFoundError):
        final.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(aside, final)
        except FileExistsError:
            pass
        except FileNotFoundError:
            raise
        except OSError:
            # A file system without links: the content is the same whoever wins.
            aside.rename(final)
            return
        storage.flush_folder(final.parent)
        aside.unlink()


def _is_old(path: Path, older_than: float) -> bool:
    with suppress(OSError):
        return path.lstat().st_mtime < older_than
    return False
