"""The welcome mail: ordered in the transaction that saves the account, so that neither is there without the other."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from core.mails.orders import is_address, order

KEY = "welcome"


def order_welcome(*, user: User, **_: Any) -> None:
    """Order the welcome mail of a new account; receives `core.accounts.signed_up`."""
    if is_address(user.email):
        context = {"username": user.get_username()}
        order("welcome", to=user.email, owner_id=user.pk, context=context, key=KEY)
