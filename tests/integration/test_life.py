"""A job's life on a whole site: pages, command line, workers that die, on both runtimes."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.services.processes import Process
from tests.services.site import Answer, Person, Runtime, Site
from tests.services.waiting import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.main_way

HTMX = {"HX-Request": "true"}
EFFECTS = "CREATE TABLE test_effect (job_id bigint, step varchar(50), fence bigint)"


# -- what a person does -------------------------------------------------------------------------------


def submit_form(
    person: Person,
    pipeline: str,
    fields: Mapping[str, Any],
    *,
    files: Mapping[str, Path] | None = None,
    key: str = "",
) -> Answer:
    """Open the pipeline's page and send its form; the answer is not followed."""
    page = person.get(f"/pipelines/{pipeline}/")
    assert page.status == 200, page.text
    known = re.search(r'name="idempotency-key" value="([^"]+)"', page.text)
    assert known is not None
    values = {**fields, "idempotency-key": key or known[1]}
    return person.post(f"/pipelines/{pipeline}/", values, files=files, follow=False)


def location_of(answer: Answer) -> str:
    """Where a redirect leads."""
    assert answer.status == 302, answer.text
    return next(value for name, value in answer.headers.items() if name.lower() == "location")


def job_id_of(answer: Answer) -> int:
    found = re.search(r"/jobs/(\d+)/", location_of(answer))
    assert found is not None
    return int(found[1])


def watch_to_the_end(person: Person, location: str, timeout: float = PATIENCE_SECONDS) -> str:
    """Follow the job's page as its script does, until the page asks for nothing more; return the page."""
    shown = person.get(location).text

    def has_ended() -> bool:
        nonlocal shown
        address = re.search(r'hx-get="([^"]+/progress/\?v=[^"]+)"', shown)
        if address is None:
            return True
        answer = person.get(address[1], headers=HTMX)
        assert answer.status in (200, 204), answer.text
        if answer.status == 200:
            shown = answer.text
        return False

    wait_until(has_ended, timeout, "the page to stop asking", every=0.1)
    return person.get(location).text


# -- what a test looks at -----------------------------------------------------------------------------


def rows(site: Site, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Read the site's database; `%s` stands for each of the values."""
    if url := site.environment.get("DATABASE_URL"):
        with psycopg.connect(url) as server:
            return server.execute(query.encode(), values).fetchall()
    with closing(sqlite3.connect(site.home / "db.sqlite3", timeout=30)) as file:
        return file.execute(query.replace("%s", "?"), values).fetchall()


def change(site: Site, statement: str) -> None:
    if url := site.environment.get("DATABASE_URL"):
        with psycopg.connect(url) as server:
            server.execute(statement.encode())
        return
    with closing(sqlite3.connect(site.home / "db.sqlite3", timeout=30)) as file, file:
        file.execute(statement)


def state_of(site: Site, job_id: int) -> str:
    return str(rows(site, "SELECT state FROM core_job WHERE id = %s", job_id)[0][0])


def kinds(site: Site, job_id: int) -> list[str]:
    """The kinds of the job's events, the oldest first."""
    return [row[0] for row in rows(site, "SELECT kind FROM core_jobevent WHERE job_id = %s ORDER BY id", job_id)]


def has_counted(site: Site, job_id: int) -> bool:
    """Whether the job's page shows that some of it is done."""
    return bool(rows(site, "SELECT done FROM core_jobprogress WHERE job_id = %s AND done > 3", job_id))


def wait_for_state(site: Site, job_id: int, *states: str, timeout: float = PATIENCE_SECONDS) -> str:
    def has_state() -> str:
        state = state_of(site, job_id)
        return state if state in states else ""

    return wait_until(has_state, timeout, f"job {job_id} to be {' or '.join(states)}")


@pytest.fixture
def life(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A site with the pipelines of the tests and their user, alice; nothing started yet."""
    site = make_site(
        runtime,
        EXTRA_PIPELINES="tests.pipelines",
        WORKER_THREADS="2",
        WORKER_PROCESSES="1",
        STOP_GRACE_SECONDS="1",
    )
    site.add_user("alice")
    return site


def submit(site: Site, pipeline: str, *arguments: str, **params: object) -> int:
    given = [text for name, value in params.items() for text in ("--param", f"{name}={value}")]
    shown = site.run_json("job", "submit", pipeline, "--owner", "alice", *given, *arguments)
    return int(shown["id"])


def submit_counts(person: Person, pipeline: str, *, count: int, seconds: float) -> int:
    return job_id_of(submit_form(person, pipeline, {"count": str(count), "seconds": str(seconds)}))


# -- the tests ----------------------------------------------------------------------------------------


def test_a_person_submits_watches_cancels_and_retries_on_pages(life: Site, tmp_path: Path) -> None:
    life.start_web()
    alice = life.person("alice")
    text = tmp_path / "in.txt"
    text.write_text("hello")

    # Accepted while no worker runs: nothing is needed but the database.
    first = submit_form(alice, "copy_file", {"upper": "on"}, files={"file": text}, key="clicked-twice")
    again = submit_form(alice, "copy_file", {"upper": "on"}, files={"file": text}, key="clicked-twice")
    job = job_id_of(first)
    assert job_id_of(again) == job
    address = f"/jobs/{job}/"
    asked = re.search(r'hx-get="([^"]+/progress/\?v=[^"]+)"', alice.get(address).text)
    assert asked is not None
    assert alice.get(asked[1], headers=HTMX).status == 204  # nothing has changed

    life.start_worker()
    page = watch_to_the_end(alice, address)
    assert "Copied in.txt" in page
    links = re.findall(rf'href="(/jobs/{job}/files/\d+/[^"]*)"', page)
    assert b"HELLO" in [alice.get(link).body for link in links]

    # Cancel while it works: in its own thread, and in a child process that cannot be interrupted. Neither would end
    # by itself in this test's time.
    for pipeline, seconds in (("count", 0.05), ("in_child", 60)):
        job = submit_counts(alice, pipeline, count=10_000, seconds=seconds)
        wait_for_state(life, job, "running")
        if pipeline == "count":
            wait_until(partial(has_counted, life, job), what="progress")
        assert alice.post(f"/jobs/{job}/cancellation/").status == 200
        wait_for_state(life, job, "cancelled")
        assert alice.get(f"/jobs/{job}/").text.count("Cancelled") >= 1

    # Three attempts fail; a person tries again, and the fourth succeeds.
    job = submit_counts(alice, "fail", count=3, seconds=0)
    wait_for_state(life, job, "failed")
    assert "All 3 attempts failed. The last one: ValueError: attempt 3 went wrong" in alice.get(f"/jobs/{job}/").text
    assert alice.post(f"/jobs/{job}/retry/").status == 200
    wait_for_state(life, job, "succeeded")
    assert kinds(life, job).count("claimed") == 4


@pytest.mark.parametrize("runtime", ["embedded"])
def test_the_command_line_exits_with_documented_codes(life: Site, tmp_path: Path) -> None:
    life.start_worker()
    text = tmp_path / "in.txt"
    text.write_text("hello")

    done = life.run_json(
        "job", "submit", "copy_file", "--owner", "alice", "--file", f"file={text}", "--key", "k", "--wait"
    )
    assert (done["state"], done["attempt"], done["error"]) == ("succeeded", 1, "")
    copy = next(file for file in done["artifacts"] if file["kind"] == "output")
    assert (Path(copy["path"]).read_text(), copy["bytes"]) == ("hello", 5)
    assert (
        life.run_json("job", "submit", "copy_file", "--owner", "alice", "--file", f"file={text}", "--key", "k")["id"]
        == done["id"]
    )

    failed = life.run(
        "job",
        "submit",
        "fail",
        "--owner",
        "alice",
        "--param",
        "count=0",
        "--wait",
        "120",
        "--json",
        check=False,
    )
    assert failed.returncode == 1
    shown = json.loads(failed.stdout)
    assert (shown["state"], shown["error"]) == (
        "failed",
        "line 3: this can't be read; mend it and upload it again",
    )

    codes = {
        ("submit", "nope", "--owner", "alice"): 2,
        ("submit", "noop", "--owner", "nobody"): 2,
        ("submit",): 2,
        ("cancel", str(done["id"])): 3,
        ("retry", str(done["id"])): 3,
        ("show", "123456"): 2,
        ("list", "--state", "failed"): 0,
    }
    for arguments, code in codes.items():
        answer = life.run("job", *arguments, check=False)
        assert answer.returncode == code, (arguments, answer.stderr)
        assert "Traceback" not in answer.stderr
    assert life.run("job", "retry", str(shown["id"])).returncode == 0


def test_a_job_whose_worker_is_killed_resumes_at_its_step(life: Site) -> None:
    change(life, EFFECTS)
    (worker,) = life.start_worker()
    sign = life.home / "go-on"
    job = submit(life, "held_steps", sign=sign)
    wait_until(lambda: rows(life, "SELECT step FROM test_effect"), what="the first step")
    life.kill(worker)
    assert state_of(life, job) == "running"

    sign.touch()
    life.start_worker()
    wait_for_state(life, job, "succeeded")
    effects = rows(life, "SELECT step, fence FROM test_effect ORDER BY fence, step")
    assert sorted(step for step, _ in effects) == ["first", "second", "third"]
    assert effects[0] == ("first", 1)
    assert {fence for step, fence in effects if step != "first"} == {2}
    assert rows(life, "SELECT attempt, crashes FROM core_job WHERE id = %s", job) == [(2, 1)]
    assert "crashed" in kinds(life, job)


@pytest.mark.parametrize("runtime", ["rabbitmq"])
def test_a_job_that_always_kills_its_worker_fails_with_a_reason(life: Site) -> None:
    """Whoever watches the processes starts them again; the job does not kill for ever."""
    life.environment["LEASE_SECONDS"] = "2"
    workers: list[Process] = life.start_worker()
    job = submit(life, "kill_worker", count=100)

    def is_over() -> bool:
        if not any(worker.is_running for worker in workers):
            workers.extend(life.start_worker())
        return state_of(life, job) == "failed"

    wait_until(is_over, 180, "the job to fail", every=0.2)
    assert rows(life, "SELECT attempt, crashes, error FROM core_job WHERE id = %s", job) == [
        (3, 3, "The worker was lost 3 times while it ran this job.")
    ]


def test_two_workers_share_the_work_and_run_no_job_twice(life: Site) -> None:
    life.start_worker(2)
    wait_until(lambda: rows(life, "SELECT count(*) FROM core_worker") == [(2,)], what="both workers")
    count = 16
    code = (
        "from core.life.submission import *; from django.contrib.auth.models import User; "
        "submit_many('count', [Order(params={'count': 1, 'seconds': 0.4}) "
        f"for _ in range({count})], owner_id=User.objects.get(username='alice').pk)"
    )
    life.run("shell", "--command", code)
    wait_until(
        lambda: rows(life, "SELECT count(*) FROM core_job WHERE state = 'succeeded'") == [(count,)],
        what="all jobs",
    )
    assert rows(life, "SELECT max(attempt), max(fence), sum(crashes) FROM core_job") == [(1, 1, 0)]
    workers = rows(life, "SELECT DISTINCT worker FROM core_jobevent WHERE kind = 'claimed'")
    assert len(workers) == 2


@pytest.mark.parametrize("runtime", ["embedded"])
def test_a_worker_that_is_asked_to_stop_hands_its_job_back(life: Site) -> None:
    (worker,) = life.start_worker()
    job = submit(life, "count", count=10_000, seconds=0.05)
    wait_until(partial(has_counted, life, job), what="progress")
    assert worker.stop(signal.SIGTERM) == 0
    assert rows(life, "SELECT state, attempt, crashes, worker FROM core_job WHERE id = %s", job) == [
        ("queued", 0, 0, "")
    ]
    assert kinds(life, job) == ["submitted", "claimed", "released"]

    life.start_worker()
    wait_for_state(life, job, "running")
    life.run("job", "cancel", str(job))
    wait_for_state(life, job, "cancelled")


@pytest.mark.parametrize("runtime", ["embedded"])
def test_short_work_may_end_before_its_worker_stops(life: Site) -> None:
    life.environment |= {"STOP_GRACE_SECONDS": "60", "STOP_SECONDS": "80"}
    (worker,) = life.start_worker()
    job = submit(life, "count", count=20, seconds=0.1)
    wait_for_state(life, job, "running", "succeeded")
    assert worker.stop(signal.SIGTERM) == 0
    assert state_of(life, job) == "succeeded"
    assert kinds(life, job) == ["submitted", "claimed", "succeeded"]


@pytest.mark.parametrize("runtime", ["rabbitmq"])
def test_a_script_that_ends_while_publishing_strands_no_job(life: Site) -> None:
    code = (
        "import time; from actors.runtime.broker import job_broker; from core.life.submission import submit; "
        "from django.contrib.auth.models import User; broker = job_broker(); publish = broker.publish_jobs; "
        "broker.publish_jobs = lambda jobs: (time.sleep(1), publish(jobs)); "
        "submit('noop', owner_id=User.objects.get(username='alice').pk); time.sleep(0.3)"
    )
    life.run("shell", "--command", code)
    # Not held back for the time that a relay has its jobs to itself.
    assert rows(life, "SELECT count(*) FROM core_job WHERE published_at IS NOT NULL") == [(1,)]
