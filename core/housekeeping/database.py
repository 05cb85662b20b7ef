"""The database after a round: its planner's figures, its log of writes, and pages that many deleted rows have left."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from django.db import OperationalError, connection

from core import formatting
from core.conf import conf
from core.housekeeping.rounds import Round, Tally
from core.models import Artifact, AuditEntry, Job, JobEvent, JobProgress, JobStep
from core.models.states import State

#: From so many deleted rows on a round has PostgreSQL reclaim their space at once.
MANY_ROWS = 10_000
#: A SQLite file is made anew when this part of its pages is free, and it is no smaller, and no larger, than this.
FREE_PART = 0.25
LEAST_BYTES = 16 * 1024**2
#: Meanwhile writers wait, for up to 30 seconds: docs/housekeeping.md has the figures.
MOST_BYTES = 512 * 1024**2
_TABLES = (Job, JobEvent, JobProgress, JobStep, Artifact, AuditEntry)


def tidy_database(work: Round, *, deleted_rows: int) -> Tally:
    """Tidy up the database after this many rows were deleted; a dry round does nothing."""
    tally = Tally()
    if work.is_dry:
        return tally
    try:
        if connection.vendor == "sqlite":
            _tidy_sqlite(tally)
        else:
            _tidy_postgresql(tally, deleted_rows=deleted_rows)
    except OperationalError as error:
        # Others used the database the whole time, or the disk has no room: the next round tries again.
        tally.leave(f"The database could not be tidied: {error}.")
    return tally


def _tidy_sqlite(tally: Tally) -> None:
    _run("PRAGMA optimize")
    page_bytes, pages, free = (_run(f"PRAGMA {name}") for name in ("page_size", "page_count", "freelist_count"))
    size = page_bytes * pages
    if free >= FREE_PART * pages and size >= LEAST_BYTES:
        if size > MOST_BYTES:
            tally.leave(
                f"{formatting.size(free * page_bytes)} of the database file are free and used again before it grows. "
                "To make it smaller, stop all processes and run VACUUM."
            )
        elif Job.objects.filter(state=State.RUNNING).count() > 1:
            tally.leave("The database file can be made smaller; other jobs were at work, so that it was left.")
        elif shutil.disk_usage(Path(connection.settings_dict["NAME"]).parent).free < 2 * size + _floor():
            tally.leave("The database file can be made smaller, but there is no room to write it anew.")
        else:
            began = time.monotonic()
            _run("VACUUM")
            tally.counts["database bytes"] += size - page_bytes * _run("PRAGMA page_count")
            tally.counts["seconds to write it anew"] += round(time.monotonic() - began)
    _run("PRAGMA wal_checkpoint(TRUNCATE)")


def _tidy_postgresql(tally: Tally, *, deleted_rows: int) -> None:
    if deleted_rows < MANY_ROWS:
        # The server's own vacuum does as well.
        return
    for model in _TABLES:
        # Outside any transaction, as this connection is; a table that somebody has locked is passed over.
        _run(f"VACUUM (ANALYZE, SKIP_LOCKED) {connection.ops.quote_name(model._meta.db_table)}")
        tally.counts["tables vacuumed"] += 1


def _floor() -> int:
    return int(conf.DISK_FLOOR_BYTES)


def _run(statement: str) -> int:
    """Run a statement and return the number it answers, 0 for none."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return int(row[0]) if row else 0
