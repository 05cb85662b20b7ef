"""Queries of the ORM say states and holds as literals, so that partial indexes are read."""

from __future__ import annotations

import pytest
from django.db import connection
from django.db.models import QuerySet

from core.models import Job
from core.models.states import CLAIMABLE, LIVE, State

pytestmark = pytest.mark.django_db


def parts(jobs: QuerySet[Job]) -> tuple[str, tuple[object, ...]]:
    text, params = jobs.query.sql_with_params()
    return text.partition(" WHERE ")[2], tuple(params)


def test_the_states_of_a_query_are_literals_in_their_order() -> None:
    listed = "('scheduled', 'queued', 'retrying', 'running', 'waiting')"
    assert parts(Job.objects.live()) == (f'"core_job"."state" IN {listed}', ())
    assert parts(Job.objects.filter(state__in=[*LIVE, State.QUEUED, None])) == (f'"core_job"."state" IN {listed}', ())
    assert parts(Job.objects.filter(state=State.FAILED)) == ('"core_job"."state" = \'failed\'', ())
    assert parts(Job.objects.filter(children__state="failed"))[0].endswith("\"state\" = 'failed'")


def test_what_is_no_state_is_bound() -> None:
    assert parts(Job.objects.filter(state="' OR 1=1")) == ('"core_job"."state" = %s', ("' OR 1=1",))
    assert parts(Job.objects.filter(state__in=["queued", "' OR 1=1"]))[1] == ("queued", "' OR 1=1")
    assert list(Job.objects.filter(state__in=["queued", "nope"])) == []


def test_no_states_are_no_jobs() -> None:
    assert list(Job.objects.filter(state__in=[])) == []


def test_whether_a_job_is_held_is_in_the_words_of_the_indexes() -> None:
    text, params = parts(Job.objects.filter(is_held=False))
    assert text == ('"core_job"."is_held" = 0' if connection.vendor == "sqlite" else 'NOT "core_job"."is_held"')
    assert params == ()


def forget_statistics() -> None:
    """Another test's housekeeping has counted this empty table, and a plan of no rows may be any plan."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_job")
        cursor.execute("DELETE FROM sqlite_stat1")
        cursor.execute("ANALYZE sqlite_schema")


@pytest.mark.parametrize(
    ("jobs", "index"),
    [
        (Job.objects.filter(owner=1).whole().live(), "job_owner_live"),
        (Job.objects.filter(pipeline="x", owner=1, is_held=True, state__in=CLAIMABLE), "job_held"),
        (Job.objects.filter(queue="x", published_at__isnull=False, state__in=CLAIMABLE), "job_published"),
    ],
)
def test_a_partial_index_is_read(jobs: QuerySet[Job], index: str) -> None:
    """On PostgreSQL a planner decides by the size of the table: `tests/integration/test_plans.py` asks it."""
    if connection.vendor == "sqlite":
        forget_statistics()
        assert index in jobs.values("pk").explain()
