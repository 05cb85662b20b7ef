"""The network between the site and its servers breaks: reset, half-open, two seconds slow, and a black hole.

Every connection of web server and workers goes through a proxy, one to PostgreSQL and one to RabbitMQ. The faults of
each are spread over both, and the two proxies break independently of each other while people submit.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit, urlunsplit

from tests.chaos.clients import Crowd
from tests.chaos.proxy import Proxy
from tests.chaos.quieting import wait_until_quiet
from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import Stage, staged
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.processes import free_port
from tests.services.rabbitmq import RabbitNode
from tests.services.waiting import wait_until

Fault = Literal["reset", "half-open", "latency", "black hole"]
#: Seconds that each fault lasts; a reset is over at once. A half-open connection is given up by the kernel after
#: them; as the lease is, they are short in proportion.
SECONDS: dict[Fault, float] = {"reset": 0.1, "half-open": 2.5, "latency": 2.5, "black hole": 2.0}
LATENCY_SECONDS = 2.0
#: Seconds between two faults of a proxy.
PAUSE_SECONDS = 0.4
#: Seconds without a sign after which either side of a connection to RabbitMQ calls it dead; a minute in life.
HEARTBEAT_SECONDS = 4
#: Seconds in which somebody has to be connected.
CONNECTED_SECONDS = 40.0
#: Connections that a fault meets at least.
CONNECTIONS = 2
WORKERS = 3


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    with staged("network", folder, rabbit, postgres, threads=size.threads) as stage:
        play = _Play(stage, size)
        try:
            return play.run()
        finally:
            stage.site.stop()
            for proxy in play.proxies.values():
                proxy.stop()


@dataclass
class _Play:
    stage: Stage
    size: Size
    proxies: dict[str, Proxy] = field(default_factory=dict)
    broken: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        outcome = Outcome(scenario="network")
        stage.site.environment["DATABASE_URL"] = self.through_proxy(
            "PostgreSQL", stage.site.environment["DATABASE_URL"]
        )
        broker_url = self.through_proxy("RabbitMQ", stage.broker_url)
        stage.site.environment["RABBITMQ_URL"] = f"{broker_url}?heartbeat={HEARTBEAT_SECONDS}"
        # Milliseconds until a consumer tries again, in proportion too.
        stage.site.environment["dramatiq_restart_delay"] = "500"
        port = free_port()
        stage.site.fork_web(port=port)
        for number in range(WORKERS):
            arguments = ("--processes", "1", "--threads", str(size.threads))
            stage.site.fork_worker(*arguments, name=f"worker-{number}", environment={"PGAPPNAME": f"worker-{number}"})
        crowd = Crowd(stage, "chaos_steps", people=4, addresses=[f"http://127.0.0.1:{port}"], timeout=15)
        rng = random.Random(size.seed)
        began = time.monotonic()
        breaking = [
            threading.Thread(target=self.break_connections, args=(name, part)) for part, name in enumerate(self.proxies)
        ]
        try:
            for thread in breaking:
                thread.start()
            submitted = 0
            while any(thread.is_alive() for thread in breaking) or submitted < size.network_jobs:
                share = size.network_jobs * (sum(self.broken.values()) + 1) // max(1, 4 * size.network_faults)
                # When all is done something has to go on, for the faults that are left to meet it.
                if submitted < min(share, size.network_jobs) or not (crowd.waiting or stage.left()):
                    crowd.submit({"seconds": round(rng.uniform(0.01, 0.3), 3)})
                    submitted += 1
                else:
                    time.sleep(0.02)
        finally:
            for thread in breaking:
                thread.join()
            crowd.finish()
        outcome.kills = f"{sum(self.broken.values())} faults"
        wait_until_quiet(stage, size, outcome, began=began)
        outcome.violations += self.violations
        outcome.figures["faults"] = ", ".join(f"{name} {count}" for name, count in sorted(self.broken.items()))
        unanswered, put_off = sum(crowd.unanswered.values()), sum(crowd.put_off.values())
        outcome.figures["submits without an answer / answered with an error, sent again"] = f"{unanswered} / {put_off}"
        judge(stage, outcome)
        return outcome

    def through_proxy(self, name: str, url: str) -> str:
        parts = urlsplit(url)
        assert parts.port is not None
        proxy = self.proxies[name] = Proxy(parts.port)
        proxy.start()
        login, _, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{proxy.port}"))

    def break_connections(self, name: str, part: int) -> None:
        """Break the connections to one server: every second of all faults, in an order by chance."""
        proxy = self.proxies[name]
        rng = random.Random(f"{self.size.seed} {name}")
        faults = [
            fault
            for kind, fault in enumerate(get_args(Fault))
            for number in range(self.size.network_faults)
            if (kind + number) % len(self.proxies) == part
        ]
        rng.shuffle(faults)
        try:
            for fault in faults:
                wait_until(lambda: proxy.connections >= CONNECTIONS, CONNECTED_SECONDS, f"connections to {name}")
                time.sleep(PAUSE_SECONDS * rng.uniform(0.5, 1.5))
                self.break_once(proxy, fault)
                self.broken[f"{fault} to {name}"] += 1
        except TimeoutError as error:
            self.violations.append(f"it stood still while the network was broken: {error}")

    @staticmethod
    def break_once(proxy: Proxy, fault: Fault) -> None:
        seconds = SECONDS[fault]
        match fault:
            case "reset":
                proxy.reset()
            case "half-open":
                # Those that are new are whole: nobody waits for the end of this.
                proxy.half_open(seconds)
                return
            case "latency":
                proxy.slow_down(LATENCY_SECONDS)
            case "black hole":
                proxy.black_hole()
        time.sleep(seconds)
        proxy.heal()
