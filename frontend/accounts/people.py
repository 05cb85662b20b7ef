"""Who a request is from: the person with their preferences, in one query."""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from core.models import Preferences
from frontend.accounts.theme import theme_of
from frontend.site.security import PersonRequest

#: The backend that sessions are begun with.
BACKEND = "frontend.accounts.people.PersonBackend"


class PersonBackend(ModelBackend):
    """Finds a session's person together with their preferences, as each page needs both."""

    def get_user(self, user_id: int) -> User | None:
        user = User.objects.select_related("preferences").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None


def kept_preferences(request: PersonRequest) -> Preferences:
    """Return the row with the person's preferences, made now if there was none; it begins with what this page has."""
    return Preferences.objects.get_or_create(user=request.user, defaults={"theme": theme_of(request)})[0]
