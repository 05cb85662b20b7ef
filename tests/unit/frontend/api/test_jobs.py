"""Jobs: lists by pages and filters, one with all that is known, and what may be done to it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone

from core.models import AuditEntry, JobEvent
from tests.unit.frontend.api.conftest import ROOT, Api
from tests.unit.frontend.conftest import MakeJob, MakeParts


def ids(api: Api, query: str = "") -> list[int]:
    answer = api.get(f"{ROOT}/jobs{query}")
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["items"]]


def test_jobs_are_listed_the_newest_first(alices: Api, alice: User, bob: User, make_job: MakeJob) -> None:
    first, second, _ = make_job(alice), make_job(alice), make_job(bob)
    assert ids(alices) == [second.pk, first.pk]
    assert ids(alices, "?owner=all") == [second.pk, first.pk]
    assert ids(alices, "?owner=bob") == []


def test_a_page_leads_to_the_next(alices: Api, alice: User, make_job: MakeJob) -> None:
    made = [make_job(alice).pk for _ in range(5)][::-1]
    address, seen = f"{ROOT}/jobs?limit=2&state=queued", []
    while address:
        page = alices.get(address).json()
        seen.append([job["id"] for job in page["items"]])
        address = page["next"]
        make_job(alice)
    assert seen == [made[:2], made[2:4], made[4:]]


@pytest.mark.parametrize(
    "query",
    [
        "cursor=x", "cursor=0", "cursor=-1", "cursor=" + "9" * 40, "limit=0", "limit=101", "limit=x", "state=gone",
        "created_after=yesterday", "created_after=2026-01-01", "created_after=9999-12-31T23:59:59-14:00", "parent=0",
        "parent=" + "9" * 30, "subject=x", "subject=auth.nothing:1", "pipeline=" + "x" * 81,
    ],
)  # fmt: skip
def test_a_query_that_can_not_be_meant_is_refused_in_a_sentence(alices: Api, query: str) -> None:
    answer = alices.get(f"{ROOT}/jobs?{query}")
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()["errors"]) <= {query.partition("=")[0], f"{query.partition('=')[0]}.0"}


def test_jobs_are_found_by_what_they_are(alices: Api, alice: User, make_job: MakeJob) -> None:
    failed = make_job(alice, state="failed")
    group = Group.objects.create(name="order 7")
    about = make_job(
        alice,
        label="Greek letters.txt",
        subject_type=ContentType.objects.get_for_model(group),
        subject_key=str(group.pk),
    )
    assert ids(alices, "?state=failed&state=cancelled") == [failed.pk]
    assert ids(alices, "?state=live") == [about.pk]
    assert ids(alices, "?q=greek") == [about.pk]
    assert ids(alices, f"?q=%23{failed.pk}") == [failed.pk]
    assert ids(alices, f"?subject=auth.group:{group.pk}") == [about.pk]
    assert ids(alices, "?pipeline=letters") == [about.pk, failed.pk]
    assert ids(alices, "?pipeline=other") == []
    now = quote(timezone.now().isoformat())
    assert ids(alices, f"?created_after={now}") == []
    assert ids(alices, f"?created_before={now}") == [about.pk, failed.pk]


def test_parts_are_listed_by_their_job(
    alices: Api, bobs: Api, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    whole = make_job(alice)
    parts = make_parts(whole, "succeeded", "running")
    assert ids(alices) == [whole.pk]
    assert ids(alices, f"?parent={whole.pk}") == sorted((part.pk for part in parts), reverse=True)
    assert ids(bobs, f"?parent={whole.pk}") == []


def test_one_job_has_everything_that_its_page_knows(
    alices: Api, alice: User, make_job: MakeJob, make_parts: MakeParts
) -> None:
    job = make_job(alice, progress={"done": 3, "total": 4, "unit": "letters", "rate": 2.0})
    make_parts(job, "succeeded", "running")
    body = alices.get(f"{ROOT}/jobs/{job.pk}").json()
    assert body["title"] == "abc.txt"
    assert body["state"] == "waiting"
    assert body["why"]["kind"] == "parts"
    assert body["params"] == {"title": "Greek", "alphabet": "greek", "limit": None}
    assert [stage["title"] for stage in body["stages"]] == ["Read", "Count the letters"]
    assert body["steps"][0]["parts"] == 2
    assert body["files"][0]["kind"] == "input"
    assert body["can_cancel"] is True
    assert body["url"] == f"http://testserver{ROOT}/jobs/{job.pk}"
    assert body["page"] == f"http://testserver/jobs/{job.pk}/"


def test_attempts_are_told_and_tracebacks_to_operators_alone(
    alices: Api, operators: Api, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="failed", error="It broke.", attempt=1)
    JobEvent.objects.create(job=job, kind="claimed", attempt=1, worker="w1")
    JobEvent.objects.create(job=job, kind="failed", attempt=1, text="It broke.", detail="Traceback of it")
    own = alices.get(f"{ROOT}/jobs/{job.pk}")
    assert own.json()["attempts"][0]["error"] == "It broke."
    assert own.json()["attempts"][0]["traceback"] is None
    assert "Traceback of it" not in own.text
    assert operators.get(f"{ROOT}/jobs/{job.pk}").json()["attempts"][0]["traceback"] == "Traceback of it"


@pytest.mark.parametrize("path", ["", "/events", "/log", "/files"])
def test_somebody_elses_job_is_not_there(bobs: Api, alice: User, make_job: MakeJob, path: str) -> None:
    for number in (make_job(alice).pk, 10**40, 0):
        answer = bobs.get(f"{ROOT}/jobs/{number}{path}")
        assert answer.status_code == 404
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("act", ["cancellation", "retry"])
def test_somebody_elses_job_is_not_acted_on(bobs: Api, alice: User, make_job: MakeJob, act: str) -> None:
    assert bobs.post(f"{ROOT}/jobs/{make_job(alice).pk}/{act}").status_code == 404


def test_a_job_is_cancelled_and_not_twice(alices: Api, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    answer = alices.post(f"{ROOT}/jobs/{job.pk}/cancellation")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert AuditEntry.objects.filter(act="cancel", who="alice", job_id=job.pk).exists()
    again = alices.post(f"{ROOT}/jobs/{job.pk}/cancellation")
    assert again.status_code == 422
    assert again.json()["detail"] == f"Job {job.pk} can't be cancelled: it has been cancelled already."


@pytest.mark.parametrize("body", [None, {}, {"from_start": True}])
def test_a_failed_job_is_run_again(alices: Api, alice: User, make_job: MakeJob, body: Any) -> None:
    job = make_job(alice, state="failed")
    answer = alices.post(f"{ROOT}/jobs/{job.pk}/retry", b"" if body is None else body)
    assert (answer.status_code, answer.json()["state"]) == (200, "queued")
    assert alices.post(f"{ROOT}/jobs/{job.pk}/retry").status_code == 422


def test_a_retry_takes_nothing_else(alices: Api, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed")
    answer = alices.post(f"{ROOT}/jobs/{job.pk}/retry", {"from": "start"})
    assert answer.status_code == 422
    assert "from" in answer.json()["errors"]


def test_the_log_comes_as_text(alices: Api, alice: User, make_job: MakeJob) -> None:
    answer = alices.get(f"{ROOT}/jobs/{make_job(alice).pk}/log")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert b"".join(answer.streaming_content) == b""  # type: ignore[attr-defined]


def test_head_is_answered_as_get(alices: Api, alice: User, make_job: MakeJob) -> None:
    answer = alices.head(f"{ROOT}/jobs/{make_job(alice).pk}")
    assert (answer.status_code, answer.content) == (200, b"")
