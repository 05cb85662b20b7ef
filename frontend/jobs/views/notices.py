"""The page of notices, the bell's number, and the states of watched jobs for hidden pages."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.middleware import HtmxDetails

from core.database.snapshot import snapshot
from core.life.waiting import note_parts
from core.models import Job
from frontend.accounts.people import saved_preferences
from frontend.jobs.pages import notices as notice_list
from frontend.jobs.pages.job import page_title
from frontend.jobs.pages.notices import NoticeList
from frontend.site.answers import answer_act
from frontend.site.listing import as_id
from frontend.site.security import PersonRequest, of_one_moment, person_required

#: Jobs that one page may watch.
WATCHED = 30


@require_safe
@person_required
def notices(request: PersonRequest) -> HttpResponseBase:
    """Show the jobs that have ended. Unread ones count as read once the page has shown all of them."""
    with snapshot():
        listed = NoticeList(request.user, request.GET)
        count = notice_list.unread_count(request.user)
        are_read_now = listed.has_all_unread and request.method == "GET" and not _is_ahead(request)
        context = {"list": listed, "unread_notices": 0 if are_read_now else count}
        response = render(request, "headway/notices.html", context)
    if are_read_now:
        saved_preferences(request)
        notice_list.mark_read(request.user, listed.jobs[0])
    return response


@require_POST
@person_required
def notices_reading(request: PersonRequest) -> HttpResponseBase:
    """Mark all notices as read."""

    def read() -> None:
        newest = notice_list.ended(request.user).only("pk").first()
        if newest is not None:
            saved_preferences(request)
            notice_list.mark_read(request.user, newest)

    return answer_act(request, read, back=reverse("headway:notices"))


@require_safe
def notices_count(request: HttpRequest) -> HttpResponseBase:
    """Answer with the bell when its number is no longer `?n=`.

    When the session has ended, only the bell changes and says so: a form of the page may be half filled in.
    """
    if request.headers.get("HX-Request") != "true":
        return redirect("headway:notices")
    if not request.user.is_authenticated:
        page = HtmxDetails(request).current_url_abs_path
        return render(request, "headway/_bell_ended.html", {"next": page or ""})
    count = notice_list.unread_count(request.user)
    if str(count) == request.GET.get("n"):
        return HttpResponse(status=204)
    response = render(request, "headway/_bell.html", {"unread": count})
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
@person_required
@of_one_moment
def watched_jobs(request: PersonRequest) -> HttpResponseBase:
    """Return the states of jobs, `?job=7&job=8`: for hidden pages, whose live regions don't request themselves."""
    ids = [as_id(text) for text in request.GET.getlist("job")[:WATCHED]]
    jobs = list(Job.objects.for_user(request.user).filter(pk__in=ids).select_related("progress").brief())
    note_parts(jobs)
    return JsonResponse({"jobs": [_summary(job) for job in jobs]})


def _summary(job: Job) -> dict[str, Any]:
    return {
        "id": job.pk,
        "name": job.title,
        "state": job.state,
        "outcome": job.outcome,
        "word": job.outcome_words,
        "title": page_title(job),
        "is_live": job.is_live,
    }


def _is_ahead(request: PersonRequest) -> bool:
    """Whether the browser only prefetches the page."""
    return "prefetch" in request.headers.get("Sec-Purpose", request.headers.get("Purpose", ""))
