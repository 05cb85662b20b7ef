"""The page behind a link to a job: for anybody, to look and nothing else."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.models import Artifact, Job, ShareLink
from core.people import shares
from tests.unit.frontend.conftest import HTMX, MakeJob, MakeReport
from tests.unit.frontend.markup import faults

from .test_file import read

STAGES = [{"name": "read", "title": "Read the file", "state": "running", "started_at": 1}]


def address(job: Job, alice: User, *, with_files: bool = False) -> str:
    return f"/shared/jobs/{shares.token_of(shares.share(job, by=alice, days=7, with_files=with_files))}/"


@pytest.fixture
def job(alice: User, make_job: MakeJob) -> Job:
    progress = {"stages": STAGES, "done": 25, "total": 100, "unit": "rows", "note": "a line of the file"}
    return make_job(alice, label="letters of may", state="running", progress=progress)


def test_whoever_has_the_link_sees_how_the_job_stands(client: Client, job: Job, alice: User) -> None:
    page = client.get(address(job, alice))
    assert page.status_code == 200
    for text in ("letters of may", "25%", "Read the file", "25 of 100 rows", "This page was shared with you."):
        assert text in page.text
    assert faults(page.text) == []
    assert page["Cache-Control"] == "private, no-store"
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    assert page["Referrer-Policy"] == "no-referrer"
    assert '<meta name="robots" content="noindex, nofollow">' in page.text
    assert ShareLink.objects.get().last_opened_at is not None


def test_it_shows_nothing_else_and_leads_nowhere_else(client: Client, job: Job, alice: User) -> None:
    page = client.get(address(job, alice)).text
    for text in (
        "Greek",
        "a line of the file",
        "alice",
        "Cancel",
        "Share",
        "Details",
        "Timeline",
        "csrfmiddlewaretoken",
    ):
        assert text not in page.partition("<main")[2], text
    main = page.partition("<main")[2]
    inside = {link for link in re.findall(r'(?:href|action|hx-get|hx-post|src)="([^"#?]*)', main) if link}
    assert inside == {f"{address_of(page)}progress/"}


def address_of(page: str) -> str:
    return str(re.findall(r'hx-get="(/shared/jobs/[^/]+/)progress/', page)[0])


def test_without_javascript_it_loads_itself_again_while_the_job_lives(client: Client, job: Job, alice: User) -> None:
    link = address(job, alice)
    assert '<noscript><meta http-equiv="refresh"' in client.get(link).text
    Job.objects.filter(pk=job.pk).update(state="succeeded")
    page = client.get(link).text
    assert "http-equiv" not in page
    assert "data-poll" not in page.partition("<main")[2]


def test_it_is_asked_again_by_the_links_own_address_alone(client: Client, job: Job, alice: User) -> None:
    link = address(job, alice)
    version = client.get(link).context["version"]
    news = f"{link}progress/"
    assert client.get(news, {"v": version}, headers=HTMX).status_code == 204
    Job.objects.filter(pk=job.pk).update(state="succeeded", result={"headline": "26 letters"})
    answer = client.get(news, {"v": version}, headers=HTMX)
    assert answer.status_code == 200
    assert "26 letters" in answer.text
    assert "data-poll" not in answer.text
    assert faults(answer.text) == []
    assert client.get(f"{job.get_absolute_url()}progress/", headers=HTMX).status_code == 401
    assert client.get(news)["Location"] == link


def test_only_looking_is_possible(client: Client, job: Job, alice: User) -> None:
    link = address(job, alice)
    for place in (link, f"{link}progress/", f"{link}files/1/"):
        assert client.post(place).status_code == 405


@pytest.mark.parametrize("end", ["revoked", "expired", "deleted"])
def test_a_link_that_is_over_says_so(
    client: Client, job: Job, alice: User, end: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = address(job, alice)
    row = ShareLink.objects.get()
    if end == "revoked":
        shares.revoke(row, by="alice")
    elif end == "expired":
        ShareLink.objects.update(expires_at=row.created_at)
    else:
        job.delete()
    page = client.get(link)
    assert page.status_code == 410
    assert "This link leads nowhere" in page.text
    assert "letters of may" not in page.text
    assert faults(page.text) == []
    answer = client.get(f"{link}progress/", headers=HTMX)
    assert (answer.status_code, answer["HX-Refresh"]) == (410, "true")


@pytest.mark.parametrize("token", ["7.forged", "x", "7"])
def test_a_forged_link_is_not_found(client: Client, job: Job, alice: User, token: str) -> None:
    address(job, alice)
    page = client.get(f"/shared/jobs/{token}/")
    assert page.status_code == 404
    assert page["X-Robots-Tag"] == "noindex, nofollow"
    assert client.get(f"/shared/jobs/{token}/progress/", headers=HTMX).status_code == 404


def test_a_failure_that_is_for_people_is_told(client: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", error="the file has no header", attempt=1)
    assert "The file has no header" in client.get(address(job, alice)).text


def test_a_fault_of_the_code_is_not(client: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", error="OSError: 10.0.0.7 refused", max_attempts=5, attempt=5)
    page = client.get(address(job, alice)).text
    assert "10.0.0.7" not in page
    assert "Ask whoever sent you this link." in page
    Job.objects.filter(pk=job.pk).update(state="retrying")
    assert "10.0.0.7" not in client.get(address(job, alice)).text


def test_files_come_only_with_a_link_that_says_so(client: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    plain, with_files = address(report.job, alice), address(report.job, alice, with_files=True)
    assert "report.pdf" not in client.get(plain).text
    assert client.get(f"{plain}files/{report.pk}/").status_code == 404
    page = client.get(with_files)
    assert f'href="{with_files}files/{report.pk}/"' in page.text
    assert faults(page.text) == []
    answer = client.get(f"{with_files}files/{report.pk}/")
    assert read(answer).startswith(b"%PDF")
    assert answer["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert "sandbox" in answer["Content-Security-Policy"]


def test_only_files_that_the_job_has_made_are_sent(
    client: Client, alice: User, make_job: MakeJob, make_report: MakeReport
) -> None:
    report = make_report(alice)
    link = address(report.job, alice, with_files=True)
    given = report.job.artifacts.get(kind=Artifact.Kind.INPUT)
    other = make_report(alice)
    for pk in (given.pk, other.pk, 999):
        assert client.get(f"{link}files/{pk}/").status_code == 404
    Job.objects.filter(pk=report.job.pk).update(state="running")
    assert client.get(f"{link}files/{report.pk}/").status_code == 404


def test_who_is_logged_in_sees_the_same(as_bob: Client, job: Job, alice: User) -> None:
    page = as_bob.get(address(job, alice))
    assert page.status_code == 200
    assert "25%" in page.text
    assert "Greek" not in page.text
    assert as_bob.get(job.get_absolute_url()).status_code == 404
