"""The scenarios by name. Each takes a folder, the two nodes and a size, and answers with what was seen."""

from collections.abc import Callable
from pathlib import Path

from tests.chaos.runs import Outcome, Size
from tests.chaos.scenarios import report_phases, workers_and_broker, zombies
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode

Scenario = Callable[[Path, RabbitNode, GivenPostgres, Size], Outcome]

SCENARIOS: dict[str, Scenario] = {
    "workers_and_broker": workers_and_broker.run,
    "zombies": zombies.run,
    "report_phases": report_phases.run,
}
