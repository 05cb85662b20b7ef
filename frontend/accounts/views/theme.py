"""A choice of light, dark, or as the system says."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from core.models import Preferences
from frontend.accounts.theme import CHOICES, keep_in_browser


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme and go back to where the person was."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    response = HttpResponseRedirect(back)
    chosen = request.POST.get("theme")
    if chosen in CHOICES:
        if request.user.is_authenticated:
            Preferences.objects.update_or_create(user=request.user, defaults={"theme": chosen})
        keep_in_browser(request, response, chosen)
    return response
