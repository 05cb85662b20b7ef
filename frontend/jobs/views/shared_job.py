"""The live page of one job for whoever has the link to it, without logging in: to look, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from core.files.links import BadLink, ExpiredLink
from core.models import ShareLink
from core.people import shares
from frontend.jobs.pages.shares import files_of, shared_context, version_of
from frontend.jobs.sending import send_artifact
from frontend.site.answers import is_htmx

P = ParamSpec("P")


def link_required(
    view: Callable[Concatenate[HttpRequest, ShareLink, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, str, P], HttpResponseBase]:
    """Let in whoever has a link that works; answer 404 to what is none, and 410 when its time is over."""

    @wraps(view)
    def guarded(request: HttpRequest, token: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            response = view(request, shares.find(token), *args, **kwargs)
        except BadLink:
            response = _leads_nowhere(request, 404)
        except (ExpiredLink, FileNotFoundError):
            response = _leads_nowhere(request, 410)
        # The address is the key: no cache may keep it, no search engine list it, no other site get it.
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex, nofollow"
        response["Referrer-Policy"] = "no-referrer"
        patch_vary_headers(response, ["HX-Request"])
        return response

    return cast(Callable[Concatenate[HttpRequest, str, P], HttpResponseBase], guarded)


@require_safe
@link_required
def shared_job(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """Show the job."""
    shares.opened(link)
    return render(request, "headway/shared_job.html", shared_context(link))


@require_safe
@link_required
def shared_job_progress(request: HttpRequest, link: ShareLink) -> HttpResponseBase:
    """Answer the page's live region with what is new since `?v=`."""
    if not is_htmx(request):
        return redirect("headway:shared_job", token=shares.token_of(link))
    if request.GET.get("v") == version_of(link.job):
        return HttpResponse(status=204)
    return render(request, "headway/_shared_job.html", shared_context(link))


@require_safe
@link_required
def shared_job_file(request: HttpRequest, link: ShareLink, artifact_pk: int) -> HttpResponseBase:
    """Send a file of the result as an attachment, if the link is one with files."""
    file = next((file for file in files_of(link) if file.pk == artifact_pk), None)
    if file is None:
        raise Http404("this link has no such file")
    return send_artifact(request, file)


def _leads_nowhere(request: HttpRequest, status: int) -> HttpResponse:
    if is_htmx(request):
        # Loading the page again ends the polling, and says that the link is over.
        return HttpResponse(status=status, headers={"HX-Refresh": "true"})
    return render(request, "headway/shared_gone.html", {"status": status}, status=status)
