"""Jobs on a host's own pages, by two tags, and one for the page's head.

    {% load headway %}
    <head>… {% headway_assets %} </head>
    {% job_progress job %}
    {% jobs_for order %}

Each shows what the person of the request may see, and nothing of what they may not. docs/pages.md has the how-to.
"""

from __future__ import annotations

from typing import Any

from django import template
from django.core.exceptions import ImproperlyConfigured
from django.db.models import Model
from django.http import HttpRequest
from django.template.context import Context
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from core.models import Job
from frontend.jobs.pages.embedded import LISTED, live_job, live_jobs_about
from frontend.jobs.pages.job import ICONS
from frontend.site import icons, zones

register = template.Library()


@register.simple_tag(takes_context=True)
def headway_assets(context: Context, *, htmx: bool = True) -> SafeString:
    """Return the style sheets and scripts of the tags, for the head; with `htmx=False` without htmx itself."""
    match = _request_of(context).resolver_match
    if match is not None and "headway" in match.app_names:
        # A page of Headway's own inside the host's has all of it already.
        return SafeString()
    return render_to_string("headway/embedded/_assets.html", {"has_htmx": htmx})


@register.simple_tag(takes_context=True)
def job_progress(context: Context, job: Job | None) -> SafeString:
    """Return the part of a page that follows one job, or nothing if the person may not see it."""
    request = _request_of(context)
    live = live_job(request.user, job.pk) if job is not None and request.user.is_authenticated else None
    return _part(request, "headway/embedded/job.html", live.context) if live else SafeString()


@register.simple_tag(takes_context=True)
def jobs_for(context: Context, subject: Model | None, *, most: int = LISTED) -> SafeString:
    """Return the part of a page that lists the jobs about an object, or nothing if the person may see none."""
    request = _request_of(context)
    if subject is None or not request.user.is_authenticated:
        return SafeString()
    live = live_jobs_about(request.user, subject, most=most)
    return _part(request, "headway/embedded/jobs.html", live.context) if live.jobs else SafeString()


@register.simple_tag
def state_mark(job: Job) -> SafeString:
    """Return the icon of the job's state, drawn in place: a host's page has none to refer to."""
    drawing = mark_safe(icons.ICONS[ICONS.get(job.outcome, "circle")])  # noqa: S308 - our own file's
    return format_html(
        '<svg class="headway-mark" viewBox="0 0 24 24" aria-hidden="true" focusable="false">{}</svg>', drawing
    )


def _part(request: HttpRequest, name: str, context: dict[str, Any]) -> SafeString:
    zone = zones.zone_of(request.user) or timezone.get_default_timezone()
    # As the answers have it that take the part's place.
    with timezone.override(zone):
        return render_to_string("headway/embedded/_part.html", {**context, "template": name}, request=request)


def _request_of(context: Context) -> HttpRequest:
    request = context.get("request")
    if not isinstance(request, HttpRequest):
        raise ImproperlyConfigured(
            "Headway's tags need the request: render the page with it, and have "
            "django.template.context_processors.request among the context processors."
        )
    return request
