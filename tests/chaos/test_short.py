"""The chaos suite in short; `make chaos` runs it at full size, and `make mutants` shows that it can fail."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.runs import Size, table
from tests.chaos.scenarios import SCENARIOS
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode

#: Each run breaks things at other moments.
SIZE = Size(
    jobs=48,
    worker_kills=3,
    # It comes back without its data.
    broker_kills=1,
    zombies=2,
    phase_kills=1,
    cancels=40,
    hung=3,
    hung_jobs=10,
    async_jobs=60,
    async_kills=2,
    disk_rounds=3,
    sqlite_jobs=20,
    sqlite_kills=5,
    tick_minutes=8,
    tick_kills=3,
    web_submits=24,
    web_kills=2,
    workers=2,
    # Twice what is promised: this runs beside other tests, on machines that stand still for seconds.
    quiet_seconds=180.0,
)
#: What is left to `make chaos`: it takes longer than a test may, or is tried by others of these in part.
FULL_ONLY = frozenset(
    {
        *("brokers", "broker_alarm", "clocks", "deploys", "failpoints", "hand_over", "host_transactions"),
        *("limits", "network", "poison", "postgres", "relays", "report_phases", "schedules"),
    }
)


@pytest.fixture(scope="module")
def chaos_rabbitmq(services_folder: Path) -> Iterator[RabbitNode]:
    """A node of this module's own: it is killed, and started when it is needed again."""
    node = RabbitNode(services_folder / "chaos-rabbitmq")
    try:
        yield node
    finally:
        node.discard()


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name not in FULL_ONLY])
def test_every_promise_holds_while_things_break_in(
    scenario: str, services_folder: Path, chaos_rabbitmq: RabbitNode, postgres: GivenPostgres
) -> None:
    outcome = SCENARIOS[scenario](services_folder, chaos_rabbitmq, postgres, SIZE)
    print(table([outcome]))
    assert outcome.is_good, table([outcome])


def test_what_is_left_to_the_full_form_is_there() -> None:
    assert set(SCENARIOS) >= FULL_ONLY
