"""People and scripts who submit while things break, and the ledger of what was promised to them."""

from __future__ import annotations

import json
import queue
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.services.site import CHECKOUT, Person, Site

#: Times that a submit without an answer is sent again, with the same key.
TRIES = 20
OWNER = "chaos"


@dataclass
class Ledger:
    """Every accepted submit, by its key, with the job it was answered with: what was promised."""

    accepted: dict[str, int] = field(default_factory=dict)
    #: Answers that were no acceptance, as sentences.
    refusals: list[str] = field(default_factory=list)
    #: Seconds of each answer over HTTP.
    seconds: list[float] = field(default_factory=list)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def accept(self, answers: Mapping[str, int], *, seconds: float | None = None) -> None:
        with self._guard:
            for key, job_id in answers.items():
                if self.accepted.setdefault(key, job_id) != job_id:
                    self.refusals.append(f"key {key} was answered with jobs {self.accepted[key]} and {job_id}")
            if seconds is not None:
                self.seconds.append(seconds)

    def refuse(self, sentence: str) -> None:
        with self._guard:
            self.refusals.append(sentence)

    def latency(self) -> str:
        """The middle, the 95th of a hundred and the longest answer over HTTP, in milliseconds."""
        if len(self.seconds) < 2:
            return "none"
        p95 = statistics.quantiles(self.seconds, n=20)[-1]
        figures = (statistics.median(self.seconds), p95, max(self.seconds))
        return " / ".join(f"{1000 * figure:.0f}" for figure in figures) + " ms"


class WebSubmitter:
    """Logged-in people who send a pipeline's form, each in a thread of its own."""

    def __init__(self, site: Site, ledger: Ledger, pipeline: str, *, people: int = 3) -> None:
        self._site = site
        self._ledger = ledger
        self._path = f"/pipelines/{pipeline}/"
        self._wanted: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._run, name=f"person-{n}") for n in range(people)]
        for thread in self._threads:
            thread.start()

    def submit(self, params: dict[str, Any]) -> None:
        """Have somebody submit this; returns at once."""
        self._wanted.put(params)

    def finish(self) -> None:
        """Wait until everything was answered."""
        for _ in self._threads:
            self._wanted.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            self._submit_all()
        except Exception as error:  # noqa: BLE001  a silent end would leave submits out of the ledger
            self._ledger.refuse(f"{threading.current_thread().name} gave up: {error!r}")

    def _submit_all(self) -> None:
        person: Person | None = None
        while (params := self._wanted.get()) is not None:
            fields = {**params, "idempotency-key": uuid.uuid4().hex}
            for attempt in range(TRIES):
                try:
                    person = person or self._site.person(OWNER)
                    self._send(person, fields)
                except (OSError, AssertionError) as error:
                    # No answer: nothing was promised, and the same key may be sent again.
                    if attempt == TRIES - 1:
                        self._ledger.refuse(f"no answer to a submit: {error}")
                    time.sleep(0.5)
                else:
                    break

    def _send(self, person: Person, fields: dict[str, Any]) -> None:
        began = time.monotonic()
        answer = person.post(self._path, fields, follow=False)
        seconds = time.monotonic() - began
        if answer.status in (302, 303):
            headers = {name.lower(): value for name, value in answer.headers.items()}
            job_id = int(headers["location"].rstrip("/").rpartition("/")[2])
            self._ledger.accept({fields["idempotency-key"]: job_id}, seconds=seconds)
        else:
            self._ledger.refuse(f"a submit was answered with {answer.status}")


class BulkSubmitter:
    """A script that submits many jobs at once; `tests.chaos.bulk_submitter` is its process."""

    def __init__(
        self,
        site: Site,
        ledger: Ledger,
        pipeline: str,
        *,
        owner: str = OWNER,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._ledger = ledger
        with (site.home / "logs" / "bulk_submitter.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.bulk_submitter", pipeline, owner],
                env={**site.environment, "PGAPPNAME": "bulk-submitter", **(environment or {})},
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def submit(self, many: list[dict[str, Any]]) -> list[int]:
        """Submit these and return their jobs' ids once they are accepted."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        orders = {uuid.uuid4().hex: params for params in many}
        self._process.stdin.write(json.dumps(orders) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            self._ledger.refuse("the script that submits in bulk has ended")
            return []
        ids: list[int] = json.loads(line)
        self._ledger.accept(dict(zip(orders, ids, strict=True)))
        return ids

    def finish(self) -> None:
        """End the script."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
