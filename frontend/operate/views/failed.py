"""The failed jobs: to search, and to requeue or discard some, a page, or all that match.

GET asks to confirm an act: it shows what the act would do, and to how many jobs. POST carries that number, and is
refused when another number matches by then.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from core.life import dead_letters
from frontend.operate.pages.failed import Choice, FailedList
from frontend.site.answers import answer_act, answer_page, turn_back
from frontend.site.listing import as_id
from frontend.site.security import PersonRequest, of_one_moment, person_required

#: Takes the jobs and the confirmed number, and returns how many jobs were changed.
Act = Callable[[Choice, int], int]


@require_safe
@person_required
@of_one_moment
def failed_list(request: PersonRequest) -> HttpResponseBase:
    """List the failed jobs; to htmx the list alone."""
    failed = FailedList(request, request.GET)
    return answer_page(
        request,
        {"list": failed},
        whole="headway/failed_list.html",
        region="headway/_failed.html",
        address=failed.address(),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def failed_requeue(request: PersonRequest) -> HttpResponseBase:
    """Ask whether these failed jobs are to run again, or run them."""
    from_start = request.POST.get("from") == "start"

    def requeue(choice: Choice, expected: int) -> int:
        return dead_letters.requeue_all(
            request.user,
            choice.among.search,
            ids=choice.ids,
            expected=expected,
            from_start=from_start,
            by=request.user.get_username(),
        )

    return _answer(request, "headway/failed_requeue.html", requeue, done="in the queue again")


@require_http_methods(["GET", "HEAD", "POST"])
@person_required
def failed_discard(request: PersonRequest) -> HttpResponseBase:
    """Ask whether these failed jobs are to be given up, or give them up."""

    def discard(choice: Choice, expected: int) -> int:
        return dead_letters.discard_all(
            request.user, choice.among.search, ids=choice.ids, expected=expected, by=request.user.get_username()
        )

    return _answer(request, "headway/failed_discard.html", discard, done="discarded")


def _answer(request: PersonRequest, template: str, act: Act, *, done: str) -> HttpResponseBase:
    is_sent = request.method == "POST"
    choice = Choice(FailedList(request, request.POST if is_sent else request.GET))
    back = choice.among.address()

    def show(refusal: str) -> HttpResponseBase | None:
        return _confirm(request, template, choice, refusal=refusal) if choice.count else None

    if not is_sent:
        return show("") or turn_back(request, _nothing(choice), to=back)
    expected = as_id(request.POST.get("expected", ""))
    return answer_act(
        request, lambda: _done_sentence(act(choice, expected), done, of=expected), back=back, ask_again=show
    )


def _confirm(request: PersonRequest, template: str, choice: Choice, *, refusal: str) -> HttpResponse:
    context = {
        "choice": choice,
        "list": choice.among,
        "notice": refusal,
        "chose_start": request.POST.get("from") == "start",
    }
    return render(request, template, context, status=409 if refusal else 200)


def _done_sentence(count: int, done: str, *, of: int) -> str:
    jobs = "1 job is" if count == 1 else f"{count:,} jobs are"
    missed = of - count
    if not missed:
        return f"{jobs} {done}."
    return (
        f"{jobs} {done}. {missed:,} could not be: somebody else was quicker, parts are still stopping, or the pipeline "
        "is no longer installed."
    )


def _nothing(choice: Choice) -> str:
    if choice.ids is None or choice.ids:
        return "None of these jobs is a failed one any more."
    return "No job was selected. Tick some, or choose all that match."
