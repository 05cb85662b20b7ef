"""The SQL of a job's life: the same statements on every database, timed by the database's clock alone."""

from __future__ import annotations

import datetime as dt
import re
import time

import pytest
from django.contrib.auth.models import User
from django.db import Error, connection

from core.database import statements
from core.database.clock import database_now
from core.database.fragments import FOLDER
from core.life import leases, outbox
from core.models.states import State
from tests.unit.core.acts import claim, end, fresh, submit_job, try_claim
from tests.unit.core.conftest import Clock

NAMES = sorted(path.stem for path in FOLDER.glob("*.sql") if path.stem != "fragments")


@pytest.mark.parametrize("name", NAMES)
def test_no_statement_asks_for_the_python_clock(name: str) -> None:
    text = (FOLDER / f"{name}.sql").read_text().lower()
    assert "current_timestamp" not in text
    # now() is the start of the transaction in PostgreSQL: a batch that waited would be in the past.
    assert not re.search(r"\bnow\(\)", text)
    assert "%(now)s" not in text


@pytest.mark.django_db
def test_index_conditions_spell_booleans_as_the_statements_do(db: None) -> None:
    """SQLite reads a partial index only so, and Django 5.2 and 6.1 write a plain boolean each in its own words."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE name LIKE 'job\\_%%' ESCAPE '\\'")
        conditions = {name: sql.partition("WHERE")[2] for name, sql in cursor.fetchall()}
    for name, value in (("job_held", 1), ("job_turn", 0), ("job_let_go", 0)):
        assert f'"is_held" = {value}' in conditions[name]


def test_an_unknown_statement_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        statements.run("nope", {})


@pytest.mark.django_db
def test_the_databases_clock_is_aware_and_now() -> None:
    a_second = dt.timedelta(seconds=1)
    before, now, after = dt.datetime.now(dt.UTC), database_now(), dt.datetime.now(dt.UTC)
    assert now.tzinfo is not None
    assert before - a_second <= now <= after + a_second


@pytest.mark.django_db
@pytest.mark.parametrize("seconds", [-7200.0, 90.5, 86400.0 * 400])
def test_the_clock_of_a_test_can_be_moved(clock: Clock, seconds: float) -> None:
    before = database_now()
    clock.advance(seconds)
    moved = (database_now() - before).total_seconds()
    assert seconds - 0.1 <= moved < seconds + 5


@pytest.mark.django_db
@pytest.mark.parametrize("shift", [-3600, 3600])
def test_a_wrong_clock_of_the_process_changes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch, shift: int) -> None:
    job, later = submit_job(alice), submit_job(alice, delay_seconds=60)
    other = claim(submit_job(alice))
    right = time.time
    # From now on this process is an hour off, the others were not.
    monkeypatch.setattr(time, "time", lambda: right() + shift)
    assert leases.reap() == []
    assert job.pk in [due.job_id for due in outbox.take_due()]
    assert outbox.mark_published([job.pk]) == 1
    taken = claim(job)
    assert try_claim(later) is None
    assert leases.renew([leases.Held(taken.job_id, taken.fence), leases.Held(other.job_id, other.fence)])
    assert end(taken, State.RETRYING, delay=30.0) == State.RETRYING
    assert try_claim(job) is None
    monkeypatch.setattr(time, "time", right)
    assert leases.reap() == []
    assert dt.timedelta(seconds=20) < fresh(job).run_at - database_now() <= dt.timedelta(seconds=31)


@pytest.mark.django_db
def test_ids_are_given_as_each_database_wants_them() -> None:
    given = statements.id_list(iter([1, 2]))
    assert given == ([1, 2] if connection.vendor == "postgresql" else "[1, 2]")


@pytest.mark.django_db
def test_statements_run_together_each_answer_for_themselves(alice: User) -> None:
    job = submit_job(alice)
    answers = statements.run_together(
        [
            ("take_due", {"limit": 5, "hold": 10, "queue": "default", "lowest": 0}),
            ("mark_published", {"ids": statements.id_list([job.pk])}),
        ]
    )
    assert answers[0][0][0] == job.pk
    assert [tuple(row) for row in answers[1]] == [(job.pk,)]


@pytest.mark.django_db(transaction=True)
def test_statements_run_together_are_one_transaction(alice: User) -> None:
    job = submit_job(alice)
    with pytest.raises(Error):
        statements.run_together(
            [
                ("take_due", {"limit": 5, "hold": 10, "queue": "default", "lowest": 0}),
                ("claim", {"ids": "no ids", "worker": "w", "lease": "no number"}),
            ]
        )
    connection.close()
    assert [due.job_id for due in outbox.take_due()] == [job.pk]
