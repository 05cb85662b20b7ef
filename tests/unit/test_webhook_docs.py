"""docs/webhooks.md shows what works: its receivers run as they are written, and its figures are those of the code."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import RequestFactory
from pytest_django import Settings

from actors.pipelines.webhook_delivery import calling, pipeline
from core.life import end_signals
from core.models import Job
from core.webhooks import calls, changes, keys, payload
from tests.unit.core.acts import claim, end, submit_job

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "webhooks.md").read_text()
WITH_LIBRARY, BY_HAND, VIEW = re.findall(r"runs exactly this -->\n```python\n(.*?)```", PAGE, flags=re.DOTALL)
BODY = '{"type": "job.failed", "data": {"job": 7, "title": "Käse"}}'
SECRET = keys.new_secret()


def reader(code: str) -> Callable[..., Any]:
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - the page's own
    read: Callable[..., Any] = names["read"]
    return read


def call(secret: str = SECRET, *, at: dt.datetime | None = None) -> dict[str, str]:
    made = calling.headers_of("msg_1", BODY, [keys.new_secret(), secret], at=at or dt.datetime.now(dt.UTC))
    return {name.lower(): value for name, value in made.items()}


@pytest.mark.parametrize("code", [WITH_LIBRARY, BY_HAND], ids=["library", "by hand"])
def test_a_receiver_takes_what_is_signed_and_nothing_else(code: str) -> None:
    read = reader(code)
    headers = call()
    assert read(BODY.encode(), headers, SECRET) == json.loads(BODY)
    now = dt.datetime.now(dt.UTC)
    wrong = [
        (BODY.replace("7", "8"), headers, SECRET),
        (BODY, headers, keys.new_secret()),
        (BODY, {**headers, "webhook-id": "msg_2"}, SECRET),
        (BODY, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) - 1)}, SECRET),
        (BODY, call(at=now - dt.timedelta(minutes=6)), SECRET),
    ]
    for body, given, secret in wrong:
        with pytest.raises(Exception, match=r"signature|signed|old|minutes"):
            read(body.encode(), given, secret)


@pytest.mark.parametrize("code", [WITH_LIBRARY, BY_HAND], ids=["library", "by hand"])
def test_the_view_takes_each_call_once(code: str, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    settings.HEADWAY_SECRET = SECRET
    cache.clear()
    names: dict[str, Any] = {}
    exec(code + VIEW, names)  # noqa: S102 - the page's own
    for _ in range(2):
        request = RequestFactory().post("/hook/", BODY, content_type="application/json", headers=call())
        assert names["job_ended"](request).status_code == 204
    assert capsys.readouterr().out == "job.failed 7 Käse\n"


@pytest.mark.django_db
def test_the_shown_payload_has_the_names_of_the_sent_one() -> None:
    alice = User.objects.create_user("alice")
    changes.make(alice, url="https://hooks.example.com/", states=list(payload.EVENTS))
    end(claim(submit_job(alice)))
    end_signals.send_due()
    sent = json.loads(Job.objects.get(pipeline="webhook_delivery").params["body"])
    shown = json.loads(re.findall(r"```json\n(.*?)```", PAGE, flags=re.DOTALL)[0])
    assert list(shown) == list(sent)
    assert list(shown["data"]) == list(sent["data"])
    kinds = {name: type(value) for name, value in shown["data"].items() if value is not None}
    assert {name: type(value) for name, value in sent["data"].items() if value is not None}.items() <= kinds.items()


def test_the_events_and_figures_are_those_of_the_code() -> None:
    events = re.findall(r"^\| `((?:job|webhook)\.\w+)` \|", PAGE, flags=re.MULTILINE)
    assert events == [*payload.EVENTS.values(), payload.TEST]
    waits = [_words(seconds) for seconds in pipeline.WAITS]
    for words in (
        f"{', '.join(waits[:-1])} and {waits[-1]} after the last try",
        f"silent for {calling.CALL_SECONDS:g} s",
        f"up to {payload.RESULT_BYTES // 1024} KB",
        f"{calls.ANSWER_LENGTH // 1024} KB of each answer",
        f"At most {pipeline.AT_ONCE} calls of one webhook",
        f"up to {changes.MOST_WEBHOOKS} webhooks",
        {5: "taken nothing for five days"}[calls.FAILING_FOR.days],
        {1: "for a day calls are signed with both"}[changes.CHANGE_OVER.days],
    ):
        assert words in " ".join(PAGE.split())


def _words(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:g} s"
    return f"{seconds / 60:g} min" if seconds < 3600 else f"{seconds / 3600:g} h"
