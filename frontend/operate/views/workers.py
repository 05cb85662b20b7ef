"""The workers that are there, the queues they serve, and alarms."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from frontend.operate.pages import workers as worker_pages
from frontend.site.answers import answer_page
from frontend.site.security import PersonRequest, of_one_moment, staff_required


@require_safe
@staff_required
@of_one_moment
def workers(request: PersonRequest) -> HttpResponseBase:
    """Show workers, queues and alarms; to htmx the region alone, which requests itself."""
    context = worker_pages.context_of()
    return answer_page(request, context, whole="headway/workers.html", region="headway/_workers.html")
