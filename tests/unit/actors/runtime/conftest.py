"""What the tests of the actors share: the fixtures of the core, and a broker that is a list."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from actors.runtime import relay as relay_module
from core.life.messages import DueJob
from tests.unit.core.conftest import alice, clock, define, log_level, settled, store

__all__ = ["alice", "clock", "define", "log_level", "settled", "store"]


class ListBroker:
    """A broker as the relay sees it: holds jobs in lists, and can be away."""

    def __init__(self, *, is_shared: bool = True) -> None:
        self.is_shared = is_shared
        self.published: list[DueJob] = []
        self.waiting: dict[str, int] = {}
        self.fault: Exception | None = None
        self.asked = 0
        self.lets_go = 0

    def publish_jobs(self, jobs: Sequence[DueJob]) -> None:
        self.asked += 1
        if self.fault:
            raise self.fault
        self.published += jobs
        for job in jobs:
            self.waiting[job.queue] = self.waiting.get(job.queue, 0) + 1

    def waiting_messages(self, queue: str) -> int:
        if self.fault:
            raise self.fault
        return self.waiting.get(queue, 0)

    def let_go(self) -> None:
        self.lets_go += 1

    def idle(self) -> None:
        if self.fault:
            raise self.fault

    @property
    def job_ids(self) -> list[int]:
        return [job.job_id for job in self.published]


@pytest.fixture
def list_broker(monkeypatch: pytest.MonkeyPatch) -> ListBroker:
    """The broker that relays of this test talk to."""
    broker = ListBroker()
    monkeypatch.setattr(relay_module, "job_broker", lambda: broker)
    # A submit of a test wakes no thread of its own accord.
    monkeypatch.setattr(relay_module, "relay", SimpleNamespace(wake=lambda: None, is_alive=lambda: False))
    return broker
