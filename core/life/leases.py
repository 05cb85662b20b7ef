"""Leases: renewed by those who hold them, reaped when they run out."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.db.models import F

from core.conf import conf
from core.database import statements
from core.files import storage
from core.life import end_signals, families
from core.logs import log
from core.models import Job
from core.models.states import State

#: Expired leases that one pass takes.
REAP_LIMIT = 200
#: Seconds after its start in which a database server's leases are not reaped: their holders renew them first.
SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Held:
    """An attempt that its process believes it holds."""

    job_id: int
    fence: int


def worker_name() -> str:
    """Return this process's name as jobs show it, `host:pid`."""
    return f"{socket.gethostname()[:100]}:{os.getpid()}"


def renew(held: Iterable[Held]) -> dict[Held, bool]:
    """Renew these leases; return those still held, with whether a cancel is asked for. The rest is lost."""
    wanted = list(held)
    if not wanted:
        return {}
    rows = statements.run(
        "renew",
        {
            "ids": statements.id_list(entry.job_id for entry in wanted),
            "held": json.dumps([{"id": entry.job_id, "fence": entry.fence} for entry in wanted]),
            "lease": conf.LEASE_SECONDS,
        },
    )
    return {Held(job_id, fence): bool(is_cancelling) for job_id, fence, is_cancelling in rows}


def reap(*, worker: str = "") -> list[tuple[int, State]]:
    """End the attempts whose lease ran out; return each job with its new state. One pass is bounded."""
    rows = statements.run(
        "reap",
        {
            "limit": REAP_LIMIT,
            "base": conf.RETRY_BASE_SECONDS,
            "cap": conf.RETRY_CAP_SECONDS,
            "worker": worker,
            "settle": SETTLE_SECONDS,
            **end_signals.hearing(),
        },
    )
    for job_id, fence, state, _ in rows:
        level = logging.ERROR if state == State.FAILED else logging.WARNING
        log("lease_expired", level=level, job=job_id, state=state)
        storage.remove_scratch(job_id, [fence])
    # A child's end may be what its parent waits for.
    families.wake(parent_id for *_, parent_id in rows if parent_id is not None)
    return [(job_id, State(state)) for job_id, _, state, _ in rows]


def expire_leases_of_dead_neighbours() -> int:
    """Release the leases of dead processes of this machine; return how many jobs that were.

    A worker that starts again after a crash need not wait for the leases of the one it replaces.
    """
    host = f"{socket.gethostname()[:100]}:"
    names = Job.objects.filter(state=State.RUNNING, worker__startswith=host).values_list("worker", flat=True)
    dead = [name for name in set(names) if not _is_alive(name.removeprefix(host))]
    if not dead:
        return 0
    # A time that is past by any clock: the next pass reaps them.
    return Job.objects.filter(state=State.RUNNING, worker__in=dead).update(lease_until=F("created_at"))


def _is_alive(pid: str) -> bool:
    if pid == str(os.getpid()):
        # This process's own name was another's before: process ids repeat, in a container at each start.
        return False
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return not _waits_to_be_collected(pid)


def _waits_to_be_collected(pid: str) -> bool:
    """Whether the process is a zombie. Where process 1 collects no children, it stays one for good."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        # Not Linux, or the process ended at this very moment.
        return False
