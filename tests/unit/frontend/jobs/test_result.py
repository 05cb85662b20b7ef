"""What a job made, to look at on its page."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.files import storage
from core.models import Artifact, Job
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob, MakeReport


def test_a_pdf_is_shown_by_its_first_page_with_ways_to_read_it(
    as_alice: Client, alice: User, make_report: MakeReport
) -> None:
    report = make_report(alice)
    page = as_alice.get(report.job.get_absolute_url()).text
    file = reverse("headway:job_file", args=[report.job_id, report.pk])
    assert (
        f'<img src="{reverse("headway:job_preview", args=[report.job_id, report.pk])}" width="30" height="40"' in page
    )
    assert 'alt="First page of report.pdf"' in page
    assert f'href="{file}?view=1" target="_blank" rel="noopener"' in page
    assert f'href="{file}"' in page
    assert f"?read={report.pk}#job-{report.job_id}-reader" in page
    assert "<iframe" not in page
    # Named in the result, it is not named among the files again.
    assert page.count(">report.pdf<") == 1


def test_the_reader_is_in_the_page_only_when_it_is_asked_for(
    as_alice: Client, alice: User, make_report: MakeReport
) -> None:
    report = make_report(alice)
    where = report.job.get_absolute_url()
    frame = f'<iframe class="reader-frame" src="{reverse("headway:job_file", args=[report.job_id, report.pk])}?view=1#'
    for headers in ({}, HTMX):
        page = as_alice.get(where, {"read": report.pk}, headers=headers)
        assert frame in page.text
        assert "frame-src 'self'" in page["Content-Security-Policy"]
    for other in ("0", "nonsense", "", report.pk + 1):
        assert "<iframe" not in as_alice.get(where, {"read": other}).text


def test_nobody_else_reads_it(as_bob: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    assert as_bob.get(report.job.get_absolute_url(), {"read": report.pk}).status_code == 404


def test_a_result_is_not_shown_while_its_job_lives(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    Job.objects.filter(pk=report.job_id).update(state="running")
    page = as_alice.get(report.job.get_absolute_url(), {"read": report.pk}).text
    assert "report.pdf" not in page
    assert f'<div id="job-{report.job_id}-result" hidden></div>' in page


def test_the_end_brings_the_result_along(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    Job.objects.filter(pk=report.job_id).update(state="running")
    version = as_alice.get(report.job.get_absolute_url()).context["version"]
    Job.objects.filter(pk=report.job_id).update(state="succeeded")
    answer = as_alice.get(reverse("headway:job_progress", args=[report.job_id]), {"v": version}, headers=HTMX).text
    assert f'id="job-{report.job_id}-result"' in answer
    assert "Read here: report.pdf" in answer


def test_a_pdf_without_a_picture_can_be_read_too(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice, picture=b"no picture at all, but long enough for one")
    page = as_alice.get(report.job.get_absolute_url()).text
    assert "<img" not in page
    assert "Read here: report.pdf" in page


def test_a_picture_of_another_file_than_a_pdf_links_the_download(
    as_alice: Client, alice: User, make_report: MakeReport
) -> None:
    report = make_report(alice)
    Artifact.objects.filter(pk=report.pk).update(name="all.zip", content_type="application/zip")
    page = as_alice.get(report.job.get_absolute_url()).text
    file = reverse("headway:job_file", args=[report.job_id, report.pk])
    assert f'<a class="result-picture" href="{file}">' in page
    assert "?view=1" not in page
    assert "?read=" not in page
    assert "<iframe" not in as_alice.get(report.job.get_absolute_url(), {"read": report.pk}).text


def test_a_deleted_result_is_named_among_the_files(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    report.local_path.unlink()
    page = as_alice.get(report.job.get_absolute_url(), {"read": report.pk}).text
    assert "no longer kept" in page
    assert "<iframe" not in page
    assert "job-result" not in page


def test_a_picture_that_is_gone_leaves_the_file(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    report = make_report(alice)
    storage.resolve(report.preview_path).unlink()
    page = as_alice.get(report.job.get_absolute_url()).text
    assert "<img" not in page
    assert "Read here: report.pdf" in page


def test_files_with_nothing_to_look_at_stay_a_list(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    page = as_alice.get(make_dataset(alice).job.get_absolute_url()).text
    assert "clean.csv" in page
    assert 'class="panel job-result"' not in page


def test_a_result_to_look_at_goes_before_the_dataset(
    as_alice: Client, alice: User, make_report: MakeReport, make_dataset: MakeDataset
) -> None:
    report, dataset = make_report(alice), make_dataset(alice)
    is_first = '<a class="button is-primary" id="job-{}-dataset"'
    assert is_first.format(dataset.job_id) in as_alice.get(dataset.job.get_absolute_url()).text
    Job.objects.filter(pk=report.job_id).update(result={"dataset": dataset.pk})
    page = as_alice.get(report.job.get_absolute_url()).text
    assert is_first.format(report.job_id) not in page
    assert f'id="job-{report.job_id}-dataset"' in page


def test_several_datasets_are_named_to_those_who_may_open_them(
    as_alice: Client, alice: User, bob: User, make_job: MakeJob, make_dataset: MakeDataset
) -> None:
    hers, other, his = (
        make_dataset(alice, name="hers"),
        make_dataset(alice, name="other"),
        make_dataset(bob, name="his"),
    )
    result = {"headline": "3 files", "facts": [], "datasets": [hers.pk, his.pk, other.pk, 0]}
    page = as_alice.get(make_job(alice, state="succeeded", result=result).get_absolute_url()).text
    assert page.index(f'href="{hers.get_absolute_url()}"') < page.index(f'href="{other.get_absolute_url()}"')
    assert his.get_absolute_url() not in page
    for odd in ("12", [[1]], None):
        job = make_job(alice, state="succeeded", result={**result, "datasets": odd})
        assert as_alice.get(job.get_absolute_url()).status_code == 200
