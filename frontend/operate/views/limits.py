"""Limits and pauses of every pipeline: what they are now, and staff's changes to them."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from core import pipelines
from core.limits import changes
from frontend.operate.pages import limits as limit_pages
from frontend.site.answers import Outcome, answer_act
from frontend.site.security import PersonRequest, of_one_moment, staff_required


@require_safe
@staff_required
@of_one_moment
def limits(request: PersonRequest) -> HttpResponseBase:
    """Show every pipeline with its limits."""
    return render(request, "headway/limits.html", limit_pages.context_of())


@require_POST
@staff_required
def pipeline_pause(request: PersonRequest, name: str) -> HttpResponseBase:
    """Let no job of the pipeline start until somebody resumes it."""
    note = request.POST.get("note", "")
    return _answer(request, name, lambda by: changes.pause(name, by=by, note=note), message="is paused")


@require_POST
@staff_required
def pipeline_resumption(request: PersonRequest, name: str) -> HttpResponseBase:
    """Let the pipeline's jobs start again."""
    return _answer(request, name, lambda by: changes.resume(name, by=by), message="goes on")


@require_POST
@staff_required
def limit_change(request: PersonRequest, name: str, limit: str) -> HttpResponseBase:
    """Set a limit in place of what the code declares."""

    def change(by: str) -> None:
        amount, per_seconds = limit_pages.read_limit(request.POST)
        changes.change(name, limit, amount=amount, per_seconds=per_seconds, by=by)

    return _answer(request, name, change, message="has a new limit; it holds from now on")


@require_POST
@staff_required
def limit_reset(request: PersonRequest, name: str, limit: str) -> HttpResponseBase:
    """Let a limit be again what the code declares."""
    return _answer(
        request,
        name,
        lambda by: changes.reset(name, limit, by=by),
        message="has the limit again that its code declares",
    )


@require_POST
@staff_required
def limit_unblocking(request: PersonRequest, name: str, limit: str) -> HttpResponseBase:
    """Forget that a remote asked to be left alone."""
    value = request.POST.get("value", "")
    return _answer(
        request, name, lambda by: changes.unblock(name, limit, value, by=by), message="waits for it no longer"
    )


def _answer(request: PersonRequest, name: str, act: Callable[[str], None], *, message: str) -> HttpResponseBase:
    spec = pipelines.find(name)
    if spec is None:
        raise Http404(f"There is no pipeline {name!r}.")
    title = spec.title

    def do() -> str:
        act(request.user.get_username())
        return f"{title} {message}."

    def show(outcome: Outcome) -> HttpResponseBase:
        context = limit_pages.context_of_one(name, message=outcome.message, refusal=outcome.refusal)
        return render(request, "headway/_pipeline_limits.html", context)

    return answer_act(request, do, back=f"{reverse('headway:limits')}#pipeline-{name}-limits", region=show)
