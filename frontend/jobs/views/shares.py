"""Links to a job's live page: made, listed and revoked by who may act on the job."""

from __future__ import annotations

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from core.errors import Refused
from core.models import Job, ShareLink
from core.people import shares
from frontend.jobs.pages.shares import ShareForm, links_of
from frontend.site.answers import Done, answer_act, answer_form
from frontend.site.security import PersonRequest, changeable_or_403, person_required


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def job_shares(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the links to a job, or make one."""
    job = _job(request, pk)
    if request.method != "POST":
        return _page(request, job, ShareForm())
    form = ShareForm(request.POST)

    def save() -> Done:
        values = form.cleaned_data
        link = shares.share(job, by=request.user, days=values["days"], with_files=values["with_files"])
        return Done("The link is made. Copy it, and send it to whom you like.", to=f"{_address(job)}#link-{link.pk}")

    def refuse(error: Refused) -> HttpResponse:
        form.add_error(None, str(error))
        return _page(request, job, form, status=422)

    return answer_form(request, form, save=save, show=lambda status: _page(request, job, form, status), refuse=refuse)


@require_POST
@person_required
def share_revocation(request: PersonRequest, pk: int, link_pk: int) -> HttpResponseBase:
    """End a link to a job for good."""
    job = _job(request, pk)
    link = get_object_or_404(ShareLink.objects.select_related("job"), pk=link_pk, job=job)

    def end() -> str:
        if not shares.revoke(link, by=request.user.get_username()):
            raise Refused("This link was revoked before.")
        return "The link is revoked: it leads nowhere any more."

    return answer_act(request, end, back=_address(job))


def _page(request: PersonRequest, job: Job, form: ShareForm, status: int = 200) -> HttpResponse:
    return render(request, "headway/job_shares.html", {"job": job, "form": form, "links": links_of(job)}, status=status)


def _job(request: PersonRequest, pk: int) -> Job:
    job = get_object_or_404(Job.objects.for_user(request.user).defer("params", "result"), pk=pk)
    return changeable_or_403(job, request.user)


def _address(job: Job) -> str:
    return reverse("headway:job_shares", args=[job.pk])
