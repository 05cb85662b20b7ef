"""The code's own schedules are rows that follow the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django import forms

from core import pipelines
from core.database.clock import database_now
from core.models import Schedule
from core.people import users
from core.pipelines import InvalidPipeline
from core.pipelines.cron import CronError
from core.schedules import fire, static
from tests.unit.core.conftest import Clock
from tests.unit.core.schedules.test_fire import jobs_of, until_due

pytestmark = pytest.mark.django_db
Define = Callable[..., str]


def tidy(ctx: object, days: int = 0) -> None: ...


class TidyForm(forms.Form):
    days = forms.IntegerField(initial=7)


@pytest.fixture(autouse=True)
def only_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pipeline of the site has a say here."""
    known = pipelines.every
    monkeypatch.setattr(pipelines, "every", lambda: [spec for spec in known() if spec.name.startswith("defined_")])


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(static, "_ticks", {})
    return iter(())


def rows() -> list[Schedule]:
    return list(Schedule.objects.order_by("pk"))


def test_a_pipeline_with_a_cron_has_a_schedule_of_the_sites_own(define: Define, clock: Clock) -> None:
    name = define(tidy, every="0 3 * * sun", form=TidyForm)
    static.follow()
    static.follow()
    (row,) = rows()
    assert (row.code_name, row.pipeline, row.cron, row.zone) == (name, name, "0 3 * * SUN", "UTC")
    assert (row.owner, row.params, row.is_on) == (users.system_user(), {"days": 7}, True)
    # Its account can't log in, and its jobs run all the same. periodiq would never come to a Sunday.
    at = until_due(row, clock)
    assert (at.isoweekday(), fire.fire_due()) == (7, 1)
    assert jobs_of(row)[0].params == {"days": 7}


def test_a_row_follows_the_code(define: Define, clock: Clock) -> None:
    name = define(tidy, every="0 3 * * *")
    static.follow()
    pipelines.forget(name)
    define(tidy, every="* * * * *", form=TidyForm)
    static.follow()
    (row,) = rows()
    assert (row.cron, row.params) == ("* * * * *", {"days": 7})
    assert row.next_at is not None
    assert (row.next_at - database_now()).total_seconds() <= 60


def test_new_parameters_take_no_due_time_away(define: Define, clock: Clock) -> None:
    name = define(tidy, every="* * * * *")
    static.follow()
    (row,) = rows()
    at = until_due(row, clock)
    pipelines.forget(name)
    define(tidy, every="* * * * *", form=TidyForm)
    static.follow()
    assert rows()[0].next_at == at
    assert fire.fire_due() == 1


def test_an_undeclared_schedule_is_switched_off_and_on_again(define: Define) -> None:
    name = define(tidy, every="0 3 * * *")
    static.follow()
    pipelines.forget(name)
    static.follow()
    (row,) = rows()
    assert (row.is_on, row.next_at, row.note) == (False, None, static.GONE)
    define(tidy, every="0 3 * * *")
    static.follow()
    (row,) = rows()
    assert (row.is_on, row.note, row.next_at is not None) == (True, "", True)


def test_an_unreadable_declared_cron_is_an_error_at_once(define: Define) -> None:
    with pytest.raises(InvalidPipeline, match="Hour 25"):
        define(tidy, every="0 25 * * *")
    with pytest.raises(InvalidPipeline, match="A step of 90 is not shorter than an hour"):
        define(tidy, every="*/90 * * * *")


def test_what_makes_no_jobs_is_told_with_its_next_times(ticks: None) -> None:
    tick = static.declare("tick", "Ticks", "@hourly")
    assert static.declared() == [tick]
    (at,) = tick.next_times(after=database_now(), count=1)
    assert at.minute == 0
    with pytest.raises(CronError):
        static.declare("odd", "Odd", "61 * * * *")


def test_the_ticker_is_told_to_every_process() -> None:
    assert "tick" in {tick.name for tick in static.declared()}
