"""A person's API tokens: made, shown once, and revoked."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from core.errors import Refused
from core.models import ApiToken
from core.people.tokens import make, revoke
from frontend.accounts.forms import TokenForm
from frontend.accounts.pages.settings import settings_page
from frontend.site.answers import answer_act, answer_form, turn_back
from frontend.site.security import PersonRequest, person_required


@require_POST
@person_required
def tokens(request: PersonRequest) -> HttpResponseBase:
    """Make a token and show its text, which is in this answer and nowhere else.

    The same form sent again, as by a browser that loads the page again, makes no second one.
    """
    form = TokenForm(request.user, request.POST)

    def save() -> HttpResponse:
        if not form.is_first():
            sentence = (
                "This token was made before, and is shown only once. Revoke it and make another if you have no copy."
            )
            return turn_back(request, sentence, to=_page())
        values = form.cleaned_data
        token, text = make(request.user, name=values["name"], scope=values["scope"], days=values["days"])
        return render(request, "headway/token_made.html", {"token": token, "text": text})

    def refuse(error: Refused) -> HttpResponse:
        form.add_error(None, str(error))
        return show(422)

    def show(status: int) -> HttpResponse:
        return settings_page(request, token=form, status=status)

    return answer_form(request, form, save=save, show=show, refuse=refuse)


@require_POST
@person_required
def token_revocation(request: PersonRequest, pk: int) -> HttpResponseBase:
    """End a token of one's own for good."""
    token = get_object_or_404(ApiToken.objects.select_related("owner"), pk=pk, owner=request.user)

    def end() -> str:
        if not revoke(token, by=request.user.get_username()):
            raise Refused(f"The token {token} was revoked before.")
        return f"The token {token} is revoked."

    return answer_act(request, end, back=_page())


def _page() -> str:
    return f"{reverse('headway:preferences')}#tokens"
