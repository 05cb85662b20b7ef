"""Fan-out on a whole site: children on several workers, workers that are killed, and a cancel that reaches them all."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.integration.test_life import (
    EFFECTS,
    change,
    location_of,
    rows,
    state_of,
    submit_form,
    wait_for_state,
    watch_to_the_end,
)
from tests.integration.test_smallest_pipeline import DOCUMENT, checkout  # noqa: F401  the fixture
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until


@pytest.fixture
def family(runtime: Runtime, make_site: Callable[..., Site]) -> Site:
    """A site with alice and the tests' pipelines."""
    site = make_site(
        runtime,
        EXTRA_PIPELINES="tests.pipelines",
        WORKER_THREADS="2",
        WORKER_PROCESSES="1",
        STOP_GRACE_SECONDS="1",
    )
    site.add_user("alice")
    change(site, EFFECTS)
    return site


def submit_split(site: Site, *, parts: int, seconds: float, sign: Path | str = "") -> int:
    done = site.run_json(
        *("job", "submit", "split", "--owner", "alice", "--param", f"parts={parts}"),
        *("--param", f"seconds={seconds}", "--param", "depth=1", "--param", f"sign={sign}"),
    )
    return int(done["id"])


def ended_children(site: Site, job: int) -> int:
    query = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state = 'succeeded'"
    return int(rows(site, query, job)[0][0])


def have_ended(site: Site, job: int, at_least: int) -> bool:
    return ended_children(site, job) >= at_least


def test_children_run_on_all_workers_while_no_thread_waits(family: Site) -> None:
    family.start_worker(2)
    sign = family.home / "go-on"
    job = submit_split(family, parts=12, seconds=0, sign=sign)
    wait_for_state(family, job, "waiting")
    assert rows(family, "SELECT worker, lease_until, attempt FROM core_job WHERE id = %s", job) == [("", None, 0)]
    # As many as both have threads for: none is held by the parent.
    at_work = "SELECT count(*), count(DISTINCT worker) FROM core_job WHERE parent_id = %s AND state = 'running'"
    wait_until(lambda: rows(family, at_work, job) == [(4, 2)], what="children on all threads of both workers")
    sign.touch()
    wait_for_state(family, job, "succeeded")
    resumed = "SELECT count(*) FROM core_jobevent WHERE job_id = %s AND kind = 'resumed'"
    assert rows(family, resumed, job) == [(1,)]


@pytest.mark.parametrize("runtime", ["rabbitmq"])
def test_killed_workers_lose_no_child_and_repeat_no_step(family: Site) -> None:
    workers = family.start_worker(2)
    job = submit_split(family, parts=12, seconds=0.5)
    for done in (2, 5):
        wait_until(partial(have_ended, family, job, done), what=f"{done} children")
        family.kill(workers.pop(0))
        workers += family.start_worker()
    wait_for_state(family, job, "succeeded", timeout=180)
    assert rows(family, "SELECT count(*) FROM core_job WHERE parent_id = %s", job) == [(12,)]
    effects = "SELECT step, count(*) FROM test_effect WHERE step IN ('plan', 'sum') GROUP BY step ORDER BY step"
    assert rows(family, effects) == [("plan", 1), ("sum", 1)]
    shown = family.run_json("job", "show", str(job))
    assert shown["result"]["total"] == sum(range(12))


@pytest.mark.parametrize("runtime", ["embedded"])
def test_a_cancel_reaches_all_children_within_seconds(family: Site) -> None:
    family.start_worker(2)
    # They would be at work for longer than anybody waits here.
    job = submit_split(family, parts=8, seconds=3600)
    running = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state = 'running'"
    wait_until(lambda: rows(family, running, job)[0][0] >= 2, what="running children")
    family.run("job", "cancel", str(job))
    assert state_of(family, job) == "cancelled"
    others = "SELECT count(*) FROM core_job WHERE parent_id = %s AND state <> 'cancelled'"
    wait_until(lambda: rows(family, others, job) == [(0,)], what="the end of all children")


@pytest.mark.parametrize("runtime", ["embedded"])
def test_the_documented_fan_out_works(
    runtime: Runtime,
    make_site: Callable[..., Site],
    checkout: Path,  # noqa: F811
) -> None:
    sample = re.search(
        r"<!-- tests/integration/test_fan_out.py.*?-->\n```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL
    )
    assert sample is not None
    (checkout / "actors" / "pipelines" / "count_texts.py").write_text(sample[1])
    site = make_site(runtime)
    site.add_user("alice")
    site.start_web()
    site.start_worker()
    alice = site.person("alice")
    answer = submit_form(alice, "count_texts", {"texts": "one two\nthree four five\n\nsix"})
    assert "6 words" in watch_to_the_end(alice, location_of(answer))
