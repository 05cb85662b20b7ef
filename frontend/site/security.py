"""Who may see a page, and what a page may load."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar, cast
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from core import policy
from core.database.snapshot import snapshot

if TYPE_CHECKING:
    from django_htmx.middleware import HtmxDetails

P = ParamSpec("P")
M = TypeVar("M", bound=Model)

#: Nothing from elsewhere, nothing inline, no eval. `data:` is for the arrows in style sheets only.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'"
)
#: For a file: if a browser shows it all the same, it may load and run nothing.
FILE_POLICY = "default-src 'none'; sandbox"
#: For a PDF that a page of this site shows. Browsers differ in whether their viewer works in a sandbox; the type
#: cannot be taken for another one (nosniff), and what a PDF may do is the viewer's to limit.
VIEWED_FILE_POLICY = "default-src 'none'; frame-ancestors 'self'"


class PersonRequest(HttpRequest):
    """A request of somebody who has logged in."""

    user: User
    htmx: HtmxDetails


def without_null_characters(request: HttpRequest) -> None:
    """Read U+0000 in a query as U+FFFD, as it would be stored: PostgreSQL fails on U+0000."""
    if "%00" in (query := request.META.get("QUERY_STRING", "")):
        request.META["QUERY_STRING"] = query.replace("%00", "%EF%BF%BD")
        # Another middleware may have read it already.
        request.__dict__.pop("GET", None)


def person_required(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let in people who have logged in; send others to the log-in page. A request for a fragment reloads its page."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            if request.headers.get("HX-Request") == "true":
                # htmx would follow a redirect, and put the log-in page in place of the fragment.
                return HttpResponse(status=401, headers={"HX-Refresh": "true"})
            return redirect_to_login(_login_return_path(request))
        response = view(cast(PersonRequest, request), *args, **kwargs)
        # Pages are one person's: no shared cache may store them, and "back" after logging out shows nothing.
        response.headers.setdefault("Cache-Control", "private, no-store")
        patch_vary_headers(response, ["HX-Request"])
        return response

    return cast(Callable[Concatenate[HttpRequest, P], HttpResponseBase], guarded)


def of_one_moment(view: Callable[P, HttpResponseBase]) -> Callable[P, HttpResponseBase]:
    """Have all that the view reads be of one moment. The view writes nothing, and its answer is rendered at once."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        with snapshot():
            return view(*args, **kwargs)

    return guarded


def _login_return_path(request: HttpRequest) -> str:
    """Return where a person goes after logging in: the requested page, or the one whose form was sent."""
    if request.method not in ("GET", "HEAD"):
        page = request.headers.get("Referer", "")
        if url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
            path = urlsplit(page)._replace(scheme="", netloc="").geturl()
            if url_has_allowed_host_and_scheme(path, None):
                return path
    return request.get_full_path()


def changeable_or_403(thing: M, user: User) -> M:
    """Return a thing that the person sees, if they may act on it; raise PermissionDenied otherwise."""
    if not policy.may_change(user, thing):
        raise PermissionDenied
    return thing


def staff_required(
    view: Callable[Concatenate[PersonRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let in staff; answer 403 to others who have logged in."""

    @person_required
    @wraps(view)
    def guarded(request: PersonRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not policy.operates(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return guarded
