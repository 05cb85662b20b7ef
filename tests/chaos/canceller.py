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
from typing import Any

import django

#: Seconds for which a moment is waited for.
MOMENT_SECONDS = 30.0
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


def cancel(moments: Moments, order: dict[str, Any]) -> None:
    from django.db import connection

    from core.errors import Refused
    from core.life import requests
    from core.models import Job

    job = Job(pk=order["job"])
    answers: list[str] = []

    def ask() -> None:
        connection.ensure_connection()
        ready.wait(MOMENT_SECONDS)
        until = (began or time.monotonic()) + order["offset"]
        while (left := until - time.monotonic()) > 0:
            time.sleep(left)
        late.append(time.monotonic() - until)
        try:
            requests.cancel(Job.objects.get(pk=job.pk), by="chaos")
            answers.append("accepted")
        except Refused:
            answers.append("refused")
        except Exception as error:  # noqa: BLE001  whatever it is, it is told
            answers.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    late: list[float] = []
    began: float | None = time.monotonic()
    ready = threading.Event()
    threads = [threading.Thread(target=ask) for _ in range(2 if order["twice"] else 1)]
    for thread in threads:
        thread.start()
    if order["moment"]:
        began = moments.wait(f"{order['job']} {order['moment']}")
    ready.set()
    for thread in threads:
        thread.join()
    say({"job": order["job"], "answers": answers, "late": max(late, default=0.0)})


def say(line: dict[str, Any]) -> None:
    with _said:
        print(json.dumps(line), flush=True)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    django.setup()
    moments = Moments()
    threading.Thread(target=moments.listen, args=[os.environ["DATABASE_URL"]], daemon=True).start()
    for line in sys.stdin:
        threading.Thread(target=cancel, args=[moments, json.loads(line)]).start()


if __name__ == "__main__":
    main()
