"""A host's transactions submit jobs; many are taken back after the submit, or die before the commit.

A job is there exactly when the host's own row is.
"""

from __future__ import annotations

import random
import subprocess
import sys
import time
import uuid
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.submitting import OWNER
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import CHECKOUT

PIPELINE = "chaos_steps"
#: How a transaction ends, and how often of ten.
FATES = {"commit": 5, "back": 4, "die": 1}


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("host", folder, rabbit, postgres, threads=size.threads) as stage:
        return _play(stage, size)


def _play(stage: Stage, size: Size) -> Outcome:
    outcome = Outcome(scenario="host_transactions")
    rng = random.Random(size.seed)
    for _ in range(size.workers):
        stage.fleet.start()
    began = time.monotonic()
    count = dict.fromkeys(FATES, 0)
    script = _start(stage)
    try:
        for _ in range(size.host_transactions):
            key = uuid.uuid4().hex
            (fate,) = rng.choices(list(FATES), weights=list(FATES.values()))
            count[fate] += 1
            answer = _ask(script, f"{key} {fate}")
            if answer is None:
                script.wait(20)
                script = _start(stage)
            elif answer != "-":
                stage.ledger.accept({key: int(answer)})
            if (answer is None) != (fate == "die"):
                outcome.violations.append(f"a transaction that was to {fate} was answered with {answer!r}")
    finally:
        _end(script)
    outcome.kills = f"{count['die']} scripts"
    try:
        outcome.recovered_seconds = stage.wait_until_quiet(size.quiet_seconds)
    except TimeoutError as error:
        outcome.violations.append(str(error))
    outcome.seconds = time.monotonic() - began
    judge(stage, outcome)
    rows = {name for (name,) in stage.ask("SELECT name FROM auth_group")}
    jobs = {key for (key,) in stage.ask("SELECT idempotency_key FROM core_job")}
    outcome.violate("jobs whose host's row was taken back", sorted(jobs - rows))
    outcome.violate("rows of the host without their job", sorted(rows - jobs))
    outcome.figures["transactions committed / taken back / killed"] = " / ".join(map(str, count.values()))
    if size.host_transactions and min(count.values()) == 0:
        outcome.violations.append(f"not every fate was tried: {count}")
    return outcome


def _start(stage: Stage) -> subprocess.Popen[str]:
    with (stage.site.home / "logs" / "host_transactor.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.host_transactor", PIPELINE, OWNER],
            env={**stage.site.environment, "PGAPPNAME": "host"},
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )


def _ask(script: subprocess.Popen[str], line: str) -> str | None:
    """Return the answer to one line: a job's id, `-`, or None when the script has died."""
    assert script.stdin is not None
    assert script.stdout is not None
    script.stdin.write(f"{line}\n")
    script.stdin.flush()
    answer = script.stdout.readline().split()
    return answer[1] if answer else None


def _end(script: subprocess.Popen[str]) -> None:
    for pipe in (script.stdin, script.stdout):
        if pipe is not None:
            pipe.close()
    try:
        script.wait(20)
    except subprocess.TimeoutExpired:
        script.kill()
        script.wait()
