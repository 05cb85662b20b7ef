"""The chaos suite in short; `make chaos` runs it at full size."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.runs import Outcome, Size, table
from tests.chaos.scenarios import report_phases, workers_and_broker, zombies
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode

#: Two brokers: one comes back with its data, one without. Each run breaks things at other moments.
SIZE = Size(jobs=150, worker_kills=6, broker_kills=2, zombies=2, phase_kills=1)


@pytest.fixture(scope="module")
def chaos_rabbitmq(services_folder: Path) -> Iterator[RabbitNode]:
    """A node of this module's own: it is killed, and started when it is needed again."""
    node = RabbitNode(services_folder / "chaos-rabbitmq")
    try:
        yield node
    finally:
        node.kill9()  # nobody needs its data
        node.stop()


def expect_good(outcome: Outcome) -> None:
    print(table([outcome]))
    assert outcome.is_good, table([outcome])


def test_nothing_is_lost_or_done_twice_while_workers_and_brokers_are_killed(
    services_folder: Path, chaos_rabbitmq: RabbitNode, postgres: GivenPostgres
) -> None:
    expect_good(workers_and_broker.run(services_folder, chaos_rabbitmq, postgres, SIZE))


def test_an_attempt_that_wakes_after_it_lost_its_job_changes_nothing(
    services_folder: Path, chaos_rabbitmq: RabbitNode, postgres: GivenPostgres
) -> None:
    expect_good(zombies.run(services_folder, chaos_rabbitmq, postgres, SIZE))


def test_a_report_is_the_same_whatever_phase_its_worker_is_killed_in(
    services_folder: Path, chaos_rabbitmq: RabbitNode, postgres: GivenPostgres
) -> None:
    expect_good(report_phases.run(services_folder, chaos_rabbitmq, postgres, SIZE))
