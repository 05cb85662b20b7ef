"""A million jobs: how each database finds those that a statement is about, with the parameters of a real call."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from pytest_django.plugin import DjangoDbBlocker

from core.database import statements
from core.models import Job
from core.models.states import CLAIMABLE, State
from core.settings import _database

_INDEX = re.compile(r"\b(job_(?!id\b)\w+)\b")
#: SQLite calls it a scan as well when all that a partial index has is wanted; `j` and such are jobs in statements.
_WIDE = re.compile(
    r"Seq Scan on core_job\b|JIT:"
    r"|\bSCAN (core_job|[jocdhn])\b(?! USING (COVERING )?INDEX job_(lease|published|turn|held|let_go|waiting)\b)"
)
#: Of each ten jobs five wait, in turn unpublished, published and held; one runs, of a few; four have ended.
#: One owner has nearly all that wait; owners 2 to 200 have the rest.
FILL = """
INSERT INTO core_job (
    id, pipeline, queue, priority, owner_id, idempotency_key, label, params, lane, is_held, state, run_at, publish_at,
    published_at, lease_until, finished_at, created_at, parent_id, fan_key, fan_index, fence, worker
)
WITH RECURSIVE numbers (n) AS ({numbers})
SELECT n, CASE WHEN n % 10 = 2 THEN 'limited' ELSE 'plain' END, 'default', n % 3,
    CASE WHEN n % 100 < 90 THEN 1 ELSE 2 + n % 199 END, {key}, '', '{}',
    CASE WHEN n % 10 = 2 THEN '{"host":"h' || n % 500 || '"}' ELSE '' END,
    CASE WHEN n % 10 = 2 THEN {yes} ELSE {no} END,
    CASE WHEN n % 10 IN (0, 1, 2) OR n % 10 = 4 AND n > 100000 THEN 'queued'
        WHEN n % 10 = 3 AND n < 2000 THEN 'running' WHEN n % 1000 = 7 THEN 'waiting'
        WHEN n % 100 = 5 THEN 'failed' ELSE 'succeeded' END,
    {then}, {then},
    CASE WHEN n % 100 = 1 THEN {then} END,
    CASE WHEN n % 10 = 3 AND n < 2000 THEN {later} END,
    CASE WHEN n % 10 > 4 AND n % 1000 <> 7 THEN {then} END, {then},
    CASE WHEN n % 1000 IN (8, 9) THEN n - n % 1000 + 7 END, CASE WHEN n % 1000 IN (8, 9) THEN 'parts' ELSE '' END,
    CASE WHEN n % 1000 IN (8, 9) THEN n % 1000 END, 1, CASE WHEN n % 10 = 3 AND n < 2000 THEN 'here:1' ELSE '' END
FROM numbers
"""
WORDS = {
    "sqlite": {
        "numbers": "SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000",
        "key": "printf('%08d', n)",
        "yes": "1",
        "no": "0",
        "then": "'2026-01-01 00:00:00'",
        "later": "'2999-01-01 00:00:00'",
    },
    "postgresql": {
        "numbers": "SELECT generate_series(1, 1000000)",
        "key": "lpad(n::text, 8, '0')",
        "yes": "true",
        "no": "false",
        "then": "timestamptz '2026-01-01'",
        "later": "timestamptz '2999-01-01'",
    },
}
OWNERS = """
INSERT INTO auth_user (
    id, username, password, is_superuser, is_staff, is_active, first_name, last_name, email, date_joined
)
WITH RECURSIVE numbers (n) AS ({numbers})
SELECT n, n, '', {no}, {no}, {yes}, '', '', '', {then} FROM numbers WHERE n < 201
"""
#: Twenty a person, one of them running.
WEBHOOKS = """
INSERT INTO core_webhook (owner_id, url, secret, on_succeeded, on_failed, on_cancelled, created_at, stopped_at, note)
WITH RECURSIVE numbers (n) AS ({numbers})
SELECT 1 + n % 200, 'https://hooks.example.com', '{}', {yes}, {yes}, {no}, {then},
    CASE WHEN n % 20 > 0 THEN {then} END, ''
FROM numbers WHERE n < 4001
"""
PROGRESS = """
INSERT INTO core_jobprogress (job_id, stages, done, unit, note, version)
SELECT id, '[]', 0, '', '', 0 FROM core_job WHERE state IN ('running', 'waiting') OR parent_id IS NOT NULL
"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def million(
    request: pytest.FixtureRequest, services_folder: Path, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """A database with a million jobs, in the place of the tests' own."""
    own = connections["default"]
    with ExitStack() as ends:
        if request.param == "sqlite":
            file = services_folder / "million.sqlite3"
            ends.callback(file.unlink, missing_ok=True)
            shutil.copy(request.getfixturevalue("migrated_file"), file)
            config = _database(f"sqlite:///{file}")
        else:
            server = request.getfixturevalue("postgres")
            template = request.getfixturevalue("migrated_database")
            config = _database(server.create_database("headway_million", template=template))
            ends.callback(server.drop_database, "headway_million")
        databases = connections.configure_settings({"default": config})
        ends.callback(connections.__setitem__, "default", own)
        given = connections.databases["default"]
        ends.callback(connections.databases.__setitem__, "default", given)
        connections.databases["default"] = databases["default"]
        connections["default"] = connections.create_connection("default")
        ends.callback(connections["default"].close)
        ends.enter_context(django_db_blocker.unblock())
        _fill(WORDS[request.param])
        yield


def _fill(words: dict[str, str]) -> None:
    """Insert first, then build the indexes that no constraint needs: seconds instead of minutes."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA journal_mode=OFF")
            cursor.execute("PRAGMA cache_size=-200000")
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND name LIKE 'job%' AND sql > ''")
        else:
            cursor.execute("SET session_replication_role = replica; SET maintenance_work_mem = '256MB'")
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'core_job' AND indexname LIKE 'job%%' "
                "AND indexname NOT IN (SELECT conname FROM pg_constraint)",
                (),
            )
        indexes = dict(cursor.fetchall())
        for name in indexes:
            cursor.execute(f"DROP INDEX {name}")
        for text in (OWNERS, FILL, WEBHOOKS, PROGRESS):
            for word, said in words.items():
                text = text.replace("{" + word + "}", said)
            cursor.execute(text)
        for definition in indexes.values():
            cursor.execute(definition)
        cursor.execute("ANALYZE")


@pytest.fixture
def plan(million: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, Any]], str]:
    """Return how the database goes about each statement of an act, which is undone."""
    steps: list[str] = []
    execute = statements._execute

    def explained(text: str, params: dict[str, Any]) -> Any:
        steps.append(_explain(text, params))
        return execute(text, params)

    def run(name: str, params: dict[str, Any]) -> str:
        monkeypatch.setattr(statements, "_execute", explained)
        with transaction.atomic():
            statements.run(name, params)
            transaction.set_rollback(True)
        return "\n".join(steps)

    return run


def _explain(text: str, params: Any) -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(f"EXPLAIN QUERY PLAN {text}", params)
            return "\n".join(row[3] for row in cursor.fetchall())
        cursor.execute(f"EXPLAIN {text}", params)
        return "\n".join(row[0] for row in cursor.fetchall())


def _is_narrow(plan: str) -> bool:
    """Whether nothing in it reads the whole table of jobs, nor a whole index."""
    return not _WIDE.search(plan)


def ids(*numbers: int) -> Any:
    return statements.id_list(numbers)


PROGRESSED = '{"id": 3, "fence": 1, "stages": [], "done": 1, "unit": "", "note": "", "is_whole": true}'
ENDED = (
    '{"id": 3, "fence": 1, "state": "succeeded", "kind": "succeeded", "error": "", "error_class": "", "detail": "", '
    '"crashed": 0}'
)


def heard(*, listened: bool = True) -> dict[str, Any]:
    """Return the parameters by which an act that ends jobs knows who hears of it."""
    return {"listened": listened, "ordered": statements.id_list(["mail"])}


#: Each with the indexes that it must go by, and those it may.
HOT: dict[str, tuple[Callable[[], dict[str, Any]], set[str], set[str]]] = {
    "take_due": (
        lambda: {"limit": 500, "hold": 10.0, "queue": "default", "lowest": 0},
        {"job_turn"},
        {"job_published", "job_lease"},
    ),
    "next_due": (lambda: {"queue": "default", "lowest": 0}, {"job_turn"}, set()),
    "mark_published": (lambda: {"ids": ids(*range(10, 5000, 10))}, set(), set()),
    "unpublish": (lambda: {"queue": "default", "older": 900.0, "limit": 10}, {"job_published"}, set()),
    "claim": (lambda: {"ids": ids(10, 20, 30), "worker": "here:1", "lease": 60}, set(), {"job_lease"}),
    "renew": (lambda: {"ids": ids(3, 13), "held": '[{"id": 3, "fence": 1}]', "lease": 60}, set(), set()),
    "reap": (
        lambda: {"limit": 200, "base": 2.0, "cap": 60.0, "worker": "", "settle": 0.0, **heard()},
        {"job_lease"},
        set(),
    ),
    "progress": (lambda: {"ids": ids(3), "rows": f"[{PROGRESSED}]"}, set(), set()),
    "finish": (lambda: {"ids": ids(3), "ends": f"[{ENDED}]", **heard()}, set(), set()),
    "lock": (lambda: {"ids": ids(7, 1007)}, set(), set()),
    "wake": (lambda: {"ids": ids(7, 1007)}, set(), {"job_live_child", "job_child", "job_waiting"}),
    "cancel": (lambda: {"id": 10, "by": "alice", **heard()}, set(), set()),
    "cancel_family": (lambda: {"ids": ids(7, 1007), "by": "alice"}, set(), {"job_child", "job_live_child"}),
    "requeue_children": (
        lambda: {"parent": 7, "by": "alice", "max_attempts": 5, "max_crashes": 3},
        {"job_child"},
        set(),
    ),
    "roll_up": (lambda: {"id": 7}, {"job_child"}, {"job_waiting"}),
    "held_pipelines": (dict, {"job_held"}, set()),
    "held_lanes": (lambda: {"pipeline": "limited"}, {"job_held"}, set()),
    "held_jobs": (
        lambda: {
            "pipeline": "limited",
            "owner": 0,
            "lane": "",
            "to_the_end": False,
            "until_owner": 2**62,
            "until_lane": "",
            "lanes": 20,
            "jobs": 40,
        },
        {"job_held"},
        set(),
    ),
    "let_go": (lambda: {"rows": '[{"id": 2, "slot": 1790000000.5}]'}, set(), {"job_held"}),
    "let_go_counts": (lambda: {"pipeline": "limited"}, {"job_let_go"}, set()),
    "pressure": (
        lambda: {
            "owner": 2,
            "key": "k",
            "running": 100,
            "queued": 1000,
            "submits": 1000,
            "earlier": 999,
            "stored": 0,
            "all": 0,
            "no_load": statements.id_list(["mail"]),
        },
        {"job_owner_key", "job_owner_live", "job_owner_newest"},
        {"job_published", "job_turn", "job_held"},
    ),
}


@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_goes_by_its_indexes(plan: Callable[[str, dict[str, Any]], str], name: str) -> None:
    params, needed, allowed = HOT[name]
    seen = plan(name, params())
    assert _is_narrow(seen), seen
    # SQLite has no name for the index of a constraint.
    names = set(_INDEX.findall(seen.replace("sqlite_autoindex_core_job_1", "job_owner_key")))
    assert needed <= names <= needed | allowed, seen


@pytest.mark.parametrize("name", ["finish", "cancel"])
def test_an_end_looks_for_a_webhook_by_one_probe(plan: Callable[[str, dict[str, Any]], str], name: str) -> None:
    seen = plan(name, {**HOT[name][0](), **heard(listened=False)})
    assert _is_narrow(seen), seen
    assert "webhook_running" in seen, seen
    # Of runs there are none here: PostgreSQL reads an empty table whole.
    assert not re.search(r"Seq Scan on core_webhook|SCAN [hr]\b", seen), seen


@pytest.mark.parametrize(
    ("jobs", "index"),
    [
        (lambda: Job.objects.filter(owner=2).whole().live(), "job_owner_live"),
        (lambda: Job.objects.filter(owner=2).whole().exclude(pipeline__in=["mail"]).live(), "job_owner_live"),
        (lambda: Job.objects.filter(queue="default", published_at__isnull=False, state__in=CLAIMABLE), "job_published"),
        (lambda: Job.objects.filter(pipeline="limited", owner=2, is_held=True, state__in=CLAIMABLE), "job_held"),
        (lambda: Job.objects.filter(state=State.WAITING), "job_waiting"),
        (lambda: Job.objects.filter(pipeline="plain", state=State.FAILED).order_by("-finished_at"), "job_failed"),
        (
            lambda: Job.objects.filter(
                queue="default", priority=1, owner=2, published_at__isnull=True, is_held=False, state__in=CLAIMABLE
            ),
            "job_turn",
        ),
    ],
)
def test_a_count_by_the_orm_goes_by_the_partial_index(
    million: None, jobs: Callable[[], QuerySet[Job]], index: str
) -> None:
    text, params = jobs().values("pk").query.sql_with_params()
    seen = _explain(text, params)
    assert index in seen, seen
    assert _is_narrow(seen), seen


def test_postgresql_compiles_no_statement(million: None) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SHOW jit")
            assert cursor.fetchone() == ("off",)
