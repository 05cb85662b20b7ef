"""People who send a pipeline's form, and send it again, with the same key, until it is answered."""

from __future__ import annotations

import queue
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

from tests.chaos.expected import upload_text
from tests.chaos.stage import Stage
from tests.chaos.submitting import OWNER
from tests.services.site import Answer, Person

#: Seconds for which a submit is sent again before it counts as refused.
PATIENCE_SECONDS = 120.0
#: Seconds between two tries.
PAUSE_SECONDS = 0.05
_logging_in = threading.Lock()
#: Who has logged in first on each stage.
_logged_in: WeakKeyDictionary[Stage, Person] = WeakKeyDictionary()


@dataclass(frozen=True)
class Wish:
    """One submit, whatever it takes."""

    fields: dict[str, Any]
    file: Path | None = None
    key: str = field(default_factory=lambda: uuid.uuid4().hex)


class Crowd:
    """Some people, each in a thread; one whose server does not answer tries the next of the addresses."""

    def __init__(
        self,
        stage: Stage,
        pipeline: str,
        *,
        people: int = 3,
        addresses: Sequence[str] = (),
        timeout: float = 10.0,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._stage = stage
        self._path = f"/pipelines/{pipeline}/"
        self._addresses = list(addresses) or [stage.site.address]
        self._timeout = timeout
        self._patience = patience
        self._wishes: queue.Queue[Wish | None] = queue.Queue()
        self._guard = threading.Lock()
        self._folder = stage.site.home / "sent"
        self._folder.mkdir(exist_ok=True)
        #: Where each person waits for an answer now, and since when.
        self._in_flight: dict[int, tuple[str, float]] = {}
        #: Submits that got no answer, by address.
        self.unanswered: Counter[str] = Counter()
        #: Those of them whose job was there all the same, when they were sent again.
        self.unanswered_but_stored = 0
        #: Answers that said to come again: nothing was promised.
        self.put_off: Counter[int] = Counter()
        self._is_over = False
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"person-{number}") for number in range(people)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """Submits that nobody has begun with."""
        return self._wishes.qsize()

    def in_flight(self, address: str = "", *, seconds: float = 0.0) -> int:
        """Return how many have waited so long for an answer, from this address or any."""
        before = time.monotonic() - seconds
        waits = list(self._in_flight.values())
        return sum(1 for where, since in waits if address in ("", where) and since <= before)

    def submit(self, fields: dict[str, Any], *, has_file: bool = False) -> None:
        """Have somebody submit this, with a file that nobody has sent yet if so wished; returns at once."""
        path = None
        if has_file:
            path = self._folder / f"{uuid.uuid4().hex}.txt"
            path.write_text(upload_text(path.name))
        self._wishes.put(Wish(fields, path))

    def finish(self) -> None:
        """Wait until everything was answered; again, it does nothing."""
        if not self._is_over:
            self._is_over = True
            for _ in self._threads:
                self._wishes.put(None)
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        person: Person | None = None
        turn = number
        while (wish := self._wishes.get()) is not None:
            deadline = time.monotonic() + self._patience
            while time.monotonic() < deadline:
                address = self._addresses[turn % len(self._addresses)]
                try:
                    person = person or self._log_in(address)
                    person.address = address
                    if self._send(person, wish):
                        break
                except (OSError, AssertionError):
                    turn += 1
                except Exception as error:  # noqa: BLE001  a silent end would leave submits out of the ledger
                    self._stage.ledger.refuse(f"a person gave up: {error!r}")
                    break
                time.sleep(PAUSE_SECONDS)
            else:
                self._stage.ledger.refuse(f"submit {wish.key} was not accepted in {self._patience:g} s")

    def _log_in(self, address: str) -> Person:
        with _logging_in:
            if (first := _logged_in.get(self._stage)) is None:
                first = Person(self._stage.site, address)
                first.log_in(OWNER, OWNER)
                _logged_in[self._stage] = first
        return first.twin(address)

    def _send(self, person: Person, wish: Wish) -> bool:
        """Return whether it was accepted; raise OSError when there was no answer."""
        address = person.address
        began = time.monotonic()
        self._in_flight[threading.get_ident()] = address, began
        try:
            answer = person.post(
                self._path,
                {**wish.fields, "idempotency-key": wish.key},
                files={"file": wish.file} if wish.file else None,
                follow=False,
                timeout=self._timeout,
            )
        except OSError as error:
            # One that found no server listening has sent nothing.
            if "refused" not in str(error):
                self._count(self.unanswered, address, 1)
                self._look_up(wish)
            raise
        finally:
            del self._in_flight[threading.get_ident()]
        return self._note(wish, answer, time.monotonic() - began)

    def _note(self, wish: Wish, answer: Answer, seconds: float) -> bool:
        if answer.status in (302, 303):
            job_id = int(answer.headers["location"].rstrip("/").rpartition("/")[2])
            self._stage.ledger.accept({wish.key: job_id}, seconds=seconds)
        elif answer.status >= 500:
            self._count(self.put_off, answer.status, 1)
            return False
        else:
            self._stage.ledger.refuse(f"a submit was answered with {answer.status}")
        return True

    def _look_up(self, wish: Wish) -> None:
        try:
            is_stored = self._stage.ask("SELECT 1 FROM core_job WHERE idempotency_key = %s", wish.key)
        except psycopg.Error:
            return
        with self._guard:
            self.unanswered_but_stored += len(is_stored)

    def _count(self, counter: Counter[Any], key: Any, change: int) -> None:
        with self._guard:
            counter[key] += change
