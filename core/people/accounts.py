"""Accounts of people, on a site that has Headway's own.

Django allows two accounts with one mail address, and names that differ only in their case. Here names and addresses are
unique without regard to case, checked in the transaction that writes the account. The signals are sent in it too, so
that what they order for a new account (a welcome mail) exists exactly when the account does.
"""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal

from core.database import statements
from core.errors import Refused
from core.people.users import SYSTEM_USERNAME

#: Sent with `user=` when somebody has made an account, in the transaction that saves it.
signed_up = Signal()
#: Sent with `user=` and the address `before=` when an account has got another one, in the transaction that saves it.
address_changed = Signal()


class Taken(Refused):
    """Raised when an account cannot have this name or address because another one has it."""

    def __init__(self, field: str, sentence: str) -> None:
        #: `username` or `email`.
        self.field = field
        super().__init__(sentence)


def sign_up(*, username: str, email: str, password: str) -> User:
    """Make an account that can log in. Raise Taken when another one has its name or its address.

    Whether the name, the address and the password are good ones is the form's to judge.
    """
    username, email = User.normalize_username(username.strip()), User.objects.normalize_email(email.strip())
    with transaction.atomic():
        statements.run("lock_accounts", {})
        if username.casefold() == SYSTEM_USERNAME or _is_taken("username", username, User.objects.all()):
            raise Taken("username", "This name is taken. Choose another one.")
        _refuse_taken(email)
        user = User.objects.create_user(username, email=email, password=password)
        signed_up.send(User, user=user)
    return user


def change_email(user: User, email: str) -> None:
    """Give the account another address; empty takes it away. Raise Taken when another account has it."""
    email = User.objects.normalize_email(email.strip())
    with transaction.atomic():
        statements.run("lock_accounts", {})
        if email:
            _refuse_taken(email, but=user)
        before, user.email = user.email, email
        user.save(update_fields=["email"])
        if before.casefold() != email.casefold():
            address_changed.send(User, user=user, before=before)


def _refuse_taken(email: str, *, but: User | None = None) -> None:
    if _is_taken("email", email, User.objects.exclude(pk=but.pk) if but else User.objects.all()):
        raise Taken("email", "This address can't be used here: another account has it.")


def _is_taken(field: str, text: str, others: QuerySet[User]) -> bool:
    """Whether one of these accounts has it, without regard to case."""
    if others.filter(**{f"{field}__iexact": text}).exists():
        return True
    if text.isascii():
        return False
    # Databases differ in the case of other letters: SQLite ignores it, PostgreSQL goes by its locale.
    candidates = others.filter(**{f"{field}__regex": r"[^\x01-\x7f]"}).values_list(field, flat=True)
    return any(each.casefold() == text.casefold() for each in candidates.iterator())
