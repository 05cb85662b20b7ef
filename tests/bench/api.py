"""What the API costs beside the page: a submit with a token as JSON ÷ one of a logged-in person's form, in one run.

Both are asked in turn, on one kept connection each, of the same server on PostgreSQL with RabbitMQ beside it.
"""

from __future__ import annotations

import http.client
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from tests.bench.submit import REQUESTS, WARM_UP, Client
from tests.services.postgres import PostgresNode
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Site

_MAKE_TOKEN = """
from django.contrib.auth import get_user_model
from core.people import tokens
print(tokens.make(get_user_model().objects.get(username="bench"), name="bench", scope="submit", days=1)[1])
"""


class Program:
    """One token on one kept connection."""

    def __init__(self, site: Site) -> None:
        token = site.run("shell", "--command", _MAKE_TOKEN).stdout.strip().splitlines()[-1]
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)

    def submit(self) -> None:
        self._ask("POST", "/api/v1/pipelines/noop/jobs", '{"params": {}}', 201)

    def me(self) -> None:
        self._ask("GET", "/api/v1/me", "", 200)

    def _ask(self, method: str, path: str, body: str, status: int) -> None:
        headers = {**self._headers, "Idempotency-Key": uuid.uuid4().hex}
        self._connection.request(method, path, body or None, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != status:
            raise RuntimeError(f"{method} {path} answered {answer.status}: {text[:300]!r}")


def report(*, runs: int) -> None:
    """Print the medians of the runs."""
    folder = Path(tempfile.mkdtemp(prefix="headway-bench-"))
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    rabbit.start()
    postgres.start()
    site = Site(
        "rabbitmq",
        folder / "site",
        database_url=postgres.create_database("bench_api"),
        rabbitmq_url=rabbit.url,
        settings={"EXTRA_PIPELINES": "tests.pipelines", "LOG_LEVEL": "WARNING", "API_RATE": "0"},
    )
    try:
        site.migrate()
        site.add_user("bench")
        site.start_web()
        page, program = Client(site), Program(site)
        rows = [_compare({"page": page.submit, "API": program.submit, "me": program.me}) for _ in range(runs)]
    finally:
        site.stop()
        rabbit.stop()
        postgres.stop()
    figures = {name: statistics.median(row[name] for row in rows) for name in rows[0]}
    ratios = [row["API"] / row["page"] for row in rows]
    print(
        f"  submit       p50 {statistics.median(ratios):.2f}   ({min(ratios):.2f} to {max(ratios):.2f}; "
        f"{figures['API']:.1f} and {figures['page']:.1f} ms; GET me {figures['me']:.1f} ms)"
    )


def _compare(acts: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Return the p50 of each act in milliseconds, asked in turn."""
    times: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(WARM_UP + REQUESTS):
        for name, act in acts.items():
            began = time.perf_counter()
            act()
            if number >= WARM_UP:
                times[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(values) for name, values in times.items()}
