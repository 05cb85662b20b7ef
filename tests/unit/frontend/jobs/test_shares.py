"""The page on which a job's links are made and revoked."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core.database.clock import database_now
from core.models import Job, ShareLink
from core.people import shares
from core.policy import Policy, Rows
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeJob
from tests.unit.frontend.markup import faults


class EverybodySees(Policy):
    """Everybody sees all jobs, and acts on none."""

    def visible(self, user: User, rows: Rows) -> Rows:  # type: ignore[override]
        return rows

    def changeable(self, user: User, rows: Rows) -> Rows:  # type: ignore[override]
        return rows.none()


@pytest.fixture
def job(alice: User, make_job: MakeJob) -> Job:
    return make_job(alice)


@pytest.fixture
def links(job: Job) -> str:
    return f"{job.get_absolute_url()}links/"


def test_the_jobs_page_leads_there(as_alice: Client, job: Job, links: str) -> None:
    assert f'href="{links}"' in as_alice.get(job.get_absolute_url()).text


def test_a_link_is_made_and_shown_to_be_copied(as_alice: Client, alice: User, job: Job, links: str) -> None:
    page = as_alice.get(links)
    assert page.status_code == 200
    assert faults(page.text) == []
    answer = as_alice.post(links, {"days": "7"})
    link = ShareLink.objects.get()
    assert answer["Location"] == f"{links}#link-{link.pk}"
    assert (link.job, link.made_by, link.with_files) == (job, alice, False)
    assert (link.expires_at - link.created_at).days == 7
    page = as_alice.get(links)
    assert f'value="{shares.address_of(link)}" readonly' in page.text
    assert "never opened" in page.text
    assert "Made by alice" in page.text
    assert faults(page.text) == []


def test_htmx_is_led_to_the_new_link(as_alice: Client, links: str) -> None:
    answer = as_alice.post(links, {"days": "1", "with_files": "on"}, headers=HTMX)
    link = ShareLink.objects.get()
    assert answer["HX-Redirect"] == f"{links}#link-{link.pk}"
    assert link.with_files


@pytest.mark.parametrize("form", [{}, {"days": "365"}, {"days": "x"}])
def test_a_bad_form_is_shown_again(as_alice: Client, links: str, form: dict[str, str]) -> None:
    page = as_alice.post(links, form)
    assert page.status_code == 422
    assert faults(page.text) == []
    assert not ShareLink.objects.exists()


def test_too_many_links_are_refused_in_the_form(as_alice: Client, links: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MOST_LINKS", 1)
    as_alice.post(links, {"days": "7"})
    page = as_alice.post(links, {"days": "7"})
    assert page.status_code == 422
    assert "Revoke one that nobody needs any more." in page.text


def test_a_link_is_revoked(as_alice: Client, job: Job, links: str) -> None:
    as_alice.post(links, {"days": "7"})
    link = ShareLink.objects.get()
    address = f"{links}{link.pk}/revocation/"
    assert as_alice.post(address)["Location"] == links
    assert "leads nowhere any more" in as_alice.get(links).text
    assert as_alice.post(address, headers=HTMX)["HX-Redirect"] == links
    page = as_alice.get(links).text
    assert "was revoked before" in page
    assert shares.address_of(link) not in page


def test_links_that_have_ended_stay_in_the_list_without_their_address(as_alice: Client, links: str) -> None:
    as_alice.post(links, {"days": "7"})
    ShareLink.objects.update(expires_at=database_now())
    as_alice.post(links, {"days": "1"})
    page = as_alice.get(links).text
    assert page.index("Works</span>") < page.index("Expired</span>")
    assert page.count('type="url"') == 1


def test_another_persons_job_is_not_there(as_alice: Client, as_bob: Client, as_staff: Client, links: str) -> None:
    as_alice.post(links, {"days": "7"})
    address = f"{links}{ShareLink.objects.get().pk}/revocation/"
    assert as_bob.get(links).status_code == 404
    assert as_bob.post(links, {"days": "7"}).status_code == 404
    assert as_bob.post(address).status_code == 404
    assert as_staff.get(links).status_code == 200
    assert ShareLink.objects.get().revoked_at is None


def test_the_link_of_another_job_is_not_revoked_here(
    as_alice: Client, alice: User, make_job: MakeJob, links: str
) -> None:
    other = make_job(alice)
    link = shares.share(other, by=alice, days=1)
    assert as_alice.post(f"{links}{link.pk}/revocation/").status_code == 404


def test_other_methods_and_strangers_are_refused(as_alice: Client, client: Client, links: str) -> None:
    as_alice.post(links, {"days": "7"})
    address = f"{links}{ShareLink.objects.get().pk}/revocation/"
    assert as_alice.delete(links).status_code == 405
    assert as_alice.get(address).status_code == 405
    assert client.get(links)["Location"].startswith("/login/")
    assert client.post(address)["Location"].startswith("/login/")


def test_who_sees_a_job_without_acting_on_it_does_not_share_it(
    as_bob: Client, job: Job, links: str, conf: OwnConf
) -> None:
    conf.POLICY = f"{__name__}.EverybodySees"
    assert as_bob.get(links).status_code == 403
    assert links not in as_bob.get(job.get_absolute_url()).text
