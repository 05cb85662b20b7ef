"""One call of one address: signed, to a judged address, without redirects, within a time, and what came of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

import standardwebhooks

from actors.fetching import answers
from actors.fetching.addresses import read_address
from actors.fetching.asking import Answer, send
from actors.fetching.errors import Inside, Unfetchable, Unreachable
from actors.fetching.policy import Policy
from core.webhooks.calls import ANSWER_LENGTH

#: Seconds from the look-up of the name to the head of the answer, and those for the beginning of its text.
CALL_SECONDS, TEXT_SECONDS = 15.0, 3.0
GONE, LEAVE_ALONE = 410, (429, 503)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of one call."""

    host: str
    seconds: float
    #: The HTTP status; None when no answer came.
    status: int | None = None
    #: The beginning of the answer's text; else why none came.
    text: str = ""
    #: A sentence for the owner of the webhook; empty when it was delivered.
    failure: str = ""
    #: Whether trying again can't help: the address may not be called.
    is_refused: bool = False
    #: Seconds for which the receiver asked to be left alone.
    wait_seconds: float = 0.0

    @property
    def is_delivered(self) -> bool:
        return not self.failure

    @property
    def is_gone(self) -> bool:
        """Whether the receiver wants no more calls."""
        return self.status == GONE


def check_address(text: str) -> str:
    """Return an address as it is kept; raise Unfetchable, with a sentence, for one that may not be called."""
    return str(read_address(text, Policy.from_settings()))


async def call(url: str, *, message: str, body: str, secrets: Sequence[str]) -> Outcome:
    """Call the address once and return what came of it; whatever the receiver does, within seconds."""
    policy = Policy.from_settings()
    began = time.monotonic()
    try:
        # Judged anew: what may be called can have changed since the webhook was made.
        address = read_address(url, policy)
    except Unfetchable as error:
        # The failure is staff's to read as well, and the path of many an address is a secret.
        failure = str(error) if isinstance(error, Inside) else "The webhook's address may not be called any more."
        return Outcome(host="", seconds=0.0, text=str(error), failure=failure, is_refused=True)
    try:
        async with asyncio.timeout(CALL_SECONDS) as cap:
            headers = headers_of(message, body, secrets, at=dt.datetime.now(dt.UTC))
            async with send(address, body.encode(), headers, policy=policy) as answer:
                cap.reschedule(None)
                return await _read(answer, seconds=time.monotonic() - began)
    except TimeoutError:
        failure = f"{address.host} did not answer within {CALL_SECONDS:g} seconds."
        is_refused = False
    except (Unfetchable, Unreachable) as error:
        failure, is_refused = str(error), isinstance(error, Inside)
    seconds = time.monotonic() - began
    return Outcome(host=address.host, seconds=seconds, text=failure, failure=failure, is_refused=is_refused)


def headers_of(message: str, body: str, secrets: Sequence[str], *, at: dt.datetime) -> dict[str, str]:
    """Return the headers of a call (https://www.standardwebhooks.com), signed with each of the secrets."""
    signatures = [standardwebhooks.Webhook(secret).sign(message, at, body) for secret in secrets]
    return {
        "Content-Type": "application/json",
        "Accept": "*/*",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


async def _read(answer: Answer, *, seconds: float) -> Outcome:
    failure = _failure_of(answer)
    wait = answers.wait_seconds(answer.headers) if answer.status in LEAVE_ALONE else None
    return Outcome(
        host=answer.address.host,
        seconds=seconds,
        status=answer.status,
        text=await _beginning_of(answer),
        failure=failure,
        wait_seconds=wait or 0.0,
    )


async def _beginning_of(answer: Answer) -> str:
    """Return the beginning of the answer's text. What is said with it counts no less when the line breaks here."""
    content = b""
    try:
        async with asyncio.timeout(TEXT_SECONDS), aclosing(answer.body()) as blocks:
            async for block in blocks:
                content += block
                if len(content) >= ANSWER_LENGTH:
                    break
    except (TimeoutError, Unreachable):
        pass
    return content[:ANSWER_LENGTH].decode(errors="replace")


def _failure_of(answer: Answer) -> str:
    if 200 <= answer.status < 300:
        return ""
    said = f"{answer.address.host} answered {answers.status_in_words(answer.status, answer.reason)}"
    if 300 <= answer.status < 400:
        return f"{said}: it leads elsewhere, and no redirect is followed. Give the webhook the new address."
    if answer.status == GONE:
        return f"{said}: it wants no more calls."
    return f"{said}."
