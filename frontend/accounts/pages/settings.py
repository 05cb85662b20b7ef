"""The page of a person's settings, with its forms as they are now or as they were sent."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from core.conf import conf
from core.mails.server import place_of_mails
from core.models import ApiToken, Preferences
from core.people.users import email_of
from frontend.accounts import theme
from frontend.accounts.forms import EmailForm, PreferencesForm, TokenForm
from frontend.site import zones
from frontend.site.security import PersonRequest

#: Tokens that the page lists, the newest ones.
LISTED_TOKENS = 100


@dataclass(frozen=True)
class TokenLine:
    """One token as the page lists it."""

    token: ApiToken
    is_working: bool

    @property
    def words(self) -> str:
        if self.is_working:
            return "Works"
        return "Revoked" if self.token.revoked_at else "Expired"

    @property
    def state(self) -> str:
        """The state whose colour and icon it has."""
        return "succeeded" if self.is_working else "cancelled"


def settings_page(
    request: PersonRequest,
    *,
    choices: PreferencesForm | None = None,
    email: EmailForm | None = None,
    token: TokenForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the settings; a form that is given is shown with what was sent and its errors."""
    choices_form = choices or PreferencesForm(instance=_initial_preferences(request))
    context = {
        "choices": choices_form,
        "address": email_of(request.user),
        "sends_mails": not place_of_mails(),
        "email": email or (EmailForm(request.user) if conf.ACCOUNTS else None),
        "zones": zones.suggested(),
        "site_zone": timezone.get_default_timezone_name(),
        "now": dt.datetime.now(dt.UTC),
        "token_form": token or TokenForm(request.user),
        "tokens": _tokens_of(request),
    }
    return render(request, "headway/preferences.html", context, status=status)


def _tokens_of(request: PersonRequest) -> list[TokenLine]:
    """Return the person's tokens: those that work, then those that have ended, the newest first."""
    now = timezone.now()
    lines = [
        TokenLine(token, token.revoked_at is None and (token.expires_at is None or token.expires_at > now))
        for token in ApiToken.objects.filter(owner=request.user)[:LISTED_TOKENS]
    ]
    return sorted(lines, key=lambda line: not line.is_working)


def _initial_preferences(request: PersonRequest) -> Preferences:
    """Return the person's preferences for the form; unsaved when they have never chosen any."""
    initial = zones.preferences_of(request.user)
    if initial._state.adding:
        initial.theme = theme.theme_of(request)
    return initial
