"""Fetching on a whole site: a worker that is killed, and a cancel, in the middle of a file."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.test_life import rows, state_of, wait_for_state
from tests.services.site import Runtime, Site
from tests.services.waiting import wait_until
from tests.unit.actors.fetching.serving import Handler, Server, ranged, serving

CONTENT = b"id,word\n" + b"".join(b"%d,a word\n" % number for number in range(200_000))
SENT_FIRST = 1_000_000


#: A server holds its answer for so long, unless it is let go: no test waits for it.
ENDLESS_SECONDS = 3600


class Halting:
    """Sends a part of the file and then crumbs of it, or nothing, until it is let go; takes ranges."""

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        #: Whether crumbs come: what has arrived is made safe on the disk from time to time, when something comes.
        self.has_crumbs = True

    def __call__(self, request: Handler) -> None:
        if request.headers.get("Range") or self.may_go_on.is_set():
            ranged(CONTENT, request)
            return
        request.head(content_length=len(CONTENT), etag='"one"', accept_ranges="bytes")
        request.wfile.write(CONTENT[:SENT_FIRST])
        for place in range(SENT_FIRST, len(CONTENT), 100):
            if not self.has_crumbs:
                self.may_go_on.wait(ENDLESS_SECONDS)
            if self.may_go_on.wait(0.2):
                return
            request.wfile.write(CONTENT[place : place + 100])


@pytest.fixture
def answers() -> Halting:
    return Halting()


@pytest.fixture
def halting(answers: Halting) -> Iterator[Server]:
    with ExitStack() as stack:
        server = stack.enter_context(serving(answers))
        stack.callback(answers.may_go_on.set)
        yield server


@pytest.fixture
def fetching(runtime: Runtime, make_site: Callable[..., Site], halting: Server) -> Site:
    site = make_site(
        runtime,
        FETCH_INSIDE=f"127.0.0.1:{halting.port}",
        WORKER_PROCESSES="1",
        STOP_GRACE_SECONDS="1",
        # A server that says nothing is waited for as long as it takes.
        FETCH_SILENCE_SECONDS=str(ENDLESS_SECONDS),
    )
    site.add_user("alice")
    return site


def submit(site: Site, url: str) -> int:
    shown = site.run_json("job", "submit", "url_import", "--owner", "alice", "--param", f"urls={url}")
    return int(shown["id"])


def safe_bytes(folder: Path) -> int:
    """How much of the file an attempt has noted as safe."""
    return max((json.loads(note.read_text())["bytes"] for note in folder.glob("*/fetch/1.json")), default=0)


def test_a_worker_killed_mid_file_loses_little_of_it(fetching: Site, halting: Server) -> None:
    worker = fetching.start_worker()[0]
    job = submit(fetching, halting.url("/words.csv"))
    notes = fetching.home / "files" / "jobs" / str(job)
    wait_until(lambda: safe_bytes(notes) >= SENT_FIRST, what="a part that is safe on the disk")
    fetching.kill(worker)
    fetching.start_worker()
    wait_for_state(fetching, job, "succeeded")
    first, second = [headers.get("range", "") for _, headers in halting.seen.requests]
    assert first == ""
    assert int(second.removeprefix("bytes=").removesuffix("-")) >= SENT_FIRST
    assert rows(fetching, "SELECT rows, source_bytes FROM core_dataset") == [(200_000, len(CONTENT))]
    assert rows(fetching, "SELECT attempt, crashes FROM core_job WHERE id = %s", job) == [(2, 1)]


@pytest.mark.parametrize("runtime", ["embedded"])
def test_a_cancel_ends_a_fetch_within_seconds(fetching: Site, halting: Server, answers: Halting) -> None:
    # The server says no word more, for an hour.
    answers.has_crumbs = False
    fetching.start_worker()
    job = submit(fetching, halting.url("/words.csv"))
    wait_until(lambda: halting.seen.requests, what="the request")
    wait_until(lambda: rows(fetching, "SELECT done FROM core_jobprogress WHERE job_id = %s AND done > 0", job))
    fetching.run("job", "cancel", str(job))
    wait_for_state(fetching, job, "cancelled")
    # Nothing of it is left, and nothing more is asked for.
    wait_until(lambda: not list((fetching.home / "files" / "jobs").glob(f"{job}/*/fetch/*")), what="its files to go")
    assert len(halting.seen.requests) == 1
    assert state_of(fetching, job) == "cancelled"
