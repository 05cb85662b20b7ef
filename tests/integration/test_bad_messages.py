"""What anybody may put into a queue: none of it harms the worker, all of it is counted."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pika

from tests.integration.test_life import rows, state_of, submit, wait_for_state
from tests.services.site import Site
from tests.services.waiting import wait_until


def message(**fields: Any) -> bytes:
    """A message as Dramatiq writes it, but for these fields."""
    return json.dumps(
        {
            "queue_name": "default",
            "actor_name": "run_job",
            "args": [1_000_000],
            "kwargs": {},
            "options": {},
            "message_id": "x",
            "message_timestamp": 1,
            **fields,
        }
    ).encode()


UNREADABLE = [
    b"",
    b"\xff\xfe\x00 not text",
    b"{",
    b"[]",
    b"7",
    b"[" * 100_000,
    b'{"actor_name": "run_job"}',
    message(options=None),
    message(options=[]),
    message(kwargs=None),
    message(actor_name={}),
    message(args=7),
]
UNKNOWN_ACTOR = [message(actor_name="no_such_actor"), message(actor_name="")]
WRONG_ARGUMENTS = [
    message(args=[]),
    message(args=["1"]),
    message(args=[True]),
    message(args=[0]),
    message(args=[2**63]),
    message(args=[1, 2]),
    message(kwargs={"job_id": 1}),
    message(actor_name="tick", args=[1]),
]
#: Odd, and yet a wake-up of a job that isn't there: done with, and no alarm.
HARMLESS = [
    message(),
    message(queue_name="elsewhere"),
    message(options={"eta": 99_999_999_999_999, "throws": "x", "pipe_target": 7}),
    message(actor_name="tick", args=[], options={"scheduled_at": "yesterday, about tea time"}),
]


def test_a_worker_stays_well_whatever_is_in_its_queue(make_site: Callable[..., Site]) -> None:
    site = make_site("rabbitmq", EXTRA_PIPELINES="tests.pipelines", WORKER_THREADS="2", WORKER_PROCESSES="1")
    site.add_user("alice")
    connection = pika.BlockingConnection(pika.URLParameters(site.environment["RABBITMQ_URL"]))
    channel = connection.channel()
    (worker,) = site.start_worker()
    # Its queues are there when it says that it is.
    wait_until(lambda: rows(site, "SELECT count(*) FROM core_worker") == [(1,)], what="the worker")

    bad = [*UNREADABLE, *UNKNOWN_ACTOR, *WRONG_ARGUMENTS]
    for body in [*bad, *HARMLESS]:
        channel.basic_publish("", "default", body)
    good = submit(site, "noop")
    wait_for_state(site, good, "succeeded")

    def waiting(queue: str) -> int:
        return int(channel.queue_declare(queue, passive=True).method.message_count)

    wait_until(lambda: waiting("default.XQ") == len(bad), what="the dead letters")
    assert waiting("default") == 0
    counts = {
        ("unreadable_message", "default", len(UNREADABLE)),
        ("unknown_actor", "default", len(UNKNOWN_ACTOR)),
        ("wrong_arguments", "default", len(WRONG_ARGUMENTS)),
    }
    asked = "SELECT name, place, count FROM core_alarmcount"
    wait_until(lambda: set(rows(site, asked)) == counts, what="the alarms")
    shown = site.run("shell", "--command", "from core.operation.metrics import render; print(render().decode())").stdout
    assert f'headway_bad_messages_total{{kind="unknown_actor",queue="default"}} {len(UNKNOWN_ACTOR)}.0' in shown
    assert 'headway_workers{queue="default"} 1.0' in shown

    # The same process, the same consumer, the same threads.
    worker.expect_running()
    log = worker.log.read_text()
    assert "Restarting consumer" not in log
    assert "process_ends" not in log
    assert "Traceback" not in log
    assert max(map(len, log.splitlines())) < 1000, "a whole body is in the log"
    connection.close()
    assert worker.stop() == 0
    assert state_of(site, good) == "succeeded"
    assert rows(site, "SELECT count(*) FROM core_worker") == [(0,)]
