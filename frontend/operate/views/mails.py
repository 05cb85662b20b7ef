"""Mails: the list for staff, and sending one again that may have been sent."""

from __future__ import annotations

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from core.errors import Refused
from core.mails.requests import can_send_again, send_again
from core.mails.server import place_of_mails
from core.models import Job, Mail
from frontend.jobs.pages.mails import MailEntry, MailList
from frontend.site.answers import answer_act
from frontend.site.security import PersonRequest, of_one_moment, person_required, staff_required


@require_safe
@staff_required
@of_one_moment
def mails(request: PersonRequest) -> HttpResponseBase:
    """List the mails, those first that may have been sent."""
    context = {"list": MailList(request.GET, reverse("headway:mails")), "place_of_mails": place_of_mails()}
    return render(request, "headway/mails.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def mail_sending(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Ask whether a mail that may have been sent is to be sent again, or send it."""
    own = Mail.objects.filter(job__in=Job.objects.changeable_by(request.user)).select_related("job", "job__owner")
    mail = get_object_or_404(own, pk=pk)
    if request.method != "POST" and can_send_again(mail):
        return render(request, "headway/mail_sending.html", {"entry": MailEntry(mail), "mail": mail, "job": mail.job})

    def send() -> str:
        if request.method != "POST":
            raise Refused(f"This mail is not one that may have been sent: {mail.get_state_display().lower()}.")
        send_again(mail, by=request.user.get_username())
        return f"The mail to {mail.to} is sent again."

    return answer_act(request, send, back=mail.job.get_absolute_url())
