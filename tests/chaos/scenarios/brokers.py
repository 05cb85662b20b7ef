"""The broker is killed while it has messages, once with its data deleted; jobs are submitted meanwhile all the same."""

from __future__ import annotations

import random
import time
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

PIPELINE = "chaos_steps"
#: Seconds in which all jobs have to have ended once the broker serves again.
RECOVERED_SECONDS = 10.0
BROKER_SECONDS = 120.0
MESSAGES_SECONDS = 20.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("brokers", folder, rabbit, postgres, threads=size.threads) as stage:
        return _play(stage, size)


def _play(stage: Stage, size: Size) -> Outcome:
    outcome = Outcome(scenario="brokers", kills=f"{size.broker_kills} brokers")
    rng = random.Random(size.seed)
    stage.site.start_web()
    people, script = stage.people(PIPELINE), stage.script(PIPELINE)
    for _ in range(min(size.workers, 3)):
        stage.fleet.start()
    began = time.monotonic()
    share = size.broker_jobs // max(1, size.broker_kills)
    recovered: list[float] = []
    lost = 0
    try:
        for number in range(size.broker_kills):
            is_wiped = number == size.broker_kills // 2
            with stage.fleet.frozen():
                script.submit([{"seconds": round(rng.uniform(0.005, 0.04), 3)} for _ in range(share // 2)])
                # What it holds when it dies, with nobody at work to take it.
                held = wait_until(lambda: _held(stage), MESSAGES_SECONDS, "the broker to hold messages")
                start = stage.kill_broker(is_wiped=is_wiped, down_seconds=rng.uniform(0, 1))
                stage.broker_is_down.wait(BROKER_SECONDS)
            lost += held if is_wiped else 0
            for _ in range(share - share // 2):
                people.submit({"seconds": 0.01})
            wait_until(start.done, BROKER_SECONDS, "the broker to be back")
            start.result()
            recovered.append(_seconds_to_quiet(stage, size))
    except TimeoutError as error:
        outcome.violations.append(f"it stood still while the broker was killed: {error}")
    stage.finish_submits()
    outcome.seconds = time.monotonic() - began
    outcome.recovered_seconds = max(recovered, default=0.0)
    late = [f"{seconds:.1f} s" for seconds in recovered if seconds > RECOVERED_SECONDS]
    outcome.violate(f"times that it took longer than {RECOVERED_SECONDS:g} s after the broker was ready", late)
    outcome.figures["seconds to recover, each"] = ", ".join(f"{seconds:.1f}" for seconds in recovered)
    outcome.figures["messages lost with the broker's data"] = lost
    judge(stage, outcome)
    return outcome


def _held(stage: Stage) -> int:
    """Jobs whose message the broker has, once all that it is given ahead is there."""
    query = "SELECT count(*) FROM core_job WHERE published_at IS NOT NULL AND state IN ('queued', 'retrying')"
    before = int(stage.ask(query)[0][0])
    time.sleep(0.2)
    now = int(stage.ask(query)[0][0])
    return now if now == before else 0


def _seconds_to_quiet(stage: Stage, size: Size) -> float:
    began = time.monotonic()
    stage.wait_until_quiet(size.quiet_seconds)
    return time.monotonic() - began
