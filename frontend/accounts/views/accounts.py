"""Coming and going: sign up, log in, and a new password.

No answer here shows a stranger which addresses have accounts, with one exception: who signs up with a taken address is
told so, as they could not go on otherwise. How often one place may try is limited.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as django_views
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from core.conf import conf
from core.mails.server import place_of_mails
from core.people.accounts import Taken, sign_up
from core.people.tries import may_try
from frontend.accounts.forms import ResetForm, SignUpForm
from frontend.accounts.login_tries import forgive, may_confirm
from frontend.accounts.people import BACKEND
from frontend.site.addresses import address_of
from frontend.site.answers import Done, answer_form
from frontend.site.errors import refused
from frontend.site.security import person_required

#: Forms that one place may send within an hour, of each kind.
TRIES_PER_HOUR = 20
#: Seconds after which to try again: one of those is allowed again by then.
_RETRY_SECONDS = 3600 / TRIES_PER_HOUR


class LogInView(django_views.LoginView):
    """Logs in, and says where to go without an account or a password."""

    template_name = "headway/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"can_sign_up": conf.SIGN_UP}


@never_cache
@sensitive_post_parameters()
def sign_up_page(request: HttpRequest) -> HttpResponseBase:
    """Make an account, log in, and go on to where the person wanted to go."""
    if not conf.SIGN_UP:
        raise Http404("signing up is switched off")
    after = _safe(request, request.POST.get("next", request.GET.get("next", "")))
    if request.user.is_authenticated:
        return redirect(after or settings.LOGIN_REDIRECT_URL)
    if request.method != "POST":
        return render(request, "headway/sign_up.html", {"form": SignUpForm(), "next": after})
    if not may_try("sign_up", address_of(request), amount=TRIES_PER_HOUR, per_seconds=3600):
        return _too_often(request)
    form = SignUpForm(request.POST)

    def save() -> Done:
        cleaned = form.cleaned_data
        try:
            user = sign_up(username=cleaned["username"], email=cleaned["email"], password=cleaned["password1"])
        except Taken as error:
            raise ValidationError({error.field: str(error)}) from error
        login(request, user, backend=BACKEND)
        welcome = f"Welcome, {user.get_username()}. Choose something under Start to begin."
        return Done(welcome, to=after or resolve_url(settings.LOGIN_REDIRECT_URL))

    def show(status: int) -> HttpResponse:
        return render(request, "headway/sign_up.html", {"form": form, "next": after}, status=status)

    return answer_form(request, form, save=save, show=show)


class PasswordChangeView(django_views.PasswordChangeView):
    """Sets a new password for a person who knows the old one. All their other sessions end."""

    template_name = "headway/password_change.html"
    success_url = reverse_lazy("headway:preferences")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_confirm(request.user):  # type: ignore[arg-type]  # who is not logged in never gets here
            return _too_often(request)
        return super().post(request, *args, **kwargs)

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password is changed. You are logged out everywhere else.")
        return super().form_valid(form)


#: Guarded as the other pages of a person are.
password_change = person_required(PasswordChangeView.as_view())


class PasswordResetView(django_views.PasswordResetView):
    """Orders a mail with a link for a new password; the answer is the same for every address."""

    template_name = "headway/password_reset.html"
    form_class = ResetForm
    success_url = reverse_lazy("headway:password_reset_done")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not may_try("reset_place", address_of(request), amount=TRIES_PER_HOUR, per_seconds=3600):
            return _too_often(request)
        return super().post(request, *args, **kwargs)


class PasswordResetDoneView(django_views.PasswordResetDoneView):
    template_name = "headway/password_reset_done.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        return super().get_context_data(**kwargs) | {"hours": hours, "sends_mails": not place_of_mails()}


@method_decorator(never_cache, name="dispatch")
class PasswordResetConfirmView(django_views.PasswordResetConfirmView):
    """Sets a new password for a person with the mailed link. Their sessions end; wrong passwords are forgiven."""

    template_name = "headway/password_reset_confirm.html"
    success_url = reverse_lazy("headway:login")

    def form_valid(self, form: SetPasswordForm[User]) -> HttpResponse:
        response = super().form_valid(form)
        forgive(self.request, form.user)
        messages.success(self.request, "Your new password is set. Log in with it.")
        return response


def _safe(request: HttpRequest, address: str) -> str:
    """Return the address of this site to go on to; empty for any other."""
    is_ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if is_ours else ""


def _too_often(request: HttpRequest) -> HttpResponse:
    return refused(request, 429, "This was tried too often from here. Wait a while.", retry_after=_RETRY_SECONDS)
