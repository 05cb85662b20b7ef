"""Downloads, views and pictures of a job's files."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.files import storage
from core.models import Artifact, Job
from tests.unit.frontend.conftest import PICTURE, MakeDataset, MakeJob, MakeReport


def address(artifact: Artifact) -> str:
    return reverse("headway:job_file", args=[artifact.job_id, artifact.pk])


def preview(artifact: Artifact) -> str:
    return reverse("headway:job_preview", args=[artifact.job_id, artifact.pk])


def read(answer: Any) -> bytes:
    """Read a streamed answer to its end, which closes the file."""
    return b"".join(answer.streaming_content)


def test_an_input_comes_as_an_attachment_that_no_browser_shows(
    as_alice: Client, alice: User, make_job: MakeJob
) -> None:
    artifact = Artifact.objects.get(job=make_job(alice, label="größe.txt"))
    answer = as_alice.get(address(artifact))
    assert read(answer) == b"abc\n"
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.txt")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Type"] == "text/plain"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_type_that_could_run_is_sent_as_bytes(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    artifact = Artifact.objects.get(job=make_job(alice))
    Artifact.objects.filter(pk=artifact.pk).update(content_type="text/html; charset=utf-8")
    answer = as_alice.get(address(artifact))
    assert answer["Content-Type"] == "application/octet-stream"
    read(answer)


def test_posting_is_refused(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    assert as_alice.post(address(Artifact.objects.get(job=make_job(alice)))).status_code == 405


def test_somebody_elses_file_is_not_found(as_bob: Client, alice: User, bob: User, make_job: MakeJob) -> None:
    hers = Artifact.objects.get(job=make_job(alice))
    assert as_bob.get(address(hers)).status_code == 404
    his = make_job(bob)
    assert as_bob.get(reverse("headway:job_file", args=[his.pk, hers.pk])).status_code == 404


def test_an_output_waits_for_the_end_of_its_job(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    output = Artifact.objects.get(job=make_dataset(alice).job, kind="output")
    answer = as_alice.get(address(output))
    assert answer.status_code == 200
    assert read(answer) == b"a,b\n"
    Job.objects.filter(pk=output.job_id).update(state="running")
    assert as_alice.get(address(output)).status_code == 404


def test_a_file_that_is_no_longer_kept_is_not_found(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    artifact = Artifact.objects.get(job=make_job(alice))
    artifact.local_path.unlink()
    assert as_alice.get(address(artifact)).status_code == 404


def test_a_jobs_pdf_opens_in_the_browser_on_request(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    artifact = make_report(alice)
    answer = as_alice.get(address(artifact), {"view": "1"})
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"].startswith("inline")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "SAMEORIGIN"
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert "no-store" in answer["Cache-Control"]
    assert read(answer).startswith(b"%PDF")


def test_a_pdf_is_by_default_an_attachment_in_no_frame(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    answer = as_alice.get(address(make_report(alice)))
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Frame-Options"] == "DENY"
    assert "sandbox" in answer["Content-Security-Policy"]
    read(answer)


@pytest.mark.parametrize("content_type", ["text/html", "image/svg+xml", "text/plain", "text/html; application/pdf"])
def test_nothing_but_a_pdf_is_viewed(as_alice: Client, alice: User, make_report: MakeReport, content_type: str) -> None:
    artifact = make_report(alice)
    Artifact.objects.filter(pk=artifact.pk).update(content_type=content_type)
    answer = as_alice.get(address(artifact), {"view": "1"})
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["X-Frame-Options"] == "DENY"
    read(answer)


def test_what_somebody_uploaded_is_not_viewed(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    artifact = Artifact.objects.get(job=make_job(alice))
    Artifact.objects.filter(pk=artifact.pk).update(content_type="application/pdf")
    answer = as_alice.get(address(artifact), {"view": "1"})
    assert answer["Content-Disposition"].startswith("attachment")
    read(answer)


def test_a_part_of_a_pdf_is_sent_to_its_viewer(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    answer = as_alice.get(address(make_report(alice)), {"view": "1"}, headers={"Range": "bytes=0-3"})
    assert answer.status_code == 206
    assert answer["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'self'"
    assert read(answer) == b"%PDF"


def test_the_picture_of_a_file_is_sent_as_a_picture(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    answer = as_alice.get(preview(make_report(alice)))
    assert answer["Content-Type"] == "image/png"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert read(answer) == PICTURE


def test_a_file_without_a_picture_has_none(as_alice: Client, alice: User, make_report: MakeReport) -> None:
    assert as_alice.get(preview(make_report(alice, picture=b""))).status_code == 404
    gone = make_report(alice)
    storage.resolve(gone.preview_path).unlink()
    assert as_alice.get(preview(gone)).status_code == 404


def test_views_and_pictures_are_the_owners_after_the_jobs_end(
    as_alice: Client, as_bob: Client, as_staff: Client, client: Client, alice: User, make_report: MakeReport
) -> None:
    artifact = make_report(alice)
    for where in (f"{address(artifact)}?view=1", preview(artifact)):
        assert as_bob.get(where).status_code == 404
        assert client.get(where).status_code == 302
        assert as_alice.post(where).status_code == 405
        shown = as_staff.get(where)
        assert shown.status_code == 200
        read(shown)
    Job.objects.filter(pk=artifact.job_id).update(state="running")
    for where in (f"{address(artifact)}?view=1", preview(artifact)):
        assert as_alice.get(where).status_code == 404
