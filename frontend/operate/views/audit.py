"""The audit trail: who did what, with the values before and after."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from frontend.operate.pages.audit import Trail
from frontend.site.answers import answer_page
from frontend.site.security import PersonRequest, of_one_moment, staff_required


@require_safe
@staff_required
@of_one_moment
def audit_trail(request: PersonRequest) -> HttpResponseBase:
    """Show the trail; to htmx its lines alone."""
    trail = Trail(request.GET, reverse("headway:audit_trail"))
    return answer_page(
        request,
        {"trail": trail},
        whole="headway/audit_trail.html",
        region="headway/_audit.html",
        address=trail.path + trail.own_query,
    )
