"""Async pipelines on whole sites: many jobs wait in one process, and end as all jobs do."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.test_graceful_stop import submit_all
from tests.integration.test_life import EFFECTS, change, kinds, rows, state_of, wait_for_state
from tests.services.processes import Process
from tests.services.site import CHECKOUT, Runtime, Site
from tests.services.slow_server import slow_server
from tests.services.waiting import wait_until

#: Jobs that wait at once; many more than there are threads.
JOBS, THREADS = 40, 2
DOCUMENT = CHECKOUT / "docs" / "pipelines.md"


@pytest.fixture
def make_async(make_site: Callable[..., Site]) -> Callable[..., Site]:
    def make(runtime: Runtime, **settings: str) -> Site:
        own = {
            "EXTRA_PIPELINES": "tests.pipelines,tests.async_pipelines",
            "WORKER_PROCESSES": "1",
            "WORKER_THREADS": str(THREADS),
            "WRITE_OFF_SECONDS": "2",
            "STOP_SECONDS": "10",
        }
        site = make_site(runtime, **{**own, **settings})
        site.add_user("alice")
        change(site, EFFECTS)
        return site

    return make


def count(site: Site, state: str) -> int:
    return int(rows(site, "SELECT count(*) FROM core_job WHERE state = %s", state)[0][0])


def log_of(worker: Process) -> str:
    return worker.log.read_text(errors="replace")


def test_many_jobs_wait_at_once_in_one_process_and_survive_it(
    runtime: Runtime, make_async: Callable[..., Site]
) -> None:
    site = make_async(runtime)
    with slow_server() as server:
        (worker,) = site.start_worker()
        orders = [("wait_for_server", {"port": server.port})] * JOBS
        cancelled, *others = submit_all(site, *orders)
        wait_until(lambda: server.waiting == JOBS, what="all jobs to wait at once")
        assert count(site, "running") == JOBS
        # Beside them, the threads are free.
        (plain,) = submit_all(site, ("noop", {}))
        wait_for_state(site, plain, "succeeded")
        site.run("job", "cancel", str(cancelled))
        wait_for_state(site, cancelled, "cancelled")
        wait_until(lambda: server.waiting == JOBS - 1, what="its connection to be closed")

        site.kill(worker)
        site.start_worker()
        wait_until(lambda: server.waiting == JOBS - 1, what="the others to wait in another process")
        server.go()
        wait_until(lambda: count(site, "running") == 0, what="all to have ended")
    assert [state_of(site, job) for job in others] == ["succeeded"] * len(others)
    assert rows(site, "SELECT count(DISTINCT job_id), count(*) FROM test_effect") == [(JOBS - 1, JOBS - 1)]
    assert {attempt for (attempt,) in rows(site, "SELECT attempt FROM core_job WHERE id <> %s", plain)} <= {1, 2}


def test_a_stopping_worker_hands_back_what_waits(runtime: Runtime, make_async: Callable[..., Site]) -> None:
    site = make_async(runtime, LEASE_SECONDS="90", STOP_GRACE_SECONDS="1")
    with slow_server() as server:
        (worker,) = site.start_worker()
        jobs = submit_all(site, *[("wait_for_server", {"port": server.port})] * 5)
        wait_until(lambda: server.waiting == 5, what="all jobs to wait")
        assert worker.stop(signal.SIGTERM) == 0
        assert [kinds(site, job) for job in jobs] == [["submitted", "claimed", "released"]] * 5
        assert rows(site, "SELECT DISTINCT state, attempt, crashes FROM core_job") == [("queued", 0, 0)]
        assert "worker_stopped stuck_threads=\n" in log_of(worker)


def test_one_that_blocks_the_loop_is_named_and_costs_nobody_a_lease(
    make_async: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_async("embedded", LEASE_SECONDS="15")
    sign = tmp_path / "sign"
    with slow_server() as server:
        (worker,) = site.start_worker()
        (neighbour,) = submit_all(site, ("wait_for_server", {"port": server.port}))
        wait_until(lambda: server.waiting == 1, what="the neighbour to wait")
        (blocker,) = submit_all(site, ("block_loop", {"sign": str(sign)}))
        named = re.compile(rf"event_loop_blocked job={blocker} pipeline=block_loop .* at='async_pipelines.py:\d+")
        wait_until(lambda: named.search(log_of(worker)), what="the job to be named")
        sign.touch()
        server.go()
        for job in (neighbour, blocker):
            wait_for_state(site, job, "succeeded")
    assert rows(site, "SELECT DISTINCT attempt, crashes FROM core_job") == [(1, 0)]


def test_one_that_blocks_the_loop_is_cancelled_all_the_same_and_its_process_replaced(
    make_async: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_async("embedded", LEASE_SECONDS="90")
    with slow_server() as server:
        (worker,) = site.start_worker()
        (neighbour,) = submit_all(site, ("wait_for_server", {"port": server.port}))
        wait_until(lambda: server.waiting == 1, what="the neighbour to wait")
        (blocker,) = submit_all(site, ("block_loop", {"sign": str(tmp_path / "never")}))
        wait_until(lambda: "event_loop_blocked" in log_of(worker), what="the loop to be blocked")
        site.run("job", "cancel", str(blocker))
        wait_for_state(site, blocker, "cancelled")
        wait_until(lambda: not worker.is_running, what="the process to end")
    assert "process_ends" in log_of(worker)
    assert rows(site, "SELECT state, attempt, crashes FROM core_job WHERE id = %s", neighbour) == [("queued", 0, 0)]


def test_one_that_holds_the_interpreter_costs_its_neighbours_nothing(
    make_async: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_async("embedded", LEASE_SECONDS="12")
    with slow_server() as server:
        (worker,) = site.start_worker()
        neighbours = submit_all(site, *[("wait_for_server", {"port": server.port})] * 3)
        wait_until(lambda: server.waiting == 3, what="the neighbours to wait")
        (holder,) = submit_all(site, ("hold_interpreter", {"sign": str(tmp_path / "begun")}))
        # Which of them it is, the name of the loop's thread says.
        wait_until(lambda: not worker.is_running, what="the process to be killed")
    assert {rows(site, "SELECT state, crashes FROM core_job WHERE id = %s", job)[0] for job in neighbours} == {
        ("queued", 0)
    }
    assert rows(site, "SELECT state, crashes FROM core_job WHERE id = %s", holder) == [("retrying", 1)]


def test_the_documented_async_pipeline_works_as_it_is_written(make_async: Callable[..., Site], tmp_path: Path) -> None:
    marked = r"<!-- tests/integration/test_async.py runs exactly this -->\n```python\n(.*?)```"
    written = re.search(marked, DOCUMENT.read_text(), re.DOTALL)
    assert written is not None
    (tmp_path / "own_pipelines.py").write_text(written[1])
    site = make_async("embedded", EXTRA_PIPELINES="own_pipelines", PYTHONPATH=str(tmp_path))
    with slow_server(0.01) as server:
        site.start_worker()
        addresses = "\n".join(f"http://127.0.0.1:{server.port}/{number}" for number in range(3))
        done = site.run_json(
            *("job", "submit", "size_of_answers", "--owner", "alice", "--wait", "120"),
            *("--param", f"addresses={addresses}"),
        )
    assert done["state"] == "succeeded", json.dumps(done)
    assert done["result"] == {"facts": [[address, 4] for address in addresses.split()]}
