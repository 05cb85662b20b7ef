"""An actor with `periodic=` of the site's own code runs on both runtimes, and the page says what came of it."""

from __future__ import annotations

from collections.abc import Callable

from tests.integration.test_life import EFFECTS, change, rows
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until


def test_it_runs_once_a_time_on_any_number_of_workers_and_the_page_says_so(
    runtime: Runtime, make_site: Callable[..., Site]
) -> None:
    site = make_site(runtime, EXTRA_PIPELINES="tests.pipelines,tests.site_actors", WORKER_PROCESSES="2")
    site.add_user("alice", is_admin=True)
    change(site, EFFECTS)
    site.start_worker(2)
    if runtime == "rabbitmq":
        site.start_scheduler()
    site.start_web()
    known = "SELECT count(*) FROM core_periodicrun"
    wait_until(lambda: rows(site, known) == [(2,)], what="the actors to be known")
    # Nobody waits for the minute.
    change(site, "UPDATE core_periodicrun SET next_at = '2026-01-01 00:00:00'")
    ended = "SELECT name, error FROM core_periodicrun WHERE ended_at IS NOT NULL ORDER BY name"
    wait_until(lambda: len(rows(site, ended)) == 2, what="both to have run")
    assert rows(site, ended) == [("break_orders", "ValueError: no orders"), ("count_orders", "")]
    times = rows(site, "SELECT due_at FROM core_periodicrun WHERE name = 'count_orders'")
    counted = rows(site, "SELECT count(*) FROM test_effect")
    # One a time: a minute may have begun meanwhile.
    assert counted[0][0] <= 1 + (rows(site, "SELECT due_at FROM core_periodicrun WHERE name = 'count_orders'") != times)
    page = site.person("alice").get("/schedules/").text
    assert "Count the orders of the shop" in page
    assert "ValueError: no orders" in page
    for words in ("Ran</span>", "Failed</span>"):
        assert words in page
