"""Reading the body of a form: one that is too large or broken is answered before any other code sees it."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.files.uploadhandler import StopUpload
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParserError
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase

from core.conf import conf
from core.errors import Refused
from core.formatting import size
from core.life import backpressure
from core.pipelines import Pipeline
from frontend.forms.pages import priorities
from frontend.site.errors import bad_request, refused, refused_by, too_much_text
from frontend.site.security import PersonRequest

#: From so many bytes of a body on, it is checked before reading whether a job would be accepted at all.
EARLY_CHECK_BYTES = 256 * 1024
#: Where a client may name the form's key before the body.
KEY_HEADER = "Idempotency-Key"
KEY_LENGTH = 100


def unreadable(request: PersonRequest) -> HttpResponseBase | None:
    """Read the body. Return the answer when it can't be accepted, else None."""
    # An upload that can't be accepted is refused before or while its body is read, before any other code sees it.
    try:
        refuse_large(request, request.user)
        request.POST  # noqa: B018 - reading it is the point
    except RequestDataTooBig:
        return too_much_text(request)
    except StopUpload:
        limit = size(conf.UPLOAD_LIMIT_BYTES)
        return refused(request, 413, f"The upload is larger than {limit}, the most that is accepted here.")
    except Refused as error:
        return refused_by(request, error)
    except (UnreadablePostError, MultiPartParserError, TooManyFieldsSent):
        return bad_request(request)
    return None


def asks_for_priority(spec: Pipeline) -> bool:
    """Whether the page has its choice of a priority: not when the pipeline has a field of that name."""
    return priorities.FIELD not in spec.form.base_fields


def refuse_large(request: HttpRequest, person: AbstractBaseUser) -> None:
    """Raise Refused before the body of a large upload is read, if this person's job would be refused anyhow."""
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return
    if request.method == "POST" and length > EARLY_CHECK_BYTES:
        # The key is in the body too. A form may send it in a header as well, as its job may exist already.
        key = request.headers.get(KEY_HEADER, "")[:KEY_LENGTH]
        backpressure.check(person.pk, key=key, incoming_bytes=length)
