"""The site's addresses, and a constant view behind the same log-in and token as a submit."""

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path

from frontend.root import urlpatterns as site_patterns
from frontend.site.security import PersonRequest, person_required


@person_required
def constant(request: PersonRequest) -> HttpResponseBase:
    """Answer the same to everybody who has logged in."""
    return HttpResponse("constant")


urlpatterns = [*site_patterns, path("constant/", constant)]
