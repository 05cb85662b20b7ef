"""What a pipeline's form is made of, and how a form becomes a job."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from core import pipelines
from core.errors import TooMuch
from core.files import storage
from core.files.uploads import StoredUpload
from core.forms import STORED_SUFFIX, DatasetField, Entry, PipelineForm, UploadField, open_form
from core.models import Artifact, Dataset, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.core.acts import fresh, submit_job

pytestmark = pytest.mark.django_db


class SampleForm(PipelineForm):
    """One field of each kind that matters."""

    file = UploadField(accept=".txt, .CSV", limit_bytes=1024**2)
    amount = forms.DecimalField()
    day = forms.DateField()
    kinds = forms.MultipleChoiceField(choices=[("a", "A"), ("b", "B")], required=False)
    dataset = DatasetField(required=False)


@pytest.fixture
def sample(define: Callable[..., str]) -> str:
    def sample(ctx: object, **params: Any) -> None: ...

    return define(sample, form=SampleForm)


def upload(name: str = "in.txt", text: bytes = b"hello") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, text)


def fill(name: str, user: User, *, file: SimpleUploadedFile | None = None, kept: str = "", **data: Any) -> Entry:
    values = {"amount": "1.50", "day": "2025-03-01", f"file{STORED_SUFFIX}": kept, **data}
    files = {"file": file} if file else {}
    return open_form(pipelines.get(name), user=user, data=values, files=files)


def make_dataset(owner: User, state: State = State.SUCCEEDED) -> Dataset:
    job = submit_job(owner)
    Job.objects.filter(pk=job.pk).update(state=state)
    return Dataset.objects.create(owner=owner, job=job, name="d", parquet_path="p", rows=1200)


def test_a_valid_form_becomes_a_job_with_its_values_and_files(alice: User, sample: str) -> None:
    dataset = make_dataset(alice)
    entry = fill(sample, alice, file=upload(), kinds=["a", "b"], dataset=str(dataset.pk))
    assert entry.is_valid(), entry.form.errors
    made = entry.submit(key="k")
    job = Job.objects.get(pk=made.job_id)
    assert job.params == {"amount": "1.50", "day": "2025-03-01", "kinds": ["a", "b"], "dataset": dataset.pk}
    assert job.label == "in.txt"
    assert [(each.field, each.name, each.size) for each in job.artifacts.all()] == [("file", "in.txt", 5)]
    assert entry.submit(key="k").job_id == job.pk


def test_a_file_over_its_persons_limit_is_refused_and_not_kept(
    alice: User, sample: str, conf: OwnConf, store: Path
) -> None:
    conf.OWNER_STORED_BYTES = 4
    entry = fill(sample, alice, file=upload())
    assert entry.is_valid()
    with pytest.raises(TooMuch, match="Your files take 0 bytes, and 5 bytes come; 4 bytes is the most"):
        entry.submit()
    assert not list(store.glob("uploads/*/*"))
    assert not Job.objects.exists()
    conf.OWNER_STORED_BYTES = 5
    entry = fill(sample, alice, file=upload())
    assert entry.is_valid()
    origin = Job.objects.get(pk=entry.submit().job_id)
    # The same file again takes nothing more.
    again = open_form(pipelines.get(sample), user=alice, data={"amount": "1.50", "day": "2025-03-01"}, origin=origin)
    assert again.is_valid()
    assert Job.objects.get(pk=again.submit().job_id).artifacts.get().sha256 == origin.artifacts.get().sha256


def test_a_form_may_name_its_job_and_choose_no_file(alice: User, define: Callable[..., str]) -> None:
    class Named(PipelineForm):
        day = forms.DateField(initial=dt.date(2025, 1, 1))

        def job_label(self) -> str:
            return f"Report of {self.cleaned_data['day']:%B}"

    def report(ctx: object, **params: Any) -> None: ...

    name = define(report, form=Named)
    entry = open_form(pipelines.get(name), user=alice, data={"day": "2025-03-01"})
    assert entry.is_valid()
    assert Job.objects.get(pk=entry.submit().job_id).label == "Report of March"


def test_a_plain_django_form_works_as_well(alice: User, define: Callable[..., str]) -> None:
    class Plain(forms.Form):
        word = forms.CharField()

    def plain(ctx: object, **params: Any) -> None: ...

    entry = open_form(pipelines.get(define(plain, form=Plain)), user=alice, data={"word": "yes"})
    assert entry.is_valid()
    job = Job.objects.get(pk=entry.submit().job_id)
    assert (job.params, job.label) == ({"word": "yes"}, "")
    assert job.title == "defined_plain"


def test_a_form_knows_who_fills_it_in(alice: User, sample: str) -> None:
    form = fill(sample, alice).form
    assert isinstance(form, PipelineForm)
    assert form.user == alice


def test_a_person_chooses_among_their_own_datasets_only(alice: User, bob: User, sample: str) -> None:
    mine, theirs, unfinished = make_dataset(alice), make_dataset(bob), make_dataset(alice, State.RUNNING)
    field = fill(sample, alice).form.fields["dataset"]
    assert isinstance(field, DatasetField)
    assert field.queryset is not None
    assert list(field.queryset) == [mine]
    assert field.label_from_instance(mine) == "d (1,200 rows)"
    for other in (theirs, unfinished):
        assert not fill(sample, alice, file=upload(), dataset=str(other.pk)).is_valid()


@pytest.mark.parametrize(("name", "is_taken"), [("a.txt", True), ("A.TXT", True), ("b.csv", True), ("b.exe", False)])
def test_only_files_of_the_accepted_kinds_are_taken(alice: User, sample: str, name: str, is_taken: bool) -> None:
    entry = fill(sample, alice, file=upload(name))
    assert entry.is_valid() == is_taken
    if not is_taken:
        assert entry.form.errors["file"] == [f"{name} is not a file of a kind this takes: .txt, .csv."]


def test_the_page_is_told_which_files_are_accepted(alice: User, sample: str) -> None:
    assert 'accept=".txt, .CSV"' in str(fill(sample, alice).form["file"])


def test_the_file_of_an_invalid_form_need_not_be_sent_again(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload(), amount="no number")
    assert not entry.is_valid()
    entry.keep_uploads()
    [(file, token)] = entry.stored_tokens("file")
    assert file.name == "in.txt"
    again = fill(sample, alice, kept=token)
    assert again.is_valid(), again.form.errors
    artifact = Artifact.objects.get(job_id=again.submit().job_id)
    assert (artifact.name, artifact.sha256) == ("in.txt", file.sha256)


def test_another_persons_kept_file_cannot_be_named(alice: User, bob: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload(), amount="no number")
    entry.is_valid()
    entry.keep_uploads()
    assert not fill(sample, bob, kept=entry.stored_tokens("file")[0][1]).is_valid()


def test_a_new_file_beats_the_kept_one(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload(), amount="no number")
    entry.is_valid()
    entry.keep_uploads()
    token = entry.stored_tokens("file")[0][1]
    again = fill(sample, alice, file=upload("new.txt", b"new"), kept=token)
    assert again.is_valid()
    assert Artifact.objects.get(job_id=again.submit().job_id).name == "new.txt"


def test_a_job_is_run_again_from_its_parameters_with_its_files(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload())
    assert entry.is_valid()
    origin = Job.objects.get(pk=entry.submit().job_id)
    shown = open_form(pipelines.get(sample), user=alice, origin=origin)
    assert shown.form.initial["amount"] == "1.50"
    assert shown.stored_files["file"].name == "in.txt"
    again = open_form(pipelines.get(sample), user=alice, data={"amount": "2", "day": "2025-03-02"}, origin=origin)
    assert again.is_valid(), again.form.errors
    job = Job.objects.get(pk=again.submit().job_id)
    assert job.origin == origin
    assert [artifact.name for artifact in job.artifacts.all()] == ["in.txt"]


def test_a_job_whose_file_is_gone_asks_for_it_again(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload())
    assert entry.is_valid()
    origin = Job.objects.get(pk=entry.submit().job_id)
    origin.artifacts.get().local_path.unlink()
    again = open_form(pipelines.get(sample), user=alice, data={"amount": "2", "day": "2025-03-02"}, origin=origin)
    assert not again.is_valid()
    assert "file" in again.form.errors


def test_a_form_may_start_from_given_values(alice: User, sample: str) -> None:
    entry = open_form(pipelines.get(sample), user=alice, initial={"dataset": "7"})
    assert entry.form.initial == {"dataset": "7"}
    assert not entry.form.is_bound


def test_a_stored_upload_is_what_was_uploaded(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload(), amount="x")
    entry.is_valid()
    entry.keep_uploads()
    assert isinstance(entry.stored_files["file"], StoredUpload)
    assert fresh(submit_job(alice)).params == {}


def test_a_reshown_form_keeps_its_values_and_checks_nothing(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload(), amount="no number", refresh="dataset")
    assert entry.is_refresh
    entry.show_anew()
    assert not entry.form.errors
    assert entry.form["amount"].value() == "no number"
    [(file, token)] = entry.stored_tokens("file")
    assert file.name == "in.txt"
    assert fill(sample, alice, kept=token).is_valid()
    assert not Job.objects.exists()


def test_a_file_that_is_not_taken_is_not_kept_either(alice: User, sample: str) -> None:
    entry = fill(sample, alice, file=upload("b.exe"), move="kinds:up:a")
    assert entry.is_refresh
    entry.show_anew()
    assert entry.stored_files == {}


def test_a_field_may_have_the_name_of_such_a_button(alice: User, define: Callable[..., str]) -> None:
    class Moving(PipelineForm):
        move = forms.CharField()

    def moving(ctx: object, **params: Any) -> None: ...

    entry = open_form(pipelines.get(define(moving, form=Moving)), user=alice, data={"move": "on"})
    assert not entry.is_refresh
    assert entry.is_valid()


def test_a_file_over_its_fields_limit_is_refused_with_the_limit(alice: User, sample: str) -> None:
    assert fill(sample, alice, file=upload(text=b"x" * 1024**2)).is_valid()
    entry = fill(sample, alice, file=upload("big.txt", b"x" * (1024**2 + 1)))
    assert not entry.is_valid()
    assert entry.form.errors["file"] == ["big.txt is larger than 1.0 MB, the most that is taken here."]


def test_a_person_over_a_limit_is_refused_before_storing(alice: User, sample: str, conf: OwnConf) -> None:
    first = fill(sample, alice, file=upload())
    assert first.is_valid(), first.form.errors
    known = first.submit(key="once")
    conf.OWNER_QUEUED_LIMIT = 1
    other = upload(text=b"another text")
    entry = fill(sample, alice, file=other)
    assert entry.is_valid()
    with pytest.raises(TooMuch, match="You have 1 job queued, and 1 is the most"):
        entry.submit(key="twice")
    assert Job.objects.count() == 1
    # Only the file of the first is there; the one that was refused can be kept for the next try.
    assert [path.read_bytes() for path in storage.root().glob("uploads/*/*")] == [b"hello"]
    assert other.read() == b"another text"
    again = fill(sample, alice, file=upload())
    assert again.is_valid()
    assert again.submit(key="once").job_id == known.job_id
