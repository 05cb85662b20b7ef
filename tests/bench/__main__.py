"""Runs the benchmarks and prints their ratios: all of them, or those that are named (`python -m tests.bench csv pdf`).

Each ratio is between two things measured in turn in the same run, so that it holds on a shared machine whose speed
drifts; the figures beside it are of this machine and this day.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from tests.bench import submit, throughput


def bench_throughput(options: argparse.Namespace) -> None:
    print(f"Tracked jobs ÷ bare Dramatiq messages ({throughput.PROCESSES} processes × {throughput.THREADS} threads)")
    figures = throughput.run(jobs=options.jobs, runs=options.runs)
    print(f"  ratio                {figures['ratio']:.2f}   (aim: at least 0.25, towards 0.5)")
    print(
        f"  from the database    {figures['waiting ratio']:.2f}   "
        f"({figures['waiting']:,.0f} a second; published as room comes)"
    )
    print(f"  bare, tracked        {figures['bare']:,.0f} and {figures['tracked']:,.0f} a second")
    print(f"  bulk submit          {figures['submit']:,.0f} jobs a second   (aim: at least 5,000)")
    print(f"  relay, alone         {figures['publish']:,.0f} jobs a second published and marked")


def bench_submit(options: argparse.Namespace) -> None:
    print("A submit's request ÷ a constant view's, both a POST of somebody logged in")
    for condition, row in submit.run(runs=options.runs).items():
        print(
            f"  {condition:<16} p50 {row['p50 ratio']:.2f}, p95 {row['p95 ratio']:.2f}   "
            f"({row['submit p50 ms']:.1f} and {row['constant p50 ms']:.1f} ms; p95 {row['submit p95 ms']:.1f} and "
            f"{row['constant p95 ms']:.1f} ms; /healthz p50 {row['health p50 ms']:.2f} ms)"
        )
    print("  aim: p50 at most 2.5, and the same whatever the broker does")


def bench_limits(options: argparse.Namespace) -> None:
    from tests.bench import limits

    print("Jobs let go a second by the gate of one hot key, each counted by GCRA ÷ the same number without a limit")
    limits.report(jobs=options.jobs, runs=options.runs)


def bench_api(options: argparse.Namespace) -> None:
    from tests.bench import api

    print("The API ÷ the page: a submit with a token as JSON, and one of a logged-in person's form")
    api.report(runs=options.runs)


def bench_doors(options: argparse.Namespace) -> None:
    from tests.bench import doors

    print("The doors for code")
    doors.report(runs=options.runs)


def bench_cancels(options: argparse.Namespace) -> None:
    from tests.bench import cancels

    print("Seconds from an accepted cancel to the end of a job that does not listen")
    cancels.report()


def bench_schedules(options: argparse.Namespace) -> None:
    from tests.bench import schedules

    print("Schedules: cron ÷ an independent reading, and one process that fires them")
    schedules.report(runs=options.jobs)


def bench_async(options: argparse.Namespace) -> None:
    from tests.bench import async_jobs

    print(f"{options.waits:,} async jobs that each wait 5 s for a slow server, on one process")
    async_jobs.report(jobs=options.waits, seconds=5)
    print("  aim: under 15 s and 300 MB")


def bench_csv(options: argparse.Namespace) -> None:
    from tests.bench import csv_bench

    csv_bench.report(gigabytes=options.gb, runs=options.runs)


def bench_csv_detection(options: argparse.Namespace) -> None:
    from tests.bench import csv_detection

    print("Reading of generated files, all ways of writing and damage, nothing set: Headway and others")
    csv_detection.report_briefly()


def bench_pdf(options: argparse.Namespace) -> None:
    from tests.bench import pdf

    print("PDF reports and documents as jobs ÷ the engine alone")
    pdf.report(runs=options.runs, weasyprint_runs=options.weasyprint_runs)


def bench_peers(options: argparse.Namespace) -> None:
    from tests.bench import peers

    print("The same tiny task on other queues and on Headway, two processes each")
    peers.report(runs=options.peer_runs, only=options.peer)


BENCHES: dict[str, Callable[[argparse.Namespace], None]] = {
    "throughput": bench_throughput,
    "submit": bench_submit,
    "limits": bench_limits,
    "async": bench_async,
    "cancels": bench_cancels,
    "doors": bench_doors,
    "api": bench_api,
    "schedules": bench_schedules,
    "csv": bench_csv,
    "csv_detection": bench_csv_detection,
    "pdf": bench_pdf,
    "peers": bench_peers,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "benches",
        nargs="*",
        metavar="BENCH",
        help=f"of {', '.join(BENCHES)}; all unless named",
    )
    parser.add_argument("--runs", type=int, default=5, help="runs of which the median is taken")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs of a throughput run")
    parser.add_argument("--waits", type=int, default=1_000, help="async jobs that wait at once")
    parser.add_argument("--gb", type=float, default=1.0, help="size of the generated CSV")
    parser.add_argument("--weasyprint-runs", type=int, default=5, help="runs of WeasyPrint, a minute each")
    parser.add_argument("--peer-runs", type=int, default=3, help="runs of each other queue; 12 minutes are the most")
    parser.add_argument("--peer", action="append", default=[], help="this other queue only; may be given again")
    options = parser.parse_args()
    for name in options.benches or BENCHES:
        BENCHES[name](options)
        print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
