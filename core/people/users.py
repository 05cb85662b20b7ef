"""What is asked of a site's user model, whichever it is: any primary key, any name field, an address or none."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import DatabaseError, models, transaction

from core.errors import Refused

#: The account that the site's own jobs and schedules belong to. Nobody can log in as it.
SYSTEM_USERNAME = "headway"


def email_of(user: AbstractBaseUser | AnonymousUser) -> str:
    """Return the person's mail address; empty on a site whose users have none."""
    field = get_user_model().get_email_field_name()
    return str(getattr(user, field, "") or "")


def is_active(user: AbstractBaseUser) -> bool:
    """Return whether the account is active; those of a site whose users can't be made inactive are."""
    return bool(getattr(user, "is_active", True))


def owner_lookup(lookup: str = "") -> str:
    """Return the query name of an owner's name, as `owner__username__iexact` on a site with Django's users."""
    return "__".join(part for part in ("owner", get_user_model().USERNAME_FIELD, lookup) if part)


def system_user() -> Any:
    """Return the account of the site itself; the first call makes it."""
    for number in range(1, 10):
        name = SYSTEM_USERNAME if number == 1 else f"{SYSTEM_USERNAME}-{number}"
        user = _get_or_create(name)
        # A person may have had this name before the site took it: the site's jobs must not become theirs.
        if not user.has_usable_password():
            return user
    raise Refused(f"the names {SYSTEM_USERNAME} to {name} all belong to people")


def _get_or_create(name: str) -> AbstractBaseUser:
    model = get_user_model()
    field = model._meta.get_field(model.USERNAME_FIELD)
    if isinstance(field, models.EmailField):
        name = f"{name}@localhost.invalid"
    defaults: dict[str, object] = {"password": make_password(None)}
    if _has_field(model, "is_active"):
        defaults["is_active"] = False
    try:
        with transaction.atomic():
            user, _ = model._default_manager.get_or_create(**{model.USERNAME_FIELD: name}, defaults=defaults)
    except DatabaseError as error:
        raise ImproperlyConfigured(
            f"The account {name!r}, which the site's own jobs belong to, can't be made: {error}. Make it, without a "
            "password, with the other fields that your user model needs."
        ) from error
    return user


def _has_field(model: type[models.Model], name: str) -> bool:
    try:
        model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    return True
