"""The audit trail: who did what, and what was there before and after."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import replace_url

from frontend.operate.pages.audit import Trail
from frontend.site.security import PersonRequest, staff_required


@require_safe
@staff_required
def audit_trail(request: PersonRequest) -> HttpResponseBase:
    """Show the trail; to htmx its lines alone."""
    trail = Trail(request.GET)
    if not request.htmx or request.htmx.history_restore_request:
        return render(request, "headway/audit_trail.html", {"trail": trail})
    response = render(request, "headway/_audit.html", {"trail": trail})
    return replace_url(response, f"{reverse('audit_trail')}?{request.GET.urlencode()}")
