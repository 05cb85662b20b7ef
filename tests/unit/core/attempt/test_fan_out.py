"""Fan-out: children made once, a parent that waits without a thread, and is woken once by the last of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.db import connection

from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import Refused
from core.files import storage
from core.forms import SecretField
from core.life import families, fan_out, leases, requests
from core.models import Artifact, Dataset, Job, JobStep
from core.models.job import Priority
from core.models.states import CLAIMABLE, LIVE, State
from core.pipelines.secrets import Opened
from tests.configuration import OwnConf
from tests.pipelines import run_part
from tests.unit.core.acts import (
    begin,
    begin_attempt,
    call,
    claim,
    end,
    fresh,
    in_threads,
    progress_of,
    submit_job,
    timeline,
)
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db

PARAMS = {"parts": 3, "seconds": 0, "failing": "", "depth": 1}


@pytest.fixture
def attempts() -> Attempts:
    return Attempts(worker="here:1")


@pytest.fixture(autouse=True)
def effects(db: None) -> Callable[[], list[str]]:
    """The table of effects, and what ran, in order."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS test_effect (job_id bigint, step varchar(50), fence bigint)")
        cursor.execute("DELETE FROM test_effect")

    def ran() -> list[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT step FROM test_effect")
            return [row[0] for row in cursor.fetchall()]

    return ran


def run_all(attempts: Attempts, *, but: Job | None = None, limit: int = 200) -> None:
    """Run whatever is to be had, the oldest first, until nothing is, `but` for one."""
    for _ in range(limit):
        due = Job.objects.filter(state__in=CLAIMABLE).exclude(pk=but.pk if but else 0)
        job_id = due.order_by("pk").values_list("pk", flat=True).first()
        if job_id is None:
            return
        attempts.run(job_id)
    raise AssertionError("it does not end")


def result_of(job: Job) -> dict[str, Any]:
    result = fresh(job).result
    assert isinstance(result, dict)
    return result


def children_of(job: Job) -> list[Job]:
    return list(Job.objects.filter(parent=job).order_by("fan_index"))


def split(owner: User, **params: Any) -> Job:
    return submit_job(owner, "split", params={**PARAMS, **params})


# -- the life of a family ------------------------------------------------------------------------------


def test_a_fan_out_makes_children_and_frees_the_thread(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    assert len(attempts) == 0
    parent = fresh(job)
    assert (parent.state, parent.attempt, parent.worker, parent.lease_until) == (State.WAITING, 0, "", None)
    assert [(child.fan_key, child.fan_index, child.state) for child in children_of(job)] == [
        ("parts", 0, "queued"),
        ("parts", 1, "queued"),
        ("parts", 2, "queued"),
    ]


def test_children_inherit_owner_and_priority(alice: User, attempts: Attempts) -> None:
    job = submit_job(alice, "split", params=PARAMS, priority=Priority.URGENT)
    attempts.run(job.pk)
    for child in children_of(job):
        assert (child.owner, child.priority, child.pipeline, child.depth) == (alice, Priority.URGENT, "split", 1)
        assert child.title == f"The parts, part {(child.fan_index or 0) + 1} of 3"


def test_the_last_child_wakes_the_parent_without_repeating_work(
    alice: User, attempts: Attempts, effects: Callable[[], list[str]]
) -> None:
    job = split(alice)
    run_all(attempts)
    parent = fresh(job)
    assert (parent.state, parent.result) == (
        State.SUCCEEDED,
        {"headline": "3 in all", "total": 3, "failed": []},
    )
    assert sorted(effects()) == ["part-0", "part-1", "part-2", "plan", "sum"]
    assert timeline(job) == [
        "submitted", "claimed", "step", "waiting", "resumed", "claimed", "step", "step", "succeeded",
    ]  # fmt: skip


def test_waiting_counts_as_no_attempt(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    run_all(attempts)
    assert (fresh(job).attempt, fresh(job).fence) == (1, 2)


def test_a_parent_is_woken_by_the_last_child_only(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    first, second, third = children_of(job)
    attempts.run(first.pk)
    attempts.run(third.pk)
    assert fresh(job).state == State.WAITING
    attempts.run(second.pk)
    assert fresh(job).state == State.QUEUED


def test_the_last_message_delivered_again_wakes_nobody_again(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=1)
    attempts.run(job.pk)
    (child,) = children_of(job)
    for _ in range(3):
        attempts.run(child.pk)
        families.wake([job.pk])
    assert timeline(job).count("resumed") == 1
    run_all(attempts)
    assert timeline(job).count("resumed") == 1


def test_a_fan_out_over_nothing_is_no_wait(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=0)
    attempts.run(job.pk)
    assert (fresh(job).state, children_of(job)) == (State.SUCCEEDED, [])


def test_a_crash_after_the_children_were_made_makes_none_again(
    alice: User, attempts: Attempts, clock: Clock, effects: Callable[[], list[str]]
) -> None:
    job = split(alice)
    attempt = begin_attempt(job)
    with pytest.raises(Exception, match="3 parts"):
        call(attempt)
    # The process is gone before it could write that it waits.
    clock.advance(3600)
    leases.reap()
    clock.advance(3600)
    run_all(attempts)
    assert fresh(job).state == State.SUCCEEDED
    assert len(children_of(job)) == 3
    assert effects().count("plan") == 1


def test_children_ended_before_their_parent_waits_still_wake_it(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempt = begin_attempt(job)
    with pytest.raises(Exception, match="3 parts"):
        call(attempt)
    for child in children_of(job):
        attempts.run(child.pk)
    assert end(attempt.claim, State.WAITING) == State.WAITING
    assert fresh(job).state == State.QUEUED


def test_children_can_fan_out_themselves(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=2, depth=2)
    run_all(attempts)
    # Two parts of two parts each: 0 + 1, twice.
    assert result_of(job)["total"] == 2
    assert Job.objects.filter(depth=2).count() == 4


def test_a_pipeline_can_be_a_child(alice: User, attempts: Attempts, define: Callable[..., str]) -> None:
    from tests.pipelines import count

    def chain(ctx: JobContext) -> Any:
        return ctx.fan_out("count", count, [{"count": 2, "seconds": 0}]).values()

    job = submit_job(alice, define(chain))
    run_all(attempts)
    assert fresh(job).result == [{"headline": "Counted to 2"}]
    (child,) = children_of(job)
    assert (child.pipeline, child.params) == ("count", {"count": 2, "seconds": 0})
    assert [stage["state"] for stage in progress_of(child).stages] == ["done"]


# -- bounds --------------------------------------------------------------------------------------------


def test_a_fan_out_that_is_too_wide_fails_with_a_sentence(alice: User, attempts: Attempts, conf: OwnConf) -> None:
    conf.FAN_OUT_WIDTH = 5
    job = split(alice, parts=6)
    attempts.run(job.pk)
    assert fresh(job).state == State.FAILED
    assert "6 parts are more than the 5" in fresh(job).error
    assert children_of(job) == []


def test_a_fan_out_that_is_too_deep_fails_with_a_sentence(alice: User, attempts: Attempts, conf: OwnConf) -> None:
    conf.FAN_OUT_DEPTH = 2
    split(alice, parts=1, depth=3)
    run_all(attempts)
    deepest = Job.objects.get(depth=2)
    assert (deepest.state, "2 deep" in deepest.error) == (State.FAILED, True)
    assert Job.objects.filter(depth=3).count() == 0


def test_an_item_larger_than_a_row_may_be_fails_with_a_sentence(
    alice: User, attempts: Attempts, conf: OwnConf, define: Callable[..., str]
) -> None:
    conf.JSON_LIMIT_BYTES = 1000

    def wide(ctx: JobContext) -> None:
        ctx.fan_out("parts", run_part, ["x", "y" * 1001])

    job = submit_job(alice, define(wide))
    attempts.run(job.pk)
    assert "Item 2 of 'Parts'" in fresh(job).error
    assert children_of(job) == []


def test_a_queue_that_no_pipeline_uses_fails_with_a_sentence(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def split(ctx: JobContext) -> None:
        ctx.fan_out("parts", run_part, [1], queue="cpuu")

    job = submit_job(alice, define(split))
    attempts.run(job.pk)
    job = fresh(job)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error.startswith("Parts: no pipeline uses the queue 'cpuu', so no worker does; there are cpu, default")


def test_the_secrets_of_an_item_are_sealed(alice: User, attempts: Attempts, define: Callable[..., str]) -> None:
    class LoginForm(forms.Form):
        password = SecretField()

    def login(ctx: JobContext, password: str) -> None:
        ctx.fan_out("parts", run_part, [{"host": "a", "password": password}])

    job = submit_job(alice, define(login, form=LoginForm), params={"password": "correct horse"})
    attempts.run(job.pk)
    child = Job.objects.get(parent=job)
    assert child.params["item"]["host"] == "a"
    assert "correct horse" not in str(child.params)
    assert Opened().open(child.params, LoginForm) == {"item": {"host": "a", "password": "correct horse"}}


def test_a_function_that_workers_could_not_import_is_refused(alice: User, define: Callable[..., str]) -> None:
    def inner(ctx: JobContext, item: Any) -> None: ...

    def wrong(ctx: JobContext) -> None:
        ctx.fan_out("parts", inner, [1])

    attempt = begin_attempt(submit_job(alice, define(wrong)))
    with pytest.raises(ValueError, match="function of a module"):
        call(attempt)


def test_a_child_whose_function_is_gone_fails_with_a_sentence(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=1)
    attempts.run(job.pk)
    Job.objects.filter(parent=job).update(task="tests.pipelines:gone")
    attempts.run(children_of(job)[0].pk)
    assert "There is no 'tests.pipelines:gone'" in children_of(job)[0].error


# -- failures ------------------------------------------------------------------------------------------


def test_a_pipeline_may_go_on_without_a_failed_child(alice: User, attempts: Attempts) -> None:
    job = split(alice, failing="1")
    run_all(attempts)
    assert fresh(job).result == {"headline": "2 in all", "total": 2, "failed": [1]}


def test_a_pipeline_needing_all_children_fails_with_their_reason(alice: User, attempts: Attempts) -> None:
    job = submit_job(alice, "split_strictly", params={**PARAMS, "failing": "0,2"})
    run_all(attempts)
    assert fresh(job).state == State.FAILED
    assert fresh(job).error == (
        "Parts: 2 of 3 parts did not succeed. number 0 can't be counted. number 2 can't be counted."
    )


def test_a_persons_retry_runs_only_the_failed_children_again(
    alice: User, attempts: Attempts, effects: Callable[[], list[str]]
) -> None:
    job = submit_job(alice, "split_strictly", params={**PARAMS, "failing": "1"})
    run_all(attempts)
    requests.retry(fresh(job), by="alice")
    run_all(attempts)
    # It fails in its first two attempts.
    assert fresh(job).state == State.FAILED
    requests.retry(fresh(job), by="alice")
    run_all(attempts)
    assert (fresh(job).state, fresh(job).result) == (State.SUCCEEDED, 3)
    assert sorted(effects()) == ["part-0", "part-1", "part-1", "part-1", "part-2"]


def test_a_retry_leaves_alone_what_a_later_step_has_used(
    alice: User, attempts: Attempts, define: Callable[..., str]
) -> None:
    def used(ctx: JobContext) -> None:
        items = [{"number": 0, "seconds": 0, "fails": True, "depth": 0}]
        ctx.fan_out("parts", run_part, items)
        ctx.step("use", int)
        raise ValueError("later")

    job = submit_job(alice, define(used, max_attempts=1))
    run_all(attempts)
    assert fresh(job).state == State.FAILED
    requests.retry(fresh(job), by="alice")
    assert [child.state for child in children_of(job)] == [State.FAILED]


def test_a_child_alone_is_retried_only_while_its_parent_waits(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=2, failing="0")
    attempts.run(job.pk)
    failing, other = children_of(job)
    attempts.run(failing.pk)
    requests.retry(fresh(failing), by="alice")
    assert fresh(failing).state == State.QUEUED
    attempts.run(failing.pk)
    attempts.run(other.pk)
    run_all(attempts)
    with pytest.raises(Refused, match=f"retry job {job.pk}"):
        requests.retry(fresh(failing), by="alice")


# -- cancel --------------------------------------------------------------------------------------------


def test_cancelling_a_waiting_parent_cancels_its_children(alice: User, attempts: Attempts) -> None:
    job = split(alice, depth=2)
    attempts.run(job.pk)
    first = children_of(job)[0]
    attempts.run(first.pk)
    running = begin(children_of(job)[1])
    requests.cancel(fresh(job), by="alice")
    assert fresh(job).state == State.CANCELLED
    assert Job.objects.filter(parent=first, state=State.CANCELLED).count() == 3
    assert fresh(children_of(job)[1]).is_cancelling
    assert end(running) == State.CANCELLED
    assert not Job.objects.filter(state__in=LIVE).exists()


def test_a_cancelled_parent_leaves_no_files_and_starts_anew(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    done = children_of(job)[0]
    attempts.run(done.pk)
    assert storage.attempt_folder(done.pk, 1).exists()
    requests.cancel(fresh(job), by="alice")
    assert not storage.attempt_folder(done.pk, 1).exists()
    requests.retry(fresh(job), by="alice")
    run_all(attempts)
    assert fresh(job).state == State.SUCCEEDED


def test_a_retry_waits_until_cancelled_children_have_stopped(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    running = begin(children_of(job)[0])
    requests.cancel(fresh(job), by="alice")
    with pytest.raises(Refused, match="still stopping"):
        requests.retry(fresh(job), by="alice")
    end(running)
    requests.retry(fresh(job), by="alice")


def test_cancelling_a_child_is_an_answer_to_its_parent(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    requests.cancel(children_of(job)[2], by="alice")
    run_all(attempts)
    assert result_of(job)["failed"] == [2]


def test_the_last_child_cancelled_wakes_its_parent(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=1)
    attempts.run(job.pk)
    requests.cancel(children_of(job)[0], by="alice")
    assert fresh(job).state == State.QUEUED


# -- the sweep -----------------------------------------------------------------------------------------


def test_the_sweep_wakes_a_parent_that_nobody_woke(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=1)
    attempts.run(job.pk)
    Job.objects.filter(parent=job).update(state=State.FAILED)
    assert families.sweep() == [job.pk]
    assert families.sweep() == []


def test_the_sweep_leaves_a_parent_that_waits_for_somebody(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    attempts.run(children_of(job)[0].pk)
    assert families.sweep() == []
    assert fresh(job).state == State.WAITING


def test_the_sweep_cancels_children_whose_parent_has_ended(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    Job.objects.filter(pk=job.pk).update(state=State.FAILED)
    families.sweep()
    assert {child.state for child in children_of(job)} == {State.CANCELLED}


def test_a_lost_child_that_was_the_last_wakes_its_parent(alice: User, attempts: Attempts, clock: Clock) -> None:
    job = split(alice, parts=1)
    attempts.run(job.pk)
    (child,) = children_of(job)
    Job.objects.filter(pk=child.pk).update(max_crashes=1)
    claim(child)
    clock.advance(3600)
    leases.reap()
    assert (fresh(child).state, fresh(job).state) == (State.FAILED, State.QUEUED)


@pytest.mark.django_db(transaction=True)
def test_of_two_last_children_at_once_one_wakes_the_parent(alice: User, attempts: Attempts) -> None:
    for _ in range(5):
        job = split(alice, parts=4)
        attempts.run(job.pk)
        running = [begin(child) for child in children_of(job)]
        in_threads(*(partial(end, ctx, parent_id=job.pk) for ctx in running))
        assert fresh(job).state == State.QUEUED
        assert timeline(job).count("resumed") == 1


# -- what is shown -------------------------------------------------------------------------------------


def test_a_waiting_parents_progress_is_its_childrens(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempts.run(job.pk)
    shown = progress_of(job)
    assert (shown.done, shown.total, shown.unit) == (0, 6, "numbers")
    assert shown.step is not None
    assert (shown.step["key"], shown.step["title"], shown.step["state"]) == ("parts", "The parts", "waiting")
    attempts.run(children_of(job)[0].pk)
    attempts.roll_up()
    shown = progress_of(job)
    assert (shown.done, shown.total) == (2, 6)


def test_a_childs_own_count_replaces_its_expected_weight(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=2)
    attempts.run(job.pk)
    attempt = begin_attempt(children_of(job)[0])
    # Announced as two numbers, found to be ten.
    attempt.context.progress(4, 10, unit="numbers")
    attempts._hold(attempt)
    attempts.write_progress()
    attempts.roll_up()
    shown = progress_of(job)
    assert (shown.done, shown.total) == (4, 12)


def test_a_roll_up_never_touches_a_parent_that_runs(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    attempt = begin_attempt(job)
    with pytest.raises(Exception, match="3 parts"):
        call(attempt)
    before = progress_of(job).version
    assert not families.roll_up(job.pk)
    assert progress_of(job).version == before


def test_the_summary_counts_the_children_by_state(alice: User, attempts: Attempts) -> None:
    job = split(alice, failing="2")
    attempts.run(job.pk)
    (waiting,) = fan_out.summary(job.pk)
    assert (waiting.key, waiting.title, waiting.total, waiting.by_state) == ("parts", "The parts", 3, {"queued": 3})
    run_all(attempts)
    (ended,) = fan_out.summary(job.pk)
    assert (ended.by_state, ended.ended) == ({"succeeded": 2, "failed": 1}, 3)


def test_a_completed_fan_out_is_a_step_with_its_children_counted(alice: User, attempts: Attempts) -> None:
    job = split(alice, failing="2")
    run_all(attempts)
    step = JobStep.objects.get(job=job, key="parts")
    assert (step.title, step.children, step.result) == ("The parts", 3, {"succeeded": 2, "failed": 1})


def test_childrens_files_go_when_their_parent_has_succeeded(alice: User, attempts: Attempts) -> None:
    job = split(alice)
    run_all(attempts)
    assert [child for child in children_of(job) if storage.job_folder(child.pk).exists()] == []


def test_a_childs_dataset_and_artifact_files_stay(alice: User, attempts: Attempts) -> None:
    job = split(alice, parts=4)
    attempts.run(job.pk)
    in_dataset, in_artifact, whole, other = children_of(job)
    Dataset.objects.create(owner=alice, job=in_dataset, name="d", parquet_path=f"jobs/{in_dataset.pk}/1/part.txt")
    Artifact.objects.create(
        job=job, kind="output", field="f", name="f", path=f"jobs/{in_artifact.pk}/1/part.txt", size=1, sha256=""
    )
    run_all(attempts, but=whole)
    # As if it had run a pipeline of its own.
    Job.objects.filter(pk=whole.pk).update(task="", pipeline="fail", params={"count": 0, "seconds": None})
    (storage.job_folder(whole.pk) / "1").mkdir(parents=True)
    run_all(attempts)
    assert fresh(job).state == State.SUCCEEDED
    kept = [child.pk for child in children_of(job) if storage.job_folder(child.pk).exists()]
    assert kept == [in_dataset.pk, in_artifact.pk, whole.pk]
    assert other.pk not in kept


def test_a_failed_parent_keeps_its_childrens_files_for_a_retry(alice: User, attempts: Attempts) -> None:
    job = submit_job(alice, "split_strictly", params={**PARAMS, "failing": "0"})
    run_all(attempts)
    assert all(storage.job_folder(child.pk).exists() for child in children_of(job))
