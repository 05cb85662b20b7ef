"""Webhooks of the person who asks: the page of each with the log of its calls, and the acts on one."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core.errors import Refused
from core.life import requests
from core.models import Job, Webhook
from core.webhooks import changes
from frontend.site.answers import Done, answer_act, answer_form, answer_page, turn_back
from frontend.site.errors import bad_request
from frontend.site.security import PersonRequest, person_required
from frontend.webhooks.forms import WebhookForm
from frontend.webhooks.pages import webhooks as pages


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def webhook_making(request: PersonRequest) -> HttpResponseBase:
    """Show the form of a new webhook, or make it and lead to its secret."""
    form = WebhookForm(request.user, _sent(request), schedule=request.GET.get("schedule", "")[:18])
    if request.method != "POST":
        return _form_page(request, form)

    def save() -> Done:
        webhook, _ = changes.make(request.user, **form.wanted)
        to = reverse("headway:webhook_secret", args=[webhook.pk])
        return Done("Your webhook is made. Give its secret to the receiver.", to=to)

    return _answer_form(request, form, save)


@require_safe
@person_required
def webhook_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one webhook with the log of its calls; to htmx what changes by itself."""
    webhook = pages.of(request.user).filter(pk=pk).first()
    if request.htmx and webhook is None:
        # Loading the page again ends the polling, and says that the webhook is gone.
        return HttpResponse(status=404, headers={"HX-Refresh": "true"})
    webhook = get_object_or_404(pages.of(request.user), pk=pk)
    calls = pages.CallList(request, webhook)
    context = {"row": pages.Row(webhook), "webhook": webhook, "calls": calls, "version": calls.version}
    return answer_page(
        request,
        context,
        whole="headway/webhook_detail.html",
        region="headway/_webhook_regions.html",
        version=calls.version,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def webhook_form(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the form filled with the webhook, or change the webhook to what was filled in."""
    webhook = _own(request, pk)
    form = WebhookForm(request.user, _sent(request), webhook=webhook)
    if request.method != "POST":
        return _form_page(request, form, webhook)

    def save() -> Done:
        changes.edit(webhook, **form.wanted, by=request.user.get_username())
        return Done("The webhook is changed.", to=webhook.get_absolute_url())

    return _answer_form(request, form, save, webhook)


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def webhook_secret(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the webhook's secret, or give it another one and show that."""
    webhook = _own(request, pk)
    here = reverse("headway:webhook_secret", args=[pk])
    if request.method == "POST":

        def rotate() -> str:
            changes.rotate(webhook, by=request.user.get_username())
            return "This is the new secret. For a day, calls are signed with the former one as well."

        return answer_act(request, rotate, back=here)
    secret, fault = pages.secret_of(webhook)
    context = {"row": pages.Row(webhook), "webhook": webhook, "secret": secret, "fault": fault}
    return render(request, "headway/webhook_secret.html", context)


@require_POST
@person_required
def webhook_test(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Call the webhook once with a test event."""

    def send(webhook: Webhook) -> str:
        changes.send_test(webhook, by=request.user.get_username())
        return "A test is on its way. Its answer appears in the log."

    return _answer(request, pk, send)


@require_POST
@person_required
def webhook_switching(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Pause or resume the webhook, as `to` says: sent twice, it has no further effect."""
    wanted = request.POST.get("to", "")
    if wanted not in ("on", "off"):
        return bad_request(request)

    def switch(webhook: Webhook) -> str:
        act = changes.resume if wanted == "on" else changes.pause
        act(webhook, by=request.user.get_username())
        return "The webhook is called again." if wanted == "on" else "The webhook is paused."

    return _answer(request, pk, switch)


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def webhook_deletion(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Ask whether the webhook is to be deleted, or delete it with its log."""
    webhook = _own(request, pk)
    if request.method != "POST":
        return render(request, "headway/webhook_deletion.html", {"row": pages.Row(webhook), "webhook": webhook})

    def delete() -> Done:
        changes.delete(webhook, by=request.user.get_username())
        return Done("The webhook is deleted.", to=_list())

    return answer_act(request, delete, back=_list())


@require_POST
@person_required
def webhook_sending(request: PersonRequest, pk: int, job: int) -> HttpResponseBase:
    """Send again what a delivery that has failed did not deliver: the same message with the same id."""

    def send(webhook: Webhook) -> str:
        delivery = Job.objects.changeable_by(request.user).filter(pk=job, pk__in=webhook.calls.values("job")).first()
        if delivery is None:
            raise Refused("This delivery is no longer kept.")
        requests.retry(delivery, by=request.user.get_username())
        return "It is sent again. The answer appears in the log."

    return _answer(request, pk, send)


def _sent(request: PersonRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _answer(request: PersonRequest, pk: int, act: Callable[[Webhook], str]) -> HttpResponseBase:
    webhook = _own(request, pk)
    return answer_act(request, lambda: act(webhook), back=webhook.get_absolute_url())


def _answer_form(
    request: PersonRequest, form: WebhookForm, save: Callable[[], Done], webhook: Webhook | None = None
) -> HttpResponseBase:
    return answer_form(
        request,
        form,
        save=save,
        show=lambda status: _form_page(request, form, webhook, status=status),
        refuse=lambda error: turn_back(request, str(error), to=_list()),
    )


def _form_page(
    request: PersonRequest, form: WebhookForm, webhook: Webhook | None = None, *, status: int = 200
) -> HttpResponse:
    back = webhook.get_absolute_url() if webhook else _list()
    return render(request, "headway/webhook_form.html", {"form": form, "webhook": webhook, "back": back}, status=status)


def _own(request: PersonRequest, pk: int) -> Webhook:
    return get_object_or_404(pages.of(request.user), pk=pk)


def _list() -> str:
    return f"{reverse('headway:preferences')}#webhooks"
