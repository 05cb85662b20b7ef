"""Schedules: the list, the page of each, and what a person does to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from core.errors import PermanentError, Refused
from core.files import storage
from core.files.uploads import StoredUpload
from core.forms import Entry, open_form
from core.models import Schedule
from core.models.job import Priority
from core.pipelines import Pipeline
from core.schedules import changes
from frontend.forms.pages import priorities, repeats
from frontend.forms.pages.answers import answer_with_form
from frontend.forms.pages.reading import asks_for_priority, unreadable
from frontend.jobs.pages import job as job_pages
from frontend.schedules.pages import schedules as schedule_pages
from frontend.schedules.pages.schedules import Row
from frontend.site.security import PersonRequest, person_required


@require_safe
@person_required
def schedule_list(request: PersonRequest) -> HttpResponseBase:
    """List the person's schedules, the newest first, and those of the code; to htmx the lists alone."""
    search = request.GET.get("q", "").strip()[:200]
    page = Paginator(schedule_pages.listed(request.user, search=search), schedule_pages.PAGE_LENGTH).get_page(
        request.GET.get("page")
    )
    own = list(page)
    every = schedule_pages.rows([*own, *schedule_pages.of_code()], request.user)
    context = {
        "page": page,
        "search": search,
        "rows": every[: len(own)],
        "code_rows": every[len(own) :],
        "ticks": schedule_pages.ticks(),
        "version": schedule_pages.version_of(every),
    }
    return _whole_or_changed(request, context, whole="headway/schedule_list.html", region="headway/_schedules.html")


@require_safe
@person_required
def schedule_preview(request: PersonRequest) -> HttpResponseBase:
    """Say what a cron means and when it comes next, as far as it has been typed."""
    return render(request, "headway/_repeat_preview.html", {"preview": repeats.preview_of(request.GET)})


@require_safe
@person_required
def schedule_detail(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show one schedule with its runs; to htmx what changes by itself."""
    if request.htmx and not schedule_pages.visible_to(request.user).filter(pk=pk).exists():
        # Loading the page again ends the asking, and says that the schedule is gone.
        return HttpResponse(status=404, headers={"HX-Refresh": "true"})
    context = _context(request, _row(request, pk))
    return _whole_or_changed(
        request, context, whole="headway/schedule_detail.html", region="headway/_schedule_regions.html"
    )


@require_POST
@person_required
def schedule_run(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Run the schedule's job now, beside its times."""

    def run(schedule: Schedule) -> str:
        job_id = changes.run_now(schedule, by=request.user.get_username()).job_id
        return f"Job #{job_id} is submitted."

    return _act(request, pk, run, may=lambda row: row.can_run)


@require_POST
@person_required
def schedule_switching(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Switch the schedule on or off, as `to` says: sent twice it is what it was asked to be."""
    wanted = request.POST.get("to", "")
    if wanted not in ("on", "off"):
        return render(request, "400.html", status=400)

    def switch(schedule: Schedule) -> str:
        changes.switch(schedule, is_on=wanted == "on", by=request.user.get_username())
        return f"{Row(schedule, request.user).name} is switched {wanted}."

    return _act(request, pk, switch, may=lambda row: row.can_change)


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def schedule_deletion(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Ask whether the schedule is to be deleted, or delete it. Its jobs stay."""
    row = _row(request, pk)
    if not row.can_change:
        return _back(request, row, "The code declares this schedule: it goes when the code no longer does.")
    if request.method != "POST":
        return render(request, "headway/schedule_deletion.html", {"row": row, "schedule": row.schedule})
    try:
        changes.delete(row.schedule, by=request.user.get_username())
    except Refused as error:
        return _back(request, row, str(error))
    messages.success(request, f"{row.name} is deleted. Its jobs are still there.")
    return HttpResponseRedirect(reverse("schedule_list"))


@csrf_exempt  # the token is in the body, which is read here first; _show_or_save asks for it
@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def schedule_form(request: PersonRequest, pk: int) -> HttpResponseBase:
    """Show the pipeline's form filled with the schedule, or change the schedule to what was filled in."""
    return unreadable(request) or _show_or_save(request, pk)


@csrf_protect
def _show_or_save(request: HttpRequest, pk: int) -> HttpResponseBase:
    # csrf_protect knows plain requests only; the view before has seen that somebody is logged in.
    asked = cast(PersonRequest, request)
    row = _row(asked, pk)
    if not row.can_change:
        return _back(asked, row, "The code declares this schedule, and changes it.")
    if (spec := row.spec) is None:
        return _back(asked, row, f"The pipeline {row.schedule.pipeline} is no longer installed, so its form is gone.")
    if spec.is_for_staff and not asked.user.is_staff:
        return _back(asked, row, f"{spec.title} is for staff.")
    if request.method == "POST":
        return _save(asked, row, _entry(spec, row.schedule, asked))
    entry = _entry(spec, row.schedule)
    return _render_form(asked, row, entry, repeats.of(row.schedule), priority=row.schedule.priority)


def _save(request: PersonRequest, row: Row, entry: Entry) -> HttpResponseBase:
    priority = Priority(row.schedule.priority)
    if asks_for_priority(entry.spec):
        priority = priorities.read(request.POST.get(priorities.FIELD, ""))
    if entry.is_refresh:
        entry.show_anew()
        repeat = repeats.sent(request, is_checked=False, is_all=True)
        return _render_form(request, row, entry, repeat, priority=priority)
    repeat = repeats.sent(request, is_checked=True, is_all=True)
    if entry.is_valid() and repeat.form.is_valid():
        try:
            entry.reschedule(row.schedule, repeat.form, priority=priority, by=request.user.get_username())
        except Refused as error:
            return _back(request, row, str(error))
        except PermanentError as error:
            entry.form.add_error(None, str(error))
        else:
            messages.success(request, "The schedule is changed. Jobs that it made already stay as they are.")
            return _lead_to(request, row)
    entry.keep_uploads()
    return _render_form(request, row, entry, repeat, priority=priority, status=422)


def _entry(spec: Pipeline, schedule: Schedule, request: PersonRequest | None = None) -> Entry:
    """Return the pipeline's form as the schedule fills it in; its files need not be uploaded again."""
    data, files = (request.POST, request.FILES) if request else (None, None)
    entry = open_form(spec, user=schedule.owner, data=data, files=files, initial=schedule.params)
    for name, file in schedule.files.items():
        if name in entry.form.fields and name not in entry.kept and storage.touch(file["path"]):
            entry.kept[name] = StoredUpload(**file)
            entry.form.fields[name].required = False
    return entry


def _render_form(
    request: PersonRequest, row: Row, entry: Entry, repeat: repeats.Repeat, *, priority: int, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = {
        "row": row,
        "schedule": row.schedule,
        "submit_text": "Save changes",
        "back": row.schedule.get_absolute_url(),
        "back_text": "Back to the schedule",
    }
    if asks_for_priority(entry.spec):
        context["priority"] = priorities.name_of(priority)
    return answer_with_form(request, entry, "headway/schedule_form.html", context=context, repeat=repeat, status=status)


def _whole_or_changed(request: PersonRequest, context: dict[str, Any], *, whole: str, region: str) -> HttpResponseBase:
    """Show the page; to htmx its region, or nothing when the page has this version already."""
    if not request.htmx or request.htmx.history_restore_request:
        return render(request, whole, context)
    if request.GET.get("v") == context["version"]:
        return HttpResponse(status=204)
    # The region's links lead to pages, which have no version.
    links = request.GET.copy()
    links.pop("v", None)
    request.GET = links  # type: ignore[assignment]  # a copy is of the class that can be changed
    return render(request, region, context)


def _act(
    request: PersonRequest, pk: int, act: Callable[[Schedule], str], *, may: Callable[[Row], bool]
) -> HttpResponseBase:
    """Do something to a schedule that its page offers this person; answer with where the act came from."""
    row = _row(request, pk)
    said, refusal = "", ""
    if not may(row):
        refusal = "The code declares this schedule: only staff may run it, and nobody can switch it."
        if row.spec is None:
            refusal = f"The pipeline {row.schedule.pipeline} is no longer installed."
    else:
        try:
            said = act(row.schedule)
        except Refused as error:
            refusal = str(error)
    if not request.htmx:
        if refusal:
            messages.warning(request, refusal)
        else:
            messages.success(request, said)
        # Where the button was: a query is one's own page of the list, a name of the schedule its page.
        return HttpResponseRedirect(_origin(request, row))
    fresh = _row(request, pk)
    beside = {"notice": refusal, "said": said, "tells": True}
    if request.POST.get("on") == "list":
        return render(request, "headway/_schedule_row.html", {"row": fresh, "schedule": fresh.schedule, **beside})
    return render(request, "headway/_schedule_regions.html", {**_context(request, fresh), **beside})


def _origin(request: PersonRequest, row: Row) -> str:
    if request.POST.get("on") == "list":
        return f"{reverse('schedule_list')}#schedule-{row.schedule.pk}"
    return row.schedule.get_absolute_url()


def _row(request: PersonRequest, pk: int) -> Row:
    schedule = get_object_or_404(schedule_pages.one(request.user), pk=pk)
    return schedule_pages.rows([schedule], request.user)[0]


def _context(request: PersonRequest, row: Row) -> dict[str, Any]:
    schedule = row.schedule
    runs = Paginator(schedule_pages.runs_of(schedule), schedule_pages.RUNS_LENGTH).get_page(request.GET.get("page"))
    shows_all = request.user.is_staff or schedule.owner_id == request.user.pk
    return {
        "row": row,
        "schedule": schedule,
        "version": schedule_pages.version_of([row]),
        "times": schedule_pages.times_of(schedule),
        "runs": runs,
        "lines": schedule_pages.lines(runs, schedule, request.user),
        # What the code's own schedules are given is not everybody's.
        "parameters": job_pages.parameters_of(schedule_pages.as_job(schedule), request) if shows_all else [],
        "files": schedule_pages.files_of(schedule) if shows_all else [],
    }


def _back(request: PersonRequest, row: Row, refusal: str) -> HttpResponseBase:
    messages.warning(request, refusal)
    return _lead_to(request, row)


def _lead_to(request: PersonRequest, row: Row) -> HttpResponseBase:
    address = row.schedule.get_absolute_url()
    return HttpResponseClientRedirect(address) if request.htmx else HttpResponseRedirect(address)
