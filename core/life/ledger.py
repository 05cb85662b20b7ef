"""Claims and ends, committed in groups.

Round trips and commits are what bounds tracked jobs a second, so the threads of a process share them: while one
batch commits, further requests gather, and the next commit takes them all. Each request keeps its own answer, and a
batch that fails is tried again one by one, so that nobody fails for another.
"""

from __future__ import annotations

import json
import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection

from core.conf import conf
from core.database import statements
from core.database.jsontext import dumps
from core.life import end_signals
from core.logs import log
from core.models import Job
from core.models.owners import as_key
from core.models.states import State
from core.wakeup import jobs_due

#: The name of the thread that commits.
LEDGER_THREAD = "ledger"
#: Requests that one commit takes.
BATCH = 200
#: Seconds that a busy ledger waits for a batch to fill; less than a commit takes.
GATHER_SECONDS = 0.002


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt: the job as it was claimed, and the fence under which it may write."""

    job_id: int
    fence: int
    attempt: int
    pipeline: str
    #: The key of the owner as the user model has it: a number, a UUID, a text.
    owner_id: Any
    params: dict[str, Any]
    max_attempts: int
    crashes: int
    max_crashes: int
    parent_id: int | None = None
    #: The function of a child, `module:name`; empty for the pipeline's own.
    task: str = ""
    depth: int = 0
    #: The values that its limits count by; empty for a job without limits.
    lane: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an attempt ended."""

    job_id: int
    fence: int
    state: State
    #: The job that waits for this one, if any.
    parent_id: int | None = None
    #: The event on the timeline; by default the state's own name.
    kind: str = ""
    #: The result as JSON text.
    result: str = "null"
    error: str = ""
    #: A traceback, for staff.
    detail: str = ""
    #: The dotted path of the error's class.
    error_class: str = ""
    #: Seconds until the next attempt.
    delay: float = 0.0
    #: Whether the job holds a place under a limit, which another job may wait for.
    is_limited: bool = False
    #: 1 when the attempt's process was lost.
    crashed: int = 0
    #: The last progress, written in the same transaction.
    progress: dict[str, Any] | None = None


@dataclass(slots=True)
class _Request:
    job_id: int = 0
    end: End | None = None
    #: Called with the answer of an end that nobody waits for.
    then: Callable[[State | None], None] | None = None
    answer: Any = None
    error: Exception | None = None
    is_done: threading.Event = field(default_factory=threading.Event)


@dataclass
class Ledger:
    """The one writer of claims and ends in a process.

    Started, it has a thread of its own that commits whatever has gathered; before that, each call commits by itself.
    """

    worker: str
    #: Seconds that a claim or an end is tried again while the database is away.
    patience_seconds: float = field(default_factory=lambda: float(conf.LEASE_SECONDS))
    _gathered: queue.SimpleQueue[_Request | None] = field(default_factory=queue.SimpleQueue)
    _writing: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread that commits."""
        self._thread = threading.Thread(target=self._run, name=LEDGER_THREAD, daemon=True)
        self._thread.start()

    def stop(self, *, timeout: float = 30.0) -> None:
        """Commit what has gathered and end the thread."""
        if self._thread is not None:
            self._gathered.put(None)
            self._thread.join(timeout)
            self._thread = None

    def is_alive(self) -> bool:
        return self._thread is None or self._thread.is_alive()

    def claim(self, job_id: int) -> Claim | None:
        """Claim the job, or return None when it can't be claimed: taken, ended, or not due."""
        answer: Claim | None = self._ask(_Request(job_id=job_id))
        return answer

    def end(self, end: End) -> State | None:
        """End the attempt and return the job's new state, or None when the fence was stale.

        A succeeded attempt comes back as cancelled when a cancel was accepted before.
        """
        answer: State | None = self._ask(_Request(end=end))
        return answer

    def end_later(self, end: End, *, then: Callable[[State | None], None]) -> None:
        """End the attempt with the next commit, and call `then` with what `end` would have returned.

        The thread need not wait: until the commit the job is running under its lease, and is reaped if this process
        dies. The job's message does not matter for that.
        """
        if self._thread is None:
            then(self.end(end))
        else:
            self._gathered.put(_Request(end=end, then=then))

    def _ask(self, request: _Request) -> Any:
        if self._thread is None:
            self._settle([request])
        else:
            self._gathered.put(request)
            request.is_done.wait()
        if request.error is not None:
            raise request.error
        return request.answer

    def _run(self) -> None:
        is_ending = is_busy = False
        while not is_ending:
            batch = [self._gathered.get()]
            if is_busy:
                # The threads that the last commit released come back at once, with an end and a claim each.
                time.sleep(GATHER_SECONDS)
            while len(batch) < BATCH and not self._gathered.empty():
                batch.append(self._gathered.get())
            is_ending, is_busy = None in batch, len(batch) > 2
            self._settle([request for request in batch if request is not None])
        connection.close()

    def _settle(self, batch: list[_Request]) -> None:
        """Commit the batch, trying again while the database is away, and hand out the answers."""
        deadline = time.monotonic() + self.patience_seconds
        pause = 0.1
        unsettled = batch
        while unsettled:
            with self._writing:
                self._commit(unsettled)
            unsettled = [request for request in unsettled if _is_away(request.error)]
            if time.monotonic() + pause > deadline:
                break
            if unsettled:
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(pause * 2, 2.0)
        for request in batch:
            request.is_done.set()
            if request.then is not None:
                self._hand_out(request)

    def _hand_out(self, request: _Request) -> None:
        if request.error is not None and request.end is not None:
            # The attempt is let go of all the same: its lease runs out, and the job is tried again.
            log("attempt_unwritten", level=logging.ERROR, job=request.end.job_id, error=repr(request.error)[:300])
        if request.then is not None:
            try:
                request.then(request.answer if request.error is None else None)
            except Exception:
                log("attempt_afterwork_failed", level=logging.ERROR, exc_info=True)

    def _commit(self, batch: list[_Request]) -> None:
        for request in batch:
            request.error = None
        try:
            self._write(batch)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if len(batch) > 1 and not _is_away(error):
                for request in batch:
                    self._commit([request])
                return
            for request in batch:
                request.error = error
        except Exception as error:
            for request in batch:
                request.error = error

    def _write(self, batch: list[_Request]) -> None:
        ends = [request.end for request in batch if request.end is not None]
        claims = {request.job_id for request in batch if request.end is None}
        progress = [end.progress for end in ends if end.progress is not None]
        ids = statements.id_list(end.job_id for end in ends)
        parts: list[tuple[str, dict[str, Any]]] = []
        # Parents of what ends here, and jobs that begin to wait here: their children may have ended already.
        parents = {end.parent_id for end in ends if end.parent_id is not None}
        parents |= {end.job_id for end in ends if end.state == State.WAITING}
        if parents:
            both = statements.id_list(sorted(parents | {end.job_id for end in ends}))
            parts.append(("lock", {"ids": both}))
        if progress:
            parts.append(("progress", {"rows": dumps(progress), "ids": ids}))
        if ends:
            texts = ",".join(_as_json(end) for end in ends)
            parts.append(("finish", {"ends": f"[{texts}]", "ids": ids, **end_signals.hearing()}))
        if parents:
            parts.append(("wake", {"ids": statements.id_list(sorted(parents))}))
        if claims:
            parts.append(
                (
                    "claim",
                    {"ids": statements.id_list(claims), "worker": self.worker, "lease": conf.LEASE_SECONDS},
                )
            )
        answers = {name: rows for (name, _), rows in zip(parts, statements.run_together(parts), strict=True)}
        states = {(row[0], row[1]): State(row[2]) for row in answers.get("finish", ())}
        claimed = {row[0]: _as_claim(row) for row in answers.get("claim", ())}
        woken = [row[0] for row in answers.get("wake", ())]
        for parent_id in woken:
            log("parent_woken", job=parent_id)
        # What ended may have been what others waited for: their parents, or a place under their limits.
        if woken or any(end.is_limited for end in ends):
            jobs_due.send(sender=Job, count=len(woken))
        for request in batch:
            if request.end is not None:
                request.answer = states.get((request.end.job_id, request.end.fence))
            else:
                # Two messages of one job in one batch: the first gets the claim, the second gets nothing.
                request.answer = claimed.pop(request.job_id, None)


def _as_claim(row: tuple[Any, ...]) -> Claim:
    job_id, fence, attempt, pipeline, owner_id, params, max_attempts, crashes, max_crashes, *rest = row
    parent_id, task, depth, lane = rest
    return Claim(
        job_id=job_id,
        fence=fence,
        attempt=attempt,
        pipeline=pipeline,
        owner_id=as_key(owner_id),
        params=json.loads(params),
        max_attempts=max_attempts,
        crashes=crashes,
        max_crashes=max_crashes,
        parent_id=parent_id,
        task=task,
        depth=depth,
        lane=lane,
    )


def _as_json(end: End) -> str:
    head = dumps(
        {
            "id": end.job_id,
            "fence": end.fence,
            "state": end.state,
            "kind": end.kind or end.state,
            "error": end.error,
            "detail": end.detail,
            "error_class": end.error_class,
            "delay": end.delay,
            "crashed": end.crashed,
        }
    )
    # The result was made JSON, and measured, when the pipeline returned it.
    return f'{head[:-1]}, "result": {end.result}}}'


def _is_away(error: Exception | None) -> bool:
    return isinstance(error, (OperationalError, InterfaceError))
