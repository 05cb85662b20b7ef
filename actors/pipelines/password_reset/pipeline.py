"""Mails a link for a new password to each account of an address.

The request that asks for it only stores this job: it takes as long for an address without an account, and a mail server
that is away loses nothing. The link's token is made here and handed over; it is stored nowhere, so nobody who may look
at jobs or mails can log in with it. That is why these mails are not those of the pipeline `mail`, which keeps what it
sends. A mail may come twice when a worker dies; both links work, and the first new password ends the other. When the
connection breaks, so that nobody knows whether it was sent, the job has failed and nothing sends it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.forms import PasswordResetForm
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template import Context, Engine
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from core.addresses import site_address
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.forms import NobodysForm
from core.mails.server import NO_SERVER, left_at
from core.mails.smtp import NotTaken, Unclear, hand_over, new_connection
from core.pipelines import pipeline

#: Accounts of one address that get a mail; there is one, unless they were made before addresses had to differ.
ACCOUNTS = 5

_TEMPLATES = Engine(dirs=[str(Path(__file__).parent / "templates")])


@pipeline(
    title="Mail for a new password",
    form=NobodysForm,
    icon="key",
    retention_days=7,
    max_attempts=8,
    is_listed=False,
    notifies_owner=False,
    role="password_reset",
)
def password_reset(ctx: JobContext, *, address: str = "") -> dict[str, Any]:
    accounts = list(PasswordResetForm().get_users(address))[:ACCOUNTS] if address else []
    left = [place for user in accounts if (place := ctx.step(f"mail to account {user.pk}", _send, user.pk))]
    if left:
        return {"headline": "Not sent", "warning": f"{NO_SERVER}: the mail was {left[0]}."}
    return {"headline": "Sent" if accounts else "No account has this address: nothing was sent"}


def _send(user_id: int) -> str:
    """Send the mail, and return where it was left instead when there is no mail server."""
    user = User.objects.get(pk=user_id)
    context = {
        "username": user.get_username(),
        "address": _address_for(user),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
    }
    message = EmailMultiAlternatives(
        "Your new Headway password",
        _TEMPLATES.get_template("password_reset.txt").render(Context(context, autoescape=False)),
        to=[user.email],
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    message.attach_alternative(_TEMPLATES.get_template("password_reset.html").render(Context(context)), "text/html")
    connection = new_connection()
    try:
        hand_over(connection, message)
    except NotTaken as refusal:
        if refusal.is_final:
            raise PermanentError(str(refusal)) from refusal
        raise
    except Unclear as error:
        # Tried again, it could come once for each try. Who does not get it asks for another one.
        raise PermanentError(
            f"The mail to {user.email} may have been sent: the connection broke before the mail server had "
            "answered. Nothing sends it again by itself; whoever does not get it can ask for another one."
        ) from error
    finally:
        connection.close()
    return left_at(connection)


def _address_for(user: User) -> str:
    """Return the address, under SITE_URL whatever host was asked, at which the person sets a new password."""
    uid, token = urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
    return site_address(reverse("headway:password_reset_confirm", args=[uid, token]))
