"""The file store: files that no row refers to, and uploads that were never finished."""

from __future__ import annotations

import stat
import tempfile
from pathlib import Path

from core.conf import conf
from core.files import storage
from core.housekeeping.folders import collect_job_folders, collect_scratch, newest_job_folder
from core.housekeeping.removal import entries, measure, remove_file, remove_tree
from core.housekeeping.rounds import Round, Tally
from core.housekeeping.uploads import collect_uploads
from core.models import Job

#: Files between two checks whether the round may go on.
FILES_PER_CHECK = 100


def collect_files(work: Round) -> Tally:
    """Delete the files of the store that are older than ORPHAN_HOURS and that no row refers to.

    Nothing is deleted when the store holds files of jobs that this database has never had: then one of the two is an
    older copy, or another site's, and what looks forgotten may be all there is.
    """
    tally = Tally()
    storage.root().mkdir(parents=True, exist_ok=True)
    # The store itself may be a link; inside of it no link is followed.
    root = storage.root().resolve()
    older_than = store_time() - conf.ORPHAN_HOURS * 3600
    collect_staging(root, older_than=older_than, work=work, tally=tally)
    newest = Job.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    if (newest_stored := newest_job_folder(root, older_than=older_than)) > newest:
        tally.leave(
            f"The file store has files of job {newest_stored}, and the newest job of this database is {newest}: one of "
            "the two is an older copy, or another site's. Nothing was deleted but what was never finished."
        )
        return tally
    collect_scratch(root, older_than=older_than, work=work, tally=tally)
    collect_job_folders(root, older_than=older_than, work=work, tally=tally)
    collect_uploads(root, older_than=older_than, work=work, tally=tally)
    return tally


def collect_staging(root: Path, *, older_than: float, work: Round, tally: Tally) -> None:
    """Delete uploads that were never finished. One that is still arriving is being written to, so it is young."""
    for number, entry in enumerate(entries(root / "staging", tally), 1):
        path = Path(entry.path)
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            # Its submit has just ended.
            continue
        except OSError as error:
            tally.leave(f"staging/{entry.name} could not be read: {error.strerror or error}.")
            continue
        is_folder = stat.S_ISDIR(status.st_mode)
        extent = measure(path) if is_folder else None
        if (extent.newest if extent else status.st_mtime) < older_than:
            if work.is_dry:
                tally.counts["files"] += extent.files if extent else 1
                tally.bytes += extent.bytes if extent else status.st_size
            elif is_folder:
                remove_tree(path, tally)
            else:
                remove_file(path, tally)
        if not number % FILES_PER_CHECK:
            work.watch(tally.counts["files"])


def store_time() -> float:
    """Return the time as the file store has it, in epoch seconds: its files may be on another machine."""
    with tempfile.NamedTemporaryFile(dir=storage.staging_folder(), prefix="clock-") as probe:
        return Path(probe.name).stat().st_mtime
