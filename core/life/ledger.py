"""Claims and ends, committed in groups.

A commit's flush to disk is what bounds tracked jobs a second, so the threads of a process share it: while one
thread commits, the others' requests gather, and the next thread to get the lock commits them all at once. Each
request keeps its own answer, and a batch that fails is tried again one by one, so that nobody fails for another.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction

from core import statements
from core.jsontext import dumps
from core.states import State


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt: the job as it was taken, and the fence under which it may write."""

    job_id: int
    fence: int
    attempt: int
    pipeline: str
    owner_id: int
    params: dict[str, Any]
    max_attempts: int
    crashes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How an attempt ended."""

    job_id: int
    fence: int
    state: State
    #: The event told on the timeline; the state's own name unless said.
    kind: str = ""
    #: The result as JSON text.
    result: str = "null"
    error: str = ""
    #: A traceback, for staff.
    detail: str = ""
    #: Seconds until the next attempt.
    delay: float = 0.0
    #: 1 when the attempt's process was lost.
    crashed: int = 0
    #: The last progress, written in the same transaction.
    progress: dict[str, Any] | None = None


@dataclass(slots=True)
class _Request:
    job_id: int = 0
    end: End | None = None
    answer: Any = None
    error: Exception | None = None
    is_done: bool = False


@dataclass
class Ledger:
    """The one writer of claims and ends in a process."""

    worker: str
    #: Seconds that a claim or an end is tried again while the database is away.
    patience_seconds: float = field(default_factory=lambda: float(settings.LEASE_SECONDS))
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _leading: threading.Lock = field(default_factory=threading.Lock)
    _gathered: list[_Request] = field(default_factory=list)

    def claim(self, job_id: int) -> Claim | None:
        """Take the job, or return None when it is not to be had: taken, ended, or not due."""
        answer: Claim | None = self._ask(lambda: _Request(job_id=job_id))
        return answer

    def end(self, end: End) -> State | None:
        """End the attempt and return the job's new state, or None when the fence was stale.

        A succeeded attempt comes back as cancelled when a cancel was accepted before.
        """
        answer: State | None = self._ask(lambda: _Request(end=end))
        return answer

    def _ask(self, make: Callable[[], _Request]) -> Any:
        deadline = time.monotonic() + self.patience_seconds
        pause = 0.1
        while True:
            request = make()
            self._pass_through(request)
            if request.error is None:
                return request.answer
            away = isinstance(request.error, (OperationalError, InterfaceError))
            if not away or time.monotonic() + pause > deadline:
                raise request.error
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, 2.0)

    def _pass_through(self, request: _Request) -> None:
        with self._guard:
            self._gathered.append(request)
        with self._leading:
            if request.is_done:
                return
            with self._guard:
                batch, self._gathered = self._gathered, []
            self._commit(batch)

    def _commit(self, batch: list[_Request]) -> None:
        try:
            self._write(batch)
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if len(batch) > 1:
                for request in batch:
                    self._commit([request])
                return
            batch[0].error = error
        except Exception as error:
            for request in batch:
                request.error = error
        for request in batch:
            request.is_done = True

    def _write(self, batch: list[_Request]) -> None:
        ends = [request for request in batch if request.end is not None]
        claims = [request for request in batch if request.end is None]
        with transaction.atomic():
            if ends:
                self._write_ends(ends)
            if claims:
                self._write_claims(claims)

    def _write_ends(self, requests: list[_Request]) -> None:
        ends = [request.end for request in requests if request.end is not None]
        shown = [end.progress for end in ends if end.progress is not None]
        if shown:
            statements.run("progress", {"rows": dumps(shown)})
        rows = statements.run("finish", {"ends": f"[{','.join(_as_json(end) for end in ends)}]"})
        states = {row[0]: State(row[1]) for row in rows}
        for request in requests:
            if request.end is not None:
                request.answer = states.get(request.end.job_id)

    def _write_claims(self, requests: list[_Request]) -> None:
        rows = statements.run(
            "claim",
            {
                "ids": statements.id_list({request.job_id for request in requests}),
                "worker": self.worker,
                "lease": settings.LEASE_SECONDS,
            },
        )
        claims = {row[0]: Claim(*row[:5], json.loads(row[5]), *row[6:]) for row in rows}
        for request in requests:
            # Two messages of one job in one batch: the first gets the claim, the second gets nothing.
            request.answer = claims.pop(request.job_id, None)


def _as_json(end: End) -> str:
    head = dumps(
        {
            "id": end.job_id,
            "fence": end.fence,
            "state": end.state,
            "kind": end.kind or end.state,
            "error": end.error,
            "detail": end.detail,
            "delay": end.delay,
            "crashed": end.crashed,
        }
    )
    # The result was made JSON, and measured, when the pipeline returned it.
    return f'{head[:-1]}, "result": {end.result}}}'
