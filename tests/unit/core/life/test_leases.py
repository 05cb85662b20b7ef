"""Leases: renewed by those who hold them, reaped when they run out."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys

import pytest
from django.contrib.auth.models import User
from django.db import connection

from core.database import statements
from core.database.clock import database_now
from core.life import leases, requests
from core.life.leases import Held, expire_leases_of_dead_neighbours, reap, renew
from core.models import Job, JobEvent
from core.models.states import State
from tests.configuration import OwnConf
from tests.services.waiting import wait_until
from tests.unit.core.acts import claim, end, fresh, in_threads, submit_job, timeline, try_claim
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def lose(job: Job, clock: Clock) -> Held:
    """Claim the job and let its lease run out; the job is reaped and can be claimed again."""
    taken = claim(job)
    clock.advance(61)
    reap()
    clock.advance(4000)
    return Held(taken.job_id, taken.fence)


# -- jobs whose workers were lost -------------------------------------------------------------------


def lost_twice(owner: User) -> Job:
    job = submit_job(owner)
    Job.objects.filter(pk=job.pk).update(crashes=2, attempt=2, fence=2)
    return job


def test_a_process_runs_one_last_crash_job_at_a_time(alice: User) -> None:
    first, second, sound = lost_twice(alice), lost_twice(alice), submit_job(alice)
    running = claim(first, worker="here:1")
    assert try_claim(second, worker="here:1") is None
    assert timeline(second) == ["submitted"]
    claim(sound, worker="here:1")
    end(claim(second, worker="here:2"), State.RETRYING, error="x")
    end(running)
    claim(second, worker="here:1")


def test_of_such_jobs_in_one_batch_the_first_is_claimed(alice: User) -> None:
    ids = [lost_twice(alice).pk, submit_job(alice).pk, lost_twice(alice).pk]
    given = {"ids": statements.id_list(ids), "worker": "here:1", "lease": 60}
    assert sorted(row[0] for row in statements.run("claim", given)) == ids[:2]
    assert JobEvent.objects.filter(kind="claimed").count() == 2


# -- renew ------------------------------------------------------------------------------------------


def test_renewing_moves_every_lease_that_is_held(alice: User, clock: Clock) -> None:
    held = [Held(taken.job_id, taken.fence) for taken in (claim(submit_job(alice)) for _ in range(3))]
    clock.stop()
    clock.advance(50)
    assert renew(held) == dict.fromkeys(held, False)
    for job in Job.objects.all():
        assert job.lease_until is not None
        assert job.lease_until - database_now() > dt.timedelta(seconds=55)
    clock.advance(50)
    assert reap() == []


def test_renewing_nothing_asks_nobody(db: None, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert renew([]) == {}


def test_renewing_tells_who_is_to_be_cancelled(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    requests.cancel(job, by="alice")
    assert renew([Held(taken.job_id, taken.fence)]) == {Held(taken.job_id, taken.fence): True}


def test_a_stale_fence_renews_nothing(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    stale = lose(job, clock)
    live = claim(job)
    before = fresh(job).lease_until
    clock.advance(10)
    assert renew([stale]) == {}
    assert fresh(job).lease_until == before
    assert renew([stale, Held(live.job_id, live.fence)]) == {Held(live.job_id, live.fence): False}


def test_an_ended_attempt_renews_nothing(alice: User) -> None:
    taken = claim(submit_job(alice))
    end(taken)
    assert renew([Held(taken.job_id, taken.fence)]) == {}


def test_ids_and_fences_are_matched_pair_by_pair(alice: User, clock: Clock) -> None:
    first, second = submit_job(alice), submit_job(alice)
    lose(first, clock)
    live, other = claim(first), claim(second)
    assert (live.fence, other.fence) == (2, 1)
    crossed = [Held(first.pk, 1), Held(second.pk, 2)]
    assert renew(crossed) == {}


# -- reap -------------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_makes_the_job_retry(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    claim(job, worker="there:7")
    clock.advance(59)
    assert reap() == []
    clock.advance(2)
    assert reap() == [(job.pk, State.RETRYING)]
    job = fresh(job)
    assert (job.state, job.crashes, job.attempt, job.worker) == (State.RETRYING, 1, 1, "")
    assert job.error == "The worker was lost; the job goes on from the last step it had completed."
    assert (job.lease_until, job.published_at, job.finished_at) == (None, None, None)
    assert timeline(job) == ["submitted", "claimed", "crashed", "retrying"]
    crashed = JobEvent.objects.get(job=job, kind=JobEvent.Kind.CRASHED)
    assert (crashed.worker, crashed.attempt) == ("there:7", 1)


def test_reaping_twice_counts_one_crash(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    claim(job)
    clock.advance(61)
    assert len(reap()) == 1
    assert reap() == []
    assert fresh(job).crashes == 1


def test_a_reaped_job_is_published_when_it_may_run(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    claim(job)
    clock.advance(61)
    reap()
    job = fresh(job)
    assert abs(job.publish_at - job.run_at) < dt.timedelta(milliseconds=5)


def test_the_third_crash_fails_with_the_reason(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    for _ in range(2):
        lose(job, clock)
        assert fresh(job).state == State.RETRYING
    lose(job, clock)
    job = fresh(job)
    assert (job.state, job.crashes, job.attempt) == (State.FAILED, 3, 3)
    assert job.error == "The worker was lost 3 times while it ran this job."
    assert job.finished_at is not None
    last = JobEvent.objects.filter(job=job).last()
    assert last is not None
    assert (last.kind, last.text) == ("failed", job.error)


def test_a_crash_in_the_last_attempt_fails_with_the_reason(alice: User, clock: Clock) -> None:
    job = submit_job(alice, "fail")  # 3 attempts, 3 crashes
    for _ in range(2):
        end(claim(job), State.RETRYING, error="x")
    lose(job, clock)
    assert fresh(job).state == State.FAILED
    assert fresh(job).error == "The worker was lost, and all 3 attempts are used up."


def test_a_cancelled_attempt_of_a_lost_worker_is_not_retried(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    claim(job)
    requests.cancel(job, by="alice")
    clock.advance(61)
    assert reap() == [(job.pk, State.CANCELLED)]
    job = fresh(job)
    assert (job.state, job.error) == (State.CANCELLED, "")
    assert job.finished_at is not None
    assert timeline(job)[-1] == "cancelled"


@pytest.mark.parametrize(("crashes", "longest"), [(0, 15.0), (1, 30.0), (2, 60.0), (30, 3600.0)])
def test_the_delay_after_a_crash_is_within_its_bounds(alice: User, clock: Clock, crashes: int, longest: float) -> None:
    jobs = [submit_job(alice) for _ in range(12)]
    for job in jobs:
        claim(job)
    Job.objects.update(crashes=crashes, max_crashes=1000, max_attempts=1000)
    clock.advance(61)
    now = database_now()
    reap()
    took = (database_now() - now).total_seconds()
    delays = [(fresh(job).run_at - now).total_seconds() for job in jobs]
    assert all(-0.1 <= delay <= longest + took + 0.1 for delay in delays), delays
    assert len(set(delays)) > 1, "no jitter: all would come back at once"


def test_one_pass_is_bounded_and_the_oldest_go_first(
    alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "REAP_LIMIT", 2)
    jobs = []
    for _ in range(3):
        jobs.append(submit_job(alice))
        claim(jobs[-1])
        clock.advance(1)
    clock.advance(61)
    assert {job_id for job_id, _ in reap()} == {jobs[0].pk, jobs[1].pk}
    assert [fresh(job).crashes for job in jobs] == [1, 1, 0]
    assert timeline(jobs[2]) == ["submitted", "claimed"]
    assert [job_id for job_id, _ in reap()] == [jobs[2].pk]


@pytest.mark.django_db(transaction=True)
def test_concurrent_reapers_count_one_crash_a_job(alice: User, clock: Clock) -> None:
    jobs = [submit_job(alice) for _ in range(10)]
    for job in jobs:
        claim(job)
    clock.advance(61)
    reaped = [job_id for found in in_threads(reap, reap, reap) for job_id, _ in found]
    assert sorted(reaped) == [job.pk for job in jobs]
    assert all(fresh(job).crashes == 1 for job in jobs)


def test_only_the_leases_of_the_named_worker_are_reaped(alice: User, clock: Clock) -> None:
    mine, other = submit_job(alice), submit_job(alice)
    claim(mine, worker="here:1")
    claim(other, worker="there:7")
    clock.advance(61)
    assert [job_id for job_id, _ in reap(worker="here:1")] == [mine.pk]


def test_a_lease_is_as_long_as_its_setting(alice: User, clock: Clock, conf: OwnConf) -> None:
    conf.LEASE_SECONDS = 5.0
    claim(submit_job(alice))
    clock.advance(4)
    assert reap() == []
    clock.advance(2)
    assert len(reap()) == 1


def test_a_restarted_server_gives_leases_time_to_be_renewed(
    alice: User, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "SETTLE_SECONDS", 10.0**9)
    claim(submit_job(alice))
    clock.advance(61)
    # SQLite has no server that could have been away from those who hold leases.
    assert len(reap()) == (0 if connection.vendor == "postgresql" else 1)


# -- neighbours -------------------------------------------------------------------------------------


def test_what_dead_processes_of_this_machine_held_is_let_go(alice: User) -> None:
    host = socket.gethostname()[:100]
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    dead, living, elsewhere, before = (submit_job(alice) for _ in range(4))
    claim(dead, worker=f"{host}:{gone.pid}")
    claim(living, worker=f"{host}:{os.getppid()}")
    claim(elsewhere, worker=f"elsewhere:{gone.pid}")
    # A process before this one, in a container, had the same id.
    claim(before, worker=f"{host}:{os.getpid()}")
    assert expire_leases_of_dead_neighbours() == 2
    assert {job_id for job_id, _ in reap()} == {dead.pk, before.pk}
    assert fresh(living).state == State.RUNNING
    assert fresh(elsewhere).state == State.RUNNING


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells by /proc")
def test_a_process_that_nobody_collects_is_a_dead_one(alice: User) -> None:
    job = submit_job(alice)
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as gone:
        assert gone.stdout is not None
        gone.stdout.read()
        claim(job, worker=f"{socket.gethostname()[:100]}:{gone.pid}")
        # It has ended, and its parent has not asked how: its entry is still there.
        wait_until(expire_leases_of_dead_neighbours, what="the end of a process to be seen")
        assert [job_id for job_id, _ in reap()] == [job.pk]


def test_without_dead_neighbours_nothing_is_let_go(alice: User) -> None:
    claim(submit_job(alice), worker=f"{socket.gethostname()[:100]}:{os.getppid()}")
    assert expire_leases_of_dead_neighbours() == 0


def test_a_workers_name_tells_its_machine_and_its_process() -> None:
    assert leases.worker_name() == f"{socket.gethostname()[:100]}:{os.getpid()}"
