"""Schedules: the list, the page of each, and the acts of a person on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from core import policy
from core.errors import Refused
from core.forms import Entry, open_form
from core.models import Schedule, Webhook
from core.models.job import Priority
from core.pipelines import Pipeline
from core.schedules import changes, entries
from frontend.forms.pages import priorities, repeats
from frontend.forms.pages.answers import FormPage
from frontend.forms.pages.reading import asks_for_priority, unreadable
from frontend.schedules.pages import detail as detail_pages
from frontend.schedules.pages import list as list_pages
from frontend.schedules.pages import schedules as schedule_pages
from frontend.schedules.pages.schedules import Row
from frontend.site.answers import Done, Outcome, answer_act, answer_page, turn_back
from frontend.site.errors import bad_request
from frontend.site.security import PersonRequest, of_one_moment, person_required


@require_safe
@person_required
@of_one_moment
def schedule_list(request: PersonRequest) -> HttpResponseBase:
    """List the person's schedules, the newest first, and those of the code; to htmx the lists alone."""
    context = list_pages.context_of(request)
    return answer_page(
        request,
        context,
        whole="headway/schedule_list.html",
        region="headway/_schedules.html",
        version=context["version"],
    )


@require_safe
@person_required
def schedule_preview(request: PersonRequest) -> HttpResponseBase:
    """Answer with the meaning and the next times of a cron while it is typed."""
    return render(request, "headway/_repeat_preview.html", {"preview": repeats.preview_of(request.GET)})


@require_safe
@person_required
@of_one_moment
def schedule_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one schedule with its runs; to htmx what changes by itself."""
    if request.htmx and not schedule_pages.visible_to(request.user).filter(pk=pk).exists():
        # Loading the page again ends the polling, and says that the schedule is gone.
        return HttpResponse(status=404, headers={"HX-Refresh": "true"})
    context = detail_pages.context_of(request, _row(request, pk))
    return answer_page(
        request,
        context,
        whole="headway/schedule_detail.html",
        region="headway/_schedule_regions.html",
        version=context["version"],
    )


@require_POST
@person_required
def schedule_run(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Run the schedule's job now, beside its times."""

    def run(row: Row) -> str:
        _refuse_unless(row, row.can_run)
        job_id = changes.run_now(row.schedule, by=request.user.get_username()).job_id
        return f"Job #{job_id} is submitted."

    return _answer(request, pk, run)


@require_POST
@person_required
def schedule_switching(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Switch the schedule on or off, as `to` says: sent twice, it has no further effect."""
    wanted = request.POST.get("to", "")
    if wanted not in ("on", "off"):
        return bad_request(request)

    def switch(row: Row) -> str:
        _refuse_unless(row, row.can_change)
        changes.switch(row.schedule, is_on=wanted == "on", by=request.user.get_username())
        return f"{row.name} is switched {wanted}."

    return _answer(request, pk, switch)


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def schedule_deletion(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Ask whether the schedule is to be deleted, or delete it. Its jobs stay."""
    row = _row(request, pk)
    back = row.schedule.get_absolute_url()
    if not row.can_change:
        return turn_back(request, "The code declares this schedule: it goes when the code no longer does.", to=back)
    if request.method != "POST":
        webhooks = Webhook.objects.filter(schedule=row.schedule).count()
        context = {"row": row, "schedule": row.schedule, "webhooks": webhooks}
        return render(request, "headway/schedule_deletion.html", context)

    def delete() -> Done:
        changes.delete(row.schedule, by=request.user.get_username())
        return Done(f"{row.name} is deleted. Its jobs are still there.", to=reverse("headway:schedule_list"))

    return answer_act(request, delete, back=back)


@csrf_exempt  # the token is in the body, which is read here first; _show_or_save asks for it
@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def schedule_form(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the pipeline's form filled with the schedule, or change the schedule to what was filled in."""
    return unreadable(request) or _show_or_save(request, pk)


@csrf_protect
def _show_or_save(request: HttpRequest, pk: int) -> HttpResponseBase:
    # csrf_protect knows plain requests only; the view before has seen that somebody is logged in.
    person_request = cast(PersonRequest, request)
    row = _row(person_request, pk)
    schedule, spec, back = row.schedule, row.spec, row.schedule.get_absolute_url()
    if not row.can_change:
        return turn_back(person_request, "The code declares this schedule, and changes it.", to=back)
    if spec is None:
        gone = f"The pipeline {schedule.pipeline} is no longer installed, so its form is gone."
        return turn_back(person_request, gone, to=back)
    if spec.is_for_staff and not policy.operates(person_request.user):
        return turn_back(person_request, f"{spec.title} is for staff.", to=back)
    is_sent = request.method == "POST"
    entry = _entry(spec, schedule, person_request if is_sent else None)
    repeat = repeats.of(schedule)
    priority = Priority(schedule.priority)
    if is_sent:
        repeat = repeats.sent(person_request, is_checked=not entry.is_refresh, is_all=True)
        if asks_for_priority(spec):
            priority = priorities.read(person_request.POST.get(priorities.FIELD, ""))
    context: dict[str, Any] = {
        "row": row,
        "schedule": schedule,
        "submit_text": "Save changes",
        "back": back,
        "back_text": "Back to the schedule",
    }
    if asks_for_priority(spec):
        context["priority"] = priorities.name_of(priority)

    def save() -> Done:
        by = person_request.user.get_username()
        entries.edit(schedule, entry, repeat.form, priority=priority, by=by)
        return Done("The schedule is changed. Jobs that it made already stay as they are.", to=back)

    page = FormPage(
        person_request, entry, "headway/schedule_form.html", context=context, repeat=lambda: repeat, saves_repeat=True
    )
    return page.answer(save, refuse=lambda error: turn_back(person_request, str(error), to=back))


def _entry(spec: Pipeline, schedule: Schedule, request: PersonRequest | None = None) -> Entry:
    """Return the pipeline's form as the schedule fills it in; its files need not be uploaded again."""
    data, files = (request.POST, request.FILES) if request else (None, None)
    return open_form(spec, user=schedule.owner, data=data, files=files, schedule=schedule, keeps_secrets=True)


def _answer(request: PersonRequest, pk: int, act: Callable[[Row], str]) -> HttpResponseBase:
    """Act on a schedule; answer with the region in which the button was."""
    row = _row(request, pk)
    is_on_list = request.POST.get("on") == "list"

    def show(outcome: Outcome) -> HttpResponseBase:
        fresh = _row(request, pk)
        beside = {"notice": outcome.refusal, "message": outcome.message, "has_message": True}
        if is_on_list:
            return render(request, "headway/_schedule_row.html", {"row": fresh, "schedule": fresh.schedule, **beside})
        return render(request, "headway/_schedule_regions.html", {**detail_pages.context_of(request, fresh), **beside})

    # The place of the button: the schedule's line in the list, or its page.
    back = f"{reverse('headway:schedule_list')}{row.anchor}" if is_on_list else row.schedule.get_absolute_url()
    return answer_act(request, lambda: act(row), back=back, region=show)


def _refuse_unless(row: Row, may: bool) -> None:
    """Raise Refused when the schedule's page does not offer an act to this person."""
    if may:
        return
    if row.spec is None:
        raise Refused(f"The pipeline {row.schedule.pipeline} is no longer installed.")
    raise Refused("The code declares this schedule: only staff may run it, and nobody can switch it.")


def _row(request: PersonRequest, pk: int) -> Row:
    schedule = get_object_or_404(schedule_pages.one(request.user), pk=pk)
    return schedule_pages.rows([schedule], request.user)[0]
