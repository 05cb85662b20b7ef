"""What does not listen is ended over its head: a hung thread is written off, a held interpreter costs its process."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.test_graceful_stop import submit_all
from tests.integration.test_life import EFFECTS, change, kinds, rows, state_of, wait_for_state
from tests.services.processes import Process
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until

SETTINGS = {
    "EXTRA_PIPELINES": "tests.pipelines,tests.hung",
    "WORKER_PROCESSES": "1",
    "WORKER_THREADS": "4",
    "WRITE_OFF_SECONDS": "2",
    "STOP_SECONDS": "10",
}
NOTHING = ("hang", {"how": "nothing", "times": 0, "waits": 0})
WRITTEN_OFF = "SELECT name, place, count FROM core_alarmcount ORDER BY 1, 2"


@pytest.fixture
def make_hung(make_site: Callable[..., Site]) -> Callable[..., Site]:
    def make(runtime: Runtime, **settings: str) -> Site:
        site = make_site(runtime, **{**SETTINGS, **settings})
        site.add_user("alice")
        change(site, EFFECTS)
        return site

    return make


def hang(how: str, *, pipeline: str = "hang", times: int = 1, waits: float = 0) -> tuple[str, dict[str, Any]]:
    return pipeline, {"how": how, "times": times, "waits": waits}


def cancel(site: Site, job: int) -> None:
    site.run("job", "cancel", str(job))


def error_of(site: Site, job: int) -> str:
    return str(rows(site, "SELECT error FROM core_job WHERE id = %s", job)[0][0])


def wait_until_ended(worker: Process) -> None:
    wait_until(lambda: not worker.is_running, what="the process to be ended")


@pytest.mark.parametrize("how", ["sleep", "socket"])
def test_a_hung_call_is_cancelled_its_thread_is_replaced_and_its_message_is_done(
    runtime: Runtime, make_hung: Callable[..., Site], how: str
) -> None:
    # With one thread, nothing else would ever run.
    site = make_hung(runtime, WORKER_THREADS="1", LEASE_SECONDS="90")
    (worker,) = site.start_worker()
    (job,) = submit_all(site, hang(how))
    wait_for_state(site, job, "running")
    cancel(site, job)
    wait_for_state(site, job, "cancelled")
    (after,) = submit_all(site, NOTHING)
    wait_for_state(site, after, "succeeded")
    assert rows(site, WRITTEN_OFF) == [("written_off", "hang", 1)]
    assert rows(site, "SELECT threads FROM core_worker") == [(1,)]
    assert worker.is_running
    assert worker.stop() == 0
    assert rows(site, "SELECT count(*) FROM test_effect") == [(0,)]


def test_a_hung_call_fails_at_its_time_limit_and_says_so(runtime: Runtime, make_hung: Callable[..., Site]) -> None:
    site = make_hung(runtime)
    site.start_worker()
    (job,) = submit_all(site, hang("sleep", pipeline="hang_limited"))
    wait_for_state(site, job, "failed")
    assert error_of(site, job) == "It took longer than its time limit of 2 seconds, and was stopped."
    (detail,) = rows(site, "SELECT detail FROM core_jobevent WHERE job_id = %s AND kind = 'failed'", job)[0]
    assert "time.sleep(1000)" in detail


def test_a_process_with_too_many_hung_threads_is_replaced_and_hands_back_what_it_has(
    runtime: Runtime, make_hung: Callable[..., Site]
) -> None:
    site = make_hung(runtime, LEASE_SECONDS="90")
    (worker,) = site.start_worker()
    *hung, listening = submit_all(site, hang("sleep"), hang("socket"), ("count", {"count": 10_000, "seconds": 0.05}))
    for job in (*hung, listening):
        wait_for_state(site, job, "running")
    for job in hung:
        cancel(site, job)
    wait_until_ended(worker)
    assert [state_of(site, job) for job in (*hung, listening)] == ["cancelled", "cancelled", "queued"]
    assert kinds(site, listening)[-1] == "released"


def test_code_that_holds_the_interpreter_is_cancelled_with_its_process_and_costs_its_neighbours_nothing(
    runtime: Runtime, make_hung: Callable[..., Site]
) -> None:
    site = make_hung(runtime, LEASE_SECONDS="90")
    (worker,) = site.start_worker()
    (neighbour,) = submit_all(site, ("count", {"count": 10_000, "seconds": 0.05}))
    wait_for_state(site, neighbour, "running")
    (holder,) = submit_all(site, hang("regex"))
    wait_for_state(site, holder, "running")
    cancel(site, holder)
    wait_for_state(site, holder, "cancelled")
    wait_until_ended(worker)
    assert rows(site, "SELECT state, attempt, crashes FROM core_job WHERE id = %s", neighbour) == [("queued", 0, 0)]
    assert kinds(site, neighbour) == ["submitted", "claimed", "released"]
    assert rows(site, WRITTEN_OFF) == [("held_interpreter", "hang", 1)]


def test_code_that_holds_the_interpreter_fails_at_its_time_limit(make_hung: Callable[..., Site]) -> None:
    site = make_hung("embedded", LEASE_SECONDS="90")
    (worker,) = site.start_worker()
    (job,) = submit_all(site, hang("regex", pipeline="hang_limited"))
    wait_for_state(site, job, "failed")
    assert error_of(site, job) == "It took longer than its time limit of 2 seconds, and was stopped."
    wait_until_ended(worker)


def test_a_job_that_keeps_its_worker_from_renewing_says_so_and_is_a_crash_of_its_own(
    make_hung: Callable[..., Site],
) -> None:
    site = make_hung("rabbitmq", LEASE_SECONDS="10")
    (worker,) = site.start_worker()
    (neighbour,) = submit_all(site, ("count", {"count": 10_000, "seconds": 0.05}))
    wait_for_state(site, neighbour, "running")
    (holder,) = submit_all(site, hang("regex"))
    wait_until_ended(worker)
    assert re.fullmatch(
        r"The worker could not renew its lease: the code held the interpreter for \d+ s\.", error_of(site, holder)
    )
    assert rows(site, "SELECT id, state, crashes FROM core_job ORDER BY id") == [
        (neighbour, "queued", 0),
        (holder, "retrying", 1),
    ]
    site.start_worker()
    wait_for_state(site, holder, "succeeded")
