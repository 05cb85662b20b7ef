"""Pages go out packed."""

import gzip
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core.models import Artifact, Job
from tests.unit.frontend.conftest import MakeJob

PACKED = {"Accept-Encoding": "gzip"}


def test_a_page_is_packed_for_who_takes_it(as_alice: Client) -> None:
    page = as_alice.get(reverse("headway:desk"), headers=PACKED)
    assert page["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page["Vary"]
    assert int(page["Content-Length"]) == len(page.content)
    assert b"</html>" in gzip.decompress(page.content)
    assert len(page.content) * 3 < len(gzip.decompress(page.content))


def test_a_page_is_plain_for_who_does_not_take_it(as_alice: Client) -> None:
    page = as_alice.get(reverse("headway:desk"))
    assert "Content-Encoding" not in page
    assert b"</html>" in page.content


@pytest.mark.parametrize("range_", ["", "bytes=0-3"])
def test_a_file_goes_out_as_it_is(as_alice: Client, alice: User, make_job: MakeJob, range_: str) -> None:
    artifact = Artifact.objects.get(job=make_job(alice))
    headers = PACKED | ({"Range": range_} if range_ else {})
    answer: Any = as_alice.get(reverse("headway:job_file", args=[artifact.job_id, artifact.pk]), headers=headers)
    assert answer.status_code == (206 if range_ else 200)
    assert "Content-Encoding" not in answer
    assert b"".join(answer.streaming_content) == b"abc\n"[: 4 if range_ else None]


def test_nothing_new_stays_empty(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job: Job = make_job(alice, state="running", progress={"version": 1})
    version = as_alice.get(job.get_absolute_url()).context["version"]
    headers = PACKED | {"HX-Request": "true"}
    answer = as_alice.get(f"{reverse('headway:job_progress', args=[job.pk])}?v={version}", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
