"""`ctx.run`: one pipeline runs another as a child job, by its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import ChildFailed
from core.life import requests
from core.models import Artifact, Job
from core.models.states import State
from tests.unit.core.acts import claim, end, fresh, submit_job

pytestmark = pytest.mark.django_db


@dataclass
class Counted:
    headline: str


def run(job: Job) -> Job:
    """Run one attempt of the job and return how it stands."""
    Attempts(worker="here:1").run(job.pk)
    return fresh(job)


def child_of(job: Job) -> Job:
    return Job.objects.get(parent=job)


@pytest.fixture
def calls() -> list[Any]:
    return []


@pytest.fixture
def outer(define: Callable[..., str], calls: list[Any]) -> str:
    def outer(ctx: JobContext) -> Any:
        calls.append(ctx.attempt)
        result = ctx.run("count", {"count": 2}, title="Count them", returns=Counted)
        return result.headline

    return define(outer)


def test_a_pipeline_gets_the_result_of_another_that_it_names(alice: User, outer: str, calls: list[Any]) -> None:
    job = submit_job(alice, outer)
    assert run(job).state == State.WAITING
    child = child_of(job)
    assert (child.pipeline, child.owner, child.label) == ("count", alice, "Count them")
    assert child.params == {"count": 2, "seconds": 0.0}
    assert run(child).state == State.SUCCEEDED
    assert fresh(job).state == State.QUEUED, "its end wakes the job"
    ended = run(job)
    assert (ended.state, ended.result) == (State.SUCCEEDED, "Counted to 2")
    assert len(calls) == 2
    assert Job.objects.count() == 2


def test_its_failure_fails_the_call_with_its_reason(alice: User, outer: str) -> None:
    job = submit_job(alice, outer)
    run(job)
    child = child_of(job)
    end(claim(child), State.FAILED, error="The counter is broken.", parent_id=job.pk)
    ended = run(job)
    assert ended.state == State.FAILED, "at once: trying again changes nothing"
    assert ended.error == f"Count them (job {child.pk}) did not succeed. The counter is broken."


def test_a_pipeline_may_catch_the_failure(alice: User, define: Callable[..., str]) -> None:
    def careful(ctx: JobContext) -> list[Any]:
        try:
            ctx.run("noop")
        except ChildFailed as error:
            return [error.job_id, error.state, error.error]
        return []

    job = submit_job(alice, define(careful))
    run(job)
    child = child_of(job)
    requests.cancel(child, by="alice")
    ended = run(job)
    assert (ended.state, ended.result) == (State.SUCCEEDED, [child.pk, "cancelled", ""])


def test_a_retry_of_the_job_tries_the_failed_one_again(alice: User, outer: str) -> None:
    job = submit_job(alice, outer)
    run(job)
    child = child_of(job)
    end(claim(child), State.FAILED, error="Odd.", parent_id=job.pk)
    run(job)
    requests.retry(job, by="alice")
    assert fresh(child).state == State.QUEUED
    assert run(job).state == State.WAITING
    run(child)
    assert run(job).state == State.SUCCEEDED


@pytest.mark.parametrize("params", [{"count": -1}, {"cuont": 1}])
def test_params_that_the_form_refuses_fail_the_job_at_once(
    alice: User, define: Callable[..., str], params: dict[str, int]
) -> None:
    def wrong(ctx: JobContext) -> None:
        ctx.run("count", params)

    ended = run(submit_job(alice, define(wrong)))
    assert ended.state == State.FAILED
    assert ended.error.startswith("count does not take these parameters.")
    assert Job.objects.count() == 1


def test_two_runs_of_one_pipeline_have_keys_of_their_own(alice: User, define: Callable[..., str]) -> None:
    def twice(ctx: JobContext, keys: tuple[str, str] = ("", "again")) -> list[Any]:
        return [ctx.run("count", {"count": number}, key=key)["headline"] for number, key in enumerate(keys)]

    def same(ctx: JobContext) -> list[Any]:
        return twice(ctx, ("", ""))

    job = submit_job(alice, define(twice))
    for _ in range(2):
        assert run(job).state == State.WAITING
        run(Job.objects.get(parent=job, state=State.QUEUED))
    assert run(job).result == ["Counted to 0", "Counted to 1"]

    job = submit_job(alice, define(same))
    run(job)
    run(child_of(job))
    assert "called twice with the key 'count'" in run(job).error


def test_it_is_given_files(alice: User, define: Callable[..., str]) -> None:
    def copy(ctx: JobContext) -> Any:
        return ctx.run("copy_file", files={"file": ("notes.txt", b"hello")})["facts"]

    job = submit_job(alice, define(copy))
    run(job)
    child = child_of(job)
    assert Artifact.objects.get(job=child).name == "notes.txt"
    run(child)
    assert run(job).result == [["Characters", 5]]
