"""Links to a job's live page: signed, for some days, called back by their row."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from core.errors import Refused
from core.files.links import BadLink, ExpiredLink
from core.models import AuditEntry, Job, ShareLink
from core.people import shares
from tests.configuration import OwnConf
from tests.unit.core.acts import submit_job
from tests.unit.core.conftest import Clock

DAY = 86_400.0

pytestmark = pytest.mark.django_db


@pytest.fixture
def job(alice: User) -> Job:
    return submit_job(alice)


def make(job: Job, by: User, **changes: bool) -> tuple[ShareLink, str]:
    link = shares.share(job, by=by, days=7, **changes)
    return link, shares.token_of(link)


def test_a_link_leads_to_its_job_and_says_so_again(job: Job, alice: User) -> None:
    link, token = make(job, alice)
    assert shares.find(token) == link
    assert shares.find(token).job == job
    assert shares.token_of(ShareLink.objects.get()) == token
    assert not link.with_files


def test_its_address_is_under_the_sites_own(job: Job, alice: User, conf: OwnConf) -> None:
    conf.SITE_URL = "https://shop.example"
    link, token = make(job, alice)
    assert shares.address_of(link) == f"https://shop.example/shared/jobs/{token}/"


@pytest.mark.parametrize("token", ["", "7", "7.x", "x" * 1000])
def test_a_forged_link_is_bad(job: Job, alice: User, token: str) -> None:
    make(job, alice)
    with pytest.raises(BadLink):
        shares.find(token)


def test_a_link_of_another_kind_is_bad(job: Job, alice: User) -> None:
    from core.files.links import _signer

    link, _ = make(job, alice)
    with pytest.raises(BadLink):
        shares.find(_signer().sign(str(link.pk)))


def test_a_link_ends_with_its_days(job: Job, alice: User, clock: Clock) -> None:
    _, token = make(job, alice)
    clock.advance(7 * DAY - 10)
    shares.find(token)
    clock.advance(20)
    with pytest.raises(ExpiredLink):
        shares.find(token)


def test_a_revoked_link_ends_at_once_and_is_revoked_once(job: Job, alice: User) -> None:
    link, token = make(job, alice)
    assert shares.revoke(link, by="alice")
    assert not shares.revoke(link, by="alice")
    with pytest.raises(ExpiredLink):
        shares.find(token)
    entries = AuditEntry.objects.order_by("pk").values_list("who", "act", "job_id")
    assert list(entries) == [("alice", "share_job", job.pk), ("alice", "revoke_share", job.pk)]


def test_a_link_goes_with_its_job(job: Job, alice: User) -> None:
    _, token = make(job, alice)
    job.delete()
    with pytest.raises(ExpiredLink):
        shares.find(token)


def test_a_link_shows_no_more_than_its_maker_may_see(job: Job, bob: User) -> None:
    bob.is_staff = True
    bob.save()
    _, token = make(job, bob)
    shares.find(token)
    User.objects.filter(pk=bob.pk).update(is_staff=False)
    with pytest.raises(ExpiredLink):
        shares.find(token)


def test_the_link_of_an_inactive_account_rests(job: Job, alice: User) -> None:
    _, token = make(job, alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    with pytest.raises(ExpiredLink):
        shares.find(token)
    User.objects.filter(pk=alice.pk).update(is_active=True)
    shares.find(token)


def test_other_times_are_refused(job: Job, alice: User) -> None:
    with pytest.raises(Refused, match="365"):
        shares.share(job, by=alice, days=365)


def test_one_job_has_so_many_links(job: Job, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "MOST_LINKS", 1)
    link, _ = make(job, alice)
    with pytest.raises(Refused, match="1 link"):
        make(job, alice)
    shares.revoke(link, by="alice")
    make(job, alice)


def test_when_it_was_opened_is_written_once_a_minute(job: Job, alice: User, clock: Clock) -> None:
    link, _ = make(job, alice)
    shares.opened(link)
    first = ShareLink.objects.get().last_opened_at
    assert first is not None
    shares.opened(link)
    assert ShareLink.objects.get().last_opened_at == first
    clock.advance(61)
    shares.opened(link)
    again = ShareLink.objects.get().last_opened_at
    assert again is not None
    assert again > first
