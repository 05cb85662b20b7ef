"""Downloads of a job's files."""

from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Artifact, Job

from .conftest import MakeDataset, MakeJob


def address(artifact: Artifact) -> str:
    return reverse("job_file", args=[artifact.job_id, artifact.pk])


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
    assert as_bob.get(reverse("job_file", args=[his.pk, hers.pk])).status_code == 404


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
