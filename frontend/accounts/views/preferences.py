"""A person's own settings: how pages look, which notifications they get, and their account."""

from __future__ import annotations

from django.contrib.auth import logout
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.database.clock import database_now
from core.mails import mailed_from, order_pending_mails
from core.models import Preferences
from core.people.accounts import Taken, change_email
from frontend.accounts import theme
from frontend.accounts.forms import EmailForm, PreferencesForm
from frontend.accounts.login_tries import may_confirm
from frontend.accounts.pages.settings import settings_page
from frontend.accounts.people import saved_preferences
from frontend.site.answers import Done, answer_act, answer_form
from frontend.site.errors import refused
from frontend.site.security import PersonRequest, person_required

_MAIL_CHOICES = ("mail_when_done", "mail_when_failed")


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def preferences(request: PersonRequest) -> HttpResponseBase:
    """Show the settings, or save what was chosen."""
    if request.method != "POST":
        return settings_page(request)
    saved = saved_preferences(request)
    wished = [name for name in _MAIL_CHOICES if getattr(saved, name)]
    form = PreferencesForm(request.POST, instance=saved)

    def save() -> Done:
        changed = list(form.fields)
        if any(form.cleaned_data[name] for name in _MAIL_CHOICES if name not in wished):
            # For jobs that have ended by now only the choices up to now count.
            if wished:
                order_pending_mails(saved.pk)
            saved.mailed_until = mailed_from()
            changed.append("mailed_until")
        saved.save(update_fields=changed)
        return Done("Your settings are kept.", to=reverse("headway:preferences"))

    response = answer_form(
        request, form, save=save, show=lambda status: settings_page(request, choices=form, status=status)
    )
    if form.is_valid():
        theme.keep_in_browser(request, response, saved.theme)
    return response


@require_POST
@sensitive_post_parameters()
@person_required
def preferences_email(request: PersonRequest) -> HttpResponseBase:
    """Give the account another address; it takes the account's password."""
    if not may_confirm(request.user):
        return refused(request, 429, "The password was tried too often. Wait a while.", retry_after=_MINUTE)
    form = EmailForm(request.user, request.POST)

    def save() -> Done:
        try:
            change_email(request.user, form.cleaned_data["email"])
        except Taken as error:
            raise ValidationError({"email": str(error)}) from error
        if not request.user.email:
            off = dict.fromkeys(_MAIL_CHOICES, False)
            Preferences.objects.filter(user=request.user).update(**off)
        message = "Your address is changed." if request.user.email else "Your address is gone."
        return Done(message, to=reverse("headway:preferences"))

    return answer_form(request, form, save=save, show=lambda status: settings_page(request, email=form, status=status))


@require_POST
@person_required
def preferences_sessions(request: PersonRequest) -> HttpResponseBase:
    """Log out everywhere, here too."""

    def end() -> str:
        saved = saved_preferences(request)
        saved.sessions_since = database_now()
        saved.save(update_fields=["sessions_since"])
        logout(request)
        return "You are logged out everywhere."

    return answer_act(request, end, back=reverse("headway:login"))


@require_POST
@person_required
def browser_notices(request: PersonRequest) -> HttpResponseBase:
    """Switch on the browser's notifications: the person has just allowed them to the page."""
    saved = saved_preferences(request)
    saved.browser_notices = True
    saved.save(update_fields=["browser_notices"])
    if request.htmx or request.headers.get("Sec-Fetch-Mode") not in (None, "navigate"):
        return HttpResponse(status=204)
    return redirect("headway:preferences")


#: Seconds.
_MINUTE = 60.0
