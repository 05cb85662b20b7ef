"""Prometheus figures: of the jobs from the database, of requests from this process."""

from __future__ import annotations

import datetime as dt
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.db import connection, transaction
from django.db.models import Count, Min, QuerySet, Sum
from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from core import pipelines
from core.database.clock import database_now
from core.models import AlarmCount, Job, Mail, RunSeconds
from core.models.states import CLAIMABLE, State
from core.operation import alarms, presence

#: The variable by which prometheus-client finds the folder that the processes of a server share.
SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
#: Upper bounds of the run histogram, in seconds.
RUN_BOUNDS = (0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0)
#: How an unbounded bucket is stored.
UNBOUNDED = -1.0

#: The figures of this process alone; `render` adds those of its siblings and of the database.
registry = CollectorRegistry()
http_seconds = Histogram(
    "headway_http_request_seconds",
    "Seconds a request took, by view, method and status class.",
    ["view", "method", "status"],
    registry=registry,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)
broker_up = Gauge(
    "headway_relay_broker_up",
    "1 when a relay of this machine reached the broker last time.",
    registry=registry,
    multiprocess_mode="mostrecent",
)


def figures_folder(home: Path, port: int) -> Path:
    """Return the folder of the server at this port."""
    return home / "run" / f"metrics-{port}"


@dataclass
class RunTimes:
    """Run times of this process that are not yet in the database."""

    _sums: dict[tuple[str, str, float], tuple[int, float]] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def observe(self, *, pipeline: str, state: str, seconds: float) -> None:
        bound = next((bound for bound in RUN_BOUNDS if seconds <= bound), UNBOUNDED)
        key = (pipeline, str(state), bound)
        with self._guard:
            count, total = self._sums.get(key, (0, 0.0))
            self._sums[key] = (count + 1, total + seconds)

    def flush(self) -> None:
        """Add the observed times to the sums in the database; the keeper calls it now and then."""
        with self._guard:
            sums, self._sums = self._sums, {}
        if not sums:
            return
        try:
            _add_to_database(sums)
        except BaseException:
            with self._guard:
                for key, (count, total) in sums.items():
                    newer_count, newer_total = self._sums.get(key, (0, 0.0))
                    self._sums[key] = (count + newer_count, total + newer_total)
            raise


def _add_to_database(sums: dict[tuple[str, str, float], tuple[int, float]]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # In one order for all processes: no deadlocks.
        for (pipeline, state, bound), (count, seconds) in sorted(sums.items()):
            cursor.execute(
                "INSERT INTO core_runseconds (pipeline, state, le, count, seconds) VALUES (%s, %s, %s, %s, %s) "
                "ON CONFLICT (pipeline, state, le) DO UPDATE SET count = core_runseconds.count + excluded.count, "
                "seconds = core_runseconds.seconds + excluded.seconds",
                [pipeline, state, bound, count, seconds],
            )


#: The run times of this process.
run_seconds = RunTimes()


class JobCollector(Collector):
    """The figures from the database, queried at each scrape."""

    def collect(self) -> Iterator[GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily]:
        yield from self._jobs()
        yield from self._held_and_failed()
        yield from self._queues()
        yield from self._workers()
        yield from self._alarms()
        yield from self._mails()
        yield from self._runs()

    def _jobs(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("headway_jobs", "Jobs by pipeline and state.", labels=["pipeline", "state"])
        for name, state, count in Job.objects.values_list("pipeline", "state").annotate(count=Count("pk")):
            family.add_metric([name, state], count)
        yield family

    def _held_and_failed(self) -> Iterable[GaugeMetricFamily]:
        held = GaugeMetricFamily(
            "headway_held_jobs", "Jobs that a limit or a pause keeps back, by pipeline.", labels=["pipeline"]
        )
        counts = dict(_by_pipeline(Job.objects.filter(is_held=True, state__in=CLAIMABLE)))
        for name in sorted({spec.name for spec in pipelines.every()} | set(counts)):
            held.add_metric([name], counts.get(name, 0))
        failed = Job.objects.whole().filter(state=State.FAILED).count()
        yield held
        yield GaugeMetricFamily("headway_failed_jobs", "Failed jobs that nobody has acted on.", value=failed)

    def _workers(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily("headway_workers", "Worker processes that take jobs, by queue.", labels=["queue"])
        taking = Counter(queue for worker in presence.alive() if not worker.is_stopping for queue in worker.queues)
        for queue in sorted(set(pipelines.queues()) | set(taking)):
            family.add_metric([queue], taking[queue])
        yield family

    def _alarms(self) -> Iterable[CounterMetricFamily]:
        bad = CounterMetricFamily(
            "headway_bad_messages", "Messages that could not be run, by kind and queue.", labels=["kind", "queue"]
        )
        other = CounterMetricFamily(
            "headway_alarms", "What else should not have happened, by alarm and place.", labels=["alarm", "place"]
        )
        for row in AlarmCount.objects.order_by("name", "place"):
            (bad if row.name in alarms.BAD_MESSAGES else other).add_metric([row.name, row.place], row.count)
        yield from (bad, other)

    def _mails(self) -> Iterable[GaugeMetricFamily]:
        unknown = Mail.objects.filter(state=Mail.State.UNKNOWN).count()
        yield GaugeMetricFamily("headway_unknown_mails", "Mails that may or may not have been sent.", value=unknown)

    def _queues(self) -> Iterable[GaugeMetricFamily]:
        depth = GaugeMetricFamily("headway_queue_depth", "Due jobs that nobody has claimed.", labels=["queue"])
        age = GaugeMetricFamily("headway_queue_age_seconds", "Age of the oldest due job.", labels=["queue"])
        lag = GaugeMetricFamily(
            "headway_relay_lag_seconds",
            "Age of the oldest due job that is not yet published.",
            labels=["queue"],
        )
        now = database_now()
        due = Job.objects.filter(state__in=CLAIMABLE, run_at__lte=now)
        waiting = {queue: (count, oldest) for queue, count, oldest in _by_queue(due)}
        unsent = {queue: oldest for queue, _, oldest in _by_queue(due.filter(published_at__isnull=True))}
        for queue in sorted(set(pipelines.queues()) | set(waiting)):
            count, oldest = waiting.get(queue, (0, None))
            depth.add_metric([queue], count)
            age.add_metric([queue], (now - oldest).total_seconds() if oldest else 0)
            first = unsent.get(queue)
            lag.add_metric([queue], (now - first).total_seconds() if first else 0)
        yield from (depth, age, lag)

    def _runs(self) -> Iterable[HistogramMetricFamily]:
        family = HistogramMetricFamily(
            "headway_run_seconds",
            "Seconds attempts ran, by pipeline and how they ended.",
            labels=["pipeline", "state"],
        )
        rows = RunSeconds.objects.values_list("pipeline", "state").annotate(total=Sum("seconds"))
        counts = {(row.pipeline, row.state, row.le): row.count for row in RunSeconds.objects.all().iterator()}
        for name, state, total in rows:
            running, buckets = 0, []
            for bound in RUN_BOUNDS:
                running += counts.get((name, state, bound), 0)
                buckets.append((str(bound), running))
            running += counts.get((name, state, UNBOUNDED), 0)
            family.add_metric([name, state], [*buckets, ("+Inf", running)], sum_value=total)
        yield family


def _by_pipeline(jobs: QuerySet[Job]) -> Iterable[tuple[str, int]]:
    return jobs.values_list("pipeline").annotate(count=Count("pk"))


def _by_queue(jobs: QuerySet[Job]) -> Iterable[tuple[str, int, dt.datetime]]:
    return jobs.values_list("queue").annotate(count=Count("pk"), oldest=Min("run_at"))


def render() -> bytes:
    """Return all figures in Prometheus' text format, those of requests summed over the server's processes."""
    own = registry
    if SHARED_FOLDER in os.environ:
        own = CollectorRegistry()
        MultiProcessCollector(own)
    jobs = CollectorRegistry()
    jobs.register(JobCollector())
    return generate_latest(own) + generate_latest(jobs)
