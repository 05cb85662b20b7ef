"""What the API is: its OpenAPI document, and the page that shows it."""

from __future__ import annotations

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe
from ninja import NinjaAPI

from frontend.api.guard import guarded
from frontend.api.openapi import document_of
from frontend.api.pages.reference import context_of
from frontend.api.problems import Problem
from frontend.site.security import PersonRequest, person_required


@guarded
def openapi(request: HttpRequest, api: NinjaAPI) -> HttpResponseBase:
    """Return the document, the same for everybody: it has nobody's data."""
    if request.method != "GET":
        raise Problem(405, f"{request.method} is not allowed here. Use GET.", allow="GET")
    return JsonResponse(document_of(api))


@require_safe
@person_required
def reference(request: PersonRequest, api: NinjaAPI) -> HttpResponseBase:
    """Show the routes, and the three lines that submit a job, follow it and fetch its file."""
    return render(request, "headway/api.html", context_of(request, document_of(api)))
