"""Poison among good work: jobs that kill their process or eat memory, and messages that are none."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pika

from core.models.states import State
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

QUEUE = "default"
#: Crashes after which a poison job is given up.
CRASHES = 3
#: Seconds in which bad messages have to be counted.
COUNTED_SECONDS = 15.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("poison", folder, rabbit, postgres, threads=size.threads) as stage:
        return _play(stage, size)


def _play(stage: Stage, size: Size) -> Outcome:
    outcome = Outcome(scenario="poison")
    # The greedy jobs work in child processes, which start from the program of their worker.
    stage.fleet.forks = False
    for _ in range(min(size.workers, 3)):
        stage.fleet.start()
    good, killers, eaters = (stage.script(name) for name in ("chaos_steps", "chaos_suicide", "chaos_greedy"))
    began = time.monotonic()
    started = stage.fleet.started
    good.submit([{"seconds": 0.02}] * (size.poison_jobs // 2))
    poison = killers.submit([{}] * size.poison)
    greedy = eaters.submit([{}] * size.poison)
    bad = _publish_bad(stage, size.poison)
    good.submit([{"seconds": 0.02}] * (size.poison_jobs - size.poison_jobs // 2))
    try:
        outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
    except TimeoutError as error:
        outcome.violations.append(f"not quiet in {size.quiet_seconds:g} s: {error}")
    _expect_counted(stage, outcome, bad)
    outcome.seconds = time.monotonic() - began
    judge(stage, outcome, ends=dict.fromkeys([*poison, *greedy], State.FAILED), bad_messages=bad)
    _expect_given_up(stage, outcome, poison, greedy)
    deaths = stage.fleet.started - started
    outcome.kills = f"{deaths} processes, by {size.poison} jobs"
    if deaths > CRASHES * size.poison:
        outcome.violations.append(f"{deaths} workers ended, {CRASHES * size.poison} at most by poison")
    events = stage.log_events()
    outcome.figures["consumers started anew"] = sum(n for name, n in events.items() if "consum" in name)
    return outcome


def _publish_bad(stage: Stage, each: int) -> int:
    """Publish messages that are none: bytes, JSON of something else, an unknown actor; return how many."""
    nobody = {"queue_name": QUEUE, "actor_name": "nobody", "kwargs": {}, "options": {}, "message_timestamp": 0}
    bodies: list[bytes] = []
    for number in range(each):
        bodies += [(b"\xff\xfe\x00", b'{"not": "a message"}', b"[]")[number % 3]]
        bodies += [json.dumps({**nobody, "args": [number], "message_id": f"bad-{number}"}).encode()]
    connection = pika.BlockingConnection(pika.URLParameters(stage.broker_url))
    try:
        channel = connection.channel()
        for body in bodies:
            channel.basic_publish("", QUEUE, body, pika.BasicProperties(delivery_mode=2, priority=1))
    finally:
        connection.close()
    return len(bodies)


def _expect_counted(stage: Stage, outcome: Outcome, bad: int) -> None:
    """Every bad message has raised an alarm figure; one whose reader was killed may have raised it again."""
    counted = 0

    def is_counted() -> bool:
        nonlocal counted
        counted = int(stage.ask("SELECT COALESCE(sum(count), 0) FROM core_alarmcount WHERE place = %s", QUEUE)[0][0])
        return counted >= bad

    try:
        wait_until(is_counted, COUNTED_SECONDS, every=0.2)
    except TimeoutError:
        outcome.violations.append(f"only {counted} of {bad} bad messages were counted")
    rows = stage.ask("SELECT name, count FROM core_alarmcount ORDER BY 1")
    outcome.figures["bad messages published / alarms"] = f"{bad} / {', '.join(f'{name} {n}' for name, n in rows)}"


def _expect_given_up(stage: Stage, outcome: Outcome, poison: list[int], greedy: list[int]) -> None:
    crashes = dict(stage.ask("SELECT id, crashes FROM core_job WHERE id = ANY(%s)", poison))
    outcome.violate(
        f"poison jobs that were not given up after {CRASHES} crashes",
        [f"{job}: {count}" for job, count in crashes.items() if count != CRASHES],
    )
    reasons = dict(stage.ask("SELECT id, error FROM core_job WHERE id = ANY(%s)", greedy))
    outcome.violate(
        "greedy jobs that failed for another reason",
        [f"{job}: {text}" for job, text in reasons.items() if "memory" not in text],
    )
    outcome.figures["crashes of each poison job"] = f"{CRASHES}, then failed"
