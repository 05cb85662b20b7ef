"""Editing the parameters of a failed job."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from core import pipelines
from core.models import Artifact, AuditEntry, Job
from tests.unit.frontend.conftest import HTMX, LettersForm, MakeDataset, MakeJob, MakeParts
from tests.unit.frontend.markup import faults


def address(job: Job) -> str:
    return reverse("headway:job_parameters", args=[job.pk])


@pytest.fixture
def job(alice: User, make_job: MakeJob) -> Job:
    params = {"title": "Old", "alphabet": "greek", "limit": 7}
    return make_job(alice, state="failed", error="Title: <odd>", params=params)


def test_the_form_has_the_jobs_values_and_keeps_its_file(as_alice: Client, job: Job) -> None:
    page = as_alice.get(address(job))
    assert page.status_code == 200
    assert 'value="Old"' in page.text
    assert '<option value="greek" selected>' in page.text
    assert "abc.txt" in page.text
    assert "stays as it is" in page.text
    assert 'type="file"' not in page.text
    assert "Title: &lt;odd&gt;" in page.text
    assert "Save and run" in page.text
    # A job that is there has a priority of its own, and needs no key.
    assert "form-priority" not in page.text
    assert "idempotency-key" not in page.text
    assert faults(page.text) == []


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_saving_runs_the_same_job_with_the_new_parameters(as_alice: Client, job: Job, headers: dict[str, str]) -> None:
    answer = as_alice.post(address(job), {"title": "New", "alphabet": "latin"}, headers=headers)
    assert answer.get("HX-Redirect" if headers else "Location") == job.get_absolute_url()
    job.refresh_from_db()
    assert job.state == "queued"
    assert job.params == {"title": "New", "alphabet": "latin", "limit": None}
    assert Job.objects.count() == 1
    assert Artifact.objects.get(job=job).name == "abc.txt"
    entry = AuditEntry.objects.get(act="edit")
    assert entry.who == "alice"
    assert entry.before
    assert entry.before["params"]["title"] == "Old"
    assert "The parameters are saved." in as_alice.get(job.get_absolute_url()).text


def test_a_job_named_after_its_parameters_gets_its_new_name(
    as_alice: Client, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LettersForm, "job_label", lambda form: f"Letters {form.cleaned_data['title']}")
    as_alice.post(address(job), {"title": "New", "alphabet": "latin"})
    job.refresh_from_db()
    assert job.title == "Letters New"


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_errors_stand_beside_their_fields_and_nothing_is_changed(
    as_alice: Client, job: Job, headers: dict[str, str]
) -> None:
    answer = as_alice.post(address(job), {"title": "far too long a title", "alphabet": "latin"}, headers=headers)
    assert answer.status_code == 422
    assert "One thing to correct" in answer.text
    assert 'value="far too long a title"' in answer.text
    assert ("<html" in answer.text) is (not headers)
    assert faults(answer.text) == []
    job.refresh_from_db()
    assert (job.state, job.params["title"]) == ("failed", "Old")


def test_a_file_that_is_sent_along_changes_nothing(as_alice: Client, job: Job) -> None:
    text = SimpleUploadedFile("other.txt", b"other\n")
    as_alice.post(address(job), {"title": "New", "alphabet": "latin", "text": text})
    assert [artifact.name for artifact in Artifact.objects.filter(job=job)] == ["abc.txt"]
    job.refresh_from_db()
    assert "text" not in job.params


def test_a_job_whose_file_is_gone_has_to_be_run_again(as_alice: Client, job: Job) -> None:
    Artifact.objects.get(job=job).local_path.unlink()
    page = as_alice.get(address(job), follow=True)
    assert page.redirect_chain == [(job.get_absolute_url(), 302)]
    assert "Text is no longer kept." in page.text


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "cancelled"])
def test_only_a_failed_job_is_edited(as_alice: Client, job: Job, state: str) -> None:
    Job.objects.filter(pk=job.pk).update(state=state)
    page = as_alice.post(address(job), {"title": "New", "alphabet": "latin"}, follow=True)
    assert "only a failed job&#x27;s parameters can be changed" in page.text
    job.refresh_from_db()
    assert (job.state, job.params["title"]) == (state, "Old")


def test_a_part_of_a_job_is_not_edited(as_alice: Client, job: Job, make_parts: MakeParts) -> None:
    part = make_parts(job, "failed")[0]
    assert "The parameters of a part come from its job." in as_alice.get(address(part), follow=True).text


def test_a_job_that_the_site_ordered_is_not_edited(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, pipeline="mail", state="failed", params={"kind": "welcome", "to": "carol@example.org"})
    for answer in (as_alice.get(address(job)), as_alice.post(address(job), {"to": "eve@example.org"})):
        assert answer["Location"] == job.get_absolute_url()
    assert "The site ordered this job" in as_alice.get(job.get_absolute_url()).text
    job.refresh_from_db()
    assert (job.state, job.params["to"]) == ("failed", "carol@example.org")


def test_a_job_of_a_pipeline_that_is_gone_is_not_edited(as_alice: Client, job: Job) -> None:
    spec = pipelines.get("letters")
    pipelines.forget("letters")
    try:
        assert "is no longer installed" in as_alice.get(address(job), follow=True).text
    finally:
        pipelines.pipeline(title=spec.title, form=spec.form)(spec.run)


def test_staff_edits_with_what_the_owner_may_choose(
    as_staff: Client, staff: User, alice: User, make_dataset: MakeDataset, make_job: MakeJob
) -> None:
    own, others = make_dataset(alice), make_dataset(staff, name="secret")
    job = make_job(alice, pipeline="copy_letters", state="failed", params={"dataset": own.pk})
    page = as_staff.get(address(job)).text
    assert f'<option value="{own.pk}" selected>' in page
    assert "secret" not in page
    assert as_staff.post(address(job), {"dataset": others.pk}).status_code == 422
    as_staff.post(address(job), {"dataset": own.pk})
    job.refresh_from_db()
    assert (job.state, job.params) == ("queued", {"dataset": own.pk})


def test_anothers_job_is_not_found_and_another_method_refused(as_alice: Client, as_bob: Client, job: Job) -> None:
    assert as_bob.get(address(job)).status_code == 404
    assert as_bob.post(address(job), {"title": "Mine", "alphabet": "latin"}).status_code == 404
    assert as_alice.delete(address(job)).status_code == 405
    job.refresh_from_db()
    assert job.params["title"] == "Old"


def test_a_form_without_its_token_is_refused(alice: User, job: Job) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    assert client.post(address(job), {"title": "New", "alphabet": "latin"}).status_code == 403


def test_the_page_of_a_failed_job_leads_here(as_alice: Client, job: Job) -> None:
    assert re.search(rf'href="{address(job)}"', as_alice.get(job.get_absolute_url()).text)
    Job.objects.filter(pk=job.pk).update(state="cancelled")
    assert address(job) not in as_alice.get(job.get_absolute_url()).text
