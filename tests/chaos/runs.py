"""What a scenario is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

#: Examples that a violation names.
SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much of everything; the defaults are the full form. Each field is an option of the command."""

    jobs: int = 2000
    worker_kills: int = 100
    #: One of them with its data deleted.
    broker_kills: int = 6
    broker_jobs: int = 500
    zombies: int = 20
    #: Kills in each phase of a report.
    phase_kills: int = 10
    #: Zombies that one worker holds at a time.
    zombies_a_round: int = 10
    #: Poison of each kind, and the good jobs beside it.
    poison: int = 5
    poison_jobs: int = 200
    cancels: int = 500
    #: Times that the disk is full, at each place.
    disk_rounds: int = 20
    clock_jobs: int = 100
    sqlite_jobs: int = 500
    sqlite_kills: int = 40
    #: Minutes of the tickers' clock, and kills of them, on each database.
    tick_minutes: int = 100
    tick_kills: int = 40
    #: Jobs that hang, fewer than make a worker replace itself; and jobs before and after them.
    hung: int = 5
    hung_jobs: int = 100
    #: Transactions of a host's code that submit, some of which are taken back or die.
    host_transactions: int = 200
    #: Async jobs, and workers that are killed with their hands full of them.
    async_jobs: int = 1200
    async_kills: int = 10
    #: Deploys: every worker is replaced, one after the other.
    rolls: int = 3
    #: Seconds of starts that are counted under a limit.
    limit_seconds: float = 60.0
    #: At each failpoint.
    failpoint_kills: int = 10
    web_submits: int = 300
    web_kills: int = 30
    postgres_jobs: int = 500
    postgres_kills: int = 6
    relay_jobs: int = 500
    relay_kills: int = 50
    alarm_submits: int = 200
    #: Seconds that the broker's memory alarm lasts.
    alarm_seconds: float = 15.0
    network_jobs: int = 200
    #: Of each kind.
    network_faults: int = 10
    workers: int = 4
    #: Threads of each worker.
    threads: int = 4
    #: Seconds that all jobs may take to end once nothing is broken any more, as docs/reliability.md promises.
    quiet_seconds: float = 90.0
    seed: int = 0


@dataclass(kw_only=True)
class Outcome:
    """What was seen in one scenario."""

    scenario: str
    jobs: int = 0
    kills: str = ""
    #: Accepted submits without a job that has succeeded.
    lost: int = 0
    #: Effects that were applied more than once.
    twice: int = 0
    #: Writes that were accepted although another attempt, or none, had the job.
    stale: int = 0
    seconds: float = 0.0
    #: Seconds from the last fault to the last job's end.
    recovered_seconds: float = 0.0
    #: Sentences about what must not be; none is success.
    violations: list[str] = field(default_factory=list)
    #: What else is worth reading: name and value.
    figures: dict[str, object] = field(default_factory=dict)

    def violate(self, what: str, found: Sequence[object]) -> None:
        """Note what was found, if anything was, with some examples."""
        if found:
            more = ", …" if len(found) > SHOWN else ""
            self.violations.append(f"{len(found)} {what}: {'; '.join(map(str, found[:SHOWN]))}{more}")

    @property
    def is_good(self) -> bool:
        return not (self.violations or self.lost or self.twice or self.stale)


_HEADS = (
    "scenario",
    "jobs",
    "kills",
    "lost",
    "effects twice",
    "stale writes accepted",
    "seconds",
    "recovered in",
    "",
)


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as a table that is also Markdown, with figures and violations below."""
    rows = [_HEADS, *map(_row, outcomes)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADS))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    for outcome in outcomes:
        lines += ["", f"{outcome.scenario}:"]
        lines += [f"  {name}: {value}" for name, value in outcome.figures.items()]
        lines += [f"  VIOLATED: {sentence}" for sentence in outcome.violations]
    return "\n".join(lines)


def _row(outcome: Outcome) -> tuple[str, ...]:
    return (
        outcome.scenario,
        f"{outcome.jobs:,}",
        outcome.kills,
        str(outcome.lost),
        str(outcome.twice),
        str(outcome.stale),
        f"{outcome.seconds:.0f}",
        f"{outcome.recovered_seconds:.1f} s",
        "ok" if outcome.is_good else "RED",
    )


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
