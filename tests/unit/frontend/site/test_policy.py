"""A site's own policy: who sees, who acts and who operates, on lists, pages and acts alike."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from core import policy
from core.models import Dataset, Job, Schedule
from core.policy import Policy, Rows
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import MakeDataset, MakeJob


class Colleagues(Policy):
    """Everybody sees what is theirs and what bob has; they change only their own; carol operates."""

    def visible(self, user: User, rows: Rows) -> Rows:  # type: ignore[override]
        return rows.filter(owner__username__in=[user.username, "bob"])

    def changeable(self, user: User, rows: Rows) -> Rows:  # type: ignore[override]
        return rows.filter(owner=user)

    def operates(self, user: User) -> bool:  # type: ignore[override]
        return user.get_username() == "carol"


@pytest.fixture
def colleagues(conf: OwnConf) -> None:
    conf.POLICY = f"{__name__}.Colleagues"


@pytest.fixture
def bobs(bob: User, make_job: MakeJob) -> Job:
    return make_job(bob, label="bobs.txt", state="failed", error="no")


def test_without_a_policy_of_its_own_another_persons_job_is_not_there(as_alice: Client, bobs: Job) -> None:
    assert as_alice.get(bobs.get_absolute_url()).status_code == 404


def test_the_default_says_yes_to_owner_and_staff_alone(alice: User, bob: User, staff: User, bobs: Job) -> None:
    people = (alice, bob, staff, AnonymousUser())
    assert [policy.may_change(user, bobs) for user in people] == [False, True, True, False]
    assert [policy.may_see(user, bobs) for user in people] == [False, True, True, False]


@pytest.mark.usefixtures("colleagues")
class TestColleagues:
    def test_what_is_visible_is_on_lists_and_pages(self, as_alice: Client, bobs: Job) -> None:
        assert as_alice.get(bobs.get_absolute_url()).status_code == 200
        assert "bobs.txt" in as_alice.get("/failed/").text

    def test_what_is_not_to_be_changed_has_no_buttons_and_refuses_acts(self, as_alice: Client, bobs: Job) -> None:
        assert f"job-{bobs.pk}-retry" not in as_alice.get(bobs.get_absolute_url()).text
        for act in ("retry", "discarding", "cancellation", "priority"):
            assert as_alice.post(f"{bobs.get_absolute_url()}{act}/").status_code == 403
        assert as_alice.get(f"{bobs.get_absolute_url()}parameters/").status_code == 403
        assert Job.objects.get(pk=bobs.pk).state == "failed"

    def test_acts_on_many_leave_out_what_is_not_to_be_changed(self, as_alice: Client, bobs: Job) -> None:
        as_alice.post("/failed/discard/", {"scope": "all", "expected": "1"})
        assert Job.objects.get(pk=bobs.pk).state == "failed"

    def test_the_owner_may_act(self, as_bob: Client, bobs: Job) -> None:
        assert f"job-{bobs.pk}-retry" in as_bob.get(bobs.get_absolute_url()).text
        assert as_bob.post(f"{bobs.get_absolute_url()}discarding/").status_code == 302
        assert Job.objects.get(pk=bobs.pk).state == "cancelled"

    def test_a_dataset_is_opened_but_not_kept(self, as_alice: Client, bob: User, make_dataset: MakeDataset) -> None:
        dataset = make_dataset(bob)
        page = as_alice.get(dataset.get_absolute_url())
        assert page.status_code == 200
        assert "keeping/" not in page.text
        assert as_alice.post(f"{dataset.get_absolute_url()}keeping/", {"keep": "yes"}).status_code == 403
        assert not Dataset.objects.get(pk=dataset.pk).is_kept

    def test_who_operates_is_the_policys_to_say(self, as_staff: Client, as_alice: Client) -> None:
        carol = Client()
        carol.force_login(User.objects.create_user("carol"))
        assert carol.get("/workers/").status_code == 200
        assert as_staff.get("/workers/").status_code == 403
        assert as_alice.get("/workers/").status_code == 403

    def test_it_is_a_yes_or_no_as_well(self, alice: User, bob: User, staff: User, bobs: Job) -> None:
        assert [policy.may_see(user, bobs) for user in (alice, bob, staff)] == [True] * 3
        assert [policy.may_change(user, bobs) for user in (alice, bob, staff)] == [False, True, False]

    def test_schedules_go_by_it_too(self, alice: User) -> None:
        assert not Schedule.objects.for_user(alice).filter(owner__username="carol").exists()
