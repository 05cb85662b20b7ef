"""Writing a job's mail and handing it over: at most once, with every state committed before what follows it."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.core.mail.backends.base import BaseEmailBackend
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models.functions import Now

from core.attempt.context import JobContext
from core.attempt.fencing import FencedTransaction
from core.conf import conf
from core.database.jsontext import storable
from core.errors import HeadwayError, LeaseLost, PermanentError
from core.failpoints import failpoint
from core.logs import log
from core.mails.message import message_of, new_message_id
from core.mails.server import left_at
from core.mails.smtp import NotTaken, Unclear, hand_over, new_connection
from core.models import Job, Mail
from core.models.states import TERMINAL
from core.operation import alarms

State = Mail.State

#: States of a mail that certainly nobody has received, so that trying it cannot make a second one.
UNRECEIVED = (State.READY, State.REFUSED)
#: States of a mail whose job has done what it can.
HANDED_OVER = (State.SENT, State.UNSENT)
SUBJECT_LENGTH = 200
#: Seconds between two tries to write down what the server said, while the database is away.
_PAUSE_SECONDS = 0.5


def write(
    ctx: JobContext, *, kind: str, to: str, subject: str, text: str, html: str = "", attachments: tuple[int, ...] = ()
) -> int:
    """Write the job's mail of this kind, `ready`, in the caller's transaction, and return its id.

    A job that starts again has its mail already. One that certainly was not sent is written anew; one that was, or may
    have been, stays as it is: starting the job again is no wish for a second copy.
    """
    written = {
        "to": to,
        "subject": storable(" ".join(subject.split()))[:SUBJECT_LENGTH],
        "text": storable(text),
        "html": storable(html),
        "attachments": list(attachments),
    }
    made = {**written, "message_id": new_message_id(ctx.job_id, kind)}
    mail, is_new = Mail.objects.get_or_create(job_id=ctx.job_id, kind=kind, defaults=made)
    if not is_new:
        Mail.objects.filter(pk=mail.pk, state__in=UNRECEIVED).update(**written)
    return mail.pk


def deliver(ctx: JobContext, mail_id: int) -> Mail:
    """Hand the mail over unless that was done already, and return its row: `sent`, or `unsent` without a server.

    Raise PermanentError when the server refused it or when it may have been sent, NotTaken when it can be tried again.
    """
    mail = Mail.objects.get(pk=mail_id)
    if mail.state in HANDED_OVER:
        return mail
    if mail.state == State.SENDING:
        _settle(ctx, mail, State.UNKNOWN, "The worker was lost while it handed the mail over.")
    if mail.state in (State.SENDING, State.UNKNOWN):
        raise PermanentError(_maybe_sent(mail))
    message = message_of(mail)
    connection = new_connection()
    with FencedTransaction(ctx):
        if not Mail.objects.filter(pk=mail_id, state__in=UNRECEIVED).update(state=State.SENDING, answer=""):
            raise HeadwayError("Somebody else has this mail in hand.")
    failpoint("mail")
    try:
        answer = hand_over(connection, message)
    except NotTaken as refusal:
        _settle(ctx, mail, State.REFUSED if refusal.is_final else State.READY, refusal.words)
        if refusal.is_final:
            raise PermanentError(
                f"The mail server refused the mail to {mail.to}: {refusal.words}. It was not sent."
            ) from refusal
        raise
    except Unclear as error:
        _settle(ctx, mail, State.UNKNOWN, str(error))
        raise PermanentError(_maybe_sent(mail)) from error
    else:
        _settle(ctx, mail, State.UNSENT if left_at(connection) else State.SENT, answer)
    finally:
        _close(connection)
    return Mail.objects.get(pk=mail_id)


def settle_left() -> int:
    """Mark as unknown the mails that ended jobs left `sending`: their last worker was lost. Return how many."""
    left = list(
        Mail.objects.filter(state=State.SENDING, job__state__in=TERMINAL)
        # In the order of the index of such mails: SQLite then reads that, and not all mails there are.
        .order_by("job_id")
        .values_list("pk", "job_id", "kind")[:100]
    )
    counted = 0
    for mail_id, job_id, kind in left:
        changed = Mail.objects.filter(pk=mail_id, state=State.SENDING).update(
            state=State.UNKNOWN, answer="The worker was lost while it handed the mail over."
        )
        if changed:
            counted += 1
            alarms.count(alarms.MAIL_UNKNOWN, kind, job=job_id, mail=mail_id)
    return counted


def _maybe_sent(mail: Mail) -> str:
    return (
        f"The mail to {mail.to} may have been sent: the handing over broke off, and nobody can know whether the mail "
        "server has it. Nothing sends it again by itself. Ask the recipient; the job's page can send it once more."
    )


def _settle(ctx: JobContext, mail: Mail, state: str, answer: str) -> None:
    """Record the state of a mail that was `sending`; raise LeaseLost when another attempt has the job."""

    def write_down() -> None:
        with transaction.atomic():
            # Even if the job is cancelled: the server's answer is a fact all the same.
            own = Job.objects.select_for_update(no_key=True).filter(pk=ctx.job_id, fence=ctx.fence)
            if not list(own.values_list("pk", flat=True)):
                raise LeaseLost(f"job {ctx.job_id} is no longer this attempt's (fence {ctx.fence})")
            Mail.objects.filter(pk=mail.pk, state=State.SENDING).update(
                state=state, answer=storable(answer), sent_at=Now() if state == State.SENT else None
            )

    _patiently(write_down)
    log("mail_settled", mail=mail.pk, job=ctx.job_id, kind=mail.kind, state=state, answer=answer)
    if state == State.UNKNOWN:
        alarms.count(alarms.MAIL_UNKNOWN, mail.kind, job=ctx.job_id, mail=mail.pk)


def _patiently(act: Callable[[], None]) -> None:
    """Run it, again and again while the database is away: a state that is not recorded stays unknown for ever."""
    deadline = time.monotonic() + conf.LEASE_SECONDS
    while True:
        try:
            act()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() + _PAUSE_SECONDS > deadline:
                raise
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _close(connection: BaseEmailBackend) -> None:
    try:
        connection.close()
    except OSError as error:
        # The mail's state is recorded already.
        log("mail_line_unclosed", error=f"{type(error).__name__}: {error}")
