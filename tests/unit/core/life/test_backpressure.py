"""What is refused before anything is stored."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from core.database import statements
from core.errors import Overloaded, TooMuch
from core.life import backpressure
from core.life.submission import Order, submit_many
from core.models import Artifact, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import claim, end, submit_job
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch, settings: Settings, conf: OwnConf) -> None:
    """No limits but those that a test sets, and no count of another test."""
    monkeypatch.setattr(backpressure, "_site", backpressure._SiteQueue(counted_at=float("-inf")))
    for name in ("OWNER_RUNNING_LIMIT", "OWNER_QUEUED_LIMIT", "OWNER_SUBMITS_PER_HOUR", "OWNER_STORED_BYTES"):
        setattr(settings, name, 0)
    conf.QUEUED_LIMIT = 0


def add_file(job: Job, *, size: int, path: str) -> None:
    Artifact.objects.create(job=job, kind="input", field=path, name="x", path=path, size=size, sha256="0" * 64)


def test_without_limits_nothing_is_refused(alice: User) -> None:
    for _ in range(3):
        submit_job(alice)
    backpressure.check(alice.pk, jobs=1000)


def test_a_persons_mails_do_not_count_against_their_limits(alice: User, conf: OwnConf) -> None:
    conf.OWNER_RUNNING_LIMIT = conf.OWNER_QUEUED_LIMIT = conf.OWNER_SUBMITS_PER_HOUR = 1
    for state in (State.RUNNING, State.RETRYING, State.SUCCEEDED):
        job = submit_job(alice, pipeline="mail")
        Job.objects.filter(pk=job.pk).update(state=state)
    backpressure.check(alice.pk)
    submit_job(alice)
    with pytest.raises(TooMuch, match="1 job queued"):
        backpressure.check(alice.pk)


def test_a_check_is_one_statement_that_waits_for_no_writer(alice: User, conf: OwnConf) -> None:
    conf.OWNER_RUNNING_LIMIT = conf.OWNER_QUEUED_LIMIT = conf.OWNER_SUBMITS_PER_HOUR = 5
    conf.OWNER_STORED_BYTES = conf.QUEUED_LIMIT = 1000
    with CaptureQueriesContext(connection) as seen:
        backpressure.check(alice.pk, key="k")
    assert len(seen) == 1, seen.captured_queries


def fill_the_table(*, owners: int = 200, jobs_each: int = 20) -> None:
    """Many people's jobs, nearly all of them ended, and statistics that say so: what a planner decides by."""
    now = timezone.now()
    names = User.objects.bulk_create(User(username=f"owner{number}") for number in range(owners))
    Job.objects.bulk_create(
        Job(
            owner=name,
            pipeline="noop",
            idempotency_key=f"{number}",
            state=State.QUEUED if number == 0 else State.SUCCEEDED,
            run_at=now,
            publish_at=now,
        )
        for name in names
        for number in range(jobs_each)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE core_job")


def test_each_count_is_answered_by_its_own_partial_index(db: None) -> None:
    names = ("running", "queued", "submits", "earlier", "stored", "all", "owner")
    params = dict.fromkeys(names, 1000) | {"key": "k", "no_load": statements.id_list(["mail"])}
    query = statements.one_statement("pressure")
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Of a table that is empty, or that nothing is known about, it would read any index, or the whole.
            fill_the_table()
            cursor.execute(f"EXPLAIN {query}", params)
            plan = "\n".join(row[0] for row in cursor.fetchall())
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {query}", params)
            plan = "\n".join(row[3] for row in cursor.fetchall())
    for index in ("job_owner_live", "job_owner_newest", "job_published", "job_turn", "job_held"):
        assert index in plan, plan
    assert not re.search(r"(SCAN|SEARCH) core_job$|Seq Scan on core_job", plan, flags=re.MULTILINE), plan


# -- one owner --------------------------------------------------------------------------------------


def test_too_many_queued_jobs_are_refused_with_limit_and_number(alice: User, bob: User, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = 2
    submit_job(alice)
    backpressure.check(alice.pk)
    submit_job(alice, delay_seconds=3600)
    with pytest.raises(TooMuch, match=r"^You have 2 jobs queued, and 2 is the most\..* in 60 seconds\.$") as refused:
        backpressure.check(alice.pk)
    assert (refused.value.status, refused.value.retry_after_seconds) == (429, 60)
    assert not isinstance(refused.value, Overloaded)
    backpressure.check(bob.pk)


def test_several_jobs_at_once_count_as_several(alice: User, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = 3
    submit_job(alice)
    backpressure.check(alice.pk, jobs=2)
    with pytest.raises(TooMuch):
        backpressure.check(alice.pk, jobs=3)


def test_running_jobs_are_not_queued_and_ended_ones_are_neither(alice: User, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = conf.OWNER_RUNNING_LIMIT = 1
    attempt = claim(submit_job(alice))
    with pytest.raises(TooMuch, match="You have 1 job running, and 1 is the most at once"):
        backpressure.check(alice.pk)
    end(attempt, State.SUCCEEDED)
    backpressure.check(alice.pk)


def test_a_job_waiting_for_parts_counts_as_one_at_work(alice: User, conf: OwnConf) -> None:
    job = submit_job(alice)
    for index in range(5):
        part = submit_job(alice)
        Job.objects.filter(pk=part.pk).update(parent=job, fan_key="parts", fan_index=index)
    conf.OWNER_QUEUED_LIMIT = 2
    backpressure.check(alice.pk)
    Job.objects.filter(pk=job.pk).update(state=State.WAITING)
    conf.OWNER_RUNNING_LIMIT = 1
    with pytest.raises(TooMuch, match="1 job running"):
        backpressure.check(alice.pk)


def test_too_many_submits_are_refused_until_the_hour_has_passed(alice: User, conf: OwnConf, clock: Clock) -> None:
    conf.OWNER_SUBMITS_PER_HOUR = 2
    first = submit_job(alice)
    end(claim(first))
    clock.advance(600)
    submit_job(alice)
    with pytest.raises(TooMuch, match="You have submitted 2 jobs within an hour") as refused:
        backpressure.check(alice.pk)
    wait = refused.value.retry_after_seconds
    assert wait is not None
    assert 2700 < wait <= 3000
    at = first.created_at.replace(hour=(first.created_at.hour + 1) % 24)
    assert f"at {at:%H:%M:}" in str(refused.value)
    assert str(refused.value).endswith(" UTC.")
    clock.advance(wait + 1)
    backpressure.check(alice.pk)
    with pytest.raises(TooMuch):
        backpressure.check(alice.pk, jobs=2)
    with pytest.raises(TooMuch, match="3 jobs at once are more than the 2"):
        backpressure.check(alice.pk, jobs=3)


def test_an_owners_bytes_count_each_file_once_with_incoming_ones(alice: User, bob: User, conf: OwnConf) -> None:
    conf.OWNER_STORED_BYTES = 3 * 1024
    one, other = submit_job(alice), submit_job(alice)
    add_file(one, size=2048, path="uploads/a")
    add_file(other, size=2048, path="uploads/a")
    backpressure.check(alice.pk, incoming_bytes=1024)
    with pytest.raises(TooMuch, match=r"Your files take 2\.0 KB, and 1\.0 KB come; 3\.0 KB is the most"):
        backpressure.check(alice.pk, incoming_bytes=1025)
    backpressure.check(bob.pk, incoming_bytes=3000)
    add_file(other, size=2048, path="uploads/b")
    with pytest.raises(TooMuch, match=r"Your files take 4\.0 KB; 3\.0 KB is the most"):
        backpressure.check(alice.pk)


# -- the whole site ---------------------------------------------------------------------------------


def test_a_site_with_too_much_queued_refuses_everybody_with_503(alice: User, bob: User, conf: OwnConf) -> None:
    conf.QUEUED_LIMIT = 3
    submit_many("noop", [Order()] * 2, owner_id=alice.pk)
    held = submit_job(bob)
    Job.objects.filter(pk=held.pk).update(is_held=True, lane="{}")
    with pytest.raises(
        Overloaded, match=r"The site has 3 jobs queued, and takes 3 at most\..* in 30 seconds"
    ) as refused:
        backpressure.check(bob.pk)
    assert (refused.value.status, refused.value.retry_after_seconds) == (503, 30)


def test_parts_count_for_the_site(alice: User, conf: OwnConf) -> None:
    conf.QUEUED_LIMIT = 2
    job, part = submit_job(alice), submit_job(alice)
    Job.objects.filter(pk=part.pk).update(parent=job, fan_key="parts", fan_index=0)
    with pytest.raises(Overloaded):
        backpressure.check(alice.pk)


def test_a_count_far_below_its_limit_is_not_repeated_each_submit(alice: User, conf: OwnConf) -> None:
    conf.QUEUED_LIMIT = 1_000_000
    site = backpressure._site
    backpressure.check(alice.pk)
    assert not site.claim_count(conf.QUEUED_LIMIT)
    site.counted_at -= 50
    assert not site.claim_count(conf.QUEUED_LIMIT)
    # Near the limit it is made again after five seconds, by one thread.
    site.count = 999_999
    assert site.claim_count(conf.QUEUED_LIMIT)
    site.counted_at -= 4
    assert not site.claim_count(conf.QUEUED_LIMIT)
    site.counted_at -= 2
    assert site.claim_count(conf.QUEUED_LIMIT)


def test_a_full_disk_refuses_with_503_and_says_when_to_try_again(alice: User, conf: OwnConf) -> None:
    conf.DISK_FLOOR_BYTES = 2**62
    with pytest.raises(Overloaded, match="The file store is nearly full") as refused:
        backpressure.check(alice.pk)
    assert refused.value.retry_after_seconds == 300


# -- a submit that is known -------------------------------------------------------------------------


def test_a_key_that_the_owner_has_used_is_never_refused(alice: User, bob: User, conf: OwnConf) -> None:
    submit_job(alice, key="once")
    conf.OWNER_QUEUED_LIMIT = conf.QUEUED_LIMIT = conf.OWNER_SUBMITS_PER_HOUR = 1
    conf.DISK_FLOOR_BYTES = 2**62
    backpressure.check(alice.pk, key="once")
    for owner, key in ((alice, "twice"), (alice, ""), (bob, "once")):
        with pytest.raises(TooMuch):
            backpressure.check(owner.pk, key=key)
