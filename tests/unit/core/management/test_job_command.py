"""`manage.py job`: the same rules as on the pages, for scripts."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from pytest_django import Settings

from core import storage
from core.models import Artifact, Job
from core.states import State
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
        "attempt": 0,
        "result": None,
        "error": "",
        "parent": None,
        "artifacts": [],
    }
    # A field nobody named has what its page would send.
    assert Job.objects.get().params == {"count": 3, "seconds": 0.0}


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


@pytest.mark.parametrize("arguments", [(), ("dance",), ("show", "seven"), ("list", "--state", "odd")])
def test_what_argparse_cannot_read_is_a_usage_error(alice: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises((CommandError, SystemExit)):
        run(*arguments)


def test_what_is_refused_ends_with_3_and_a_sentence(alice: User) -> None:
    job = submit_job(alice)
    assert refusal("retry", job.pk)[0] == 3
    end(claim(job))
    code, told = refusal("cancel", job.pk)
    assert (code, told) == (3, f"Job {job.pk} can't be cancelled: it has succeeded.")


def test_parameters_over_the_limit_are_refused_with_a_sentence(alice: User, settings: Settings) -> None:
    settings.JSON_LIMIT_BYTES = 5
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


def test_waiting_ends_with_1_when_the_time_is_over_and_the_job_goes_on(alice: User) -> None:
    with pytest.raises(SystemExit) as caught:
        run("submit", "noop", "--owner", "alice", "--wait", "0.01")
    assert caught.value.code == 1
    assert Job.objects.get().state == State.QUEUED


@pytest.mark.parametrize(("state", "code"), [(State.SUCCEEDED, 0), (State.FAILED, 1), (State.CANCELLED, 1)])
def test_waiting_ends_as_the_job_did(alice: User, monkeypatch: pytest.MonkeyPatch, state: State, code: int) -> None:
    def work(seconds: float) -> None:
        job = Job.objects.get()
        end(claim(job), state, result="7", error="no")

    # The look after this one finds the job ended.
    monkeypatch.setattr("core.management.commands.job.time.sleep", work)
    if code:
        with pytest.raises(SystemExit) as caught:
            run("submit", "noop", "--owner", "alice", "--wait")
        assert caught.value.code == code
    else:
        assert run_json("submit", "noop", "--owner", "alice", "--wait")["result"] == 7
