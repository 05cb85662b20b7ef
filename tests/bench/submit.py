"""What a submit costs the person: its request ÷ a constant view's, on the same server and connection.

The constant view is asked as the submit is: a POST with its token by somebody who has logged in. `/healthz`, which
asks neither session nor database, is printed beside it.

Measured with the broker running, with its memory alarm on, and with it killed: a submit never waits for it.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

from tests.services.postgres import PostgresNode
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Site

REQUESTS = 300
WARM_UP = 50


def run(*, runs: int) -> dict[str, dict[str, float]]:
    """Return, by condition of the broker, p50 and p95 of both in milliseconds and their ratios: medians of `runs`."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    rabbit.start()
    postgres.start()
    site = Site(
        "rabbitmq",
        folder / "site",
        database_url=postgres.create_database("bench_submit"),
        rabbitmq_url=rabbit.url,
        settings={
            "EXTRA_PIPELINES": "tests.pipelines",
            "LOG_LEVEL": "WARNING",
            "DJANGO_SETTINGS_MODULE": "tests.bench.settings",
        },
    )
    try:
        site.migrate()
        site.add_user("bench")
        site.start_web()
        client = Client(site)
        figures = {"broker running": compare(client, runs=runs)}
        rabbit.set_memory_alarm(True)
        figures["memory alarm"] = compare(client, runs=runs)
        rabbit.set_memory_alarm(False)
        rabbit.kill9()
        figures["broker killed"] = compare(client, runs=runs)
        return figures
    finally:
        site.stop()
        rabbit.stop()
        postgres.stop()


class Client:
    """One logged-in person on one kept connection."""

    def __init__(self, site: Site) -> None:
        person = site.person("bench")
        self.token = person.cookie("csrftoken")
        self.cookies = f"csrftoken={self.token}; sessionid={person.cookie('sessionid')}"
        self.connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)

    def health(self) -> None:
        self._ask("GET", "/healthz", "", 200)

    def constant(self) -> None:
        self._ask("POST", "/constant/", urlencode({"csrfmiddlewaretoken": self.token}), 200)

    def submit(self) -> None:
        body = urlencode({"csrfmiddlewaretoken": self.token, "idempotency-key": uuid.uuid4().hex})
        self._ask("POST", "/pipelines/noop/", body, 302)

    def _ask(self, method: str, path: str, body: str, status: int) -> None:
        headers = {"Cookie": self.cookies, "Content-Type": "application/x-www-form-urlencoded"}
        self.connection.request(method, path, body or None, headers)
        answer = self.connection.getresponse()
        answer.read()
        if answer.status != status:
            raise RuntimeError(f"{method} {path} answered {answer.status}")


def compare(client: Client, *, runs: int) -> dict[str, float]:
    rows = [compare_once(client) for _ in range(runs)]
    return {name: statistics.median(row[name] for row in rows) for name in rows[0]}


def compare_once(client: Client) -> dict[str, float]:
    # In turn, so that what else the machine does falls on both.
    acts: dict[str, Callable[[], None]] = {
        "health": client.health,
        "constant": client.constant,
        "submit": client.submit,
    }
    times: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(WARM_UP + REQUESTS):
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            if number >= WARM_UP:
                times[name].append((time.perf_counter() - began) * 1000)
    p50 = {name: statistics.median(values) for name, values in times.items()}
    p95 = {name: statistics.quantiles(values, n=20)[18] for name, values in times.items()}
    return {
        "submit p50 ms": p50["submit"],
        "submit p95 ms": p95["submit"],
        "constant p50 ms": p50["constant"],
        "constant p95 ms": p95["constant"],
        "health p50 ms": p50["health"],
        "p50 ratio": p50["submit"] / p50["constant"],
        "p95 ratio": p95["submit"] / p95["constant"],
    }
