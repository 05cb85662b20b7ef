"""The form of a task: its page, and what a person fills in."""

from __future__ import annotations

from types import ModuleType

import pytest
from django import forms
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from core import jobs, pipelines
from core.models import Job, Schedule
from core.pipelines import secrets
from tests.unit.actors.task_backend.conftest import Worker

pytestmark = pytest.mark.django_db
NAME = "tests_site_tasks_take_many_kinds"


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_user("ben", is_staff=True))
    return client


def test_each_parameter_has_a_field_of_its_kind(site_tasks: ModuleType) -> None:
    fields = pipelines.get(NAME).form.base_fields
    assert {name: (type(field).__name__, field.required) for name, field in fields.items()} == {
        "text": ("CharField", True),
        "anything": ("_Anything", True),
        "lines": ("JSONField", True),
        "at_most": ("IntegerField", False),
        "note": ("CharField", False),
        "share": ("FloatField", True),
        "day": ("DateField", False),
    }
    assert fields["share"].initial == 0.5
    spread = pipelines.get("tests_site_tasks_take_anything").form.base_fields
    assert {name: field.initial for name, field in spread.items()} == {"parts": [], "named": {}}


def test_what_a_person_fills_in_is_what_the_task_gets(site_tasks: ModuleType, worker: Worker, staff: Client) -> None:
    address = reverse("headway:pipeline_form", args=[NAME])
    page = staff.get(address).content.decode()
    assert "Take many kinds" in page
    data = {"text": "a", "anything": "plain", "lines": "[1, 2]", "share": "0.25", "day": "2026-10-01", "at_most": ""}
    answer = staff.post(address, data)
    assert answer.status_code == 302, answer.content.decode()
    job = Job.objects.get()
    worker.attempts.run(job.pk)
    job.refresh_from_db()
    assert job.result == ["a", "plain", [1, 2], None, None, 0.25, "2026-10-01", "00:00:00"]
    assert "Succeeded" in staff.get(job.get_absolute_url()).content.decode()


def test_what_code_enqueues_need_not_be_of_the_annotated_kind(site_tasks: ModuleType, worker: Worker) -> None:
    result = worker.run(site_tasks.take_many_kinds.enqueue(1, anything={"a": 1}, lines="none"))
    assert result.return_value == [1, {"a": 1}, "none", None, None, 0.5, None, "00:00:00"]


def test_a_task_is_run_again_and_edited_by_its_form(site_tasks: ModuleType, worker: Worker, staff: Client) -> None:
    result = worker.run(site_tasks.take_many_kinds.enqueue("a", "b", [1], note="c"))
    address = reverse("headway:pipeline_form", args=[NAME])
    page = staff.get(f"{address}?again={result.id}").content.decode()
    assert 'value="a"' in page
    assert "positional" not in page
    assert "positional" not in staff.get(reverse("headway:job_detail", args=[result.id])).content.decode()


def test_a_task_is_repeated_from_its_page(site_tasks: ModuleType, staff: Client) -> None:
    address = reverse("headway:pipeline_form", args=["tests_site_tasks_wait_a_turn"])
    daily = {"repeat-cron": "0 3 * * *", "repeat-zone": "UTC", "repeat-catch_up": "latest", "repeat-overlap": "skip"}
    staff.post(address, {"count": "3", "repeat": "1", **daily})
    assert Schedule.objects.get().params == {"count": 3}


def test_strangers_start_no_task(site_tasks: ModuleType, client: Client) -> None:
    client.force_login(User.objects.create_user("alice"))
    assert client.get(reverse("headway:pipeline_form", args=[NAME])).status_code in (403, 404)
    assert "Take many kinds" not in client.get(reverse("headway:desk")).content.decode()


def test_code_that_submits_by_name_is_held_to_the_form(site_tasks: ModuleType) -> None:
    with pytest.raises(jobs.InvalidParams):
        jobs.submit(NAME, owner=User.objects.create_user("alice"), params={"text": "a"})
    assert issubclass(pipelines.get(NAME).form, forms.Form)


def test_what_is_kept_beside_the_form_is_shown_to_nobody_and_submitted_again_by_nobody(
    site_tasks: ModuleType, worker: Worker, staff: Client
) -> None:
    result = worker.run(site_tasks.send_receipt.enqueue(7, "de"))
    job = Job.objects.get(pk=result.id)
    assert secrets.hidden(job.params, pipelines.get(job.pipeline).form) == {"order": 7, "language": "de"}
    again = jobs.submit(job.pipeline, owner=job.owner, params=job.params)
    assert again.params == {"order": 7, "language": "de", "is_copy": False}
