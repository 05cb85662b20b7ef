"""The mails about an account: ordered in the transaction that changes it, so that both happen or neither."""

from __future__ import annotations

import secrets
from typing import Any

from django.contrib.auth.models import AbstractBaseUser

from core.mails.orders import is_address, order
from core.people.users import email_of

KEY = "welcome"


def order_welcome(*, user: AbstractBaseUser, **_: Any) -> None:
    """Order the welcome mail of a new account; receives `core.people.accounts.signed_up`."""
    if is_address(address := email_of(user)):
        context = {"username": user.get_username()}
        order("welcome", to=address, owner_id=user.pk, context=context, key=KEY)


def order_address_changed(*, user: AbstractBaseUser, before: str, **_: Any) -> None:
    """Order the mail to an account's former address; receives `core.people.accounts.address_changed`."""
    if is_address(before):
        context = {"username": user.get_username()}
        key = f"address-changed-{secrets.token_hex(8)}"
        order("address_changed", to=before, owner_id=user.pk, context=context, key=key)
