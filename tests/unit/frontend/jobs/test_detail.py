"""The page of a job, and its live region."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from core.models import Artifact, Job, JobEvent, JobProgress
from core.models.states import State
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob

RUNNING = {
    "stages": [
        {"name": "read", "title": "Read", "state": "done", "started_at": 100.0, "ended_at": 102.5},
        {"name": "count", "title": "Count the letters", "state": "running", "started_at": 102.5},
    ],
    "done": 3_000_000,
    "total": 12_000_000,
    "unit": "bytes",
    "rate": 1_500_000.0,
    "note": "nearly there",
    "version": 5,
}

Progress = Callable[[Client, Job], str]


def address(job: Job) -> str:
    return reverse("headway:job_progress", args=[job.pk])


def version_of(client: Client, job: Job) -> str:
    return str(client.get(job.get_absolute_url()).context["version"])


def test_the_page_shows_where_the_job_is(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", fence=1, attempt=1, progress=RUNNING)
    page = as_alice.get(job.get_absolute_url())
    assert page.status_code == 200
    for text in (
        "62%",
        "2.9 MB of 11.4 MB",
        "1.4 MB/s",
        "about 5 s left",
        "nearly there",
        "Count the letters",
    ):
        assert text in page.text
    assert "2.5 s" in page.text
    assert f'id="job-{job.pk}-progress"' in page.text
    assert "<title>62% · abc.txt · Headway</title>" in page.text


def test_the_page_names_what_the_job_is_about(
    as_alice: Client, alice: User, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = Group.objects.create(name="<order> 7")
    job = make_job(alice, subject_type=ContentType.objects.get_for_model(order), subject_key=str(order.pk))
    assert "<dt>About</dt><dd>&lt;order&gt; 7</dd>" in as_alice.get(job.get_absolute_url()).text
    monkeypatch.setattr(Group, "get_absolute_url", lambda self: f"/orders/{self.pk}/", raising=False)
    link = f'<dt>About</dt><dd><a href="/orders/{order.pk}/">&lt;order&gt; 7</a></dd>'
    assert link in as_alice.get(job.get_absolute_url()).text
    monkeypatch.setattr(Group, "get_absolute_url", lambda _: reverse("no-such-page"))
    assert "<dd>&lt;order&gt; 7</dd>" in as_alice.get(job.get_absolute_url()).text
    order.delete()
    assert "<dt>About</dt>" not in as_alice.get(job.get_absolute_url()).text


def test_work_of_unknown_length_has_a_bar_without_a_value(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress={"done": 12, "total": None, "unit": "rows", "stages": []})
    page = as_alice.get(job.get_absolute_url()).text
    assert re.search(r'<progress class="bar" id="job-\d+-bar" max="100"></progress>', page)
    assert "12 rows so far" in page


def test_without_javascript_the_page_of_a_live_job_reloads(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    refresh = '<noscript><meta http-equiv="refresh"'
    assert refresh in as_alice.get(job.get_absolute_url()).text
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    assert refresh not in as_alice.get(job.get_absolute_url()).text


def test_writing_to_the_page_is_refused(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert as_alice.post(job.get_absolute_url()).status_code == 405
    assert as_alice.post(address(job)).status_code == 405


def test_somebody_elses_job_is_not_found(as_bob: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert as_bob.get(job.get_absolute_url()).status_code == 404
    fragment = as_bob.get(address(job), headers=HTMX)
    assert fragment.status_code == 404
    assert fragment["HX-Refresh"] == "true"
    assert "abc.txt" not in fragment.text


def test_staff_may_see_every_job(as_staff: Client, alice: User, make_job: MakeJob) -> None:
    assert as_staff.get(make_job(alice).get_absolute_url()).status_code == 200


def test_the_live_region_without_htmx_is_the_page(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    assert as_alice.get(address(job))["Location"] == job.get_absolute_url()


def test_nothing_new_is_a_204_from_one_query(
    as_alice: Client, alice: User, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    version = version_of(as_alice, job)
    with django_assert_num_queries(3):  # the session, the person, the check
        answer = as_alice.get(address(job), {"v": version}, headers=HTMX)
    assert answer.status_code == 204
    assert answer.content == b""


def test_new_progress_swaps_the_region_alone(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    version = version_of(as_alice, job)
    JobProgress.objects.filter(job=job).update(version=6, done=6_000_000)
    answer = as_alice.get(address(job), {"v": version}, headers=HTMX)
    assert answer.status_code == 200
    assert "75%" in answer.text
    assert "every 1s" in answer.text
    assert "hx-swap-oob" not in answer.text


def test_new_progress_costs_two_queries_more_than_nothing_new(
    as_alice: Client, alice: User, make_job: MakeJob, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    version = version_of(as_alice, job)
    JobProgress.objects.filter(job=job).update(version=6)
    # The version once more: in the moment of what is shown.
    with django_assert_num_queries(5):
        as_alice.get(address(job), {"v": version}, headers=HTMX)


def test_a_long_timeline_shows_its_newest_events(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    JobEvent.objects.bulk_create(JobEvent(job=job, kind="note", text=f"note {n}.") for n in range(205))
    page = as_alice.get(job.get_absolute_url()).text
    assert "6 earlier events not shown." in page
    assert "note 204." in page
    assert "note 4." not in page


def test_a_new_event_brings_the_timeline_along(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    version = version_of(as_alice, job)
    JobEvent.objects.create(job=job, kind="note", text="a <i>line</i>")
    answer = as_alice.get(address(job), {"v": version}, headers=HTMX).text
    assert "a &lt;i&gt;line&lt;/i&gt;" in answer
    assert f'id="job-{job.pk}-record" hx-swap-oob="true"' in answer
    assert f'id="job-{job.pk}-actions"' not in answer


@pytest.mark.parametrize("state", ["succeeded", "failed", "cancelled"])
def test_the_end_brings_every_region_along_and_stops_the_asking(
    as_alice: Client, alice: User, make_job: MakeJob, state: str
) -> None:
    job = make_job(alice, state="running", progress=RUNNING)
    version = version_of(as_alice, job)
    Job.objects.filter(pk=job.pk).update(state=state)
    answer = as_alice.get(address(job), {"v": version}, headers=HTMX).text
    assert "hx-trigger" not in answer.split("hx-swap-oob")[0]
    assert "data-poll" not in answer
    for region in ("actions", "facts", "record"):
        assert f'id="job-{job.pk}-{region}"' in answer


def test_success_shows_the_result_and_leads_to_the_dataset(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    page = as_alice.get(dataset.job.get_absolute_url()).text
    assert "4 rows imported" in page
    assert f'href="{dataset.get_absolute_url()}"' in page
    assert "clean.csv" in page


def test_a_failure_shows_its_sentence_and_what_to_do(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", attempt=1, error="line 3: a quote is never closed")
    page = as_alice.get(job.get_absolute_url()).text
    assert "Line 3: a quote is never closed" in page
    assert "Correct what the sentence names" in page
    assert f'href="/pipelines/letters/?again={job.pk}"' in page
    assert reverse("headway:job_retry", args=[job.pk]) in page


def test_tracebacks_are_for_staff(as_alice: Client, as_staff: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", error="It failed.")
    JobEvent.objects.create(job=job, kind="failed", text="It failed.", detail="Traceback: secret")
    assert "Traceback: secret" not in as_alice.get(job.get_absolute_url()).text
    assert "Traceback: secret" in as_staff.get(job.get_absolute_url()).text


def test_outputs_are_shown_only_when_the_job_has_ended(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    job = make_dataset(alice).job
    assert "clean.csv" in as_alice.get(job.get_absolute_url()).text
    Job.objects.filter(pk=job.pk).update(state="running")
    assert "clean.csv" not in as_alice.get(job.get_absolute_url()).text


def test_a_file_that_is_no_longer_kept_is_named_without_a_link(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    job = make_job(alice, state="succeeded")
    artifact = Artifact.objects.get(job=job)
    artifact.local_path.unlink()
    page = as_alice.get(job.get_absolute_url()).text
    assert "no longer kept" in page
    assert reverse("headway:job_file", args=[job.pk, artifact.pk]) not in page


def test_parameters_are_told_in_the_words_of_the_form(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    page = as_alice.get(make_job(alice).get_absolute_url()).text
    assert "Greek letters" in page
    assert "Limit" not in page


def test_parameters_that_are_lists_are_told_line_by_line(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    rules = [{"column": "a", "unique": True}, {"column": "b", "allowed": ["x", "y"]}]
    page = as_alice.get(make_job(alice, params={"rules": rules, "anyway": False}).get_absolute_url())
    assert page.context["parameters"] == [("Rules", "column: a, unique: Yes\ncolumn: b, allowed: x, y")]


def test_a_field_with_values_of_its_own_kind_says_them_itself(
    as_alice: Client, alice: User, make_job: MakeJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(alice)
    assert job.spec is not None
    name, field = next(iter(job.spec.form.base_fields.items()))
    monkeypatch.setattr(field, "in_words", lambda value: f"said of {value}", raising=False)
    Job.objects.filter(pk=job.pk).update(params={name: [{"column": "a"}]})
    shown = dict(as_alice.get(job.get_absolute_url()).context["parameters"])
    assert list(shown.values()) == ["said of [{'column': 'a'}]"]


def test_a_dataset_parameter_is_named_to_those_who_may_open_it(
    as_alice: Client, alice: User, bob: User, make_job: MakeJob, make_dataset: MakeDataset
) -> None:
    hers, his = make_dataset(alice, name="hers"), make_dataset(bob, name="his")
    job = make_job(alice, pipeline="copy_letters", params={"dataset": hers.pk})
    assert as_alice.get(job.get_absolute_url()).context["parameters"] == [("Dataset", f"hers #{hers.pk}")]
    Job.objects.filter(pk=job.pk).update(params={"dataset": his.pk})
    assert as_alice.get(job.get_absolute_url()).context["parameters"] == [("Dataset", f"#{his.pk}")]


def test_a_job_whose_pipeline_is_gone_still_has_its_page(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, pipeline="gone_by", state="failed")
    page = as_alice.get(job.get_absolute_url())
    assert page.status_code == 200
    assert "no longer installed" in page.text
    assert reverse("headway:job_retry", args=[job.pk]) not in page.text


@pytest.mark.parametrize("state", State.values)
def test_every_state_has_a_page_that_names_it(as_alice: Client, alice: User, make_job: MakeJob, state: str) -> None:
    job = make_job(alice, state=state, progress=RUNNING)
    page = as_alice.get(job.get_absolute_url()).text
    assert f'class="state" data-state="{state}"' in page
    assert State(state).label in page
