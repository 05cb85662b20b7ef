"""Web servers are killed while a submit is under way, and who got no answer sends it again with the same key.

Some web servers stand behind one address, as it were: a person whose server is gone goes to the next. A kill counts
when a submit was in flight there that got no answer. Each key has to be one job, whatever was stored before the kill.
"""

from __future__ import annotations

import os
import random
import signal
import statistics
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.clients import Crowd
from tests.chaos.collecting import Collector
from tests.chaos.posts import CONSTANTS
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.processes import Process, accepts, first_child_of, free_port
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

SERVERS = 3
#: Each waits for its answer before it submits again.
PEOPLE = 4
#: A kill comes at some moment of a submit: within what the last ones took, which is about this at first.
SUBMIT_SECONDS, LATELY = 0.04, 20
#: After so many seconds a submit is with a server: one that finds nobody listening knows it sooner.
CONNECTED_SECONDS = 0.004
#: Seconds in which a submit has to be in flight, and in which a killed server's connections are known to be gone.
MEET_SECONDS = 90.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("web_submits", folder, rabbit, postgres, threads=size.threads) as stage:
        stage.site.constants = CONSTANTS
        return _Play(stage, size).run()


@dataclass(frozen=True)
class _Server:
    port: int
    process: Process


@dataclass
class _Play:
    stage: Stage
    size: Size
    servers: dict[str, _Server] = field(default_factory=dict)
    #: Addresses of those that answer.
    listening: set[str] = field(default_factory=set)
    kills: int = 0
    misses: int = 0
    #: Submits, each with a key of its own.
    sent: int = 0

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="web_submits")
        self.rng = random.Random(size.seed)
        for _ in range(SERVERS):
            port = free_port()
            self.start(f"http://127.0.0.1:{port}", port)
        for number in range(2):
            stage.site.fork_worker("--processes", "1", "--threads", str(size.threads), name=f"worker-{number}")
        self.crowd = Crowd(stage, "chaos_upload", people=PEOPLE, addresses=list(self.servers))
        began = time.monotonic()
        try:
            self.submit_and_kill()
        except TimeoutError as error:
            outcome.violations.append(f"it stood still while web servers were killed: {error}")
        finally:
            self.crowd.finish()
        wait_until_quiet(stage, size, outcome, began=began)
        outcome.kills = f"{self.kills} web servers, each in a submit"
        unanswered = sum(self.crowd.unanswered.values())
        outcome.figures["submits without an answer / of them stored already when they were sent again"] = (
            f"{unanswered} / {self.crowd.unanswered_but_stored}"
        )
        outcome.figures["kills that met no submit, not counted"] = self.misses
        Collector(stage).collect(outcome, kills=self.kills + self.misses)
        judge(stage, outcome)
        self.judge_keys(outcome)
        return outcome

    def judge_keys(self, outcome: Outcome) -> None:
        ledger = self.stage.ledger.accepted
        if len(ledger) != self.sent or outcome.jobs != len(ledger):
            outcome.violations.append(
                f"{self.sent} keys were sent: {len(ledger)} were accepted and made {outcome.jobs} jobs"
            )
        if len(set(ledger.values())) != len(ledger):
            outcome.violations.append("two keys were answered with one job")

    def start(self, address: str, port: int) -> None:
        name = f"web-{port}-{self.kills + self.misses}"
        environment = {"PGAPPNAME": name}
        process = self.stage.site.fork_web(port=port, name=name, environment=environment)
        self.servers[address] = _Server(port, process)

    def submit_and_kill(self) -> None:
        size = self.size
        while self.kills < size.web_kills:
            self.submit(size.web_submits * (self.kills + 1) // size.web_kills - self.sent)
            self.kill_one()
        wait_until(lambda: not self.crowd.waiting, MEET_SECONDS, "the last submits to be begun")

    def submit(self, count: int) -> None:
        for _ in range(count):
            self.crowd.submit({"seconds": round(self.rng.uniform(0.001, 0.01), 3)}, has_file=True)
        self.sent += max(0, count)

    def kill_one(self) -> None:
        """Kill a server that has a submit in hand, at some moment of it."""
        crowd = self.crowd

        def busy() -> list[str]:
            if not crowd.waiting and not crowd.in_flight():
                # A kill that missed has used up what was sent for it.
                self.submit(PEOPLE)
            # Of one that does not listen yet, people hear only that.
            for address in self.servers.keys() - self.listening:
                if accepts(self.servers[address].port):
                    self.listening.add(address)
            return [address for address in self.listening if crowd.in_flight(address, seconds=CONNECTED_SECONDS)]

        address = ""
        while not address or not crowd.in_flight(address, seconds=CONNECTED_SECONDS):
            address = self.rng.choice(wait_until(busy, MEET_SECONDS, "a submit to be in flight", every=0.002))
            lately = self.stage.ledger.seconds[-LATELY:] or [SUBMIT_SECONDS]
            time.sleep(self.rng.uniform(0, statistics.median(lately)))
        unanswered = crowd.unanswered[address]
        server = self.servers[address]
        # At once: to look for all of its family takes longer than a submit. Its master would start another.
        server.process.send(signal.SIGSTOP)
        if child := first_child_of(server.process.pid):
            os.kill(child, signal.SIGKILL)
        server.process.kill9()
        self.listening.discard(address)
        # Whose connection it was knows by now: the kernel has closed it.
        wait_until(lambda: not crowd.in_flight(address), MEET_SECONDS, "the submits to be broken off", every=0.005)
        if crowd.unanswered[address] > unanswered:
            self.kills += 1
        else:
            self.misses += 1
        self.start(address, server.port)
