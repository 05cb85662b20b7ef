"""Cancels jobs at chosen moments, from threads that wait for what PostgreSQL tells of them.

A line of JSON in, {"job": 7, "moment": "step third", "offset": 0.002, "twice": false}: cancel the job so many seconds
after that moment; without a moment, so many seconds from now. A line out when it was tried: {"job": 7, "answers":
["accepted"], "late": 0.0004}.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import django

#: Cancels that are waited for at a time.
THREADS = 16
#: Seconds for which a moment is waited for.
MOMENT_SECONDS = 90.0
_said = threading.Lock()


class Moments:
    """What has happened to jobs, as the database notifies of it, and who waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at: dict[str, float] = {}

    def listen(self, url: str) -> None:
        import psycopg

        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("LISTEN chaos_moment")
            say({"listening": True})
            for notice in connection.notifies():
                with self._changed:
                    self._at.setdefault(notice.payload, time.monotonic())
                    self._changed.notify_all()

    def wait(self, name: str) -> float | None:
        """Return when that was, by the monotonic clock, as soon as it is."""
        with self._changed:
            self._changed.wait_for(lambda: name in self._at, MOMENT_SECONDS)
            return self._at.get(name)


def cancel(moments: Moments, order: dict[str, Any]) -> dict[str, Any]:
    """Wait for the moment of the order and cancel its job; return what is told of it."""
    from core.errors import Refused
    from core.life import requests
    from core.models import Job

    job = Job(pk=order["job"])
    began: float | None = order["at"]
    if order["moment"]:
        began = moments.wait(f"{order['job']} {order['moment']}")
    until = (began or time.monotonic()) + order["offset"]
    while (left := until - time.monotonic()) > 0:
        time.sleep(left)
    late = time.monotonic() - until
    try:
        requests.cancel(job, by="chaos")
        answer = "accepted"
    except Refused:
        answer = "refused"
    except Exception as error:  # noqa: BLE001  whatever it is, it is told
        answer = f"{type(error).__name__}: {error}"
    return {"job": order["job"], "answers": [answer], "late": late}


def cancel_and_say(pool: ThreadPoolExecutor, moments: Moments, order: dict[str, Any]) -> None:
    other = pool.submit(cancel, moments, order) if order["twice"] else None
    told = cancel(moments, order)
    if other is not None:
        told["answers"] += other.result()["answers"]
    say(told)


def say(line: dict[str, Any]) -> None:
    with _said:
        print(json.dumps(line), flush=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    django.setup()
    from django.db import connection

    def warm() -> None:
        connection.ensure_connection()
        warmed.wait(MOMENT_SECONDS)

    moments = Moments()
    with ThreadPoolExecutor(THREADS) as pool, ThreadPoolExecutor(THREADS) as others:
        # A connection takes longer to make than the moments that are aimed at.
        warmed = threading.Barrier(2 * THREADS)
        for each in (pool, others):
            for _ in range(THREADS):
                each.submit(warm)
        threading.Thread(target=moments.listen, args=[os.environ["DATABASE_URL"]], daemon=True).start()
        for line in sys.stdin:
            order = {**json.loads(line), "at": time.monotonic()}
            pool.submit(cancel_and_say, others, moments, order)


if __name__ == "__main__":
    main()
