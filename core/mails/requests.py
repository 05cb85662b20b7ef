"""The act of a person on a mail: sending one again that may have been sent."""

from __future__ import annotations

from django.db import transaction

from core import pipelines
from core.errors import Refused
from core.life import requests
from core.logs import log
from core.models import Job, Mail
from core.people import audit


def can_send_again(mail: Mail) -> bool:
    """Whether sending it again is offered: its job has ended, and it may have been sent."""
    return mail.state == Mail.State.UNKNOWN and mail.job.can_retry


def send_again(mail: Mail, *, by: str) -> None:
    """Send a mail again that may have been sent; the recipient may get it twice. Raise Refused for any other."""
    spec = pipelines.get(mail.job.pipeline)
    with transaction.atomic():
        job = Job.objects.select_for_update(no_key=True).filter(pk=mail.job_id).first()
        was = Mail.objects.filter(pk=mail.pk).first()
        if job is None or was is None:
            raise Refused(f"Mail {mail.pk} is not there any more.")
        if was.state != Mail.State.UNKNOWN:
            raise Refused(f"This mail is not one that may have been sent: {was.get_state_display().lower()}.")
        if not job.can_retry:
            raise Refused(f"Job {job.pk} is {job.get_state_display().lower()} now; wait until it has ended.")
        Mail.objects.filter(pk=mail.pk).update(state=Mail.State.READY)
        requests.requeue_rows([job], spec, by=by, from_start=False)
        audit.note(
            by,
            "send_mail_again",
            job_id=job.pk,
            pipeline=job.pipeline,
            before={"mail": was.state, "to": was.to, "state": job.state},
            after={"mail": Mail.State.READY, "to": was.to, "state": "queued"},
        )
    log("mail_sent_again", mail=mail.pk, job=job.pk, by=by)
