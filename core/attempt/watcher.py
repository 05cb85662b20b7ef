"""The watcher: a process beside each worker process, for code that holds the interpreter.

A regular expression that backtracks for minutes, or an extension that does not let go, holds up every thread of its
process: the keeper too, which would renew the leases, notice a cancel and keep the time limit. So another process does
what it can't.

1. The worker beats once a second, from a thread that does nothing else (`core.attempt.pulse`). When the beats stop
   while the process is at work, its interpreter is held. One that was stopped by a signal is not meant.
2. The watcher, which is a bare Python until then, loads Django and looks at the jobs of its worker in the database.
3. A job that was cancelled, or is past its time limit, and has had `WRITE_OFF_SECONDS` to end, is ended under its
   fence, as cancelled or failed, as the keeper would.
4. When the leases are about to run out, the job that holds the interpreter is ended as a crash that says so. Which one
   that is shows the time that its thread takes: each thread is called after its job.
5. When the job that holds the interpreter was ended, the process is killed. Before that the other jobs are handed back:
   for them it is no crash and no attempt. Its supervisor starts another process.

The watcher ends with its worker: the pipe that brings the beats is closed then.

This file is its program, which imports nothing of ours before it was sent where that is.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import select
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from core.life.ledger import End
    from core.models import Job

#: Seconds between two beats.
BEAT_SECONDS = 1.0
#: Beats that are missed before the interpreter is taken for held: a busy machine makes one late.
MISSED = 3
#: Part of a lease that is left when the job that holds the interpreter is ended.
LEFT_OF_LEASE = 0.15
#: Seconds for which the threads' time is looked at.
SAMPLE_SECONDS = 0.5
#: Seconds that the database is given; after that the process is killed all the same.
PATIENCE_SECONDS = 5.0


def thread_name(job_id: int) -> str:
    """Return what the system calls the thread of a job: 15 characters at most."""
    return f"job-{job_id}"[:15]


def main() -> None:
    """Watch the process at the other end of the pipe until that closes it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    given = json.loads(_first_line())
    sys.path[:] = given["path"]
    overseer: Overseer | None = None
    silent = 0
    while True:
        if select.select([0], [], [], BEAT_SECONDS)[0]:
            if not os.read(0, 4096):
                return
            silent = 0
        # Counted, not measured: a machine that stood still has not been silent.
        elif _is_at_work(given["pid"]):
            silent += 1
        else:
            silent = 0
        if silent >= MISSED:
            overseer = overseer or Overseer(given["worker"], given["pid"])
            overseer.look(silent * BEAT_SECONDS)


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        # One at a time: what follows are beats.
        if not (byte := os.read(0, 1)):
            sys.exit(0)
        line += byte
    return line


def _is_at_work(pid: int) -> bool:
    """Whether the process lives and was not stopped by a signal."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("T", "t", "Z", "X")
    except (OSError, IndexError):
        return False


class Overseer:
    """Decides about the jobs of a process whose interpreter is held."""

    def __init__(self, worker: str, pid: int) -> None:
        import django

        django.setup()
        self._worker = worker
        self._pid = pid

    def look(self, held_seconds: float) -> None:
        """End what has to be ended, and the process when that is what holds it. Errors are logged."""
        from django.db import connection

        from core.logs import log

        try:
            self._look(held_seconds)
        except Exception as error:  # noqa: BLE001 - the database is away, most likely; it is tried again
            log(
                "watcher_failed",
                level=logging.WARNING,
                worker=self._worker,
                error=f"{type(error).__name__}: {error}"[:300],
            )
        finally:
            # It may be silent for a moment only, and the watcher for days.
            connection.close()

    def _look(self, held_seconds: float) -> None:
        from core.conf import conf
        from core.database.clock import database_now

        jobs, now = self._jobs(), database_now()
        overdue = {job.pk: end for job in jobs if (end := _overdue_end(job, now))}
        soonest = min((job.lease_until for job in jobs if job.lease_until), default=None)
        is_last = soonest is not None and (soonest - now).total_seconds() < conf.LEASE_SECONDS * LEFT_OF_LEASE
        if not overdue and not is_last:
            return
        holders = self._holders(jobs)
        if is_last:
            # Where nothing shows which of them it is, it may be any.
            for job in holders or jobs:
                overdue.setdefault(job.pk, _crash(job, held_seconds))
        is_held_by_them = any(job.pk in overdue for job in holders or jobs)
        if not _is_at_work(self._pid) or select.select([0], [], [], 0)[0]:
            # It goes on at this moment: its keeper does the rest.
            return
        ends = list(overdue.values())
        if is_held_by_them:
            ends += [_hand_back(job) for job in jobs if job.pk not in overdue]
        self._end(jobs, ends, held_seconds, kills=is_held_by_them)

    def _end(self, jobs: list[Job], ends: list[End], held_seconds: float, *, kills: bool) -> None:
        from core.life.requests import discard
        from core.logs import log
        from core.models.states import State
        from core.operation import alarms

        held = ",".join(str(job.pk) for job in jobs)
        log("interpreter_held", level=logging.ERROR, worker=self._worker, seconds=held_seconds, jobs=held)
        unwritten = self._write(ends)
        if kills:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)
            log("process_killed", level=logging.CRITICAL, worker=self._worker)
            # What it held may have been the database itself.
            self._write(unwritten)
        for end in ends:
            if end.state == State.CANCELLED:
                discard(end.job_id)
        pipelines = {job.pk: job.pipeline for job in jobs}
        for end in ends:
            if end.state != State.QUEUED:
                alarms.count(alarms.HELD_INTERPRETER, pipelines[end.job_id], job=end.job_id, seconds=held_seconds)
        alarms.flush()

    def _write(self, ends: Iterable[End]) -> list[End]:
        """Write these ends; return those that the database did not take."""
        from django.db import Error

        from core.life.ledger import Ledger

        ledger = Ledger(worker=self._worker, patience_seconds=PATIENCE_SECONDS)
        unwritten = []
        for end in ends:
            try:
                ledger.end(end)
            except Error:
                unwritten.append(end)
        return unwritten

    def _jobs(self) -> list[Job]:
        """Return the jobs that the process holds, each with the moment of its claim as `claimed_at`."""
        from django.db.models import OuterRef, Subquery

        from core.models import Job, JobEvent
        from core.models.states import State

        claims = JobEvent.objects.filter(job=OuterRef("pk"), kind=JobEvent.Kind.CLAIMED).order_by("-pk")
        running = Job.objects.filter(worker=self._worker, state=State.RUNNING).defer("params", "result")
        return list(running.annotate(claimed_at=Subquery(claims.values("at")[:1])).order_by("pk"))

    def _holders(self, jobs: list[Job]) -> list[Job]:
        """Return the job whose thread takes the processor's time, if one does."""
        before = self._times()
        time.sleep(SAMPLE_SECONDS)
        spent = {name: ticks - before.get(name, 0) for name, ticks in self._times().items()}
        by_name = {thread_name(job.pk): job for job in jobs}
        busiest = max(by_name, key=lambda name: spent.get(name, 0), default="")
        return [by_name[busiest]] if spent.get(busiest, 0) > 0 else []

    def _times(self) -> dict[str, int]:
        """Return the processor time of each thread by its name, in ticks of the system."""
        times: dict[str, int] = {}
        with contextlib.suppress(OSError):
            for thread in Path(f"/proc/{self._pid}/task").iterdir():
                with contextlib.suppress(OSError, ValueError, IndexError):
                    words = (thread / "stat").read_text()
                    name, fields = words.partition("(")[2].rpartition(")")[0], words.rpartition(")")[2].split()
                    times[name] = times.get(name, 0) + int(fields[11]) + int(fields[12])
        return times


def _overdue_end(job: Any, now: dt.datetime) -> End | None:
    """Return the end of a job that has had its time to end by itself; None for one that may go on."""
    from core import pipelines
    from core.attempt import outcomes
    from core.conf import conf

    if job.cancel_requested_at is not None:
        since = (now - job.cancel_requested_at).total_seconds()
        return _end_of(outcomes.Cancelled(), job) if since > conf.WRITE_OFF_SECONDS else None
    spec = pipelines.find(job.pipeline)
    limit = spec.time_limit if spec else None
    if limit is None or job.claimed_at is None:
        return None
    if (now - job.claimed_at).total_seconds() <= limit + conf.WRITE_OFF_SECONDS:
        return None
    return _end_of(outcomes.over_time(job.pk, job.pipeline, job.attempt), job)


def _crash(job: Job, held_seconds: float) -> End:
    """Return the end of a job that would lose its lease, as the loss of a worker counts."""
    from core.attempt import outcomes
    from core.logs import log

    sentence = f"The worker could not renew its lease: the code held the interpreter for {held_seconds:,.0f} s."
    if job.crashes + 1 >= job.max_crashes or job.attempt >= job.max_attempts:
        log("job_failed", level=logging.ERROR, job=job.pk, pipeline=job.pipeline, attempt=job.attempt, error=sentence)
        return _end_of(outcomes.Failed(sentence, is_crash=True), job)
    return _end_of(outcomes.Retry(sentence, outcomes.backoff_seconds(job.crashes), is_crash=True), job)


def _hand_back(job: Job) -> End:
    from core.attempt import outcomes

    return _end_of(outcomes.HandedBack(), job)


def _end_of(outcome: Any, job: Job) -> End:
    from core.attempt import outcomes
    from core.life.ledger import Claim

    claim = Claim(
        job_id=job.pk,
        fence=job.fence,
        attempt=job.attempt,
        pipeline=job.pipeline,
        owner_id=job.owner_id,
        params={},
        max_attempts=job.max_attempts,
        crashes=job.crashes,
        max_crashes=job.max_crashes,
        parent_id=job.parent_id,
        lane=job.lane,
    )
    end = outcomes.end_of(outcome, claim, progress=None)
    if end is None:
        raise ValueError(outcome)
    return end


if __name__ == "__main__":
    main()
