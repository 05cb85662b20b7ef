"""What calls are signed with, as https://www.standardwebhooks.com has it. Kept encrypted, shown to the owner alone."""

from __future__ import annotations

import base64
import secrets
from contextlib import suppress

from cryptography.fernet import InvalidToken

from core.database.clock import database_now
from core.errors import PermanentError
from core.models import Webhook
from core.pipelines.secrets import opened

#: Begins a secret, as the specification has it.
PREFIX = "whsec_"
#: The specification has 24 to 64.
RANDOM_BYTES = 32


def new_secret() -> str:
    """Return a secret that nobody has had: `whsec_` and random bytes in base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(RANDOM_BYTES)).decode()


def secret_of(webhook: Webhook) -> str:
    """Return the webhook's secret; raise PermanentError where none of the site's keys opens it."""
    try:
        return str(opened(webhook.secret))
    except InvalidToken:
        raise PermanentError(
            "The webhook's secret can't be read any more: the site's secret key has changed. Make another one on the "
            "webhook's page, and give it to the receiver."
        ) from None


def secrets_of(webhook: Webhook) -> list[str]:
    """Return what a call is signed with: the secret, and while receivers change over also the one before it."""
    signing = [secret_of(webhook)]
    if webhook.old_secret and webhook.old_secret_until is not None and webhook.old_secret_until > database_now():
        with suppress(InvalidToken):
            signing.append(str(opened(webhook.old_secret)))
    return signing
