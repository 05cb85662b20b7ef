"""From the site's own code to its own code: submit, wait, one pipeline in another, and the signals of their ends."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until

pytestmark = pytest.mark.main_way

SCRIPT = """
import json
from django.contrib.auth import get_user_model
from django.db import transaction
from core.jobs import submit, wait
from core.models import Job
alice = get_user_model().objects.get(username="alice")
with transaction.atomic():
    submit("noop", owner=alice)
    transaction.set_rollback(True)
with transaction.atomic():
    done = submit("run_others", owner=alice, params={"count": 2}, subject=alice)
failed = submit("fail", owner=alice, params={"count": 0})
done, failed = wait(done, timeout=120), wait(failed, timeout=120)
undone = Job.objects.filter(pipeline="noop").count()
print(json.dumps([undone, [done.pk, done.state, done.result], [failed.pk, failed.state, failed.error]]))
"""


@pytest.fixture
def ends(make_site: Callable[..., Site], runtime: Runtime) -> tuple[Site, Callable[[], list[str]]]:
    """A site with receivers, and what they were called with."""
    site = make_site(runtime, EXTRA_PIPELINES="tests.pipelines,tests.receivers", WORKER_PROCESSES="1")
    site.add_user("alice")
    path = site.home / "ends.txt"
    return site, lambda: path.read_text().splitlines() if path.exists() else []


def test_what_code_submits_is_done_and_its_end_is_heard_of(ends: tuple[Site, Callable[[], list[str]]]) -> None:
    site, lines = ends
    site.start_worker()
    undone, done, failed = json.loads(site.run("shell", "--command", SCRIPT).stdout.splitlines()[-1])
    assert done[1:] == ["succeeded", ["Counted to 2", "Counted to 3"]]
    assert failed[1] == "failed"
    heard = wait_until(lambda: len(lines()) == 3 and sorted(lines()))
    assert heard == [
        f"end-signals: ended {done[0]} succeeded alice",
        f"end-signals: ended {failed[0]} failed None",
        f"end-signals: failed {failed[0]} {failed[2]}",
    ]
    assert undone == 0, "it was rolled back"


@pytest.mark.parametrize("runtime", ["embedded"])
def test_an_end_whose_worker_dies_while_a_receiver_is_called_is_heard_of_again(
    ends: tuple[Site, Callable[[], list[str]]],
) -> None:
    site, lines = ends
    code = (
        "from core.life.submission import submit; from core.models import Job; "
        "from django.contrib.auth import get_user_model as model; "
        "print(submit('noop', owner_id=model().objects.get().pk, label='deadly').job_id)"
    )
    job = int(site.run("shell", "--command", code).stdout.splitlines()[-1])
    site.start_worker()
    wait_until(lambda: (site.home / "died").exists())
    site.start_worker()
    # A minute later, for whichever worker looks first.
    wait_until(lambda: len(lines()) >= 2, timeout=180)
    assert lines() == [f"end-signals: ended {job} succeeded None"] * 2
