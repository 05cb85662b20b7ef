"""The person of a request: the check of the password, and the person with their preferences, in one query."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from core.models import Preferences
from frontend.accounts.login_tries import LogIn
from frontend.accounts.theme import theme_of
from frontend.site.security import PersonRequest

#: The backend that sessions are begun with.
BACKEND = "frontend.accounts.people.PersonBackend"


class PersonBackend(ModelBackend):
    """Checks passwords as often as is allowed, and loads a session's person together with their preferences."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        if request is None or username is None or password is None:
            # A check by code without a request has no place.
            return super().authenticate(request, username, password, **kwargs)
        attempt = LogIn(request, username)
        if not attempt.may_go_on():
            raise PermissionDenied
        user = super().authenticate(request, username, password, **kwargs)
        if user is None:
            attempt.fail()
        else:
            attempt.succeed()
        return user

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


def saved_preferences(request: PersonRequest) -> Preferences:
    """Return the row of the person's preferences; a new one begins with this browser's theme."""
    return Preferences.objects.get_or_create(user=request.user, defaults={"theme": theme_of(request)})[0]
