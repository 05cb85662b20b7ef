"""What becomes of what a deleted person owns, as OWNER_DELETED says; keys of owners, whatever type they have."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse

from core.models import Dataset, Job, Schedule
from core.models.owners import as_column, as_key, lowest_key
from core.models.states import State
from core.schedules import changes
from tests.configuration import OwnConf
from tests.unit.core.acts import claim, end, fresh, submit_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def estate(alice: User) -> tuple[Job, Dataset, Schedule]:
    """What alice has: two jobs, one with a dataset, and a schedule."""
    job = submit_job(alice, key="mine")
    submit_job(alice)
    dataset = Dataset.objects.create(owner=alice, job=job, name="orders", parquet_path="x")
    schedule = changes.create("noop", owner_id=alice.pk, by="alice", cron="0 3 * * *", zone="UTC")
    return job, dataset, schedule


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("olga", "olga@example.org", "olga"))
    return client


def delete_page(operator: Client, person: User, *, confirmed: bool) -> str:
    address = reverse("admin:auth_user_delete", args=[person.pk])
    answer = operator.post(address, {"post": "yes"}, follow=True) if confirmed else operator.get(address)
    return answer.content.decode()


def test_by_default_an_owner_cannot_be_deleted(alice: User, estate: object) -> None:
    with pytest.raises(ProtectedError) as caught:
        alice.delete()
    assert "alice can't be deleted: 2 jobs, 1 dataset and 1 schedule would be without an owner." in str(caught.value)
    assert User.objects.filter(pk=alice.pk).exists()


def test_whoever_owns_nothing_can_be_deleted(alice: User) -> None:
    alice.delete()
    assert not User.objects.exists()


def test_the_admin_says_why_in_one_sentence(operator: Client, alice: User, estate: object) -> None:
    page = delete_page(operator, alice, confirmed=False)
    assert "alice can&#x27;t be deleted: 2 jobs, 1 dataset and 1 schedule would be without an owner." in page
    assert "Make the account inactive instead" in page
    delete_page(operator, alice, confirmed=True)
    assert User.objects.filter(pk=alice.pk).exists()


def test_everything_can_go_with_its_owner(alice: User, bob: User, estate: object, conf: OwnConf) -> None:
    conf.OWNER_DELETED = "delete"
    kept = submit_job(bob)
    alice.delete()
    assert list(Job.objects.all()) == [kept]
    assert not Dataset.objects.exists()
    assert not Schedule.objects.exists()


def test_a_deleted_job_that_runs_changes_nothing_any_more(alice: User, estate: object, conf: OwnConf) -> None:
    conf.OWNER_DELETED = "delete"
    running = claim(submit_job(alice))
    alice.delete()
    assert end(running) is None


def test_the_admin_deletes_an_owner_with_everything(
    operator: Client, alice: User, estate: object, conf: OwnConf
) -> None:
    conf.OWNER_DELETED = "delete"
    assert "would require deleting" not in delete_page(operator, alice, confirmed=False)
    delete_page(operator, alice, confirmed=True)
    assert not User.objects.filter(pk=alice.pk).exists()
    assert not Job.objects.exists()


def test_a_job_is_still_not_deleted_by_itself_in_the_admin(
    operator: Client, estate: tuple[Job, Dataset, Schedule], conf: OwnConf
) -> None:
    conf.OWNER_DELETED = "delete"
    assert operator.get(reverse("admin:core_job_delete", args=[estate[0].pk])).status_code == 403


def test_everything_can_be_handed_over(
    operator: Client, alice: User, bob: User, estate: tuple[Job, Dataset, Schedule], conf: OwnConf
) -> None:
    conf.OWNER_DELETED = "hand over to bob"
    # Both have used the same key, and it is unique to an owner.
    own = submit_job(bob, key="mine")
    delete_page(operator, alice, confirmed=True)
    assert not User.objects.filter(pk=alice.pk).exists()
    assert set(Job.objects.values_list("owner", flat=True)) == {bob.pk}
    assert Job.objects.count() == 3
    assert Job.objects.get(owner=bob, idempotency_key="mine") == own
    assert fresh(estate[0]).state == State.QUEUED
    assert Dataset.objects.get().owner == Schedule.objects.get().owner == bob


@pytest.mark.parametrize(
    ("heir", "why"), [("nobody", "which does not exist"), ("alice", "which is the account to be deleted")]
)
def test_an_heir_has_to_be_another_account(alice: User, estate: object, conf: OwnConf, heir: str, why: str) -> None:
    conf.OWNER_DELETED = f"hand over to {heir}"
    with pytest.raises(ProtectedError) as caught:
        alice.delete()
    assert why in str(caught.value)
    assert Job.objects.filter(owner=alice).count() == 2


@pytest.mark.parametrize("value", ["keep", "hand over to ", "", 3])
def test_a_value_that_says_nothing_is_refused(conf: OwnConf, value: object) -> None:
    conf.OWNER_DELETED = value
    with pytest.raises(ImproperlyConfigured, match="write "):
        _ = conf.OWNER_DELETED


def test_keys_pass_through_statements_of_our_own(alice: User) -> None:
    assert as_key(as_column(alice.pk)) == alice.pk
    assert lowest_key() <= alice.pk
    assert as_key(None) is None
