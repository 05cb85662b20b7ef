"""Running mail jobs in one process, against a mail server of a test's own."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from pytest_django import Settings

from core.attempt.attempts import Attempts
from core.mails import order
from core.models import Job, Mail
from core.settings import _mail_settings, _mailer

TO = "carol@example.org"


def use_server(settings: Settings, url: str, **options: Any) -> None:
    """Have mails go where this EMAIL_URL says, with options of the mailer beside it."""
    mailer = _mailer(url)
    mailer["OPTIONS"] |= options
    for name, value in _mail_settings(mailer).items():
        setattr(settings, name, value)


def use_backend(settings: Settings, name: str) -> None:
    """Have mails go to this backend, without options."""
    for setting, value in _mail_settings({"BACKEND": name, "OPTIONS": {}}).items():
        setattr(settings, setting, value)


def order_mail(owner: User, *, kind: str = "welcome", key: str = "k", to: str = TO, **options: Any) -> Job:
    context = options.pop("context", {"username": "carol"})
    made = order(kind, to=to, owner_id=owner.pk, context=context, key=key, **options)
    return Job.objects.get(pk=made.job_id)


def run_once(job: Job) -> Job:
    """Run one attempt, whatever the limits would say."""
    Job.objects.filter(pk=job.pk).update(is_held=False, run_at=job.created_at)
    Attempts(worker="here:1").run(job.pk)
    return Job.objects.get(pk=job.pk)


def run_to_end(job: Job, *, attempts: int = 40) -> Job:
    """Run attempts until the job has ended."""
    for _ in range(attempts):
        job = run_once(job)
        if job.is_finished:
            return job
    raise AssertionError(f"{job} is still {job.state}: {job.error}")


def mail_of(job: Job) -> Mail:
    return Mail.objects.get(job=job)
