"""RabbitMQ raises its memory alarm and reads nothing from anybody who publishes, while people submit.

A submit is durable in the database and waits for no broker: every one is accepted, as fast as ever. When the alarm is
over, what has gathered is published and done.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path

from tests.chaos.clients import Crowd
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.processes import accepts, free_port
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

#: Seconds in which what has gathered has to be done once the alarm is over.
DRAINED_SECONDS = 10.0
#: Seconds within which 95 of 100 submits are answered.
P95_SECONDS = 0.5


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("broker_alarm", folder, rabbit, postgres, threads=size.threads) as stage:
        try:
            return _play(stage, rabbit, size)
        finally:
            rabbit.set_memory_alarm(False)


def _play(stage: Stage, rabbit: RabbitNode, size: Size) -> Outcome:
    outcome = Outcome(scenario="broker_alarm")
    rng = random.Random(size.seed)
    port = free_port()
    stage.site.fork_web(port=port)
    for number in range(2):
        stage.site.fork_worker("--processes", "1", "--threads", str(size.threads), name=f"worker-{number}")
    crowd = Crowd(stage, "chaos_steps", people=2, addresses=[f"http://127.0.0.1:{port}"])
    wait_until(lambda: accepts(port), 20, "the web server to listen")
    began = time.monotonic()
    # Every relay has published, and has a connection that the alarm blocks.
    for _ in range(5):
        crowd.submit(_order(rng))
    wait_until(lambda: len(stage.ledger.accepted) == 5 and not stage.left(), 20, "the first jobs to end")
    rabbit.set_memory_alarm(True)
    raised_at = time.monotonic()
    before = len(stage.ledger.seconds)
    for number in range(size.alarm_submits):
        crowd.submit(_order(rng))
        # Evenly over the alarm, and all of them before it ends.
        due = raised_at + 0.9 * size.alarm_seconds * (number + 1) / size.alarm_submits
        time.sleep(max(0.0, due - time.monotonic()))
    crowd.finish()
    alarm_seconds = time.monotonic() - raised_at
    time.sleep(max(0.0, size.alarm_seconds - alarm_seconds))
    gathered = stage.left()
    seconds = stage.ledger.seconds[before:]
    outcome.figures["alarm"] = f"{time.monotonic() - raised_at:.1f} s"
    rabbit.set_memory_alarm(False)
    wait_until_quiet(stage, size, outcome, began=began)
    p95 = statistics.quantiles(seconds, n=20)[-1]
    outcome.kills = "1 alarm"
    outcome.figures["submits during the alarm, p95"] = f"{len(seconds)}, {1000 * p95:.0f} ms"
    outcome.figures["jobs that the alarm held up / drained in"] = f"{gathered} / {outcome.recovered_seconds:.1f} s"
    if len(seconds) != size.alarm_submits:
        outcome.violations.append(f"{len(seconds)} of {size.alarm_submits} submits were accepted during the alarm")
    if gathered < size.alarm_submits // 2:
        outcome.violations.append(f"the alarm held up only {gathered} jobs: nothing was tried")
    if p95 > P95_SECONDS:
        outcome.violations.append(f"p95 of submits during the alarm was {1000 * p95:.0f} ms")
    if outcome.recovered_seconds > DRAINED_SECONDS:
        outcome.violations.append(f"drained {outcome.recovered_seconds:.1f} s after the alarm, not {DRAINED_SECONDS:g}")
    judge(stage, outcome)
    return outcome


def _order(rng: random.Random) -> dict[str, float]:
    return {"seconds": round(rng.uniform(0.001, 0.01), 3)}
