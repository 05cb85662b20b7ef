"""Answers of views: a page or its region, the result of an act, a form with its errors.

1. A page answers htmx with the region that it swaps, or 204 when the page has that version; everybody else, and htmx
   when it restores its history, with the whole page.
2. An act is done, or refused with a sentence. htmx gets the region that shows it; without htmx the sentence is a
   message on the page that the person goes back to.
3. A form that was sent is saved and leads on, or is shown again with what is wrong and 422.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRedirect, replace_url

from core.errors import PermanentError, Refused


@dataclass(frozen=True)
class Done:
    """The result of an act or a saved form: its message, and the page to go to; without one, where the person was."""

    message: str = ""
    to: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of an act for its region: a message or a refusal, or neither."""

    message: str = ""
    refusal: str = ""


def is_htmx(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def answer_page(
    request: HttpRequest,
    context: Mapping[str, Any],
    *,
    whole: str,
    region: str,
    version: str = "",
    address: str = "",
) -> HttpResponseBase:
    """Show a page, to htmx its region. `version` is what `?v=` is compared with; `address` replaces the browser's."""
    if not is_htmx(request) or request.headers.get("HX-History-Restore-Request") == "true":
        return render(request, whole, context)
    asks_for_news = "v" in request.GET
    if version and request.GET.get("v") == version:
        return HttpResponse(status=204)
    response = render(request, region, context)
    # A page that polls does not change the browser's address.
    return replace_url(response, address) if address and not asks_for_news else response


def answer_act(
    request: HttpRequest,
    act: Callable[[], Done | str | None],
    *,
    back: str,
    region: Callable[[Outcome], HttpResponseBase] | None = None,
    ask_again: Callable[[str], HttpResponseBase | None] | None = None,
) -> HttpResponseBase:
    """Do something and answer: htmx with the region, others with a message on the page at `back`.

    `act` returns the sentence that says it is done, and raises Refused or PermanentError when it is not. `ask_again`
    shows the question once more instead of going back with the refusal; None is going back.
    """
    try:
        made = act()
    except (Refused, PermanentError) as error:
        again = ask_again(str(error)) if ask_again else None
        if again is not None:
            return again
        if region and is_htmx(request):
            return region(Outcome(refusal=str(error)))
        return turn_back(request, str(error), to=back)
    done = made if isinstance(made, Done) else Done(made or "")
    if region and is_htmx(request):
        return region(Outcome(message=done.message))
    return _go_on(request, done, back=back)


def answer_form(
    request: HttpRequest,
    *forms: BaseForm,
    save: Callable[[], Done | HttpResponse],
    show: Callable[[int], HttpResponseBase],
    refuse: Callable[[Refused], HttpResponseBase] | None = None,
) -> HttpResponseBase:
    """Save what was filled in, if all the forms are valid, and lead on; else show them again, with the status 422.

    Where saving itself has something to show, `save` returns that answer.
    `save` may raise ValidationError or PermanentError for errors that only saving finds: the first form shows them.
    A refusal for another reason than the input is answered by `refuse`.
    """
    if all(form.is_valid() for form in forms):
        try:
            done = save()
            return done if isinstance(done, HttpResponse) else _go_on(request, done)
        except Refused as error:
            if refuse is None:
                raise
            return refuse(error)
        except ValidationError as error:
            forms[0].add_error(None, error)
        except PermanentError as error:
            forms[0].add_error(None, str(error))
    return show(422)


def lead_to(request: HttpRequest, address: str) -> HttpResponse:
    """Send the browser to another page, also from htmx, which would put a redirect's page in place of the region."""
    return HttpResponseClientRedirect(address) if is_htmx(request) else HttpResponseRedirect(address)


def turn_back(request: HttpRequest, refusal: str, *, to: str) -> HttpResponse:
    """Send the person to a page that says why something could not be done."""
    messages.warning(request, refusal)
    return lead_to(request, to)


def _go_on(request: HttpRequest, done: Done, *, back: str = "") -> HttpResponseBase:
    if done.message:
        messages.success(request, done.message)
    return lead_to(request, done.to or back)
