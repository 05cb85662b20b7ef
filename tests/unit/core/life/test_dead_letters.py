"""Dead letters: failed jobs are found, looked into, and requeued or discarded many at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from core.attempt.attempts import Attempts
from core.errors import Refused
from core.files import storage
from core.life import dead_letters, leases, requests
from core.life.dead_letters import Search, attempts_of, discard_all, find, requeue_all
from core.models import Artifact, AuditEntry, Dataset, Job, JobStep
from core.models.states import CLAIMABLE, State
from tests.unit.core.acts import begin, claim, end, fresh, in_threads, submit_job, timeline
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db

ALL = Search()


@pytest.fixture
def olga(db: None) -> User:
    return User.objects.create_user("olga", is_staff=True)


def failed(owner: User, pipeline: str = "noop", *, error: str = "no", **params: Any) -> Job:
    job = submit_job(owner, pipeline, params=params)
    end(claim(job), State.FAILED, error=error)
    return fresh(job)


def failed_with_files(owner: User, pipeline: str = "noop") -> Job:
    job = submit_job(owner, pipeline)
    ctx = begin(job)
    path = ctx.folder / "out.txt"
    path.write_text("made")
    ctx.step("first", lambda: 1)
    ctx.add_artifact(path)
    Dataset.objects.create(owner=owner, job=job, name="d", parquet_path=ctx.key(path))
    end(ctx, State.FAILED, error="no")
    return fresh(job)


def failed_family(owner: User, attempts: Attempts) -> Job:
    """Return a failed job of three parts, of which one failed."""
    params = {"parts": 3, "seconds": 0, "failing": "1", "depth": 1}
    job = submit_job(owner, "split_strictly", params=params)
    while due := Job.objects.filter(state__in=CLAIMABLE).order_by("pk").first():
        attempts.run(due.pk)
    assert fresh(job).state == State.FAILED
    return fresh(job)


@pytest.fixture
def attempts() -> Attempts:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS test_effect (job_id bigint, step varchar(50), fence bigint)")
    return Attempts(worker="here:1")


def ids_of(user: User | AnonymousUser, **search: str) -> list[int]:
    return list(find(user, Search(**search)).values_list("pk", flat=True))


# -- search ---------------------------------------------------------------------------------------------


def test_failed_whole_jobs_are_found_the_newest_first(alice: User, olga: User) -> None:
    old, new, part = failed(alice), failed(alice), failed(alice)
    submit_job(alice)
    end(claim(submit_job(alice)))
    Job.objects.filter(pk=part.pk).update(parent=old, fan_index=0)
    assert ids_of(olga) == [new.pk, old.pk]


def test_a_person_finds_their_own_and_staff_everybodys(alice: User, bob: User, olga: User) -> None:
    hers, his = failed(alice), failed(bob)
    assert ids_of(alice) == [hers.pk]
    assert ids_of(alice, owner="bob") == []
    assert ids_of(olga) == [his.pk, hers.pk]
    assert ids_of(AnonymousUser()) == []


def test_jobs_are_found_by_pipeline_owner_and_reason(alice: User, bob: User, olga: User) -> None:
    first = failed(alice, error="Line 3: 100 % wrong")
    second = failed(bob, "count", error="The host is away")
    assert ids_of(olga, pipeline="noop") == [first.pk]
    assert ids_of(olga, owner="Bob ") == [second.pk]
    assert ids_of(olga, owner="bo") == []
    assert ids_of(olga, error="host IS") == [second.pk]
    assert ids_of(olga, error="100 %") == [first.pk]
    assert ids_of(olga, error="1%0") == []
    assert ids_of(olga, pipeline="noop", owner="bob") == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("example.org", "EXAMPLE"),
        ("Zürich", "zürich"),
        ("東京都", "京"),
        ('say "hi"', 'say "hi"'),
        ("C:\\temp", "C:\\t"),
        ("100%_", "%_"),
        ({"deep": ["down"]}, "down"),
        (4711, "4711"),
        ("🎈", "🎈"),
    ],
)
def test_jobs_are_found_by_a_text_in_their_parameters(alice: User, value: Any, text: str) -> None:
    job = failed(alice, host=value)
    failed(alice, host="other")
    assert ids_of(alice, text=text) == [job.pk]


def test_unstorable_text_is_searched_as_it_would_be_stored(alice: User) -> None:
    job = failed(alice, host="a\x00b", error="no\x00")
    assert ids_of(alice, text="a\x00b") == [job.pk]
    assert ids_of(alice, pipeline="\x00", owner="\ud800", error="\x00") == []


def test_changed_parameters_are_found_as_submitted_ones(alice: User) -> None:
    job = failed(alice, host="a")
    requests.edit_and_retry(job, params={"host": "Zürich"}, by="alice")
    end(claim(job), State.FAILED, error="no")
    assert ids_of(alice, text="Zürich") == [job.pk]
    assert ids_of(alice, text="zurich") == []


# -- many at once ---------------------------------------------------------------------------------------


def test_all_that_match_are_requeued_and_no_other(alice: User, bob: User, olga: User) -> None:
    mine, others = [failed(alice, "count") for _ in range(3)], [failed(alice), failed(bob, "count")]
    search = Search(pipeline="count", owner="alice")
    assert requeue_all(olga, search, ids=None, expected=3, from_start=False, by="olga") == 3
    assert [fresh(job).state for job in mine] == [State.QUEUED] * 3
    assert [fresh(job).state for job in others] == [State.FAILED] * 2
    assert timeline(mine[0])[-1] == "requeued"


def test_all_that_match_are_discarded_and_no_other(alice: User, olga: User) -> None:
    chosen, other = failed_with_files(alice), failed(alice, "count")
    folder = storage.attempt_folder(chosen.pk, 1)
    assert folder.exists()
    assert discard_all(olga, Search(pipeline="noop"), ids=None, expected=1, by="olga") == 1
    assert (fresh(chosen).state, fresh(other).state) == (State.CANCELLED, State.FAILED)
    assert timeline(chosen)[-1] == "discarded"
    assert not folder.exists()
    assert not JobStep.objects.exists()
    assert not Artifact.objects.exists()
    assert not Dataset.objects.exists()


def test_files_that_pipelines_keep_survive_a_discard(alice: User, olga: User, define: Callable[..., str]) -> None:
    def keeps(ctx: object) -> None: ...

    kept, lost = failed_with_files(alice, define(keeps, on_cancel="keep")), failed_with_files(alice)
    assert discard_all(olga, ALL, ids=None, expected=2, by="olga") == 2
    assert storage.attempt_folder(kept.pk, 1).exists()
    assert not storage.attempt_folder(lost.pk, 1).exists()
    assert list(JobStep.objects.values_list("job", flat=True)) == [kept.pk]


@pytest.mark.parametrize("from_start", [False, True])
def test_a_requeue_goes_on_after_completed_steps_or_begins_anew(alice: User, from_start: bool) -> None:
    job = failed_with_files(alice)
    assert requeue_all(alice, ALL, ids=None, expected=1, from_start=from_start, by="alice") == 1
    assert JobStep.objects.exists() is not from_start
    assert Artifact.objects.exists() is not from_start
    assert Dataset.objects.exists() is not from_start
    assert storage.attempt_folder(job.pk, 1).exists() is not from_start
    assert claim(job).fence == 2


def test_each_job_gets_the_attempts_of_its_own_pipeline(alice: User) -> None:
    first, second = failed(alice, "noop"), failed(alice, "fail", count=0)
    requeue_all(alice, ALL, ids=None, expected=2, from_start=False, by="alice")
    assert [fresh(job).max_attempts for job in (first, second)] == [1 + 5, 1 + 3]


def test_only_the_selected_are_acted_on(alice: User) -> None:
    first, second, third = (failed(alice) for _ in range(3))
    chosen = [third.pk, first.pk]
    assert requeue_all(alice, ALL, ids=chosen, expected=2, from_start=False, by="alice") == 2
    assert [fresh(job).state for job in (first, second, third)] == [State.QUEUED, State.FAILED, State.QUEUED]
    assert discard_all(alice, ALL, ids=[second.pk, 10**30, -1], expected=1, by="alice") == 1
    assert fresh(second).state == State.CANCELLED


def test_nobody_acts_on_other_peoples_jobs(alice: User, bob: User) -> None:
    job = failed(bob)
    with pytest.raises(Refused, match="0 failed jobs match now, not 1"):
        requeue_all(alice, ALL, ids=[job.pk], expected=1, from_start=False, by="alice")
    with pytest.raises(Refused, match="0 failed jobs match now, not 1"):
        discard_all(alice, ALL, ids=[job.pk], expected=1, by="alice")
    assert fresh(job).state == State.FAILED


def test_a_number_other_than_confirmed_is_refused_with_the_new(alice: User) -> None:
    jobs = [failed(alice) for _ in range(3)]
    with pytest.raises(Refused, match=r"3 failed jobs match now, not 2\. Nothing was done"):
        requeue_all(alice, ALL, ids=None, expected=2, from_start=False, by="alice")
    with pytest.raises(Refused, match=r"3 failed jobs match now, not 4"):
        discard_all(alice, ALL, ids=None, expected=4, by="alice")
    requests.retry(jobs[0], by="alice")
    with pytest.raises(Refused, match=r"1 failed job matches now, not 2"):
        discard_all(alice, ALL, ids=[jobs[0].pk, jobs[1].pk], expected=2, by="alice")
    assert [fresh(job).state for job in jobs] == [State.QUEUED, State.FAILED, State.FAILED]
    assert not AuditEntry.objects.filter(act__endswith="_all").exists()


def test_an_act_again_finds_nothing_left(alice: User) -> None:
    failed(alice)
    assert requeue_all(alice, ALL, ids=None, expected=1, from_start=False, by="alice") == 1
    with pytest.raises(Refused, match="0 failed jobs match"):
        requeue_all(alice, ALL, ids=None, expected=1, from_start=False, by="alice")
    assert requeue_all(alice, ALL, ids=None, expected=0, from_start=False, by="alice") == 0


def test_a_requeue_passes_over_jobs_of_missing_pipelines(alice: User) -> None:
    gone, job = failed(alice), failed(alice)
    Job.objects.filter(pk=gone.pk).update(pipeline="gone")
    assert requeue_all(alice, ALL, ids=None, expected=2, from_start=False, by="alice") == 1
    assert (fresh(gone).state, fresh(job).state) == (State.FAILED, State.QUEUED)
    assert discard_all(alice, ALL, ids=None, expected=1, by="alice") == 1


def test_what_somebody_else_acts_on_meanwhile_is_passed_over(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (failed(alice) for _ in range(3))
    confirmed = dead_letters._confirmed

    def confirm(*arguments: Any, **named: Any) -> list[int]:
        chosen = confirmed(*arguments, **named)
        # Between the count and the act.
        requests.retry(first, by="bob")
        requests.discard_failed(second, by="bob")
        return chosen

    monkeypatch.setattr(dead_letters, "_confirmed", confirm)
    assert requeue_all(alice, ALL, ids=None, expected=3, from_start=True, by="alice") == 1
    assert [fresh(job).state for job in (first, second, third)] == [State.QUEUED, State.CANCELLED, State.QUEUED]
    assert timeline(first).count("requeued") == 1


def test_a_family_that_another_acts_on_is_passed_over(
    alice: User, attempts: Attempts, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = failed_family(alice, attempts)
    confirmed = dead_letters._confirmed

    def confirm(*arguments: Any, **named: Any) -> list[int]:
        chosen = confirmed(*arguments, **named)
        requests.discard_failed(job, by="bob")
        return chosen

    monkeypatch.setattr(dead_letters, "_confirmed", confirm)
    assert requeue_all(alice, ALL, ids=None, expected=1, from_start=True, by="alice") == 0
    assert fresh(job).state == State.CANCELLED


def test_a_job_that_fails_anew_meanwhile_is_not_taken_twice(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [failed(alice) for _ in range(3)]
    monkeypatch.setattr(dead_letters, "BATCH", 1)
    retried = requests.retried

    def fail_again(was: Job, **named: Any) -> AuditEntry:
        if was.pk == jobs[1].pk:
            end(claim(jobs[0]), State.FAILED, error="again")
        return retried(was, **named)

    monkeypatch.setattr(requests, "retried", fail_again)
    assert requeue_all(alice, ALL, ids=None, expected=3, from_start=False, by="alice") == 3
    assert timeline(jobs[0]).count("requeued") == 1


@pytest.mark.django_db(transaction=True)
def test_a_broken_off_act_keeps_its_batches_for_the_next(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [failed(alice) for _ in range(5)]
    monkeypatch.setattr(dead_letters, "BATCH", 2)
    requeue_rows, calls = requests.requeue_rows, []

    def break_off(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("the database is away")
        return requeue_rows(*arguments, **named)

    monkeypatch.setattr(requests, "requeue_rows", break_off)
    with pytest.raises(RuntimeError):
        requeue_all(alice, ALL, ids=None, expected=5, from_start=False, by="alice")
    assert [fresh(job).state for job in jobs] == [State.QUEUED] * 2 + [State.FAILED] * 3
    assert AuditEntry.objects.get(act="requeue_all").after == {"jobs": 2}
    assert requeue_all(alice, ALL, ids=None, expected=3, from_start=False, by="alice") == 3
    assert [timeline(job).count("requeued") for job in jobs] == [1] * 5


def test_many_jobs_cost_few_statements(alice: User) -> None:
    for _ in range(3):
        failed(alice)
    with CaptureQueriesContext(
        connection,
    ) as few:
        requeue_all(alice, ALL, ids=None, expected=3, from_start=True, by="alice")
    for job in Job.objects.all():
        end(claim(job), State.FAILED, error="again")
    for _ in range(27):
        failed(alice)
    with CaptureQueriesContext(connection) as many:
        requeue_all(alice, ALL, ids=None, expected=30, from_start=True, by="alice")
    assert len(many) == len(few)


def test_the_trail_has_an_entry_for_each_job_and_one_for_the_act(alice: User, olga: User) -> None:
    first, second = failed(alice, error="line 3"), failed(alice)
    requeue_all(olga, Search(owner="alice"), ids=None, expected=2, from_start=True, by="olga")
    *each, whole = AuditEntry.objects.order_by("pk")
    assert [(entry.who, entry.act, entry.job_id, entry.pipeline) for entry in each] == [
        ("olga", "retry_from_start", first.pk, "noop"),
        ("olga", "retry_from_start", second.pk, "noop"),
    ]
    assert (each[0].before, each[0].after) == (
        {"state": "failed", "attempt": 1, "error": "line 3"},
        {"state": "queued"},
    )
    assert (whole.who, whole.act, whole.job_id, whole.after) == ("olga", "requeue_all_from_start", None, {"jobs": 2})
    assert whole.before == {
        "search": {"pipeline": "", "owner": "alice", "text": "", "error": ""},
        "selected": False,
        "jobs": 2,
    }
    for job in (first, second):
        end(claim(job), State.FAILED, error="again")
    discard_all(olga, ALL, ids=[first.pk], expected=1, by="olga")
    whole, one = AuditEntry.objects.order_by("-pk")[:2]
    assert (one.act, one.job_id, one.after) == ("discard", first.pk, {"state": "cancelled"})
    assert whole.before is not None
    assert (whole.act, whole.before["selected"], whole.after) == ("discard_all", True, {"jobs": 1})


# -- families -------------------------------------------------------------------------------------------


def test_a_requeue_tries_again_what_failed_of_a_family(alice: User, attempts: Attempts) -> None:
    job, alone = failed_family(alice, attempts), failed(alice)
    assert requeue_all(alice, ALL, ids=None, expected=2, from_start=False, by="alice") == 2
    children = Job.objects.filter(parent=job).order_by("fan_index")
    assert [child.state for child in children] == [State.SUCCEEDED, State.QUEUED, State.SUCCEEDED]
    assert (fresh(job).state, fresh(alone).state) == (State.QUEUED, State.QUEUED)


def test_a_restarted_family_has_new_children_and_no_old_files(alice: User, attempts: Attempts) -> None:
    job = failed_family(alice, attempts)
    old = list(Job.objects.filter(parent=job).values_list("pk", flat=True))
    Dataset.objects.create(owner=alice, job_id=old[0], name="d", parquet_path="jobs/x")
    (storage.attempt_folder(old[0], 1) / "part.txt").parent.mkdir(parents=True, exist_ok=True)
    assert requeue_all(alice, ALL, ids=None, expected=1, from_start=True, by="alice") == 1
    assert not Job.objects.filter(parent=job).exists()
    assert not Dataset.objects.exists()
    assert not any(storage.job_folder(pk).exists() for pk in old)
    attempts.run(job.pk)
    new = list(Job.objects.filter(parent=job).values_list("pk", flat=True))
    assert len(new) == 3
    assert min(new) > max(old)


def test_a_family_is_discarded_with_what_its_parts_made(alice: User, attempts: Attempts) -> None:
    job = failed_family(alice, attempts)
    done = Job.objects.filter(parent=job, state=State.SUCCEEDED).first()
    assert done is not None
    storage.attempt_folder(done.pk, done.fence).mkdir(parents=True, exist_ok=True)
    assert discard_all(alice, ALL, ids=None, expected=1, by="alice") == 1
    assert fresh(job).state == State.CANCELLED
    assert not JobStep.objects.exists()
    assert not storage.attempt_folder(done.pk, done.fence).exists()


def test_a_family_whose_parts_are_still_stopping_is_passed_over(alice: User, attempts: Attempts) -> None:
    job, other = failed_family(alice, attempts), failed(alice)
    Job.objects.filter(parent=job, fan_index=0).update(state=State.RUNNING)
    assert requeue_all(alice, ALL, ids=None, expected=2, from_start=True, by="alice") == 1
    assert (fresh(job).state, fresh(other).state) == (State.FAILED, State.QUEUED)


@pytest.mark.django_db(transaction=True)
def test_of_two_people_who_act_on_the_same_jobs_each_job_has_one(alice: User) -> None:
    jobs = [failed(alice) for _ in range(12)]
    ids = [job.pk for job in jobs]

    def act(do: Callable[..., int], chosen: list[int], **named: Any) -> int:
        try:
            return do(alice, ALL, ids=chosen, expected=12, **named)
        except Refused:
            # The other one was through with some before this one counted.
            return 0

    retried, discarded = in_threads(
        partial(act, requeue_all, ids, from_start=True, by="alice"),
        partial(act, discard_all, ids[::-1], by="bob"),
    )
    kinds = [kind for job in jobs for kind in timeline(job) if kind in ("requeued", "discarded")]
    assert retried + discarded == len(kinds) == 12
    assert kinds.count("requeued") == retried


# -- attempts -------------------------------------------------------------------------------------------


def test_attempt_reports_have_worker_reason_and_traceback(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    end(claim(job, worker="a:1"), State.RETRYING, error="ValueError: 3", detail="Traceback 1", delay=1)
    clock.advance(5)
    clock.stop()
    taken = claim(job, worker="b:2")
    clock.advance(7)
    end(taken, State.FAILED, error="ValueError: 4", detail="Traceback 2")
    requests.retry(fresh(job), by="alice")
    claim(job, worker="c:3")
    first, second, third = attempts_of(job)
    assert (first.attempt, first.worker, first.outcome, first.error, first.traceback) == (
        1, "a:1", "retrying", "ValueError: 3", "Traceback 1",
    )  # fmt: skip
    assert (second.attempt, second.outcome, second.traceback) == (2, "failed", "Traceback 2")
    assert second.seconds == pytest.approx(7, abs=1)
    assert (third.attempt, third.worker, third.outcome, third.ended_at, third.seconds) == (
        3, "c:3", "running", None, None,
    )  # fmt: skip


def test_a_lost_worker_is_reported_with_what_became_of_the_job(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    for _ in range(3):
        claim(job, worker="a:1")
        clock.advance(61)
        leases.reap()
        clock.advance(4000)
    reports = attempts_of(job)
    assert [(report.outcome, report.error) for report in reports] == [
        ("crashed", "The worker was lost; the job goes on from the last step it had completed."),
        ("crashed", "The worker was lost; the job goes on from the last step it had completed."),
        ("crashed", "The worker was lost 3 times while it ran this job."),
    ]
    assert all(report.seconds is not None and report.seconds > 60 for report in reports)


def test_a_handed_back_job_has_two_reports_of_one_attempt(alice: User) -> None:
    job = submit_job(alice)
    end(claim(job), State.QUEUED, kind="released", error="The worker is being restarted.")
    end(claim(job))
    assert [(report.attempt, report.outcome) for report in attempts_of(job)] == [(1, "released"), (1, "succeeded")]


def test_what_people_did_between_attempts_is_no_attempt(alice: User) -> None:
    job = submit_job(alice)
    assert attempts_of(job) == []
    end(claim(job), State.RETRYING, error="x")
    requests.cancel(fresh(job), by="alice")
    assert [(report.outcome, report.error) for report in attempts_of(job)] == [("retrying", "x")]


def test_a_cancelled_attempt_is_reported_as_such(alice: User) -> None:
    job = submit_job(alice)
    taken = claim(job)
    requests.cancel(fresh(job), by="alice")
    end(taken)
    assert [report.outcome for report in attempts_of(job)] == ["cancelled"]
