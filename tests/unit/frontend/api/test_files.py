"""Files of jobs, whole and in part."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from core.models import Artifact, Job
from tests.unit.frontend.api.conftest import ROOT, Api
from tests.unit.frontend.conftest import MakeJob, MakeReport


def read(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def test_files_are_listed_and_fetched(alices: Api, alice: User, make_report: MakeReport) -> None:
    made = make_report(alice)
    files = alices.get(f"{ROOT}/jobs/{made.job_id}/files").json()["items"]
    assert [(each["kind"], each["name"], each["is_kept"]) for each in files] == [
        ("input", "abc.txt", True), ("output", "report.pdf", True),
    ]  # fmt: skip
    answer = alices.get(files[1]["url"])
    assert read(answer).startswith(b"%PDF")
    assert answer["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert answer["Content-Type"] == "application/pdf"
    assert answer["ETag"] == f'"{made.sha256}"'


def test_a_part_of_a_file_is_fetched(alices: Api, alice: User, make_report: MakeReport) -> None:
    made = make_report(alice, pdf=b"0123456789")
    address = f"{ROOT}/jobs/{made.job_id}/files/{made.pk}"
    part = alices.get(address, headers={"Range": "bytes=2-4"})
    assert (part.status_code, read(part)) == (206, b"234")
    assert part["Content-Range"] == "bytes 2-4/10"
    beyond = alices.get(address, headers={"Range": "bytes=10-"})
    assert beyond.status_code == 416
    assert beyond["Content-Range"] == "bytes */10"
    assert beyond["Content-Type"] == "application/problem+json"


def test_outputs_are_there_once_the_job_has_ended(alices: Api, alice: User, make_report: MakeReport) -> None:
    made = make_report(alice)
    Job.objects.update(state="running")
    assert len(alices.get(f"{ROOT}/jobs/{made.job_id}/files").json()["items"]) == 1
    assert alices.get(f"{ROOT}/jobs/{made.job_id}/files/{made.pk}").status_code == 404


def test_a_file_that_is_gone_is_said_to_be(alices: Api, alice: User, make_report: MakeReport) -> None:
    made = make_report(alice)
    made.local_path.unlink()
    assert alices.get(f"{ROOT}/jobs/{made.job_id}/files").json()["items"][1]["is_kept"] is False
    answer = alices.get(f"{ROOT}/jobs/{made.job_id}/files/{made.pk}")
    assert (answer.status_code, answer.json()["detail"]) == (404, "This file is no longer kept.")


def test_somebody_elses_file_is_not_there(bobs: Api, alice: User, bob: User, make_job: MakeJob) -> None:
    hers = Artifact.objects.get(job=make_job(alice))
    assert bobs.get(f"{ROOT}/jobs/{hers.job_id}/files/{hers.pk}").status_code == 404
    assert bobs.get(f"{ROOT}/jobs/{make_job(bob).pk}/files/{hers.pk}").status_code == 404
    assert bobs.get(f"{ROOT}/jobs/{hers.job_id}/files").status_code == 404
