"""Fields of a pipeline's form with a care of their own: several files, secrets, days and times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from core import pipelines
from core.forms import PipelineForm, SecretField, UploadField
from core.life.submission import submit
from core.models import Artifact, AuditEntry, Job, Preferences, Schedule
from core.models.states import State
from core.pipelines import pipeline, secrets
from core.pipelines.secrets import Opened
from tests.unit.frontend.conftest import HTMX
from tests.unit.frontend.markup import faults

PAGE = "/pipelines/merge/"
PASSWORD = "correct horse"


class DjangosInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class MergeForm(PipelineForm):
    tables = UploadField(accept=".csv", multiple=True)
    more = forms.FileField(widget=DjangosInput, required=False)
    host = forms.CharField()
    password = SecretField()
    note = forms.CharField(required=False)
    day = forms.DateField(required=False)
    at = forms.DateTimeField(required=False)


@pytest.fixture(autouse=True)
def merge() -> Iterator[None]:
    def merge(ctx: object, **params: Any) -> None: ...

    pipeline(title="Merge tables", form=MergeForm)(merge)
    yield
    pipelines.forget("merge")


def csv(name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, name.encode(), content_type="text/csv")


def filled(**changes: Any) -> dict[str, Any]:
    return {"tables": [csv("b.csv"), csv("a.csv")], "host": "example.org", "password": PASSWORD, **changes}


def names(job: Job) -> list[tuple[str, str]]:
    return list(Artifact.objects.filter(job=job).values_list("field", "name"))


def failed(owner: User, client: Client) -> Job:
    client.post(PAGE, filled())
    job = Job.objects.get()
    Job.objects.filter(pk=job.pk).update(state=State.FAILED, error="no")
    return job


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_all_files_of_a_field_are_stored_in_their_order(as_alice: Client, headers: dict[str, str]) -> None:
    answer = as_alice.post(PAGE, filled(more=[csv("c.csv"), csv("d.csv")]), headers=headers)
    job = Job.objects.get()
    assert answer.status_code in (200, 204, 302)
    assert names(job) == [("tables", "b.csv"), ("tables.2", "a.csv"), ("more", "c.csv"), ("more.2", "d.csv")]
    page = as_alice.get(f"/jobs/{job.pk}/")
    assert all(name in page.text for name in ("a.csv", "b.csv", "c.csv", "d.csv"))


def test_the_control_takes_several_files_where_the_field_does(as_alice: Client) -> None:
    page = as_alice.get(PAGE)
    assert re.search(r'<input type="file" name="tables"[^>]* multiple', page.text)
    assert page.text.count("Choose files, or drop them here") == 2
    assert not faults(page.text)


def test_files_of_an_invalid_form_need_not_be_sent_again(as_alice: Client) -> None:
    page = as_alice.post(PAGE, filled(host=""))
    assert page.status_code == 422
    assert "b.csv, a.csv" in page.text
    tokens = re.findall(r'name="tables\.kept" value="([^"]+)"', page.text)
    assert len(tokens) == 2
    as_alice.post(PAGE, {"host": "x", "password": "y", "tables.kept": tokens})
    assert names(Job.objects.get()) == [("tables", "b.csv"), ("tables.2", "a.csv")]


def test_each_file_of_several_is_checked(as_alice: Client) -> None:
    page = as_alice.post(PAGE, filled(tables=[csv("a.csv"), csv("b.exe")]))
    assert page.status_code == 422
    assert "b.exe is not a file of a kind this takes: .csv." in page.text
    assert "This field is required" in as_alice.post(PAGE, filled(tables=[])).text


def test_run_again_keeps_the_files_or_replaces_them_all(as_alice: Client, alice: User) -> None:
    origin = failed(alice, as_alice)
    again = f"{PAGE}?again={origin.pk}"
    assert "b.csv, a.csv" in as_alice.get(again).text
    as_alice.post(again, filled(tables=[]))
    assert names(Job.objects.latest("pk")) == [("tables", "b.csv"), ("tables.2", "a.csv")]
    as_alice.post(again, filled(tables=[csv("new.csv")]))
    assert names(Job.objects.latest("pk")) == [("tables", "new.csv")]


def test_a_schedule_keeps_the_files_of_its_form(as_alice: Client) -> None:
    times = {"repeat": "1", "repeat-cron": "0 7 * * *", "repeat-zone": "UTC", "repeat-catch_up": "latest"}
    as_alice.post(PAGE, filled(**times, **{"repeat-overlap": "skip"}))
    schedule = Schedule.objects.get()
    assert [file["name"] for file in schedule.files.values()] == ["b.csv", "a.csv"]
    page = as_alice.get(f"/schedules/{schedule.pk}/")
    assert "Hidden" in page.text
    assert PASSWORD not in page.text
    edit = as_alice.get(f"/schedules/{schedule.pk}/form/")
    assert "b.csv, a.csv" in edit.text
    assert "stays as it is unless you type another" in edit.text
    sent = {name: value for name, value in times.items() if name != "repeat"}
    as_alice.post(f"/schedules/{schedule.pk}/form/", {"host": "other", **sent, "repeat-overlap": "skip"})
    changed = Schedule.objects.get()
    assert (changed.params["host"], changed.params["password"]) == ("other", schedule.params["password"])
    assert changed.files == schedule.files
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_secret_is_never_in_a_page(as_alice: Client, alice: User, headers: dict[str, str]) -> None:
    wrong = as_alice.post(PAGE, filled(host=""), headers=headers)
    job = failed(alice, as_alice)
    pages = [
        as_alice.get(url, headers=headers)
        for url in (f"/jobs/{job.pk}/", f"{PAGE}?again={job.pk}", f"/jobs/{job.pk}/parameters/", PAGE)
    ]
    for page in [wrong, *pages]:
        assert PASSWORD not in page.text
        assert "$secret" not in page.text
    assert 'name="password"' in pages[1].text
    assert "Hidden" in as_alice.get(f"/jobs/{job.pk}/").text


def test_an_address_fills_in_no_secret(as_alice: Client) -> None:
    page = as_alice.get(PAGE, {"password": PASSWORD, "host": "example.org"})
    assert PASSWORD not in page.text
    assert 'value="example.org"' in page.text


def test_run_again_asks_for_the_secret_and_an_edit_keeps_it(as_alice: Client, alice: User) -> None:
    job = failed(alice, as_alice)
    page = as_alice.post(f"{PAGE}?again={job.pk}", filled(tables=[], password=""))
    assert page.status_code == 422
    as_alice.post(f"/jobs/{job.pk}/parameters/", {"host": "other", "password": ""})
    job.refresh_from_db()
    assert job.state == State.QUEUED
    assert Opened().open(job.params, MergeForm)["password"] == PASSWORD
    Job.objects.update(state=State.FAILED)
    as_alice.post(f"/jobs/{job.pk}/parameters/", {"host": "other", "password": "battery staple"})
    job.refresh_from_db()
    assert Opened().open(job.params, MergeForm)["password"] == "battery staple"


def test_a_secret_that_was_stored_before_its_field_was_one_is_hidden_too(as_alice: Client, alice: User) -> None:
    job_id = submit("merge", owner_id=alice.pk, params={"host": "h", "password": "x"}).job_id
    Job.objects.filter(pk=job_id).update(params={"host": "h", "password": PASSWORD})
    assert PASSWORD not in as_alice.get(f"/jobs/{job_id}/").text


def test_a_text_that_is_marked_a_secret_gets_a_passwords_control(as_alice: Client) -> None:
    class Marked(forms.CharField):
        secret = True

    class LongForm(forms.Form):
        key = Marked()
        long = Marked(widget=forms.Textarea)

    def long_secret(ctx: object, **params: Any) -> None: ...

    pipeline(title="Long", form=LongForm)(long_secret)
    try:
        assert secrets.names(LongForm) == {"key", "long"}
        assert '<input type="password" name="key"' in as_alice.get("/pipelines/long_secret/").text
        page = as_alice.post("/pipelines/long_secret/", {"key": "", "long": PASSWORD})
        assert page.status_code == 422
        assert PASSWORD not in page.text
    finally:
        pipelines.forget("long_secret")


def test_days_and_times_are_asked_for_by_the_browsers_controls(as_alice: Client) -> None:
    page = as_alice.get(PAGE)
    assert '<input type="date" name="day"' in page.text
    assert '<input type="datetime-local" name="at"' in page.text


def test_a_time_is_by_the_clock_of_the_person_and_is_shown_by_it(
    as_alice: Client, alice: User, as_staff: Client
) -> None:
    Preferences.objects.create(user=alice, zone="America/New_York")
    as_alice.post(PAGE, filled(day="2026-01-31", at="2026-01-31T07:00"))
    job = Job.objects.get()
    assert job.params["day"] == "2026-01-31"
    assert job.params["at"] == "2026-01-31T07:00:00-05:00"
    own = as_alice.get(f"/jobs/{job.pk}/").text
    assert "31 Jan 2026 07:00 EST" in own
    assert "31 Jan 2026 12:00 UTC" in as_staff.get(f"/jobs/{job.pk}/").text
    again = as_alice.get(f"{PAGE}?again={job.pk}").text
    assert re.search(r'<input type="datetime-local" name="at" value="2026-01-31T07:00"', again)
    assert re.search(r'<input type="date" name="day" value="2026-01-31"', again)


def test_run_again_says_what_no_longer_fits_the_form(as_alice: Client, alice: User) -> None:
    job = failed(alice, as_alice)
    assert 'data-tone="warning"' not in as_alice.get(f"{PAGE}?again={job.pk}").text
    Job.objects.update(params={"password": "", "host": ["a"]})
    for url in (f"{PAGE}?again={job.pk}", f"/jobs/{job.pk}/parameters/"):
        assert (
            "Host has a value of another kind than the form takes now: it has changed since." in as_alice.get(url).text
        )
    Job.objects.update(params={"password": ""})
    assert "Host is a field of the form that was not there" in as_alice.get(f"{PAGE}?again={job.pk}").text
