"""How views answer: pages, acts and forms, with htmx and without."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.messages import get_messages
from django.contrib.messages.storage.fallback import FallbackStorage
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import RequestFactory

from core.errors import PermanentError, Refused
from frontend.site.answers import Done, Outcome, answer_act, answer_form, answer_page
from tests.unit.frontend.conftest import HTMX

FRONTEND = Path(__file__).resolve().parents[4] / "frontend"
PAGES = {"whole": "headway/404.html", "region": "headway/_mark.html"}


class NameForm(forms.Form):
    name = forms.CharField()


def asked(data: dict[str, str] | None = None, *, headers: Mapping[str, str] | None = None) -> HttpRequest:
    request = RequestFactory().post("/", data or {}, headers=dict(headers or {}))
    request.session = {}  # type: ignore[assignment]  # messages keep themselves there
    request._messages = FallbackStorage(request)  # type: ignore[attr-defined]
    return request


def told(request: HttpRequest) -> list[tuple[str, str]]:
    return [(message.level_tag, str(message)) for message in get_messages(request)]


def content_of(answer: HttpResponseBase) -> bytes:
    assert isinstance(answer, HttpResponse)
    return answer.content


def as_text(outcome: Outcome) -> HttpResponse:
    return HttpResponse(f"message={outcome.message} refusal={outcome.refusal}")


def refuse() -> None:
    raise Refused("Not now.")


def fail() -> None:
    raise PermanentError("It is gone.")


def test_an_act_without_htmx_goes_back_with_a_message() -> None:
    request = asked()
    answer = answer_act(request, lambda: "It runs.", back="/there/", region=as_text)
    assert (answer.status_code, answer["Location"], told(request)) == (302, "/there/", [("success", "It runs.")])


@pytest.mark.parametrize(("act", "sentence"), [(refuse, "Not now."), (fail, "It is gone.")])
def test_a_refused_act_says_why_in_the_same_place(act: Any, sentence: str) -> None:
    request = asked()
    answer = answer_act(request, act, back="/there/", region=as_text)
    assert (answer.status_code, answer["Location"], told(request)) == (302, "/there/", [("warning", sentence)])


def test_htmx_gets_the_region_with_what_became_of_the_act() -> None:
    request = asked(headers=HTMX)
    done = answer_act(request, lambda: "It runs.", back="/", region=as_text)
    refused = answer_act(request, refuse, back="/", region=as_text)
    assert (content_of(done), content_of(refused)) == (b"message=It runs. refusal=", b"message= refusal=Not now.")
    assert told(request) == []


def test_htmx_is_led_on_where_an_act_has_no_region() -> None:
    answer = answer_act(asked(headers=HTMX), lambda: Done(to="/elsewhere/"), back="/there/")
    assert (answer.status_code, answer["HX-Redirect"]) == (200, "/elsewhere/")


def test_a_refused_act_may_ask_again() -> None:
    answer = answer_act(asked(), refuse, back="/there/", ask_again=lambda why: HttpResponse(why, status=409))
    assert (answer.status_code, content_of(answer)) == (409, b"Not now.")
    assert answer_act(asked(), refuse, back="/there/", ask_again=lambda _: None)["Location"] == "/there/"


def test_a_valid_form_is_saved_and_leads_on() -> None:
    request = asked({"name": "a"})
    answer = answer_form(request, NameForm(request.POST), save=lambda: Done("Kept.", to="/there/"), show=shown)
    assert (answer.status_code, answer["Location"], told(request)) == (302, "/there/", [("success", "Kept.")])


def shown(status: int) -> HttpResponse:
    return HttpResponse("form", status=status)


@pytest.mark.parametrize(
    ("error", "errors"),
    [
        (PermanentError("It is gone."), {"__all__": ["It is gone."]}),
        (ValidationError({"name": "It is taken."}), {"name": ["It is taken."]}),
    ],
)
def test_what_only_saving_finds_out_stands_in_the_form(error: Exception, errors: dict[str, list[str]]) -> None:
    form = NameForm({"name": "a"})

    def save() -> Done:
        raise error

    assert answer_form(asked(), form, save=save, show=shown).status_code == 422
    assert form.errors == errors


def test_nothing_is_saved_unless_every_form_is_valid() -> None:
    def save() -> Done:
        raise AssertionError("saved")

    assert answer_form(asked(), NameForm({"name": "a"}), NameForm({}), save=save, show=shown).status_code == 422


def test_a_refusal_is_no_fault_of_the_form() -> None:
    form = NameForm({"name": "a"})

    def save() -> Done:
        raise Refused("Not now.")

    def answer(error: Refused) -> HttpResponse:
        return HttpResponse(str(error), status=429)

    answered = answer_form(asked(), form, save=save, show=shown, refuse=answer)
    assert (answered.status_code, content_of(answered), form.errors) == (429, b"Not now.", {})


def test_a_page_is_whole_but_to_htmx_that_swaps_a_region() -> None:
    def is_whole(headers: Mapping[str, str]) -> bool:
        return b"<html" in content_of(answer_page(asked(headers=headers), {}, **PAGES))

    assert is_whole({})
    assert not is_whole(HTMX)
    # What htmx restores of its history is a whole page.
    assert is_whole({**HTMX, "HX-History-Restore-Request": "true"})


def test_a_page_that_looks_for_news_is_told_that_there_are_none() -> None:
    def ask(query: str) -> Any:
        request = RequestFactory().get("/" + query, headers=HTMX)
        return answer_page(request, {}, **PAGES, version="7", address="/list/")

    assert ask("?v=7").status_code == 204
    assert (ask("?v=6").status_code, "HX-Replace-Url" in ask("?v=6")) == (200, False)
    assert ask("")["HX-Replace-Url"] == "/list/"


def test_no_view_turns_a_refusal_into_an_answer_by_itself() -> None:
    own = re.compile(
        r"except \(?Refused|except \(?PermanentError|messages\.(?:warning|success)|HttpResponseClientRedirect"
    )
    views = [file for file in FRONTEND.rglob("views/*.py") if own.search(file.read_text())]
    # Django's own forms for passwords answer by themselves.
    assert [str(file.relative_to(FRONTEND)) for file in views] == ["accounts/views/accounts.py"]
