"""The minute ticker does what each keeper does: one of them is enough."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db.models import F

import tests.pipelines  # noqa: F401  registers them
from actors.runtime import ticker
from core.models import Job, Schedule
from core.schedules import changes
from core.schedules.fire import fire_due

pytestmark = pytest.mark.django_db


def test_the_ticker_fires_due_times_and_leaves_the_keeper_none(alice: User) -> None:
    changes.create("noop", owner_id=alice.pk, by="alice", cron="0 0 1 1 *", zone="UTC")
    Schedule.objects.update(next_at=F("created_at"))
    ticker.tick()
    assert Job.objects.filter(owner=alice, pipeline="noop").count() == 1
    assert fire_due() == 0


def test_the_ticker_brings_the_codes_own_schedules_in_line(db: None) -> None:
    ticker.tick()
    assert Schedule.objects.filter(code_name="housekeeping", is_on=True).exists()
