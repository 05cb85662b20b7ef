"""Jobs on a host's own pages, by the tags of `{% load headway %}`, and what these ask while the jobs live."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.test import Client, RequestFactory
from pytest_django import Settings

from core.models import Gate, Job, JobProgress
from core.models.job import subject_columns
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeReport
from tests.unit.frontend.markup import faults

AT_WORK = {"done": 25, "total": 100, "unit": "rows", "stages": []}


def shown(text: str, user: object, **context: object) -> str:
    """Return what a host's page with this text shows a person."""
    request = RequestFactory().get("/orders/7/")
    request.user = user  # type: ignore[assignment]
    return Template("{% load headway %}" + text).render(Context({"request": request, **context}))


def poll_of(part: str) -> str:
    return str(re.findall(r'hx-get="([^"]*)"', part)[0]).replace("&amp;", "&")


@pytest.fixture
def job(alice: User, make_job: MakeJob) -> Job:
    return make_job(alice, state="running", progress=AT_WORK)


@pytest.fixture
def about_bob(alice: User, bob: User, make_job: MakeJob) -> list[Job]:
    """Three jobs of alice's about the account of bob, which stands for an order."""
    type_id, key = subject_columns(bob)
    return [
        make_job(alice, label=f"{state} one", state=state, subject_type_id=type_id, subject_key=key)
        for state in ("succeeded", "failed", "running")
    ]


def test_a_job_is_shown_with_a_link_to_its_page(job: Job, alice: User) -> None:
    part = shown("{% job_progress job %}", alice, job=job)
    assert f'href="{job.get_absolute_url()}"' in part
    assert "abc.txt" in part
    assert "25%" in part
    assert "25 of 100 rows" in part
    assert "Running" in part
    assert faults(part) == []


def test_it_needs_nothing_of_the_page_around_it(job: Job, alice: User) -> None:
    part = shown("{% job_progress job %}", alice, job=job)
    assert "<title" not in part
    assert "hx-swap-oob" not in part
    assert "<use" not in part


def test_a_page_may_have_several(job: Job, alice: User, make_job: MakeJob) -> None:
    other = make_job(alice)
    part = shown("{% job_progress job %}{% job_progress other %}", alice, job=job, other=other)
    assert len(re.findall("data-poll", part)) == 2
    assert faults(part) == []


@pytest.mark.parametrize("text", ["{% job_progress job %}", "{% jobs_for subject %}"])
def test_who_may_not_see_a_job_sees_nothing(bob: User, about_bob: list[Job], text: str) -> None:
    for user in (bob, AnonymousUser()):
        assert shown(text, user, job=about_bob[0], subject=bob) == ""


def test_no_job_is_nothing(alice: User) -> None:
    assert shown("{% job_progress job %}{% jobs_for job %}", alice, job=None) == ""
    assert shown("{% jobs_for subject %}", alice, subject=alice) == ""


def test_a_page_without_its_request_is_told_so(job: Job) -> None:
    with pytest.raises(ImproperlyConfigured, match="need the request"):
        Template("{% load headway %}{% job_progress job %}").render(Context({"job": job}))


def test_it_asks_until_the_job_has_ended(as_alice: Client, alice: User, job: Job) -> None:
    poll = poll_of(shown("{% job_progress job %}", alice, job=job))
    answer = as_alice.get(poll, headers=HTMX)
    assert answer.status_code == 204
    assert answer["Cache-Control"] == "private, no-store"
    Job.objects.filter(pk=job.pk).update(state="succeeded", result={"headline": "26 letters"})
    answer = as_alice.get(poll, headers=HTMX)
    assert "26 letters" in answer.text
    assert "data-poll" not in answer.text
    assert "<title" not in answer.text
    assert faults(answer.text) == []


def test_why_a_job_waits_is_news_too(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice)
    part = shown("{% job_progress job %}", alice, job=job)
    assert "No worker takes jobs" in part
    Gate.objects.create(pipeline="letters", paused_at=job.created_at, paused_by="staff", note="No ink.")
    Job.objects.filter(pk=job.pk).update(is_held=True)
    answer = as_alice.get(poll_of(part), headers=HTMX)
    assert "Paused by staff: No ink." in answer.text
    assert as_alice.get(poll_of(answer.text), headers=HTMX).status_code == 204


@pytest.mark.parametrize("state", ["scheduled", "queued", "retrying", "failed", "cancelled", "waiting"])
def test_every_state_is_shown(alice: User, make_job: MakeJob, state: str) -> None:
    job = make_job(alice, state=state, error="No ink." if state in ("failed", "retrying") else "")
    part = shown("{% job_progress job %}", alice, job=job)
    assert job.outcome_words in part
    assert ("No ink." in part) == (state in ("failed", "retrying"))
    assert ("data-poll" in part) == job.is_live
    assert faults(part) == []


def test_the_file_that_a_job_has_made_can_be_downloaded(alice: User, make_report: MakeReport) -> None:
    report = make_report(alice, picture=b"")
    report.content_type = "text/csv"
    report.save()
    part = shown("{% job_progress job %}", alice, job=report.job)
    assert f'href="{report.job.get_absolute_url()}files/{report.pk}/"' in part


def test_another_persons_job_is_answered_with_a_sentence(as_bob: Client, job: Job) -> None:
    answer = as_bob.get(f"{job.get_absolute_url()}embedded/", headers=HTMX)
    assert answer.status_code == 404
    assert answer["HX-Retarget"] == "this"
    assert "HX-Refresh" not in answer
    assert "no such job" in answer.text


def test_who_is_logged_out_is_told_so_on_the_page(client: Client, job: Job) -> None:
    for address in (f"{job.get_absolute_url()}embedded/", "/jobs/embedded/?type=1&key=1"):
        answer = client.get(address, headers=HTMX)
        assert answer.status_code == 401
        assert answer["HX-Retarget"] == "this"
        assert "You are logged out." in answer.text
        assert "HX-Refresh" not in answer


def test_without_htmx_the_jobs_own_page_is_shown(as_alice: Client, job: Job) -> None:
    assert as_alice.get(f"{job.get_absolute_url()}embedded/")["Location"] == job.get_absolute_url()
    assert as_alice.get("/jobs/embedded/")["Location"] == "/"


def test_other_methods_are_refused(as_alice: Client, job: Job) -> None:
    assert as_alice.post(f"{job.get_absolute_url()}embedded/").status_code == 405
    assert as_alice.post("/jobs/embedded/").status_code == 405


def test_the_jobs_about_an_object_are_listed_the_newest_first(
    alice: User, bob: User, about_bob: list[Job], make_job: MakeJob
) -> None:
    make_job(alice, label="about nothing")
    part = shown("{% jobs_for subject %}", alice, subject=bob)
    names = re.findall(r'class="headway-name"[^>]*>([^<]*)<', part)
    assert names == ["running one", "failed one", "succeeded one"]
    assert "older ones" not in part
    assert faults(part) == []
    part = shown("{% jobs_for subject most=2 %}", alice, subject=bob)
    assert "succeeded one" not in part
    assert "There are older ones." in part


def test_a_list_asks_while_one_of_its_jobs_lives(
    as_alice: Client, alice: User, bob: User, about_bob: list[Job]
) -> None:
    poll = poll_of(shown("{% jobs_for subject most=2 %}", alice, subject=bob))
    assert as_alice.get(poll, headers=HTMX).status_code == 204
    Job.objects.filter(pk=about_bob[2].pk).update(state="failed", error="No ink.")
    answer = as_alice.get(poll, headers=HTMX)
    assert "No ink." in answer.text
    assert "data-poll" not in answer.text
    assert "There are older ones." in answer.text
    assert faults(answer.text) == []


def test_a_list_may_be_asked_whether_it_is_there(alice: User, bob: User, about_bob: list[Job]) -> None:
    text = "{% jobs_for subject as jobs %}{% if jobs %}<h2>Jobs</h2>{{ jobs }}{% endif %}"
    assert shown(text, alice, subject=bob).startswith("<h2>Jobs</h2><div")
    assert shown(text, bob, subject=bob) == ""


@pytest.mark.parametrize("query", ["", "type=x&key=1", "type=0&key=", "type=999999999999999999&key=1&most=9999"])
def test_a_list_of_nothing_is_answered_with_a_sentence(as_alice: Client, about_bob: list[Job], query: str) -> None:
    assert as_alice.get(f"/jobs/embedded/?{query}", headers=HTMX).status_code == 404


def test_the_head_brings_what_the_parts_need(alice: User) -> None:
    head = shown("{% headway_assets %}", alice)
    assert re.findall(r"frontend/\w+/(\w+\.\w+)|(htmx[\w.-]*\.js)", head) == [
        ("", "htmx-2.min.js"),
        ("tokens.css", ""),
        ("embedded.css", ""),
        ("moments.js", ""),
        ("live.js", ""),
    ]
    assert "htmx" not in shown("{% headway_assets htmx=False %}", alice)
    assert faults(head) == []


def test_the_page_of_the_how_to_shows_jobs(alice: User, bob: User, about_bob: list[Job]) -> None:
    docs = (Path(__file__).resolve().parents[4] / "docs/pages.md").read_text()
    page, heading = re.findall(r"```html\n(.*?)```", docs, re.DOTALL)
    names = {"job": about_bob[0], "order": bob}
    text = shown(page, alice, **names)
    assert text.count("headway headway-embedded") == 2
    assert "live.js" in text
    assert "<h2>Jobs</h2><div" in shown(heading, alice, **names)


def test_a_page_of_headways_own_has_them_once(as_alice: Client, alice: User) -> None:
    request = as_alice.get("/").wsgi_request
    request.user = alice
    assert Template("{% load headway %}{% headway_assets %}").render(Context({"request": request})) == ""


def test_a_host_may_have_another_markup(as_alice: Client, alice: User, job: Job, settings: Settings) -> None:
    own = '<p class="mine"{% include "headway/embedded/_live.html" %}>{{ job.title }} at {{ progress.percent }}</p>'
    (engine,) = settings.TEMPLATES
    (usual,) = engine["OPTIONS"]["loaders"]
    loaders = [("django.template.loaders.locmem.Loader", {"headway/embedded/job.html": own}), usual]
    settings.TEMPLATES = [{**engine, "OPTIONS": {**engine["OPTIONS"], "loaders": loaders}}]
    part = shown("{% job_progress job %}", alice, job=job)
    assert '<p class="mine" data-poll' in part
    assert "abc.txt at 25.0</p>" in part
    JobProgress.objects.filter(job=job).update(done=50, version=2)
    assert "abc.txt at 50.0</p>" in as_alice.get(poll_of(part), headers=HTMX).text


def test_times_are_in_the_persons_own_zone(alice: User, job: Job) -> None:
    from core.models import Preferences

    Preferences.objects.create(user=alice, zone="Asia/Tokyo")
    Job.objects.filter(pk=job.pk).update(state="succeeded", finished_at=job.created_at)
    assert "JST" in shown("{% job_progress job %}", alice, job=job)


def test_a_page_asks_the_database_little(
    alice: User, job: Job, django_assert_max_num_queries: object, about_bob: list[Job], bob: User
) -> None:
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        shown("{% job_progress job %}", alice, job=job)
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        shown("{% jobs_for subject %}", alice, subject=bob)
