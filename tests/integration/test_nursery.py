"""What the nursery forks is a web server or a worker as `manage.py` starts it."""

import os
import signal
from collections.abc import Callable

from tests.services.processes import accepts, free_port, is_alive
from tests.services.site import Person, Site
from tests.services.waiting import wait_until


def test_a_forked_worker_and_web_server_do_what_started_ones_do(make_site: Callable[..., Site]) -> None:
    site = make_site("rabbitmq", EXTRA_PIPELINES="tests.pipelines")
    site.add_user("alice")
    worker = site.fork_worker("--processes", "1", "--threads", "1")
    port = free_port()
    web = site.fork_web(port=port)
    wait_until(lambda: web.expect_running() and accepts(port), what="the forked web server to listen")
    assert Person(site, f"http://127.0.0.1:{port}").get("/readyz").status == 200
    job = site.run_json("job", "submit", "noop", "--owner", "alice", "--wait", "120")
    assert job["state"] == "succeeded"
    assert worker.is_running


def test_the_end_of_a_forked_process_is_known_by_its_code(make_site: Callable[..., Site]) -> None:
    site = make_site("rabbitmq", EXTRA_PIPELINES="tests.pipelines")
    asked, killed = (site.fork_worker("--processes", "1", "--threads", "1", name=name) for name in ("one", "two"))
    wait_until(
        lambda: all("worker_started" in worker.tail() for worker in (asked, killed)), what="the workers to start"
    )
    assert asked.stop() == 0
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL


def test_a_forked_worker_dies_at_its_armed_failpoint(make_site: Callable[..., Site]) -> None:
    site = make_site("rabbitmq", EXTRA_PIPELINES="tests.pipelines", LEASE_SECONDS="4")
    site.add_user("alice")
    armed = site.fork_worker("--processes", "1", "--threads", "1", environment={"FAILPOINT": "claim:kill"})
    job = site.run_json("job", "submit", "noop", "--owner", "alice")
    wait_until(lambda: "(code -9)" in armed.tail(), what="the worker to be killed")
    site.fork_worker("--processes", "1", "--threads", "1", name="other")
    wait_until(
        lambda: site.run_json("job", "show", str(job["id"]))["state"] == "succeeded",
        what="the job to be done",
        every=0.3,
    )
    pid = armed.pid
    armed.kill9()
    assert not is_alive(pid)
