"""What could not be done, in the sentences that a page would show; `frontend.site.problems` writes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.core.files.uploadhandler import StopUpload
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from ninja.errors import AuthenticationError, HttpError, ValidationError
from pydantic import BaseModel, Field

from core.conf import conf
from core.errors import InvalidParams, PermanentError, Refused
from core.formatting import size
from frontend.site.outages import RETRY_SECONDS
from frontend.site.outages import SENTENCE as OUTAGE
from frontend.site.problems import problem_answer

#: What a request without a token, or a log-in, is told to come with (RFC 6750).
CHALLENGE = 'Bearer realm="Headway"'

NOT_FOUND = "Not found, or you don't have access to it."
_WORDS = {
    400: "This request can't be read.",
    403: "You don't have permission to do this.",
    404: NOT_FOUND,
}
#: Where a value of a request stands, as pydantic names it, which says nothing to a person.
_PLACES = ("body", "query", "path", "header", "form", "file")


class Problem(Exception):
    """Raised when a request can't be answered; the sentence is for the person."""

    def __init__(
        self,
        status: int,
        sentence: str,
        *,
        errors: Mapping[str, list[str]] | None = None,
        retry_after: float | None = None,
        challenge: str = "",
        allow: str = "",
    ) -> None:
        self.status = status
        #: Sentences by field; those about the whole have an empty name.
        self.errors = errors
        #: Seconds.
        self.retry_after = retry_after
        #: The header `WWW-Authenticate`.
        self.challenge = challenge
        #: The header `Allow`: the methods of an address that is asked with another one.
        self.allow = allow
        super().__init__(sentence)


class ProblemBody(BaseModel):
    """What could not be done, and why (RFC 9457)."""

    type: str = Field("about:blank", description="Always `about:blank`: the status says the kind.")
    title: str = Field(description="The words of the status.")
    status: int
    detail: str = Field(description="A sentence for a person, the same as on the site's pages.")
    errors: dict[str, list[str]] | None = Field(
        None, description="Sentences by field, where fields are wrong; those about the whole have an empty name."
    )


def answer(error: Exception) -> HttpResponse | None:
    """Return the answer to an error that is no fault of the site; None for one that is."""
    problem = _as_problem(error)
    return None if problem is None else answer_problem(problem)


def answer_problem(problem: Problem) -> HttpResponse:
    response = problem_answer(problem.status, str(problem), errors=problem.errors, retry_after=problem.retry_after)
    if problem.challenge:
        response["WWW-Authenticate"] = problem.challenge
    if problem.allow:
        response["Allow"] = problem.allow
    return response


def _as_problem(error: Exception) -> Problem | None:
    """Return what is said of an error; None for a fault of the site's own."""
    for kind, say in _SAID:
        if isinstance(error, kind):
            problem: Problem = say(error)
            return problem
    return None


def _refused(error: Any) -> Problem:
    errors = error.errors if isinstance(error, InvalidParams) else None
    return Problem(error.status, str(error), errors=errors, retry_after=error.retry_after_seconds)


def _invalid(error: Any) -> Problem:
    errors: dict[str, list[str]] = {}
    for each in error.errors:
        path = [str(part) for part in each["loc"] if part not in _PLACES]
        errors.setdefault(".".join(path[1:] if path[:1] == ["given"] else path), []).append(_sentence(each))
    parts = [f"{name}: {' '.join(texts)}" if name else " ".join(texts) for name, texts in errors.items()]
    return Problem(422, f"Some values can't be used. {' '.join(parts)}", errors=errors)


def _sentence(error: Mapping[str, Any]) -> str:
    if error["type"] == "missing":
        return "This field is required."
    text = str(error["msg"]).removeprefix("Value error, ")
    return text if text.endswith(".") else f"{text}."


def _http(error: Any) -> Problem:
    if isinstance(error.__cause__, Problem):
        # The framework has wrapped what reading the body has raised.
        return error.__cause__
    status = error.status_code
    return Problem(status, _WORDS.get(status, str(error)))


def _unauthenticated(_: Any) -> Problem:
    return Problem(401, "Log in, or send an API token in the header Authorization: Bearer ….", challenge=CHALLENGE)


def _too_large(_: Any) -> Problem:
    return Problem(413, "The request holds more text than is accepted. Put it in a file instead.")


def _upload_too_large(_: Any) -> Problem:
    limit = size(conf.UPLOAD_LIMIT_BYTES)
    return Problem(413, f"The upload is larger than {limit}, the most that is accepted here.")


def _outage(_: Any) -> Problem:
    return Problem(503, OUTAGE, retry_after=RETRY_SECONDS)


def _words_of(status: int) -> Any:
    return lambda _: Problem(status, _WORDS[status])


#: What is said of each kind of error; the first kind that an error is of counts.
_SAID: Iterable[tuple[type[Exception] | tuple[type[Exception], ...], Any]] = (
    (Problem, lambda error: error),
    (Refused, _refused),
    (PermanentError, lambda error: Problem(422, str(error))),
    (ValidationError, _invalid),
    (AuthenticationError, _unauthenticated),
    (HttpError, _http),
    (Http404, _words_of(404)),
    (PermissionDenied, _words_of(403)),
    (RequestDataTooBig, _too_large),
    (StopUpload, _upload_too_large),
    (
        (
            UnreadablePostError,
            MultiPartParserError,
            TooManyFieldsSent,
            TooManyFilesSent,
            BadRequest,
            SuspiciousOperation,
        ),
        _words_of(400),
    ),
    ((OperationalError, InterfaceError), _outage),
)
