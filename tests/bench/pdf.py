"""PDF reports and documents as jobs ÷ the same pages by the engine alone, in one run.

A whole site runs on RabbitMQ and PostgreSQL, with one worker process of two threads for the processor's work. A job's
seconds are from its submit to its end. Bare is the very same parts, planned already, set by two plain processes that
are recycled, and joined with pikepdf; plain is the same table as Typst's own, without any plan.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench import printing
from tests.services.postgres import PostgresNode
from tests.services.processes import children_of
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Site

THREADS = printing.PROCESSES
OWNER = "bench"
ROWS, FEW, MANY, INVOICES = 100_000, 10_000, 500_000, 1_000
#: What the fields of an invoice are filled from.
INVOICE = {
    "number": {"column": "number"},
    "date": {"column": "day"},
    "recipient": {"column": "customer"},
    "address": {"text": "1 Long Street, Anytown"},
    "description": {"column": "product"},
    "quantity": {"column": "units"},
    "amount": {"column": "amount"},
    "sender": {"text": "Lamps & Sons"},
}
#: A process above these resident megabytes is beyond what was promised.
MOST_MEGABYTES = 800


@dataclass
class World:
    """A site with its datasets, by their rows."""

    folder: Path
    site: Site
    database: str
    datasets: dict[int, int] = field(default_factory=dict)
    #: The most resident megabytes of any process while a job ran.
    peak: int = 0

    def import_table(self, rows: int) -> None:
        path = self.folder / f"{rows}.csv"
        printing.write_table(path, rows)
        options = ("--owner", OWNER, "--file", f"file={path}", "--wait", "600")
        made = self.site.run_json("job", "submit", "csv_import", *options, timeout=700)
        self.datasets[rows] = made["result"]["dataset"]

    def run(self, pipeline: str, rows: int, **params: object) -> tuple[int, float]:
        """Run a job on this dataset to its end; return its id and seconds."""
        given = [text for name, value in params.items() for text in ("--param", f"{name}={value}")]
        asked = ("--owner", OWNER, "--param", f"dataset={self.datasets[rows]}", *given, "--wait", "900")
        with ThreadPoolExecutor(max_workers=1) as thread:
            self._watch(thread.submit(self.site.run_json, "job", "submit", pipeline, *asked, timeout=1000))
        query = """
            SELECT id, extract(epoch FROM finished_at - created_at), state, error
            FROM core_job WHERE parent_id IS NULL ORDER BY id DESC LIMIT 1
        """
        ((job, seconds, state, error),) = self.ask(query)
        if state != "succeeded":
            raise RuntimeError(f"{pipeline}: {error}")
        return job, float(seconds)

    def plan_of(self, job: int) -> dict[str, Any]:
        ((result,),) = self.ask("SELECT result FROM core_jobstep WHERE job_id = %s AND key = 'plan'", job)
        return dict(result)

    def path(self, key: str) -> Path:
        return self.site.home / "files" / key

    def parquet(self, rows: int) -> Path:
        ((key,),) = self.ask("SELECT parquet_path FROM core_dataset WHERE id = %s", self.datasets[rows])
        return self.path(key)

    def ask(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query.encode(), values or None).fetchall()

    def _watch(self, job: Future[Any]) -> None:
        workers = [process.pid for process in self.site.processes]
        while not job.done():
            self.peak = max([self.peak, *printing.peak_of(children_of(workers)).values()])
            time.sleep(0.2)
        job.result()


@contextmanager
def opened() -> Iterator[World]:
    folder = Path(tempfile.mkdtemp(prefix="headway-pdf-bench-"))
    folder.chmod(0o711)
    rabbit, postgres = RabbitNode(folder / "rabbitmq"), PostgresNode(folder / "postgres")
    try:
        rabbit.start()
        postgres.start()
        database = postgres.create_database("pdf_bench")
        times = {"LOG_LEVEL": "WARNING", "LEASE_SECONDS": "60", "REAP_SECONDS": "10", "REPUBLISH_SECONDS": "30"}
        site = Site("rabbitmq", folder / "site", database_url=database, rabbitmq_url=rabbit.url, settings=times)
        try:
            site.migrate()
            site.add_user(OWNER)
            site.start_worker(1, "--not-queues", "cpu", "--processes", "1", "--threads", "4")
            site.start_worker(1, "--queues", "cpu", "--processes", "1", "--threads", str(THREADS))
            yield World(folder, site, database)
        finally:
            site.stop()
    finally:
        rabbit.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


# -- the bare side ---------------------------------------------------------------------------------


def bare_report(world: World, job: int) -> float:
    """Set the parts that the job had planned, and join them; return the seconds."""
    plan = world.plan_of(job)
    folder = world.path(plan["folder"])
    parts = json.loads((folder / "plan.json").read_text())["parts"]
    return _bare(
        world,
        _set_part,
        [
            {"folder": str(folder), "timestamp": plan["timestamp"], "part": part["part"], "pages": part["pages"]}
            for part in parts
        ],
    )


def bare_documents(world: World, job: int) -> float:
    """Set the batches that the job had planned, and join them; return the seconds."""
    plan = world.plan_of(job)
    return _bare(
        world,
        _set_batch,
        [
            {
                "batch": str(world.path(f"{plan['folder']}/{batch['file']}")),
                "folder": str(world.path(plan["template"])),
                "families": plan["planned"]["fonts"],
                "output": "pdf",
                "logo": "",
                "timestamp": 0,
            }
            for batch in plan["planned"]["batches"]
        ],
    )


def _bare(world: World, task: Callable[[dict[str, Any]], None], items: list[dict[str, Any]]) -> float:
    out = world.folder / "bare"
    out.mkdir(exist_ok=True)
    for number, item in enumerate(items):
        item["out"] = str(out / f"{number:06}.pdf")
    began = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(
        THREADS, initializer=django.setup, maxtasksperchild=printing.RUNS_A_PROCESS
    ) as pool:
        pool.map(task, items, chunksize=1)
    printing.merge([Path(item["out"]) for item in items], out / "all.pdf")
    seconds = time.perf_counter() - began
    shutil.rmtree(out)
    return seconds


def _set_part(item: dict[str, Any]) -> None:
    from actors.pipelines.pdf_export import render

    render.render(_silent, **item)


def _set_batch(item: dict[str, Any]) -> None:
    from actors.pipelines.documents import typeset

    typeset.typeset(_silent, target=item.pop("out"), **item)


def _silent(*_: object) -> None:
    """A report that nobody reads."""


# -- the figures -----------------------------------------------------------------------------------


def run(*, runs: int, weasyprint_runs: int) -> dict[str, float]:
    """Return the medians: seconds, ratios within a run, and the peak."""
    # The parts' settings, for the bare side: where fonts are.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")
    seconds: dict[str, list[float]] = {}
    with opened() as world:
        for rows in (INVOICES, FEW, ROWS, MANY):
            world.import_table(rows)
        plain_fonts = printing.font_folder(world.folder / "fonts")
        mapped = {"template": "invoice", "output": "pdf", "mapping": json.dumps(INVOICE)}
        # Both sides' first runs load what later ones find loaded.
        world.run("pdf_export", FEW)
        for number in range(runs):
            row: dict[str, float] = {}
            job, row["report"] = world.run("pdf_export", ROWS)
            row["bare report"] = bare_report(world, job)
            row["plain report"] = printing.plain_chunks(world.parquet(ROWS), world.folder, font_folder=plain_fonts)
            _, row["few"] = world.run("pdf_export", FEW)
            if number < weasyprint_runs:
                row["weasyprint"] = printing.weasyprint_seconds(world.parquet(FEW), world.folder / "weasyprint.pdf")
            job, row["invoices"] = world.run("documents", INVOICES, **mapped)
            row["bare invoices"] = bare_documents(world, job)
            if number == 0:
                _, row["many"] = world.run("pdf_export", MANY)
            for name, value in row.items():
                seconds.setdefault(name, []).append(value)
            print(
                f"  run {number + 1}: " + ", ".join(f"{name} {value:.2f} s" for name, value in row.items()), flush=True
            )
        figures = {name: statistics.median(values) for name, values in seconds.items()}
        for above, below in (("report", "bare report"), ("report", "plain report"), ("invoices", "bare invoices")):
            ratios = [one / other for one, other in zip(seconds[above], seconds[below], strict=True)]
            figures[f"{above} ÷ {below}"] = statistics.median(ratios)
        pairs = zip(seconds.get("weasyprint", ()), seconds["few"], strict=False)
        ratios = [slow / fast for slow, fast in pairs]
        figures["weasyprint ÷ few"] = statistics.median(ratios) if ratios else 0.0
        return {**figures, "peak": float(world.peak)}


def report(*, runs: int, weasyprint_runs: int) -> None:
    """Print the figures beside their aims."""
    figures = run(runs=runs, weasyprint_runs=weasyprint_runs)
    print(f"  {ROWS:,} rows ÷ the same parts bare       {figures['report ÷ bare report']:.2f}   (aim: at most 1.15)")
    print(f"  {ROWS:,} rows ÷ Typst's own table, chunked {figures['report ÷ plain report']:.2f}")
    print(f"  {FEW:,} rows: WeasyPrint ÷ the job         {figures['weasyprint ÷ few']:.1f}   (aim: at least 10)")
    print(
        f"  {INVOICES:,} invoices ÷ the batches bare   {figures['invoices ÷ bare invoices']:.2f}   (aim: at most 1.15)"
    )
    each = {rows: 1000 * figures[name] / rows for name, rows in (("few", FEW), ("report", ROWS), ("many", MANY))}
    print("  milliseconds a row  " + ", ".join(f"{rows:,} rows: {value:.3f}" for rows, value in each.items()))
    print(f"  peak of any process {figures['peak']:,.0f} MB   (aim: at most {MOST_MEGABYTES})")
