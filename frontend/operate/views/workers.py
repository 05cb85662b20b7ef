"""The workers that are there, the queues they serve, and alarms."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_safe

from frontend.operate.pages import workers as worker_pages
from frontend.site.security import PersonRequest, staff_required


@require_safe
@staff_required
def workers(request: PersonRequest) -> HttpResponseBase:
    """Show workers, queues and alarms; to htmx the region alone, which asks for itself."""
    rows = worker_pages.workers()
    context = {"workers": rows, "queues": worker_pages.queues(rows), "alarms": worker_pages.alarm_counts()}
    return render(request, "headway/_workers.html" if request.htmx else "headway/workers.html", context)
