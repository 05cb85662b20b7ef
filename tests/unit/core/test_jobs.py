"""The door for the site's own code: submit, look, wait, cancel, retry."""

from __future__ import annotations

import datetime as dt
import io
import re
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django import forms
from django.contrib.auth.models import AnonymousUser, Group, User
from django.core.files.base import ContentFile
from django.core.signals import request_finished, request_started
from django.db import transaction

from core import jobs
from core.attempt.context import JobContext
from core.errors import TooMuch
from core.forms import DatasetField, PipelineForm, UploadField, open_form
from core.jobs import CannotWait, InvalidParams, JobRequest, Refused, UnknownPipeline
from core.models import Artifact, Job, JobEvent
from core.models.job import Priority
from core.models.states import State
from core.pipelines import get, secrets
from core.wakeup import jobs_due
from tests.configuration import OwnConf
from tests.unit.core.acts import claim, end, fresh

pytestmark = pytest.mark.django_db
TRANSACTIONAL = pytest.mark.django_db(transaction=True)


def text_of(job: Job) -> str:
    return Artifact.objects.get(job=job, kind=Artifact.Kind.INPUT).local_path.read_text()


class ManyKindsForm(PipelineForm):
    """A field of each kind whose page sends something other than the value."""

    day = forms.DateField(required=False)
    at = forms.SplitDateTimeField(required=False)
    price = forms.DecimalField(initial=Decimal("1.50"))
    is_urgent = forms.BooleanField(required=False)
    group = forms.ModelChoiceField(queryset=Group.objects.none(), required=False)
    groups = forms.ModelMultipleChoiceField(queryset=Group.objects.none(), required=False)
    colours = forms.MultipleChoiceField(choices=[("r", "Red"), ("g", "Green")], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("group", "groups"):
            self.fields[name].queryset = Group.objects.all()  # type: ignore[attr-defined]


@pytest.fixture
def kinds(define: Callable[..., str]) -> str:
    def kinds(ctx: JobContext, **_: Any) -> None: ...

    return define(kinds, form=ManyKindsForm)


# -- submit ---------------------------------------------------------------------------------------------


def test_a_submitted_job_has_what_its_page_would_have_made(alice: User) -> None:
    job = jobs.submit("count", owner=alice, params={"count": 3}, key="once", priority="urgent")
    assert (job.pipeline, job.owner, job.state) == ("count", alice, State.QUEUED)
    # What is left out has the form's initial value.
    assert job.params == {"count": 3, "seconds": 0.0}
    assert job.priority == Priority.URGENT
    assert jobs.submit("count", owner=alice, params={"count": 4}, key="once") == job
    assert jobs.get(job.pk) == job


def test_values_of_python_are_taken_as_they_are(alice: User, kinds: str) -> None:
    red, blue = Group.objects.create(name="red"), Group.objects.create(name="blue")
    at = dt.datetime(2026, 10, 25, 2, 30, tzinfo=dt.UTC)
    params = {
        "day": dt.date(2026, 10, 25),
        "at": [at.date(), at.time()],
        "is_urgent": True,
        "group": red,
        "groups": Group.objects.order_by("pk"),
        "colours": ["g"],
    }
    job = jobs.submit(kinds, owner=alice, params=params)
    assert job.params["day"] == "2026-10-25"
    assert job.params["price"] == "1.50"
    assert job.params["is_urgent"] is True
    assert (job.params["group"], job.params["groups"]) == (red.pk, [red.pk, blue.pk])
    assert job.params["colours"] == ["g"]
    # And what a job has stored can be given to the next one.
    again = jobs.submit(kinds, owner=alice, params={**job.params, "at": None})
    assert again.params == {**job.params, "at": None}


def test_params_that_the_form_refuses_are_an_error_with_its_sentences_by_field(alice: User) -> None:
    with pytest.raises(InvalidParams) as caught:
        jobs.submit("count", owner=alice, params={"count": -1, "seconds": "soon"})
    assert caught.value.errors == {
        "count": ["Ensure this value is greater than or equal to 0."],
        "seconds": ["Enter a number."],
    }
    assert str(caught.value) == (
        "count does not take these parameters. count: Ensure this value is greater than or equal to 0. "
        "seconds: Enter a number."
    )
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    "owner", ["alice", None, AnonymousUser(), User(username="unsaved")], ids=["name", "nobody", "anonymous", "unsaved"]
)
def test_an_owner_who_is_no_saved_user_is_refused(owner: Any) -> None:
    with pytest.raises(TypeError, match=rf"^a job's owner is a saved user; {re.escape(repr(owner))} is none$"):
        jobs.submit("count", owner=owner, params={"count": 3})
    with pytest.raises(TypeError, match=r"is none$"):
        jobs.submit_many("count", [{"count": 3}], owner=owner)


def test_a_param_that_is_no_field_is_named_with_the_fields_there_are(alice: User) -> None:
    with pytest.raises(InvalidParams, match=r"cuont: There is no such field; there are: count, seconds\."):
        jobs.submit("count", owner=alice, params={"cuont": 3})
    with pytest.raises(InvalidParams, match=r"file: Give this file in `files`"):
        jobs.submit("copy_file", owner=alice, params={"file": "a.txt"})
    with pytest.raises(InvalidParams, match=r"upper: This field takes no file"):
        jobs.submit("copy_file", owner=alice, files={"file": ("a.txt", b"a"), "upper": ("b.txt", b"b")})


def test_what_is_wrong_with_a_whole_form_has_no_field(alice: User, define: Callable[..., str]) -> None:
    class OddForm(PipelineForm):
        def clean(self) -> dict[str, Any]:
            raise forms.ValidationError("Not on a Sunday.")

    def odd(ctx: JobContext) -> None: ...

    with pytest.raises(InvalidParams) as caught:
        jobs.submit(define(odd, form=OddForm), owner=alice)
    assert caught.value.errors == {"": ["Not on a Sunday."]}


def test_an_unknown_pipeline_is_named(alice: User) -> None:
    with pytest.raises(UnknownPipeline, match="unknown pipeline 'nope'"):
        jobs.submit("nope", owner=alice)


def test_a_pipeline_of_the_site_itself_is_submitted_by_nobody(alice: User, define: Callable[..., str]) -> None:
    from core.forms import NobodysForm

    def own(ctx: JobContext) -> None: ...

    with pytest.raises(InvalidParams, match="The site itself starts this"):
        jobs.submit(define(own, form=NobodysForm), owner=alice)


def test_others_datasets_are_no_choice(alice: User, define: Callable[..., str]) -> None:
    class PickForm(PipelineForm):
        dataset = DatasetField()

    def pick(ctx: JobContext, dataset: int) -> None: ...

    with pytest.raises(InvalidParams, match="dataset: Select a valid choice"):
        jobs.submit(define(pick, form=PickForm), owner=alice, params={"dataset": 7})


def test_files_come_in_every_shape_that_code_has(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("from a path")
    with path.open("rb") as opened:
        shapes = [
            (path, "notes.txt"),
            (str(path), "notes.txt"),
            (opened, "notes.txt"),
            (("other.txt", path), "other.txt"),
            (("bytes.txt", b"from a path"), "bytes.txt"),
            (ContentFile(b"from a path", name="folder/django.txt"), "django.txt"),
        ]
        for source, name in shapes:
            job = jobs.submit("copy_file", owner=alice, files={"file": source})  # type: ignore[dict-item]
            assert job.label == name
            assert text_of(job) == "from a path"
    assert path.exists()


def test_a_field_that_takes_several_files_is_given_a_list(alice: User, define: Callable[..., str]) -> None:
    class ManyFilesForm(PipelineForm):
        papers = UploadField(multiple=True)

    def many_files(ctx: JobContext) -> None: ...

    job = jobs.submit(define(many_files, form=ManyFilesForm), owner=alice, files={"papers": [("a", b"1"), ("b", b"2")]})
    assert sorted(job.artifacts.values_list("name", flat=True)) == ["a", "b"]
    with pytest.raises(InvalidParams, match=r"file: This field takes one file\."):
        jobs.submit("copy_file", owner=alice, files={"file": [("a.txt", b"1"), ("b.txt", b"2")]})


def test_a_secret_is_sealed_as_on_a_page(alice: User, define: Callable[..., str]) -> None:
    class SecretForm(PipelineForm):
        password = forms.CharField(widget=forms.PasswordInput)

    def log_in(ctx: JobContext, password: str) -> None: ...

    job = jobs.submit(define(log_in, form=SecretForm), owner=alice, params={"password": "open sesame"})
    assert secrets.is_sealed(job.params["password"])


def test_a_file_that_is_none_says_what_to_give(alice: User, store: Path, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="7 is no file: give a path, a file open for reading bytes"):
        jobs.submit("copy_file", owner=alice, files={"file": 7})  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="is open as text; open it with mode 'rb'"):
        jobs.submit("copy_file", owner=alice, files={"file": io.StringIO("text")})  # type: ignore[dict-item]
    with pytest.raises(FileNotFoundError):
        jobs.submit("copy_file", owner=alice, files={"file": tmp_path / "nowhere.txt"})
    with pytest.raises(InvalidParams, match=r"file: a\.csv is not a file of a kind this takes: \.txt"):
        jobs.submit("copy_file", owner=alice, files={"file": ("a.csv", b"1")})
    assert not [each for each in store.rglob("*") if each.is_file()], "what was staged is deleted"


@pytest.mark.parametrize("later", [{"delay": 90}, {"delay": dt.timedelta(seconds=90)}, {"run_at": None}])
def test_a_job_may_start_later(alice: User, later: dict[str, Any]) -> None:
    if "run_at" in later:
        later = {"run_at": dt.datetime.now(dt.UTC) + dt.timedelta(seconds=90)}
    job = jobs.submit("noop", owner=alice, **later)
    assert job.state == State.SCHEDULED
    assert 80 < (job.run_at - job.created_at).total_seconds() < 100


def test_times_and_priorities_that_make_no_sense_are_refused(alice: User) -> None:
    now = dt.datetime.now(dt.UTC)
    for options, sentence in [
        ({"delay": 1, "run_at": now}, "not both"),
        ({"delay": -1}, "can't start before"),
        ({"run_at": now.replace(tzinfo=None)}, "a time without a zone"),
        ({"priority": "high"}, "write low, normal or urgent"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            jobs.submit("noop", owner=alice, **options)  # type: ignore[arg-type]


def test_an_owner_with_too_much_in_hand_is_refused(alice: User, conf: OwnConf) -> None:
    conf.OWNER_QUEUED_LIMIT = 2
    jobs.submit_many("noop", [{}, {}], owner=alice)
    with pytest.raises(TooMuch):
        jobs.submit("noop", owner=alice)
    with pytest.raises(TooMuch):
        jobs.submit_many("noop", [{}], owner=alice)


@TRANSACTIONAL
def test_a_job_is_submitted_with_the_callers_transaction_or_not_at_all(alice: User) -> None:
    woken: list[int] = []

    def wake(count: int, **_: Any) -> None:
        woken.append(count)

    jobs_due.connect(wake)
    try:
        with transaction.atomic():
            jobs.submit("noop", owner=alice)
            transaction.set_rollback(True)
        assert not Job.objects.exists()
        with transaction.atomic():
            job = jobs.submit("noop", owner=alice)
            assert woken == []
        assert (fresh(job).state, woken) == (State.QUEUED, [1])
    finally:
        jobs_due.disconnect(wake)


# -- many -----------------------------------------------------------------------------------------------


def test_many_are_submitted_in_their_order_each_with_its_own(alice: User) -> None:
    group = Group.objects.create(name="red")
    requests = [
        JobRequest(params={"upper": True}, files={"file": ("a.txt", b"a")}, key="a", subject=group),
        JobRequest(files={"file": ("b.txt", b"b")}, key="b"),
    ]
    first, second = jobs.submit_many("copy_file", requests, owner=alice, delay=60)
    assert [(first.label, text_of(first)), (second.label, text_of(second))] == [("a.txt", "a"), ("b.txt", "b")]
    assert (first.params, second.params) == ({"upper": True}, {"upper": False})
    assert (first.subject, second.subject) == (group, None)
    assert {first.state, second.state} == {State.SCHEDULED}
    assert jobs.submit_many("copy_file", requests, owner=alice) == [first, second]
    assert [job.params["count"] for job in jobs.submit_many("count", [{"count": 2}, {"count": 1}], owner=alice)] == [
        2,
        1,
    ]
    assert jobs.submit_many("noop", [], owner=alice) == []


def test_of_many_all_are_accepted_or_none(alice: User) -> None:
    with pytest.raises(InvalidParams, match=r"count \(job 2 of these\) does not take these parameters"):
        jobs.submit_many("count", [{"count": 1}, {"count": -1}], owner=alice)
    assert not Job.objects.exists()


# -- the object it is about -----------------------------------------------------------------------------


def test_a_job_is_found_by_the_object_it_is_about(alice: User, bob: User) -> None:
    about_bob = jobs.submit("noop", owner=alice, subject=bob)
    jobs.submit("noop", owner=alice, subject=alice)
    jobs.submit("noop", owner=alice, subject=Group.objects.create(pk=bob.pk, name="same key"))
    jobs.submit("noop", owner=alice)
    assert list(Job.objects.about(bob)) == [about_bob]
    assert fresh(about_bob).subject == bob


def test_a_job_that_is_run_again_is_about_the_same(alice: User, bob: User) -> None:
    first = jobs.submit("count", owner=alice, params={"count": 1}, subject=bob)
    again = open_form(get("count"), user=alice, data={"count": "2"}, origin=first)
    assert again.is_valid()
    again.submit()
    assert Job.objects.about(bob).count() == 2


def test_a_subject_that_is_gone_is_none(alice: User, bob: User) -> None:
    job = jobs.submit("noop", owner=alice, subject=bob)
    bob.delete()
    assert fresh(job).subject is None


def test_a_subject_has_a_key(alice: User) -> None:
    with pytest.raises(ValueError, match="about what is saved only"):
        jobs.submit("noop", owner=alice, subject=Group(name="unsaved"))
    assert not Job.objects.exists()


# -- wait -----------------------------------------------------------------------------------------------


@TRANSACTIONAL
def test_waiting_returns_the_job_as_it_ended(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    job = jobs.submit("noop", owner=alice)
    taken = claim(job)
    naps: list[float] = []

    def nap(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 3:
            end(taken, State.FAILED, error="Odd.")

    monkeypatch.setattr("core.jobs.time.sleep", nap)
    ended = jobs.wait(job)
    assert (ended.state, ended.error, len(naps)) == (State.FAILED, "Odd.", 3)
    assert jobs.wait(job.pk).state == State.FAILED


@TRANSACTIONAL
def test_waiting_ends_at_its_timeout_and_the_job_goes_on(alice: User) -> None:
    job = jobs.submit("noop", owner=alice)
    with pytest.raises(TimeoutError, match=rf"job {job.pk} is still queued after 0\.01 seconds; it goes on"):
        jobs.wait(job, timeout=0.01)


def test_a_transaction_waits_for_no_job(alice: User) -> None:
    job = jobs.submit("noop", owner=alice)
    with pytest.raises(CannotWait, match="in a transaction"):
        jobs.wait(job, timeout=0.01)
    end(claim(job))
    assert jobs.wait(job).state == State.SUCCEEDED, "nothing is waited for"


@TRANSACTIONAL
def test_a_request_waits_for_no_job(alice: User) -> None:
    job = jobs.submit("noop", owner=alice)
    request_started.send(sender=None, environ={})
    try:
        with pytest.raises(CannotWait, match="in a request"):
            jobs.wait(job, timeout=0.01)
    finally:
        request_finished.send(sender=None)
    with pytest.raises(TimeoutError):
        jobs.wait(job, timeout=0.01)


# -- acts -----------------------------------------------------------------------------------------------


def test_a_job_is_cancelled_and_retried(alice: User) -> None:
    job = jobs.submit("noop", owner=alice)
    assert jobs.cancel(job).state == State.CANCELLED
    with pytest.raises(Refused, match="can't be cancelled"):
        jobs.cancel(job.pk)
    assert jobs.retry(job, by="night run").state == State.QUEUED
    assert JobEvent.objects.get(job=job, kind="requeued").text.startswith("night run")


def test_async_code_has_the_same(alice: User) -> None:
    async def act() -> tuple[Job, Job, Job]:
        job = await jobs.asubmit("noop", owner=alice)
        (other,) = await jobs.asubmit_many("noop", [{}], owner=alice)
        await jobs.acancel(job)
        await jobs.aretry(job)
        await jobs.acancel(job)
        return await jobs.aget(job.pk), other, await jobs.await_end(job)

    job, other, ended = async_to_sync(act)()
    assert (job.state, other.state, ended) == (State.CANCELLED, State.QUEUED, job)
    with pytest.raises(CannotWait):
        async_to_sync(jobs.await_end)(other, timeout=0.01)


def test_the_door_can_be_imported_before_django_is_set_up() -> None:
    code = "import core.jobs, core.signals; print(core.jobs.submit.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={})
    assert (done.stdout, done.stderr) == ("submit\n", "")
