"""Pages say when a job or a dataset goes, before it does, and how it is kept."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from core.models import AuditEntry, Dataset, Mail, Schedule
from core.models.states import LIVE
from tests.configuration import OwnConf
from tests.unit.frontend.conftest import HTMX, MakeDataset, MakeJob


def ago(**amount: float) -> dt.datetime:
    return timezone.now() - dt.timedelta(**amount)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def in_days(days: float) -> str:
    return f"{timezone.localtime(ago(days=-days)):%-d %b %Y}"


def test_the_page_of_a_job_says_until_when_it_is_kept(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="succeeded", finished_at=ago(days=10))
    page = words(as_alice.get(job.get_absolute_url()).text)
    assert f"Kept until {in_days(80)}" in page
    assert "These files are deleted" not in page


def test_files_that_go_soon_are_warned_of(as_alice: Client, alice: User, make_job: MakeJob) -> None:
    job = make_job(alice, state="failed", finished_at=ago(days=84, minutes=-1))
    page = words(as_alice.get(job.get_absolute_url()).text)
    assert "These files are deleted with the job in 7 days , on" in page


def test_what_is_past_its_time_and_still_there_goes_any_moment(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    Dataset.objects.update(created_at=ago(days=366))
    type(dataset.job).objects.update(finished_at=ago(days=400))
    page = words(as_alice.get(dataset.job.get_absolute_url()).text)
    assert f"Kept until {in_days(-1)} , so it goes any moment" in page
    assert "These files are deleted with the job any moment ." in page
    page = words(as_alice.get(dataset.get_absolute_url()).text)
    assert "Expires any moment : deleted with its files." in page
    assert "expires any moment" in words(as_alice.get(reverse("headway:dataset_list")).text)


@pytest.mark.parametrize("state", LIVE)
def test_a_job_that_lives_says_nothing_of_its_end(as_alice: Client, alice: User, make_job: MakeJob, state: str) -> None:
    assert "Kept until" not in as_alice.get(make_job(alice, state=state).get_absolute_url()).text


def test_a_job_says_what_keeps_it_longer(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    address = dataset.job.get_absolute_url()
    type(dataset.job).objects.update(finished_at=ago(days=1))
    assert f"Kept until {in_days(365)} , with its dataset" in words(as_alice.get(address).text)
    Dataset.objects.update(is_kept=True)
    assert "Kept until its dataset goes" in words(as_alice.get(address).text)
    Dataset.objects.all().delete()
    Mail.objects.create(job=dataset.job, kind="end", to="a@example.org", subject="", text="", state="unknown")
    assert "Kept until it is known whether its mail arrived" in words(as_alice.get(address).text)


def test_the_page_of_a_dataset_says_until_when_it_is_kept(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    assert f"Kept until {in_days(365)} , then deleted with its files." in words(
        as_alice.get(dataset.get_absolute_url()).text
    )
    Dataset.objects.update(created_at=ago(days=359, minutes=-1))
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "Expires in 7 days : deleted with its files on" in words(page)
    assert 'class="keeping-words expires-soon"' in page


def test_the_list_of_datasets_warns_of_those_that_go_soon(
    as_alice: Client, alice: User, make_dataset: MakeDataset, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    soon, kept, named, late = (make_dataset(alice, name=name) for name in ("soon", "kept", "named", "late"))
    Dataset.objects.exclude(pk=late.pk).update(created_at=ago(days=355))
    Dataset.objects.filter(pk=kept.pk).update(is_kept=True)
    Schedule.objects.create(owner=alice, pipeline="letters", cron="0 3 * * *", params={"dataset": named.pk})
    page = as_alice.get(reverse("headway:dataset_list")).text
    assert page.count("expires-soon") == 1
    row = next(row for row in page.split("<tr>") if ">soon</a>" in row)
    assert "expires in 10 days" in words(row)
    assert soon.pk != late.pk


def test_a_dataset_is_kept_for_good_and_let_go_again(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    act = reverse("headway:dataset_keeping", args=[dataset.pk])
    page = as_alice.get(dataset.get_absolute_url()).text
    assert f'<form method="post" action="{act}">' in page
    assert "Keep for good" in page
    answer = as_alice.post(act, {"keep": "yes"})
    assert (answer.status_code, answer["Location"]) == (302, dataset.get_absolute_url())
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "Kept for good, with its files and its job." in page
    assert "Let it expire" in page
    for _ in range(2):
        as_alice.post(act, {"keep": "no"}, headers=HTMX)
    assert "Keep for good" in as_alice.get(dataset.get_absolute_url()).text
    acts = AuditEntry.objects.order_by("pk").values_list("act", "who", "job_id")
    assert list(acts) == [("keep_dataset", "alice", dataset.job_id), ("release_dataset", "alice", dataset.job_id)]


def test_keeping_is_a_post_of_somebody_who_may_open_the_dataset(
    as_alice: Client, as_bob: Client, as_staff: Client, client: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    act = reverse("headway:dataset_keeping", args=[dataset.pk])
    assert as_alice.get(act).status_code == 405
    assert as_bob.post(act, {"keep": "yes"}).status_code == 404
    assert client.post(act, {"keep": "yes"}).status_code == 302
    assert not Dataset.objects.get().is_kept
    assert as_staff.post(act, {"keep": "yes"}).status_code == 302
    assert Dataset.objects.get().is_kept


def test_a_dataset_that_a_schedule_takes_says_so(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    Schedule.objects.create(owner=alice, pipeline="letters", cron="0 3 * * *", params={"dataset": dataset.pk})
    assert "Kept as long as a schedule uses it." in as_alice.get(dataset.get_absolute_url()).text


def test_where_datasets_are_kept_for_good_nothing_is_said(
    as_alice: Client, alice: User, make_dataset: MakeDataset, conf: OwnConf
) -> None:
    conf.DAYS_DATASETS = 0
    dataset = make_dataset(alice)
    assert 'class="keeping' not in as_alice.get(dataset.get_absolute_url()).text
    assert "expires-soon" not in as_alice.get(reverse("headway:dataset_list")).text
