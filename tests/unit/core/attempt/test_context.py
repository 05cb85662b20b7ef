"""The `ctx` of a pipeline's function: what it writes is fenced, what it completed is never run again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from core.attempt.context import JobContext
from core.attempt.fencing import hold_fence
from core.errors import Interrupted, JobCancelled, JobStopped, LeaseLost, PermanentError, StepTooLarge
from core.files import storage, uploads
from core.files.uploads import StoredUpload
from core.forms import NobodysForm
from core.life import leases, requests
from core.life.leases import Held
from core.models import Artifact, Dataset, Job, JobEvent, JobStep
from core.models.states import State
from tests.unit.core.acts import Work, begin, begin_attempt, call, claim, end, fresh, in_threads, submit_job, timeline
from tests.unit.core.conftest import Clock

pytestmark = pytest.mark.django_db


def zombie_of(job: Job, clock: Clock) -> JobContext:
    """An attempt whose lease ran out, and which does not know it; the next attempt runs."""
    zombie = begin(job)
    clock.advance(61)
    leases.reap()
    clock.advance(4000)
    claim(job, worker="there:7")
    return zombie


def rows_of(job: Job) -> tuple[Any, ...]:
    return (
        Job.objects.filter(pk=job.pk).values().get(),
        *(list(model.objects.filter(job=job).values()) for model in (JobStep, Artifact, JobEvent, Dataset)),
    )


# -- steps ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("atomic", [False, True])
def test_a_completed_step_is_never_run_again(alice: User, atomic: bool) -> None:
    job, work = submit_job(alice), Work({"rows": 3})
    ctx = begin(job)
    assert ctx.step("count", work, atomic=atomic) == {"rows": 3}
    assert ctx.step("count", work, atomic=atomic) == {"rows": 3}
    end(ctx, State.RETRYING)
    again = begin(job)
    assert again.step("count", work, atomic=atomic) == {"rows": 3}
    assert work.runs == 1
    step = JobStep.objects.get()
    assert (step.key, step.result, step.attempt, step.fence) == ("count", {"rows": 3}, 1, 1)
    assert timeline(job).count("step") == 1


def test_a_step_completed_without_a_result_is_not_run_again(alice: User) -> None:
    job, work = submit_job(alice), Work(None)
    ctx = begin(job)
    assert ctx.step("quiet", work) is None
    end(ctx, State.RETRYING)
    assert begin(job).step("quiet", work) is None
    assert work.runs == 1


def test_a_step_that_raised_is_run_again(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    with pytest.raises(ValueError, match="once"):
        ctx.step("flaky", _raise, ValueError("once"))
    assert not JobStep.objects.exists()
    assert ctx.step("flaky", Work(2)) == 2


def test_a_step_gets_its_arguments(alice: User) -> None:
    ctx = begin(submit_job(alice))
    assert ctx.step("sum", lambda *args, scale: sum(args) * scale, 1, 2, scale=10) == 30


def test_a_steps_result_is_the_same_in_first_and_later_attempts(alice: User) -> None:
    job = submit_job(alice)
    work = Work({1: (1, 2), "when": dt.date(2025, 3, 1), "price": Decimal("1.50"), "text": "a\x00b"})
    expected = {"1": [1, 2], "when": "2025-03-01", "price": "1.50", "text": "a\ufffdb"}
    ctx = begin(job)
    assert ctx.step("mixed", work) == expected
    assert ctx.step("mixed", work) == expected
    end(ctx, State.RETRYING)
    assert begin(job).step("mixed", work) == expected


@dataclass(frozen=True)
class Count:
    rows: int
    names: tuple[str, ...]
    day: dt.date | None = None


@pytest.mark.parametrize("atomic", [False, True])
def test_a_step_returns_the_type_that_it_says_in_each_attempt(alice: User, atomic: bool) -> None:
    job, counted = submit_job(alice), Count(3, ("a", "b"), dt.date(2025, 3, 1))
    ctx = begin(job)
    assert ctx.step("count", Work(counted), returns=Count, atomic=atomic) == counted
    assert JobStep.objects.get().result == {"rows": 3, "names": ["a", "b"], "day": "2025-03-01"}
    end(ctx, State.RETRYING)
    assert begin(job).step("count", Work(counted), returns=Count, atomic=atomic) == counted


def test_a_typed_result_too_is_what_the_database_can_store(alice: User) -> None:
    assert begin(submit_job(alice)).step("count", Work(Count(1, ("a\x00",))), returns=Count).names == ("a\ufffd",)


@pytest.mark.parametrize("kept", [{"rows": "three", "names": []}, {"names": []}, [1, 2], None])
def test_an_unreadable_result_of_another_version_fails_clearly(alice: User, kept: Any) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    ctx.step("count", Work(kept))
    end(ctx, State.RETRYING)
    said = r"The result of step 'count' is of another version of the site, .* Run the job again from the start\."
    with pytest.raises(PermanentError, match=said):
        begin(job).step("count", Work(), returns=Count)


def test_a_later_versions_additions_to_a_result_are_ignored(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    ctx.step("count", Work({"rows": 3, "names": [], "more": True}))
    assert ctx.step("count", Work(), returns=Count) == Count(3, ())


def test_an_atomic_steps_effect_and_checkpoint_commit_together(alice: User) -> None:
    job = submit_job(alice)
    begin(job).step("publish", make_dataset, job, atomic=True)
    assert Dataset.objects.count() == 1
    assert JobStep.objects.get().key == "publish"


@pytest.mark.django_db(transaction=True)
def test_a_raising_atomic_step_leaves_no_effect_or_checkpoint(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)

    def fail_late() -> None:
        make_dataset(job)
        raise ValueError("after the effect")

    with pytest.raises(ValueError, match="after the effect"):
        ctx.step("publish", fail_late, atomic=True)
    assert not Dataset.objects.exists()
    assert not JobStep.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_atomic_step_with_an_unstorable_result_has_no_effect(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)

    def make_too_much() -> str:
        make_dataset(job)
        return "x" * 300_000

    with pytest.raises(StepTooLarge, match=r"The result of step 'publish' is 300,002 bytes"):
        ctx.step("publish", make_too_much, atomic=True)
    assert not Dataset.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_atomic_step_of_a_zombie_leaves_no_effect(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    zombie = zombie_of(job, clock)
    before = rows_of(job)
    with pytest.raises(LeaseLost):
        zombie.step("publish", make_dataset, job, atomic=True)
    assert rows_of(job) == before


@pytest.mark.django_db(transaction=True)
def test_an_atomic_step_is_undone_by_an_accepted_cancel(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    requests.cancel(job, by="alice")
    with pytest.raises(JobCancelled):
        ctx.step("publish", make_dataset, job, atomic=True)
    assert not Dataset.objects.exists()
    assert not JobStep.objects.exists()


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), float("inf")])
def test_a_result_that_is_no_json_fails_with_a_sentence(alice: User, value: Any) -> None:
    with pytest.raises(StepTooLarge, match="The result of step 'odd' can't be kept as JSON"):
        begin(submit_job(alice)).step("odd", Work(value))


def test_a_stopped_attempt_begins_no_step(alice: User) -> None:
    attempt, work = begin_attempt(submit_job(alice)), Work()
    attempt.own.stop = Interrupted
    with pytest.raises(Interrupted):
        attempt.context.step("late", work)
    assert work.runs == 0


def make_dataset(job: Job) -> int:
    return Dataset.objects.create(owner_id=job.owner_id, job=job, name="d", parquet_path="p").pk


def _raise(error: Exception) -> None:
    raise error


# -- the fence --------------------------------------------------------------------------------------


ACTS: dict[str, Callable[[JobContext], Any]] = {
    "a step": lambda ctx: ctx.step("stale", Work()),
    "an atomic step": lambda ctx: ctx.step("stale", Work(), atomic=True),
    "an artifact": lambda ctx: ctx.add_artifact(_written(ctx)),
    "a line in the timeline": lambda ctx: ctx.log("stale"),
}


def _written(ctx: JobContext) -> Path:
    path = ctx.folder / "stale.txt"
    path.write_text("stale")
    return path


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.django_db(transaction=True)
def test_a_stale_fence_writes_nothing(alice: User, clock: Clock, act: str) -> None:
    job = submit_job(alice)
    zombie = zombie_of(job, clock)
    before = rows_of(job)
    with pytest.raises(LeaseLost, match=rf"job {job.pk} is no longer this attempt's"):
        ACTS[act](zombie)
    assert rows_of(job) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.django_db(transaction=True)
def test_a_reaped_attempt_writes_nothing_even_before_a_new_claim(alice: User, clock: Clock, act: str) -> None:
    job = submit_job(alice)
    zombie = begin(job)
    clock.advance(61)
    leases.reap()
    before = rows_of(job)
    with pytest.raises(LeaseLost):
        ACTS[act](zombie)
    assert rows_of(job) == before


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.django_db(transaction=True)
def test_after_an_accepted_cancel_nothing_is_written(alice: User, act: str) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    requests.cancel(job, by="alice")
    before = rows_of(job)
    with pytest.raises(JobCancelled):
        ACTS[act](ctx)
    assert rows_of(job) == before


@pytest.mark.django_db(transaction=True)
def test_a_fenced_write_and_a_concurrent_claim_never_both_count(alice: User, clock: Clock) -> None:
    for _ in range(6):
        job = submit_job(alice)
        zombie = begin(job)
        clock.advance(61)

        def write(zombie: JobContext = zombie) -> str:
            try:
                zombie.step("late", Work(), atomic=True)
            except LeaseLost:
                return "refused"
            return "written"

        written, _ = in_threads(write, leases.reap)
        # A row that is locked is passed over, and reaped the next time.
        leases.reap()
        assert JobStep.objects.filter(job=job).exists() == (written == "written")
        assert fresh(job).state == State.RETRYING
        clock.advance(4000)
        again = begin(job)
        work = Work()
        again.step("late", work)
        assert work.runs == (0 if written == "written" else 1)
        end(again)


@pytest.mark.django_db(transaction=True)
def test_a_long_step_does_not_keep_the_keeper_from_renewing(alice: User) -> None:
    if connection.vendor == "sqlite":
        return  # one writer at a time is SQLite's way: an atomic step is kept short
    job, other = submit_job(alice), submit_job(alice)
    ctx, neighbour = begin(job), begin(other)
    held = [Held(each.job_id, each.fence) for each in (ctx, neighbour)]

    def renew_meanwhile() -> int:
        make_dataset(job)
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '20s'")
        return in_threads(lambda: renewed_within_two_seconds(held))[0]

    assert ctx.step("long", renew_meanwhile, atomic=True) == 2


def renewed_within_two_seconds(held: list[Held]) -> int:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
        return len(leases.renew(held))


def test_the_fence_is_held_by_the_attempt_that_owns_the_job_only(alice: User) -> None:
    ctx = begin(submit_job(alice))
    with transaction.atomic():
        hold_fence(ctx.job_id, ctx.fence)
    for fence in (ctx.fence - 1, ctx.fence + 1):
        with transaction.atomic(), pytest.raises(LeaseLost):
            hold_fence(ctx.job_id, fence)


@pytest.mark.django_db(transaction=True)
def test_the_fence_is_held_until_the_commit(alice: User, clock: Clock) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    clock.advance(61)
    with transaction.atomic():
        hold_fence(ctx.job_id, ctx.fence)
        if connection.vendor == "postgresql":
            assert in_threads(leases.reap) == [[]], "the job was reaped while its fence was held"
        else:
            # Its transactions hold the one write lock from their start: anybody else waits for the commit.
            assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert leases.reap() == [(job.pk, State.RETRYING)]


# -- stopping ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [JobCancelled, LeaseLost, Interrupted])
def test_every_call_of_an_attempt_that_may_not_go_on_raises(alice: User, reason: type[JobStopped]) -> None:
    attempt = begin_attempt(submit_job(alice))
    attempt.own.stop = reason
    ctx = attempt.context
    for act in (
        ctx.check,
        lambda: ctx.progress(1),
        lambda: ctx.stage("next"),
        lambda: ctx.note("still here"),
        lambda: ctx.log("still here"),
        lambda: ctx.step("next", Work()),
        lambda: list(ctx.track([1])),
    ):
        with pytest.raises(reason):
            act()


# -- progress ---------------------------------------------------------------------------------------


def test_progress_and_stages_are_kept_in_memory(alice: User, django_assert_num_queries: Any) -> None:
    attempt = begin_attempt(submit_job(alice, "count"))
    ctx, shown = attempt.context, attempt.display.progress
    with django_assert_num_queries(0):
        ctx.stage("count")
        for number in range(1000):
            ctx.progress(number, 1000, unit="rows", note="reading")
        ctx.note("done")
    assert (shown.done, shown.total, shown.unit, shown.note) == (999, 1000, "rows", "done")


def test_tracking_counts_what_it_yields(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))
    shown = attempt.display.progress
    seen = [(item, shown.done, shown.total) for item in attempt.context.track("abc", unit="letters")]
    assert seen == [("a", 0, 3), ("b", 1, 3), ("c", 2, 3)]
    assert (shown.done, shown.unit) == (3, "letters")


def test_the_total_of_what_has_no_length_is_unknown(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))
    assert list(attempt.context.track(iter([1, 2]))) == [1, 2]
    assert (attempt.display.progress.done, attempt.display.progress.total) == (2, None)


def test_a_stage_as_a_block_is_done_at_its_end_unless_it_raises(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))
    ctx = attempt.context
    with ctx.stage("first"):
        pass
    with pytest.raises(ValueError, match="no"), ctx.stage("second", "The second"):
        raise ValueError("no")
    assert [(stage["title"], stage["state"]) for stage in attempt.display.progress.stages] == [
        ("First", "done"),
        ("The second", "running"),
    ]


def test_a_second_attempt_goes_on_from_the_stages_that_were_done(alice: User, define: Callable[..., str]) -> None:
    def staged(ctx: object) -> None: ...

    job = submit_job(alice, define(staged, stages=("read", ("write", "Write it"))))
    attempt = begin_attempt(job)
    attempt.context.stage("read")
    attempt.context.stage("write")
    end(attempt.claim, State.RETRYING, progress=attempt.display.last(State.RETRYING))
    again = begin_attempt(job)
    assert [(stage["name"], stage["state"]) for stage in again.display.progress.stages] == [
        ("read", "done"),
        ("write", "pending"),
    ]


def test_a_line_in_the_timeline_names_its_attempt_and_is_cut(alice: User) -> None:
    job = submit_job(alice)
    begin(job).log("a\x00" * 3000)
    event = JobEvent.objects.get(job=job, kind=JobEvent.Kind.NOTE)
    assert (event.attempt, event.text) == (1, "a\ufffd" * 1000)


# -- files ------------------------------------------------------------------------------------------


def keep(text: bytes, name: str = "in.txt") -> StoredUpload:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return uploads.keep(SimpleUploadedFile(name, text))


def test_the_file_of_a_field_is_read_from_the_store(alice: User) -> None:
    ctx = begin(submit_job(alice, files={"file": keep(b"hello")}))
    given = ctx.file("file")
    assert (given.path.read_bytes(), given.name, given.size) == (b"hello", "in.txt", 5)
    assert given.sha256 == storage.sha256_of(given.path)


def test_a_file_that_was_not_given_fails_with_a_sentence(alice: User) -> None:
    with pytest.raises(PermanentError, match="No file was given for 'file'"):
        begin(submit_job(alice)).file("file")


def test_a_file_that_is_no_longer_kept_fails_with_a_sentence(alice: User) -> None:
    ctx = begin(submit_job(alice, files={"file": keep(b"hello")}))
    ctx.file("file").path.unlink()
    with pytest.raises(PermanentError, match=r"The file in\.txt is no longer kept; upload it again"):
        ctx.file("file")


def test_several_files_of_a_field_come_in_their_order(alice: User) -> None:
    given = {f"file.{number}": keep(str(number).encode()) for number in range(12, 1, -1)}
    ctx = begin(submit_job(alice, files={**given, "file": keep(b"1"), "files": keep(b"other")}))
    assert [file.path.read_text() for file in ctx.files("file")] == [str(number) for number in range(1, 13)]
    assert ctx.file("file").path.read_text() == "1"
    assert ctx.files("none") == []
    ctx.files("file")[3].path.unlink()
    with pytest.raises(PermanentError, match="is no longer kept"):
        ctx.files("file")


def test_each_attempt_has_a_folder_of_its_own(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    end(ctx, State.RETRYING)
    again = begin(job)
    assert ctx.folder != again.folder
    assert ctx.key(ctx.folder / "a.txt") == f"jobs/{job.pk}/1/a.txt"
    assert again.resolve(ctx.key(ctx.folder / "a.txt")) == ctx.folder / "a.txt"


def test_an_artifact_is_published_with_its_size_and_hash(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = ctx.folder / "out.csv"
    path.write_bytes(b"a,b\n")
    artifact = Artifact.objects.get(pk=ctx.add_artifact(path, title="The table"))
    assert (artifact.job, artifact.kind, artifact.name) == (job, Artifact.Kind.OUTPUT, "out.csv")
    assert (artifact.size, artifact.content_type, artifact.title) == (4, "text/csv", "The table")
    assert artifact.sha256 == storage.sha256_of(path)
    assert artifact.local_path == path


def test_the_same_name_again_replaces_the_pointer(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    first = ctx.add_artifact(_written(ctx))
    end(ctx, State.RETRYING)
    again = begin(job)
    assert again.add_artifact(_written(again)) == first
    assert Artifact.objects.get().path == f"jobs/{job.pk}/2/stale.txt"


def test_files_are_published_with_their_step_or_not_at_all(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    made = [ctx.artifact(_written(ctx), name=f"{number}.txt", field="one") for number in (1, 2)]
    assert not Artifact.objects.exists()

    def publish(*, fails: bool) -> list[int]:
        ids = [*Artifact.objects.publish(made[:1]), *Artifact.objects.publish(made[1:])]
        if fails:
            raise RuntimeError("after the files")
        return ids

    with pytest.raises(RuntimeError):
        ctx.step("publish", publish, fails=True, atomic=True)
    assert not Artifact.objects.exists()
    first, second = ctx.step("publish", publish, fails=False, atomic=True)
    assert first == second
    assert Artifact.objects.get().name == "2.txt"


def test_long_names_that_begin_alike_are_different_artifacts(alice: User) -> None:
    ctx = begin(submit_job(alice))
    for number in (1, 2):
        ctx.add_artifact(_written(ctx), name="a" * 120 + f"{number}.txt")
    assert sorted(artifact.name[-5:] for artifact in Artifact.objects.all()) == ["1.txt", "2.txt"]


def test_scratch_is_gone_at_the_end_and_the_folder_is_not(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))
    ctx = attempt.context
    (ctx.scratch / "temporary").write_text("x")
    kept = _written(ctx)
    attempt.close()
    assert not ctx.scratch.exists()
    assert kept.exists()


def test_the_function_gets_the_context_and_its_parameters(alice: User, define: Callable[..., str]) -> None:
    def called(ctx: JobContext, a: int, b: list[int]) -> tuple[Any, ...]:
        return ctx, a, b

    attempt = begin_attempt(submit_job(alice, define(called, form=NobodysForm), params={"a": 1, "b": [2]}))
    assert call(attempt) == (attempt.context, 1, [2])
