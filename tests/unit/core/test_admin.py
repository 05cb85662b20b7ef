"""The admin shows everything, writes nothing by itself, and acts through the transitions that pages use."""

from collections.abc import Callable

import pytest
from django import forms
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from core.forms import SecretField
from core.models import AuditEntry, Job
from core.models.states import State
from core.people import audit
from core.schedules import changes
from tests.unit.core.acts import claim, end, submit_job


@pytest.fixture
def operator(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("olga", "olga@example.org", "olga"))
    return client


@pytest.fixture
def job(operator: Client, alice: User) -> Job:
    return submit_job(alice, label="<b>bold</b>")


def act(client: Client, name: str, *jobs: Job) -> str:
    chosen = {"action": name, "_selected_action": [job.pk for job in jobs]}
    return client.post(reverse("admin:core_job_changelist"), chosen, follow=True).content.decode()


def test_only_tables_that_the_site_fills_are_shown(operator: Client) -> None:
    shown = {app["app_label"] for app in operator.get(reverse("admin:index")).context["app_list"]}
    assert shown == {"auth", "core"}


def test_the_list_and_a_job_are_shown_escaped(operator: Client, job: Job) -> None:
    for address in (reverse("admin:core_job_changelist"), reverse("admin:core_job_change", args=[job.pk])):
        answer = operator.get(address)
        assert answer.status_code == 200
        assert "&lt;b&gt;bold" in answer.content.decode()
        assert "<b>bold" not in answer.content.decode()


def test_the_list_tells_a_success_with_a_warning_apart(operator: Client, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED, result={"warning": "Odd."})
    assert "Succeeded, with warnings" in operator.get(reverse("admin:core_job_changelist")).content.decode()


def test_nothing_can_be_added_changed_or_deleted(operator: Client, job: Job) -> None:
    assert operator.get(reverse("admin:core_job_add")).status_code == 403
    assert operator.post(reverse("admin:core_job_change", args=[job.pk]), {"state": "succeeded"}).status_code == 403
    assert operator.post(reverse("admin:core_job_delete", args=[job.pk]), {"post": "yes"}).status_code == 403
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_cancel_and_retry_go_through_the_transitions(operator: Client, job: Job) -> None:
    assert "1 job will end." in act(operator, "cancel_selected", job)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert "1 job queued again." in act(operator, "retry_selected", job)
    job.refresh_from_db()
    assert job.state == State.QUEUED
    assert list(job.events.values_list("kind", "text"))[1:] == [
        ("cancelled", "olga"),
        # What it had made was deleted with the cancel.
        ("requeued", "olga, from the start"),
    ]


def test_failed_jobs_begin_anew_or_are_discarded(operator: Client, job: Job) -> None:
    end(claim(job), State.FAILED, error="no")
    assert "1 job queued again." in act(operator, "restart_selected", job)
    end(claim(job), State.FAILED, error="no")
    assert "1 job discarded." in act(operator, "discard_selected", job)
    job.refresh_from_db()
    assert job.state == State.CANCELLED
    assert list(AuditEntry.objects.order_by("pk").values_list("who", "act")) == [
        ("olga", "retry_from_start"),
        ("olga", "discard"),
    ]


def test_the_audit_trail_is_shown_escaped_and_never_changed(operator: Client, job: Job) -> None:
    entry = audit.note("<b>olga</b>", "edit", job_id=job.pk, before={"a": "<i>x</i>"})
    answer = operator.get(reverse("admin:core_auditentry_changelist"), {"q": str(job.pk)}).content.decode()
    assert "&lt;b&gt;olga" in answer
    assert "<i>x" not in answer
    address = reverse("admin:core_auditentry_change", args=[entry.pk])
    assert operator.get(address).status_code == 200
    assert operator.post(address, {"who": "nobody"}).status_code == 403


def test_a_refused_act_says_why(operator: Client, job: Job) -> None:
    assert "only a failed or cancelled job can be retried" in act(operator, "retry_selected", job)


def test_staff_without_the_right_to_change_jobs_has_no_actions(client: Client, job: Job) -> None:
    viewer = User.objects.create_user("vera", is_staff=True)
    viewer.user_permissions.add(Permission.objects.get(codename="view_job"))
    client.force_login(viewer)
    act(client, "cancel_selected", job)
    job.refresh_from_db()
    assert job.state == State.QUEUED


def test_parameters_are_in_words_and_secrets_are_hidden(
    operator: Client, alice: User, define: Callable[..., str]
) -> None:
    class LoginForm(forms.Form):
        kind = forms.ChoiceField(choices=[("a", "Apples")])
        password = SecretField()

    def login(ctx: object, **params: object) -> None: ...

    name = define(login, form=LoginForm)
    params = {"kind": "a", "password": "correct horse"}
    job = submit_job(alice, name, params=params)
    schedule = changes.create(name, owner_id=alice.pk, by="alice", cron="@daily", zone="UTC", params=params)
    for kind, pk in (("job", job.pk), ("schedule", schedule.pk)):
        page = operator.get(reverse(f"admin:core_{kind}_change", args=[pk])).content.decode()
        assert "Kind: Apples" in page
        assert "Password: Hidden" in page
        assert "correct horse" not in page
        assert "$secret" not in page


def test_the_item_of_a_part_is_shown(operator: Client, job: Job) -> None:
    for item, text in (({"name": "first"}, "Name: first"), ("second", "second")):
        Job.objects.filter(pk=job.pk).update(task="tests:x", params={"item": item})
        assert text in operator.get(reverse("admin:core_job_change", args=[job.pk])).content.decode()
