"""Where a scenario plays: a broker, a database with the witness in it, a site, and its fleet of workers."""

from __future__ import annotations

import re
import shutil
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pika
import psycopg

from tests.chaos.fleet import Fleet
from tests.chaos.submitting import OWNER, BulkSubmitter, Ledger, WebSubmitter
from tests.services.postgres import GivenPostgres
from tests.services.processes import ProcessDied
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Site
from tests.services.waiting import wait_until

#: Short times, so that a lease runs out in seconds; every ratio between them is that of a site in life.
SETTINGS = {
    "EXTRA_PIPELINES": "tests.pipelines,tests.chaos.pipelines,tests.chaos.hard_pipelines,tests.chaos.async_pipelines",
    "LEASE_SECONDS": "4",
    "REAP_SECONDS": "1",
    "REPUBLISH_SECONDS": "3",
    "RETRY_BASE_SECONDS": "0.2",
    "RETRY_CAP_SECONDS": "2",
    "STOP_GRACE_SECONDS": "2",
    "DISK_FLOOR_BYTES": "1000000",
}
#: Times that a broker is started until it runs.
BROKER_STARTS = 5
_WITNESS = Path(__file__).parent / "witness.sql"
_SQLITE_WITNESS = Path(__file__).parent / "witness_sqlite.sql"
#: The template database of each server, by its URL.
_templates: dict[str, str] = {}
_EVENT = re.compile(r" (WARNING|ERROR|CRITICAL) \S+ (\S+)")


class World:
    """A site with its fleet, its ledger and its witness, on whichever database."""

    site: Site
    fleet: Fleet
    #: None on the embedded runtime.
    rabbit: RabbitNode | None = None
    broker_url = ""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self._submitters: list[WebSubmitter | BulkSubmitter] = []

    # -- who submits -------------------------------------------------------------------------------

    def people(self, pipeline: str, **options: Any) -> WebSubmitter:
        submitter = WebSubmitter(self.site, self.ledger, pipeline, **options)
        self._submitters.append(submitter)
        return submitter

    def script(
        self, pipeline: str, *, owner: str = OWNER, environment: Mapping[str, str] | None = None
    ) -> BulkSubmitter:
        submitter = BulkSubmitter(self.site, self.ledger, pipeline, owner=owner, environment=environment)
        self._submitters.append(submitter)
        return submitter

    def finish_submits(self) -> None:
        """Wait until every submit was answered."""
        for submitter in self._submitters:
            submitter.finish()
        self._submitters.clear()

    # -- what is seen ------------------------------------------------------------------------------

    @property
    def files(self) -> Path:
        """The root of the file store."""
        return Path(self.site.environment.get("STORAGE_URL", f"file://{self.site.home}/files").removeprefix("file://"))

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        raise NotImplementedError

    def left(self) -> int:
        """Jobs that have not ended."""
        query = "SELECT count(*) FROM core_job WHERE state NOT IN ('succeeded', 'failed', 'cancelled')"
        return int(self.ask(query)[0][0])

    def wait_until_quiet(self, seconds: float) -> float:
        """Wait until every job has ended, with the fleet tended; return the seconds it took."""
        began = time.monotonic()

        def is_quiet() -> bool:
            self.fleet.tend()
            return self.left() == 0

        wait_until(is_quiet, seconds, "all jobs to end", every=0.1)
        return time.monotonic() - began

    def database_errors(self) -> Counter[str]:
        """What the database has logged as an error since the stage was set."""
        return Counter()

    def log_events(self) -> Counter[str]:
        """Warnings and worse in the logs of the site's processes, by event."""
        counts: Counter[str] = Counter()
        for log in (self.site.home / "logs").glob("*.log"):
            for line in log.read_text(errors="replace").splitlines():
                if found := _EVENT.search(line):
                    counts[f"{found[1].lower()} {found[2]}"] += 1
                elif line.startswith("Traceback"):
                    counts["traceback"] += 1
        return counts

    def close(self) -> None:
        """End and remove what was started."""
        for submitter in self._submitters:
            submitter.finish()
        self.fleet.stop()
        self.site.stop()


class Stage(World):
    """A world on RabbitMQ and PostgreSQL. What it started is gone when `close` returns.

    `settings` are environment variables of the site, added to those of every stage.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        rabbit: RabbitNode,
        postgres: GivenPostgres,
        *,
        threads: int,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        if not rabbit.is_running:
            rabbit.start()
        self.rabbit = rabbit
        self._postgres = postgres
        self._database = f"chaos_{name}_{time.time_ns()}"
        self._postgres_log = Path(getattr(postgres, "folder", folder)) / "node.log"
        self._postgres_log_start = self._postgres_log.stat().st_size if self._postgres_log.exists() else 0
        template = _template_on(postgres, folder)
        database_url = postgres.create_database(self._database, template=template)
        self.broker_url = rabbit.create_vhost(self._database)
        self.site = Site(
            "rabbitmq", folder / self._database, database_url=database_url, rabbitmq_url=self.broker_url,
            settings={**SETTINGS, **(settings or {})},
        )  # fmt: skip
        self.fleet = Fleet(self.site, threads=threads)
        self._broker_kills = 0
        #: Set once the broker that is to be killed is dead, also when another runs by then.
        self.broker_is_down = threading.Event()
        self.broker_starts_repeated = 0
        # Starts the broker again: a process ends with the thread that started it, so this one stays until the end.
        self._broker_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker")
        self.connection = psycopg.connect(database_url, autocommit=True, application_name="suite")

    def close(self) -> None:
        super().close()
        self.connection.close()
        self._postgres.drop_database(self._database)
        if self._broker_kills and self.rabbit is not None:
            # It would end with its thread: let it be down for sure, so that the next scenario starts it.
            self.rabbit.kill9()
        self._broker_thread.shutdown()

    # -- what breaks -------------------------------------------------------------------------------

    def kill_broker(self, *, is_wiped: bool, down_seconds: float) -> Future[None]:
        """kill -9 the broker, delete its data if so wished, start it again; done when it serves."""
        rabbit = self.rabbit
        assert rabbit is not None
        self.broker_is_down.clear()

        def kill_and_start() -> None:
            rabbit.kill9()
            self.broker_is_down.set()
            if is_wiped:
                rabbit.wipe_data()
            time.sleep(down_seconds)
            self._start_broker(rabbit)

        self._broker_kills += 1
        return self._broker_thread.submit(kill_and_start)

    def _start_broker(self, rabbit: RabbitNode) -> None:
        for _ in range(BROKER_STARTS - 1):
            try:
                rabbit.start()
            except ProcessDied:
                # While it was down, somebody's outgoing connection got one of its ports as its own; it passes.
                self.broker_starts_repeated += 1
                time.sleep(2)
            else:
                return
        rabbit.start()

    # -- what is seen ------------------------------------------------------------------------------

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, values or None).fetchall()

    def ask_nothing(self, statement: str, *values: Any) -> None:
        """Run a statement that has no rows."""
        self.connection.execute(statement, values or None)

    def ready_messages(self) -> int:
        """Messages that lie in the broker's queues and were given to nobody."""
        with closing(pika.BlockingConnection(pika.URLParameters(self.broker_url))) as connection:
            channel = connection.channel()
            return int(channel.queue_declare("default", passive=True).method.message_count)

    def working_pids(self) -> set[int]:
        """Processes that hold a job whose lease is good."""
        rows = self.ask("SELECT DISTINCT worker FROM core_job WHERE state = 'running' AND lease_until > now()")
        return {int(name.rpartition(":")[2]) for (name,) in rows}

    def database_errors(self) -> Counter[str]:
        """What PostgreSQL has logged as an error since the stage was set."""
        if not self._postgres_log.exists():
            return Counter()
        with self._postgres_log.open(errors="replace") as log:
            log.seek(self._postgres_log_start)
            found = re.findall(r"(?:ERROR|FATAL|PANIC):  (.+)", log.read())
        return Counter(re.sub(r"\d+", "N", text) for text in found)


class EmbeddedStage(World):
    """A world on SQLite, with the worker's own broker; its database lies in `database_folder`, or at home."""

    def __init__(
        self,
        name: str,
        folder: Path,
        *,
        threads: int,
        database_folder: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        template = folder / "embedded_template" / "db.sqlite3"
        if not template.exists():
            made = Site("embedded", template.parent)
            made.migrate()
            made.add_user(OWNER)
            with sqlite3.connect(template) as connection:
                connection.executescript(_SQLITE_WITNESS.read_text())
            connection.close()
        home = folder / f"chaos_{name}_{time.time_ns()}"
        self.database = (database_folder or home) / "db.sqlite3"
        own = {"DATABASE_URL": f"sqlite:///{self.database}", **(settings or {})}
        self.site = Site("embedded", home, settings={**SETTINGS, **own})
        shutil.copy(template, self.database)
        self.fleet = Fleet(self.site, threads=threads)

    def ask(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        connection = sqlite3.connect(self.database, timeout=30)
        try:
            return connection.execute(query.replace("%s", "?"), values).fetchall()
        finally:
            connection.close()


def _template_on(postgres: GivenPostgres, folder: Path) -> str:
    """Return the name of a migrated database with the witness and a user: migrating takes seconds, a copy none."""
    if name := _templates.get(postgres.url):
        return name
    name = f"chaos_template_{time.time_ns()}"
    url = postgres.create_database(name)
    # The broker is not asked by a migration: any address chooses the runtime.
    site = Site("rabbitmq", folder / name, database_url=url, rabbitmq_url="amqp://127.0.0.1:1/", settings=SETTINGS)
    site.migrate()
    site.add_user(OWNER)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_WITNESS.read_text())
    _templates[postgres.url] = name
    return name


@contextmanager
def staged(
    name: str,
    folder: Path,
    rabbit: RabbitNode,
    postgres: GivenPostgres,
    *,
    threads: int,
    settings: Mapping[str, str] | None = None,
) -> Iterator[Stage]:
    """A stage that is struck when the scenario is over, however it ended."""
    stage = Stage(name, folder, rabbit, postgres, threads=threads, settings=settings)
    try:
        yield stage
    finally:
        stage.close()
