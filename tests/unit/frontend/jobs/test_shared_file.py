"""Files by a signed link, without logging in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.database import statements
from core.files.links import link_to
from core.models import Artifact
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import MakeReport
from tests.unit.frontend.markup import faults

from .test_file import read


@pytest.fixture
def report(alice: User, make_report: MakeReport, conf: OwnConf) -> Artifact:
    conf.SITE_URL = "http://testserver"
    return make_report(alice)


def test_whoever_has_the_link_gets_the_file_as_an_attachment(client: Client, report: Artifact) -> None:
    answer = client.get(link_to(report.pk))
    assert answer.status_code == 200
    assert read(answer).startswith(b"%PDF")
    assert answer["Content-Disposition"] == 'attachment; filename="report.pdf"'
    assert answer["Content-Type"] == "application/pdf"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "sandbox" in answer["Content-Security-Policy"]


def test_a_link_shows_nothing_in_the_browser_even_when_asked_to(client: Client, report: Artifact) -> None:
    answer = client.get(f"{link_to(report.pk)}?view=1")
    assert answer["Content-Disposition"].startswith("attachment")
    read(answer)


def test_a_download_that_broke_off_goes_on(client: Client, report: Artifact) -> None:
    answer = client.get(link_to(report.pk), headers={"Range": "bytes=5-7"})
    assert (answer.status_code, read(answer)) == (206, b"1.7")


def test_the_head_alone_may_be_asked_for(client: Client, report: Artifact) -> None:
    answer = client.head(link_to(report.pk))
    assert (answer.status_code, answer["Content-Length"]) == (200, str(report.size))
    answer.close()


def test_posting_is_refused(client: Client, report: Artifact) -> None:
    assert client.post(link_to(report.pk)).status_code == 405


def test_a_forged_link_is_not_found(client: Client, report: Artifact) -> None:
    link = link_to(report.pk)
    for forged in (link.replace(f"{report.pk}-", f"{report.pk + 1}-"), "/shared/7-99999999999.x/", "/shared/x/"):
        answer = client.get(forged)
        assert answer.status_code == 404
        assert "This link leads nowhere" in answer.text
        assert faults(answer.text) == []
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert "no-store" in answer["Cache-Control"]


def test_a_link_ends_with_its_days(client: Client, report: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    link = link_to(report.pk)
    monkeypatch.setattr(statements, "clock_offset_seconds", 14 * 86_400 - 10.0)
    read(client.get(link))
    monkeypatch.setattr(statements, "clock_offset_seconds", 14 * 86_400 + 1.0)
    assert client.get(link).status_code == 410


def test_a_file_that_is_gone_says_no_more_than_an_ended_link(client: Client, report: Artifact) -> None:
    link = link_to(report.pk)
    report.local_path.unlink()
    gone = client.get(link)
    report.delete()
    assert (gone.status_code, client.get(link).status_code) == (410, 410)
    assert "This link leads nowhere" in gone.text
    assert "report.pdf" not in gone.text
