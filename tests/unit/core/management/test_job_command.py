"""`manage.py job`: the same rules as on the pages, for scripts."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from core.files import storage
from core.forms import SecretField, UploadField
from core.management.arguments import in_order
from core.management.commands.job import OPTIONS
from core.models import Artifact, AuditEntry, Job, JobStep, Preferences
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import begin, claim, end, fresh, submit_job

pytestmark = pytest.mark.django_db


def run(*arguments: object) -> str:
    output = io.StringIO()
    call_command("job", *map(str, arguments), stdout=output)
    return output.getvalue()


def run_json(*arguments: object) -> Any:
    return json.loads(run(*arguments, "--json"))


def refusal(*arguments: object) -> tuple[int, str]:
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    return caught.value.returncode, str(caught.value)


def test_a_submit_prints_the_job_as_one_object(alice: User) -> None:
    shown = run_json("submit", "count", "--owner", "alice", "--param", "count=3")
    assert shown == {
        "id": Job.objects.get().pk,
        "state": "queued",
        "pipeline": "count",
        "priority": "normal",
        "attempt": 0,
        "result": None,
        "warning": "",
        "error": "",
        "parent": None,
        "waiting": {
            "kind": "no_worker",
            "text": "No worker takes jobs from the queue default.",
            "at": None,
            "ahead": None,
        },
        "artifacts": [],
    }
    # A field nobody named has what its page would send.
    assert Job.objects.get().params == {"count": 3, "seconds": 0.0}


def test_a_field_nobody_named_has_what_its_page_would_send(alice: User, define: Callable[..., str]) -> None:
    class ManyForm(forms.Form):
        letters = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], initial=["a", "b"])
        rules = forms.JSONField(initial={"price": "number"})

    def many(ctx: object, letters: list[str], rules: dict[str, str]) -> None: ...

    run("submit", define(many, form=ManyForm), "--owner", "alice")
    assert Job.objects.get().params == {"letters": ["a", "b"], "rules": {"price": "number"}}


def test_the_fields_initial_values_are_those_of_the_page(alice: User) -> None:
    run("submit", "count", "--owner", "alice")
    assert Job.objects.get().params["count"] == 10


def test_a_file_is_stored_as_the_jobs_input(alice: User, tmp_path: Path) -> None:
    source = tmp_path / "in.txt"
    source.write_text("hello")
    shown = run_json("submit", "copy_file", "--owner", "alice", "--file", f"file={source}", "--param", "upper=on")
    assert source.exists()
    assert [(file["name"], file["kind"], file["bytes"]) for file in shown["artifacts"]] == [("in.txt", "input", 5)]
    assert Path(shown["artifacts"][0]["path"]).read_text() == "hello"
    assert shown["artifacts"][0]["sha256"] == storage.sha256_of(source)
    assert Job.objects.get().params == {"upper": True}


def test_the_same_key_is_the_same_job(alice: User) -> None:
    first = run_json("submit", "noop", "--owner", "alice", "--key", "night")
    assert run_json("submit", "noop", "--owner", "alice", "--key", "night")["id"] == first["id"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("submit", "nope", "--owner", "alice"), "unknown pipeline 'nope'; there are: "),
        (("submit", "noop", "--owner", "nobody"), "unknown user 'nobody'"),
        (("submit", "count", "--owner", "alice", "--param", "count=x"), "count: Enter a whole number."),
        (
            ("submit", "count", "--owner", "alice", "--param", "size=3"),
            "no field 'size' in count; there are: count",
        ),
        (("submit", "count", "--owner", "alice", "--param", "count"), "--param 'count': write FIELD=VALUE"),
        (("submit", "count", "--owner", "alice", "--param", "=3"), "--param '3': write FIELD=VALUE"),
        (("submit", "copy_file", "--owner", "alice"), "file: This field is required."),
        (("submit", "copy_file", "--owner", "alice", "--file", "file=/nowhere"), "/nowhere can't be read: "),
        (
            ("submit", "copy_file", "--owner", "alice", "--file", "file=/etc/hosts"),
            "not a file of a kind this takes",
        ),
        (("show", 404), "there is no job 404"),
        (("cancel", 404), "there is no job 404"),
        (("retry", 404), "there is no job 404"),
        (("discard", 404), "there is no job 404"),
        (("priority", 404, "low"), "there is no job 404"),
    ],
)
def test_a_usage_error_ends_with_2_and_a_sentence(alice: User, arguments: tuple[object, ...], sentence: str) -> None:
    code, told = refusal(*arguments)
    assert (code, sentence in told) == (2, True), told
    assert not Job.objects.exists()


def test_a_usage_error_leaves_no_staged_copy(alice: User, tmp_path: Path) -> None:
    source = tmp_path / "in.exe"
    source.write_text("x")
    assert refusal("submit", "copy_file", "--owner", "alice", "--file", f"file={source}")[0] == 2
    assert refusal("submit", "noop", "--owner", "alice", "--file", f"file={source}")[0] == 2
    assert list(storage.staging_folder().iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("dance",),
        ("show", "seven"),
        ("list", "--state", "odd"),
        ("priority", "7", "high"),
        ("failed", "--requeue", "--discard"),
    ],
)
def test_what_argparse_cannot_read_is_a_usage_error(alice: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises((CommandError, SystemExit)):
        run(*arguments)


def test_what_is_refused_ends_with_3_and_a_sentence(alice: User) -> None:
    job = submit_job(alice)
    assert refusal("retry", job.pk)[0] == 3
    end(claim(job))
    code, told = refusal("cancel", job.pk)
    assert (code, told) == (3, f"Job {job.pk} can't be cancelled: it has succeeded.")


def test_what_is_for_staff_is_refused_to_others(alice: User, define: Callable[..., str]) -> None:
    def sweep(ctx: object) -> None: ...

    name = define(sweep, is_for_staff=True)
    assert refusal("submit", name, "--owner", "alice") == (3, f"{name} is for staff, and alice is none.")
    assert not Job.objects.exists()


def test_parameters_over_the_limit_are_refused_with_a_sentence(alice: User, conf: OwnConf) -> None:
    conf.JSON_LIMIT_BYTES = 5
    code, told = refusal("submit", "count", "--owner", "alice")
    assert (code, "The JSON of the parameters is 29 bytes long" in told) == (3, True), told


def test_showing_a_job_prints_its_facts_and_files(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    path = ctx.folder / "out.csv"
    path.write_text("a\n")
    ctx.add_artifact(path)
    end(ctx, result='{"facts": [["Rows", 1]]}')
    text = run("show", job.pk)
    assert f"job {job.pk}: noop, succeeded, attempt 1" in text
    assert "Rows: 1" in text
    assert f"out.csv  2 bytes  {path}" in text
    shown = run_json("show", job.pk)
    assert (shown["state"], shown["result"]) == ("succeeded", {"facts": [["Rows", 1]]})
    assert [file["kind"] for file in shown["artifacts"]] == [Artifact.Kind.OUTPUT]


def test_showing_a_failed_job_prints_its_reason(alice: User) -> None:
    job = submit_job(alice)
    end(claim(job), State.FAILED, error="line 3 is wrong")
    assert "line 3 is wrong" in run("show", job.pk)
    assert run_json("show", job.pk)["error"] == "line 3 is wrong"


def test_the_newest_jobs_are_listed_first_and_by_state(alice: User) -> None:
    assert run("list").strip() == "no jobs"
    old, new = submit_job(alice), submit_job(alice, label="the new one")
    end(claim(old), State.FAILED, error="x")
    assert [each["id"] for each in run_json("list")] == [new.pk, old.pk]
    assert [each["id"] for each in run_json("list", "--state", "failed")] == [old.pk]
    assert "the new one" in run("list").splitlines()[0]


def test_cancel_and_retry_print_the_job_as_it_is_then(alice: User) -> None:
    job = submit_job(alice)
    assert run_json("cancel", job.pk)["state"] == "cancelled"
    assert run_json("retry", job.pk)["state"] == "queued"
    assert fresh(job).state == State.QUEUED


@pytest.mark.django_db(transaction=True)
def test_waiting_times_out_with_1_and_the_job_goes_on(alice: User) -> None:
    with pytest.raises(SystemExit) as caught:
        run("submit", "noop", "--owner", "alice", "--wait", "0.01")
    assert caught.value.code == 1
    assert Job.objects.get().state == State.QUEUED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "code"), [(State.SUCCEEDED, 0), (State.FAILED, 1), (State.CANCELLED, 1)])
def test_waiting_ends_as_the_job_did(alice: User, monkeypatch: pytest.MonkeyPatch, state: State, code: int) -> None:
    def work(seconds: float) -> None:
        job = Job.objects.get()
        end(claim(job), state, result="7", error="no")

    # The look after this one finds the job ended.
    monkeypatch.setattr("core.jobs.time.sleep", work)
    if code:
        with pytest.raises(SystemExit) as caught:
            run("submit", "noop", "--owner", "alice", "--wait")
        assert caught.value.code == code
    else:
        assert run_json("submit", "noop", "--owner", "alice", "--wait")["result"] == 7


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "code"), [(State.SUCCEEDED, 0), (State.FAILED, 1)])
def test_a_job_is_waited_for_by_its_id(alice: User, state: State, code: int) -> None:
    job = submit_job(alice)
    with pytest.raises(SystemExit) as caught:
        run("wait", job.pk, "--timeout", "0.01")
    assert caught.value.code == 1
    end(claim(job), state)
    if code:
        with pytest.raises(SystemExit):
            run("wait", job.pk)
    else:
        assert run_json("wait", job.pk)["state"] == state


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "arguments",
    [
        ("--owner", "alice", "--param", "count=3", "submit", "count", "--wait", "0.01"),
        ("submit", "--wait", "0.01", "--param", "count=3", "--owner", "alice", "count"),
        ("--wait=0.01", "submit", "--param=count=3", "count", "--owner=alice"),
    ],
)
def test_options_stand_in_any_place(alice: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        run(*arguments)
    assert Job.objects.get().params["count"] == 3


def test_an_option_that_may_have_a_number_eats_no_name() -> None:
    acts = ("submit", "show")
    assert in_order(["submit", "--wait", "count"], acts=acts, options=OPTIONS) == ["submit", "--wait=inf", "count"]
    assert in_order(["--json", "--traceback", "show", "7"], acts=acts, options=OPTIONS) == [
        "--traceback",
        "show",
        "--json",
        "7",
    ]
    assert in_order(["--owner"], acts=acts, options=OPTIONS) == ["--owner"]
    assert in_order(["submit", "--", "--wait"], acts=acts, options=OPTIONS) == ["submit", "--", "--wait"]


def test_a_job_is_submitted_for_later(alice: User) -> None:
    job = run_json("submit", "noop", "--owner", "alice", "--at", "2100-01-01T03:00+01:00")
    assert job["state"] == "scheduled"
    assert Job.objects.get().run_at.year == 2100
    assert refusal("submit", "noop", "--owner", "alice", "--at", "soon") == (
        2,
        "--at 'soon': write a time as 2026-12-01T03:00",
    )


def test_a_job_is_submitted_about_an_object(alice: User) -> None:
    run("submit", "noop", "--owner", "alice", "--subject", f"auth.User:{alice.pk}")
    (job,) = Job.objects.about(alice)
    assert "about alice" in run("show", job.pk)
    assert run_json("show", job.pk)["subject"] == {"model": "auth.user", "key": str(alice.pk), "text": "alice"}


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        ("auth.User:999", "there is no such user"),
        ("auth.User:x", "there is no such user"),
        ("auth.User", "there is no such user"),
        ("shop.Order:7", "write APP.MODEL:KEY"),
        ("7", "write APP.MODEL:KEY"),
    ],
)
def test_a_subject_that_is_not_there_is_a_usage_error(alice: User, subject: str, sentence: str) -> None:
    code, text = refusal("submit", "noop", "--owner", "alice", "--subject", subject)
    assert (code, sentence in text) == (2, True), text
    assert not Job.objects.exists()


def test_show_prints_all_that_the_page_shows(alice: User) -> None:
    job = submit_job(alice, "count", params={"count": 3}, label="Three")
    ctx = begin(job)
    ctx.step("first", lambda: 1)
    end(ctx, State.FAILED, error="Odd.")
    printed = run_json("show", job.pk)
    assert printed["title"] == "Three"
    assert printed["owner"] == "alice"
    assert printed["params"] == {"count": 3}
    assert [step["key"] for step in printed["steps"]] == ["first"]
    assert [event["kind"] for event in printed["timeline"]] == ["submitted", "claimed", "step", "failed"]
    assert [(report["attempt"], report["error"]) for report in printed["attempts"]] == [(1, "Odd.")]
    assert printed["progress"]["stages"][0]["title"] == "Count"
    assert printed["finished_at"]
    assert printed["expires_at"] > printed["finished_at"]


# -- acts -----------------------------------------------------------------------------------------------


def failed(owner: User, pipeline: str = "noop", *, error: str = "no", **options: Any) -> Job:
    job = submit_job(owner, pipeline, **options)
    end(claim(job), State.FAILED, error=error)
    return job


def test_a_submit_says_its_priority(alice: User) -> None:
    assert run_json("submit", "noop", "--owner", "alice", "--priority", "urgent")["priority"] == "urgent"
    assert run_json("submit", "noop", "--owner", "alice", "--priority", "low")["priority"] == "low"
    assert sorted(Job.objects.values_list("priority", flat=True)) == [0, 2]


def test_a_retry_goes_on_or_begins_anew_as_asked(alice: User) -> None:
    job = submit_job(alice)
    ctx = begin(job)
    ctx.step("first", lambda: 1)
    end(ctx, State.FAILED, error="no")
    assert run_json("retry", job.pk)["state"] == "queued"
    assert JobStep.objects.exists()
    end(claim(job), State.FAILED, error="no")
    assert run_json("retry", job.pk, "--from-start")["state"] == "queued"
    assert not JobStep.objects.exists()
    assert list(AuditEntry.objects.order_by("pk").values_list("who", "act")) == [
        ("command line", "retry"),
        ("command line", "retry_from_start"),
    ]


def test_all_that_match_are_cancelled_when_their_number_is_confirmed(alice: User, bob: User) -> None:
    waiting = [submit_job(alice) for _ in range(3)]
    running, other, counting = submit_job(alice), submit_job(bob), submit_job(alice, "count", params={"count": 1})
    claim(running)
    those = ("cancel", "--all", "--pipeline", "noop", "--state", "queued", "--owner", "alice")
    assert refusal(*those) == (2, "3 jobs match; add --yes 3 to cancel them")
    code, text = refusal(*those, "--yes", "2")
    assert (code, "3 jobs match now, not 2" in text) == (3, True)
    assert not Job.objects.filter(state=State.CANCELLED).exists()
    assert run_json(*those, "--yes", "3") == {"act": "cancel", "jobs": 3, "matched": 3}
    assert {fresh(job).state for job in waiting} == {State.CANCELLED}
    assert [fresh(job).state for job in (running, other, counting)] == [State.RUNNING, State.QUEUED, State.QUEUED]
    assert AuditEntry.objects.filter(act="cancel").count() == 3
    assert "1 of 1 cancelled" in run("cancel", "--all", "--state", "running", "--yes", "1")
    assert fresh(running).is_cancelling
    assert refusal("cancel", "--all", "--state", "running") == (2, "0 jobs match; add --yes 0 to cancel them")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("cancel",), "cancel takes a job's id, or --all"),
        (("cancel", "7", "--all"), "cancel takes a job's id, or --all"),
        (("cancel", "7", "--pipeline", "noop"), "go with --all"),
        (("cancel", "--all", "--pipeline", "nope"), "unknown pipeline 'nope'"),
        (("cancel", "--all", "--owner", "nobody"), "unknown user 'nobody'"),
    ],
)
def test_a_cancel_that_names_nothing_is_a_usage_error(alice: User, arguments: tuple[str, ...], sentence: str) -> None:
    code, text = refusal(*arguments)
    assert (code, sentence in text) == (2, True), text


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ([], "The database has no jobs yet: start Headway with `make up`, or run `manage.py migrate`."),
        (None, "The database can't be reached (unable to open database file). Start Headway with `make up`"),
    ],
)
def test_without_a_database_the_command_says_what_to_do(
    db: None, monkeypatch: pytest.MonkeyPatch, tables: list[str] | None, sentence: str
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("unable to open database file")

    def table_names() -> list[str]:
        if tables is None:
            fail()
        return tables or []

    monkeypatch.setattr("core.management.commands.job._find_job", fail)
    monkeypatch.setattr(connection.introspection, "table_names", table_names)
    code, text = refusal("show", 7)
    assert code == 2
    assert text.startswith(sentence)


def test_a_failed_job_is_discarded(alice: User) -> None:
    job = failed(alice)
    assert run_json("discard", job.pk)["state"] == "cancelled"
    code, told = refusal("discard", job.pk)
    assert (code, told) == (3, f"Job {job.pk} is cancelled now: only a failed job can be discarded.")


def test_a_job_gets_another_priority(alice: User) -> None:
    job = submit_job(alice)
    assert run_json("priority", job.pk, "low")["priority"] == "low"
    end(claim(job))
    assert refusal("priority", job.pk, "urgent")[0] == 3


def test_showing_a_job_says_why_it_waits(alice: User) -> None:
    job = submit_job(alice, delay_seconds=3600)
    shown = run_json("show", job.pk)["waiting"]
    assert (shown["kind"], shown["text"], shown["at"] is None) == ("time", "It is scheduled for later.", False)
    assert "It is scheduled for later. It starts at 20" in run("show", job.pk)
    done = submit_job(alice)
    end(claim(done))
    assert run_json("show", done.pk)["waiting"] is None


def test_failed_jobs_are_listed_by_what_is_asked_for(alice: User, bob: User) -> None:
    assert run("failed").strip() == "0 failed"
    first = failed(alice, error="the host is\naway")
    second = failed(bob, "count", params={"count": 4711})
    assert [job["id"] for job in run_json("failed")["jobs"]] == [second.pk, first.pk]
    assert "noop" in run("failed", "--owner", "alice")
    assert "the host is away" in run("failed", "--error", "HOST")
    for option, text in (("--pipeline", "count"), ("--owner", "bob"), ("--text", "471"), ("--error", "no")):
        found = run_json("failed", option, text)
        assert (found["count"], [job["id"] for job in found["jobs"]]) == (1, [second.pk])


def test_a_long_list_of_failed_jobs_says_how_many_there_are(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.management.commands.job.LIST_LENGTH", 2)
    for _ in range(3):
        failed(alice)
    assert run("failed").splitlines()[-1] == "3 failed, the newest 2 shown"
    assert (run_json("failed")["count"], len(run_json("failed")["jobs"])) == (3, 2)


@pytest.mark.parametrize(("option", "word"), [("--requeue", "requeue"), ("--discard", "discard")])
def test_acts_on_many_jobs_need_their_number_confirmed(alice: User, option: str, word: str) -> None:
    jobs = [failed(alice) for _ in range(2)]
    other = failed(alice, "count")
    code, told = refusal("failed", "--pipeline", "noop", option)
    assert (code, told) == (2, f"2 failed jobs match; add --yes 2 to {word} them")
    code, told = refusal("failed", "--pipeline", "noop", option, "--yes", 3)
    assert (code, "2 failed jobs match now, not 3" in told) == (3, True)
    assert {fresh(job).state for job in jobs} == {State.FAILED}
    assert run_json("failed", "--pipeline", "noop", option, "--yes", 2) == {"act": word, "jobs": 2, "matched": 2}
    assert {fresh(job).state for job in jobs} == {State.QUEUED if word == "requeue" else State.CANCELLED}
    assert fresh(other).state == State.FAILED
    assert refusal("failed", option)[1] == f"1 failed job matches; add --yes 1 to {word} it"


def test_many_jobs_can_begin_anew(alice: User) -> None:
    failed(alice)
    assert run("failed", "--requeue", "--from-start", "--yes", 1).strip() == "1 of 1 requeued"
    assert AuditEntry.objects.filter(act="requeue_all_from_start", who="command line").exists()


@pytest.mark.parametrize("options", [("--yes", "1"), ("--from-start",), ("--discard", "--from-start", "--yes", "1")])
def test_options_that_make_no_sense_together_are_a_usage_error(alice: User, options: tuple[str, ...]) -> None:
    job = failed(alice)
    assert refusal("failed", *options)[0] == 2
    assert fresh(job).state == State.FAILED


def test_a_submit_over_a_limit_is_refused_without_a_copy(
    alice: User, conf: OwnConf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.txt"
    source.write_text("hello")
    conf.OWNER_QUEUED_LIMIT = 1
    run("submit", "noop", "--owner", "alice", "--key", "a")
    monkeypatch.setattr("core.management.commands.job._open", lambda _: pytest.fail("it was copied"))
    code, told = refusal("submit", "copy_file", "--owner", "alice", "--file", f"file={source}")
    assert (code, "1 is the most" in told, "try again" in told) == (3, True, True), told
    # A key that is known is no new job.
    run("submit", "noop", "--owner", "alice", "--key", "a")
    assert Job.objects.count() == 1


def test_a_success_with_a_warning_says_so_and_stays_succeeded(alice: User) -> None:
    told, plain = submit_job(alice), submit_job(alice)
    result = {"headline": "5 rows", "warning": "3 of 8 records were rejected."}
    Job.objects.filter(pk=told.pk).update(state=State.SUCCEEDED, result=result)
    lines = run("show", told.pk).splitlines()
    assert "succeeded, with warnings" in lines[0]
    assert lines[1:3] == ["  3 of 8 records were rejected.", "  5 rows"]
    shown = run_json("show", told.pk)
    assert (shown["state"], shown["warning"]) == ("succeeded", "3 of 8 records were rejected.")
    listed = {row["id"]: row["warning"] for row in run_json("list")}
    assert listed == {told.pk: "3 of 8 records were rejected.", plain.pk: ""}
    first, second = run("list").splitlines()
    assert second.split()[1:4] == ["succeeded,", "with", "warnings"]
    # In columns, however long the words of one are.
    assert first.index(plain.pipeline) == second.index(told.pipeline)


class MergeForm(forms.Form):
    tables = UploadField(multiple=True)
    one = forms.FileField(required=False)
    at = forms.DateTimeField(required=False)
    password = SecretField(required=False)


@pytest.fixture
def merge(define: Callable[..., str]) -> str:
    def merge(ctx: object, **params: Any) -> None: ...

    return define(merge, form=MergeForm)


def test_several_files_of_one_field_are_given_one_by_one(
    alice: User, merge: str, tmp_path: Path, define: Callable[..., str]
) -> None:
    for name in ("b.csv", "a.csv"):
        (tmp_path / name).write_text(name)
    both = [option for name in ("b.csv", "a.csv") for option in ("--file", f"tables={tmp_path / name}")]
    shown = run_json("submit", merge, "--owner", "alice", *both, "--param", "password=correct horse")
    job = Job.objects.get()
    assert sorted(job.artifacts.values_list("field", "name")) == [("tables", "b.csv"), ("tables.2", "a.csv")]
    assert "correct horse" not in json.dumps(shown) + str(job.params) + run("show", job.pk)
    ones = [option.replace("tables=", "one=") for option in both]
    assert refusal("submit", merge, "--owner", "alice", *both, *ones) == (2, "one takes one file, and 2 are given")


def test_a_time_is_by_the_owners_clock(alice: User, merge: str, tmp_path: Path) -> None:
    Preferences.objects.create(user=alice, zone="Asia/Tokyo")
    (tmp_path / "a.csv").write_text("a")
    file = ("--file", f"tables={tmp_path / 'a.csv'}")
    run("submit", merge, "--owner", "alice", *file, "--param", "at=2026-01-31 07:00")
    assert Job.objects.get().params["at"] == "2026-01-31T07:00:00+09:00"
