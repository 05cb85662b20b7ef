"""Secrets are stored encrypted, opened for the function alone, and shown to nobody."""

from __future__ import annotations

import io
import json
import logging

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.management import call_command

from core import jobs
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.forms import SecretField
from core.life import dead_letters, requests
from core.logs import LineFormatter, WithJob, keep_lines
from core.models import AuditEntry, Job, JobLog, Schedule
from core.models.states import State
from core.pipelines import secrets
from core.pipelines.secrets import HIDDEN, Opened
from core.schedules import changes
from tests.configuration import OwnConf
from tests.unit.core.acts import submit_job

PASSWORD = "correct horse"


class TokenField(forms.JSONField):
    secret = True


class LoginForm(forms.Form):
    host = forms.CharField()
    password = SecretField(label="The password")
    pin = forms.CharField(widget=forms.PasswordInput, required=False)
    token = TokenField(required=False)


GIVEN = {"host": "example.org", "password": PASSWORD, "pin": "", "token": {"key": [PASSWORD]}}


@pytest.fixture
def seen() -> list[object]:
    return []


@pytest.fixture
def login(define, seen: list[object]) -> str:  # type: ignore[no-untyped-def]  # the fixture of conftest
    def login(ctx: JobContext, host: str, password: str, **more: object) -> None:
        seen.append((password, more["token"], ctx.params["password"]))
        logging.getLogger("ftp").warning("USER ada PASS %s", password)
        if host == "down":
            raise ConnectionError(f"{host} does not take {password!r}") from ValueError(password)
        if host == "never":
            raise PermanentError(f"{password} is wrong")

    return str(define(login, form=LoginForm))


def test_what_is_a_secret_is_said_by_the_field_or_by_its_widget() -> None:
    assert secrets.names(LoginForm) == {"password", "pin", "token"}


def test_a_sealed_value_is_none_of_the_text_and_is_sealed_once() -> None:
    sealed = secrets.seal(LoginForm, GIVEN)
    assert (sealed["host"], sealed["pin"]) == ("example.org", "")
    assert PASSWORD not in str(sealed)
    assert secrets.is_sealed(sealed["password"])
    assert secrets.seal(LoginForm, sealed) == sealed
    assert Opened().open(sealed, LoginForm) == GIVEN


def test_another_key_opens_it_as_long_as_the_old_one_is_listed(conf: OwnConf) -> None:
    conf.SECRET_KEYS = ["old"]
    sealed = secrets.seal(LoginForm, GIVEN)
    conf.SECRET_KEYS = ["new", "old"]
    assert Opened().open(sealed, LoginForm)["password"] == PASSWORD
    conf.SECRET_KEYS = ["new"]
    with pytest.raises(PermanentError, match="The password can't be read any more: the site's secret key has changed"):
        Opened().open(sealed, LoginForm)


def test_what_is_shown_of_parameters_has_no_secret_at_any_depth() -> None:
    sealed = secrets.seal(LoginForm, GIVEN)
    shown = secrets.hidden({"item": sealed, "all": [sealed]})
    assert shown["item"] == {**GIVEN, "password": HIDDEN, "token": HIDDEN} == shown["all"][0]
    assert secrets.hidden(GIVEN, LoginForm) == shown["item"]


@pytest.mark.django_db
def test_the_function_gets_the_secret_and_the_row_does_not(alice: User, login: str, seen: list[object]) -> None:
    job = submit_job(alice, login, params=GIVEN)
    assert PASSWORD not in str(job.params)
    Attempts().run(job.pk)
    assert seen == [(PASSWORD, {"key": [PASSWORD]}, PASSWORD)]


@pytest.mark.django_db
def test_what_the_function_logs_is_written_without_the_secret(alice: User, login: str) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(LineFormatter("{message}", style="{"))
    handler.addFilter(WithJob())
    keep_lines()
    logging.getLogger("ftp").addHandler(handler)
    try:
        ended(submit_job(alice, login, params={**GIVEN, "host": "never"}))
    finally:
        logging.getLogger("ftp").removeHandler(handler)
    assert "USER ada PASS Hidden" in written.getvalue()
    assert PASSWORD not in written.getvalue()
    assert PASSWORD not in str(list(JobLog.objects.values()))


def ended(job: Job) -> Job:
    attempts = Attempts()
    attempts.run(job.pk)
    attempts.ledger.stop()
    job.refresh_from_db()
    return job


@pytest.mark.django_db
@pytest.mark.parametrize("host", ["down", "never"])
def test_an_error_that_quotes_the_secret_is_kept_and_logged_without(
    alice: User, login: str, host: str, caplog: pytest.LogCaptureFixture
) -> None:
    job = ended(submit_job(alice, login, params={**GIVEN, "host": host}))
    assert HIDDEN in job.error
    assert PASSWORD not in job.error + "".join(event.detail for event in job.events.all())
    headways = [record for record in caplog.records if record.name == "headway"]
    assert PASSWORD not in "".join(logging.Formatter().format(record) for record in headways)


@pytest.mark.django_db
def test_a_job_whose_secret_no_key_opens_fails_at_once(
    alice: User, login: str, conf: OwnConf, seen: list[object]
) -> None:
    job = submit_job(alice, login, params=GIVEN)
    conf.SECRET_KEYS = ["another key"]
    job = ended(job)
    assert (job.state, job.attempt, seen) == (State.FAILED, 1, [])
    # Of several the first is named, as the database orders them.
    assert "can't be read any more: the site's secret key has changed" in job.error


@pytest.mark.django_db
def test_a_search_by_text_does_not_find_it(alice: User, login: str) -> None:
    job = ended(submit_job(alice, login, params={**GIVEN, "host": "never"}))
    by_host = dead_letters.find(alice, dead_letters.Search(text="never"))
    assert list(by_host) == [job]
    assert not dead_letters.find(alice, dead_letters.Search(text=PASSWORD)).exists()


@pytest.mark.django_db
def test_the_audit_trail_of_an_edit_has_none(alice: User, login: str) -> None:
    job = ended(submit_job(alice, login, params={**GIVEN, "host": "never"}))
    requests.edit_and_retry(job, params={**GIVEN, "password": "battery staple"}, by="alice")
    entry = AuditEntry.objects.get(act="edit")
    assert [values["params"]["password"] for values in (entry.before, entry.after) if values] == [HIDDEN, HIDDEN]
    job.refresh_from_db()
    assert "staple" not in str(job.params)


@pytest.mark.django_db
def test_a_schedule_keeps_it_sealed_and_its_jobs_open_it(alice: User, login: str, seen: list[object]) -> None:
    schedule = changes.create(login, owner_id=alice.pk, by="alice", cron="@daily", zone="UTC", params=GIVEN)
    assert PASSWORD not in str(Schedule.objects.get().params)
    assert PASSWORD not in str(AuditEntry.objects.get().after)
    changes.edit(schedule, by="alice", params={**GIVEN, "password": "battery staple"})
    assert "staple" not in str(Schedule.objects.get().params) + str(list(AuditEntry.objects.values()))
    Attempts().run(changes.run_now(schedule, by="alice").job_id)
    assert seen == [("battery staple", {"key": [PASSWORD]}, "battery staple")]


@pytest.mark.django_db
def test_the_command_line_does_not_print_it(alice: User, login: str, capsys: pytest.CaptureFixture[str]) -> None:
    job = submit_job(alice, login, params=GIVEN)
    Job.objects.filter(pk=job.pk).update(params={**job.params, "pin": "0815 plain"})
    call_command("job", "show", job.pk, "--json")
    printed = capsys.readouterr().out
    assert json.loads(printed)["params"] == {"host": "example.org", "password": HIDDEN, "pin": HIDDEN, "token": HIDDEN}


@pytest.mark.django_db
def test_code_may_submit_what_a_job_has_stored(alice: User, login: str, seen: list[object]) -> None:
    stored = submit_job(alice, login, params=GIVEN)
    again = jobs.submit(login, owner=alice, params=stored.params)
    Attempts().run(again.pk)
    assert seen == [(PASSWORD, {"key": [PASSWORD]}, PASSWORD)]
