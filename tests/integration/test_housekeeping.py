"""A round of the housekeeper on a whole site: started by staff, run by a worker, told on its page."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.services.site import Person, Runtime, Site
from tests.services.waiting import wait_until

_AGE = """
import datetime as dt
from django.utils import timezone
from core.models import Job
Job.objects.filter(pk__in={ids}).update(finished_at=timezone.now() - dt.timedelta(days=1000))
"""


def start(person: Person, path: str, fields: dict[str, str], *, files: dict[str, Path] | None = None) -> str:
    """Fill in a form and return the address of the job's page."""
    key = re.search(r'name="key" value="(\w+)"', person.get(path).text)
    answer = person.post(path, {**fields, **({"key": key[1]} if key else {})}, files=files)
    assert answer.status == 200, answer.text[-2_000:]
    return answer.url


def wait_until_succeeded(person: Person, address: str) -> str:
    wait_until(lambda: 'data-state="succeeded"' in person.get(address).text, what="the job to succeed")
    return person.get(address).text


@pytest.mark.parametrize("runtime", ["embedded"])
def test_staff_starts_a_round_and_what_is_needed_is_still_there(
    runtime: Runtime, make_site: Callable[..., Site], tmp_path: Path
) -> None:
    site = make_site(runtime, EXTRA_PIPELINES="tests.pipelines", ORPHAN_HOURS="24")
    site.add_user("alice", is_admin=True)
    site.add_user("bob")
    site.start_web()
    site.start_worker()
    alice, bob = site.person("alice"), site.person("bob")
    jobs = []
    for name in ("old", "young", "also old"):
        file = tmp_path / f"{name}.txt"
        file.write_text("shared" if name != "also old" else name)
        jobs.append(start(bob, "/pipelines/copy_file/", {}, files={"file": file}))
    for address in jobs:
        wait_until_succeeded(bob, address)
    ids = [int(address.rstrip("/").rpartition("/")[2]) for address in jobs]
    old, young, also_old = ids
    site.run("shell", "--verbosity", "0", "--command", _AGE.format(ids=[old, also_old]))
    store = site.home / "files"
    (store / "staging" / "begun").write_text("never finished")
    then = time.time() - 30 * 86400
    for path in store.rglob("*"):
        os.utime(path, (then, then))

    # Not for everybody.
    refused = bob.post("/pipelines/housekeeping/", {})
    assert refused.status == 403

    page = wait_until_succeeded(alice, start(alice, "/pipelines/housekeeping/", {"dry_run": "on"}))
    assert "2 jobs, 3 files" in page
    assert "would be deleted" in page
    assert bob.get(jobs[0]).status == 200

    page = wait_until_succeeded(alice, start(alice, "/pipelines/housekeeping/", {}))
    assert "2 jobs, 4 files" in page
    assert [bob.get(address).status for address in jobs] == [404, 200, 404]
    shared = hashlib.sha256(b"shared").hexdigest()
    assert {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()} == {
        f"uploads/{shared[:2]}/{shared}",
        f"jobs/{young}/1/copy.txt",
    }
    # What is kept can be taken up again.
    again = start(bob, f"/pipelines/copy_file/?again={young}", {})
    assert "shared".upper() not in wait_until_succeeded(bob, again)
