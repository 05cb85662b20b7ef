"""What a pipeline logs: kept for the job's page, in bounds.

1. Whatever is logged while an attempt runs, in its thread, its async task or its child process, carries the job's
   number (`core.logs`). A thread that the function starts by itself is its own affair.
2. The lines gather in memory, the last ones where they come faster than they are written.
3. The keeper writes them once a second, many attempts' at once, under their fences; what is left is written before the
   attempt's end.
4. The last `KEPT_LINES` and `KEPT_BYTES` of a job stay. What was dropped is counted, and its page says so.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Any

from core.database import statements
from core.database.jsontext import dumps, storable
from core.life.leases import Held
from core.models import JobLog
from core.pipelines.secrets import Opened

#: Lines and bytes of a job that are kept at least; and the characters of one line.
KEPT_LINES, KEPT_BYTES = 1000, 256 * 1024
LINE_LENGTH = 2000


class Lines:
    """The lines of one attempt that are not written yet. Safe to use from all threads."""

    def __init__(self, job_id: int, *, secrets: Opened | None = None) -> None:
        self.job_id = job_id
        self._secrets = secrets or Opened()
        self._lines: deque[tuple[float, str, str, str]] = deque(maxlen=KEPT_LINES)
        self._dropped = 0
        self._guard = threading.Lock()

    def add(self, at: float, level: str, name: str, text: str) -> None:
        """Keep a line: when it was logged in epoch seconds, its level, its logger and its text."""
        text = self.redacted(text)
        if len(text) > LINE_LENGTH:
            text = text[: LINE_LENGTH - 1] + "…"
        with self._guard:
            self._dropped += len(self._lines) == KEPT_LINES
            self._lines.append((round(at, 3), level[:20], name[:100], text))

    def redacted(self, text: str) -> str:
        """Return a text with none of the job's secrets in it."""
        return self._secrets.redacted(text)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def take(self) -> dict[str, Any]:
        """Return what is to be written, and keep it no longer."""
        with self._guard:
            lines, dropped = list(self._lines), self._dropped
            self._lines.clear()
            self._dropped = 0
        sizes = [len(line[3].encode(errors="replace")) for line in lines]
        total, first = sum(sizes), 0
        while total > KEPT_BYTES:
            total -= sizes[first]
            first += 1
        kept = [(*line[:3], storable(line[3])) for line in lines[first:]]
        return {"dropped": dropped + first, "count": len(kept), "bytes": total, "lines": kept}


def write(batches: Iterable[tuple[Held, Lines]]) -> None:
    """Write these lines under their fences, and delete what a job has too many of. What a zombie logs is dropped."""
    rows = [{"id": held.job_id, "fence": held.fence, **lines.take()} for held, lines in batches if lines]
    if not rows:
        return
    params = {"rows": dumps(rows), "ids": statements.id_list(row["id"] for row in rows)}
    written, _ = statements.run_together([("write_log", params), ("show_log", params)])
    for job_id, lines, size in written:
        if lines > KEPT_LINES or size > KEPT_BYTES:
            _trim(job_id, lines=lines, size=size)


def _trim(job_id: int, *, lines: int, size: int) -> None:
    """Delete the rows of which no line is among those that stay."""
    for row in JobLog.objects.filter(job=job_id).defer("lines").order_by("pk"):
        is_old = row.before + row.dropped + row.count <= lines - KEPT_LINES
        if not is_old and row.bytes_before + row.bytes > size - KEPT_BYTES:
            return
        row.delete()
