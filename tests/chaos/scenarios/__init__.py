"""The scenarios by name. Each takes a folder, the two nodes and a size, and answers with what was seen."""

from collections.abc import Callable
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.scenarios import (
    async_jobs,
    broker_alarm,
    brokers,
    cancel_race,
    clocks,
    deploys,
    disk_full,
    failpoints,
    hand_over,
    host_transactions,
    hung,
    limits,
    network,
    poison,
    postgres,
    relays,
    report_phases,
    schedules,
    sqlite,
    web_submits,
    workers_and_broker,
    zombies,
)
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode

Scenario = Callable[[Path, RabbitNode, GivenPostgres, Size], Outcome]

#: The longest first: lanes then end at about the same time.
SCENARIOS: dict[str, Scenario] = {
    "report_phases": report_phases.run,
    "workers_and_broker": workers_and_broker.run,
    "limits": limits.run,
    "brokers": brokers.run,
    "network": network.run,
    "failpoints": failpoints.run,
    "sqlite": sqlite.run,
    "postgres": postgres.run,
    "relays": relays.run,
    "broker_alarm": broker_alarm.run,
    "web_submits": web_submits.run,
    "deploys": deploys.run,
    "disk_full": disk_full.run,
    "poison": poison.run,
    "schedules": schedules.run,
    "cancel_race": cancel_race.run,
    "zombies": zombies.run,
    "clocks": clocks.run,
    "hung": hung.run,
    "async_jobs": async_jobs.run,
    "hand_over": hand_over.run,
    "host_transactions": host_transactions.run,
}
