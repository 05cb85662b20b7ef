"""A limit under load: four workers, one rate, two owners with more than it allows."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

from tests.chaos.hard_pipelines import RATE
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import OWNER
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_limited"
OTHER = "chaos-too"
#: Seconds before the window, in which everybody comes up to speed.
LEAD_SECONDS = 2.0
SPARE_SECONDS = 8.0
#: How far the starts in the window may be from what is allowed, and the shares of the owners from each other.
TOLERANCE, SHARE_TOLERANCE = 0.01, 0.05
EDGE_SECONDS = 0.4
#: A shorter run has each look at the gate drawn out: two that are not kept apart then overlap for sure.
LONG_SECONDS = 30.0
_SLOW = """
CREATE FUNCTION chaos_slow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_sleep(0.1);
    RETURN NEW;
END $$;
CREATE TRIGGER slow BEFORE INSERT OR UPDATE ON core_limitbucket FOR EACH ROW EXECUTE FUNCTION chaos_slow();
"""


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("limits", folder, rabbit, postgres, threads=size.threads) as stage:
        return _play(stage, size)


def _play(stage: Stage, size: Size) -> Outcome:
    outcome = Outcome(scenario="limits")
    stage.site.add_user(OTHER)
    scripts = [stage.script(PIPELINE, owner=owner) for owner in (OWNER, OTHER)]
    # One owner's jobs are there a moment before the other's: both have some left when the window is over.
    count = int(RATE * (LEAD_SECONDS + size.limit_seconds + SPARE_SECONDS) / 2)
    for _ in range(size.workers):
        stage.fleet.start()
    wait_until(lambda: stage.ask("SELECT count(*) FROM core_worker")[0][0] >= size.workers, 30, "workers to be up")
    began = time.monotonic()
    if size.limit_seconds < LONG_SECONDS:
        stage.ask_nothing(_SLOW)
    for script in scripts:
        script.submit([{}] * count)
    try:
        stage.wait_until_quiet(LEAD_SECONDS + size.limit_seconds + size.quiet_seconds)
    except TimeoutError as error:
        outcome.violations.append(f"the jobs did not end: {error}")
    outcome.seconds = time.monotonic() - began
    judge(stage, outcome, steps=())
    _judge_rate(stage, outcome, size.limit_seconds)
    return outcome


def _judge_rate(stage: Stage, outcome: Outcome, seconds: float) -> None:
    rows = stage.ask("""
        SELECT j.id, j.owner_id, extract(epoch FROM j.run_at)::float8, extract(epoch FROM e.at)::float8, j.attempt
        FROM core_job j JOIN core_jobevent e ON e.job_id = j.id AND e.kind = 'claimed' ORDER BY j.id
    """)
    if not rows:
        return
    owners = {row[1] for row in rows}
    first = max(min(row[3] for row in rows if row[1] == owner) for owner in owners) + LEAD_SECONDS
    inside = [row for row in rows if first <= row[3] < first + seconds]
    allowed = RATE * seconds
    part = len(inside) / allowed
    outcome.figures["starts in the window / allowed"] = f"{len(inside)} / {allowed:.0f}, {100 * part:.2f} %"
    # At the ends of a window, a start that comes late by a moment is counted on the wrong side.
    tolerance = max(TOLERANCE, EDGE_SECONDS / seconds)
    if not 1 - tolerance <= part <= 1 + tolerance:
        outcome.violations.append(f"{100 * part:.2f} % of the starts that the limit allows in {seconds:g} s")
    slots = sorted(row[2] for row in rows)
    closest = min((later - slot for slot, later in pairwise(slots)), default=0.0)
    if closest < (1 - TOLERANCE) / RATE:
        outcome.violations.append(f"two starts were planned {1000 * closest:.2f} ms apart, and {len(slots)} in all")
    outcome.figures["closest two planned starts"] = f"{1000 * closest:.2f} ms of {1000 / RATE:.0f}"
    burned = [row[0] for row in rows if row[4] != 1]
    outcome.violate("jobs of which the wait burned an attempt", burned)
    shares = {owner: sum(row[1] == owner for row in inside) for owner in owners}
    outcome.figures["starts by owner"] = " / ".join(map(str, shares.values()))
    if len(inside) and max(shares.values()) - min(shares.values()) > SHARE_TOLERANCE * len(inside) / 2:
        outcome.violations.append(f"unequal shares of two owners: {shares}")
    for owner in shares:
        own = [(row[0], row[2]) for row in rows if row[1] == owner]
        jumped = [f"{job}" for (_, slot), (job, later) in pairwise(own) if later < slot]
        outcome.violate(f"jobs of owner {owner} that were given a start before an earlier one", jumped)
    late = sorted(row[3] - row[2] for row in rows)
    outcome.figures["start after its planned time, median / p99"] = (
        f"{1000 * late[len(late) // 2]:.0f} / {1000 * late[len(late) * 99 // 100]:.0f} ms"
    )
