"""Who comes in: somebody with a token, as far as its scope reaches, or a logged-in person with all their rights.

1. A token is looked for first; a wrong one is counted by the address that it came from.
2. Without one, the session's cookie counts; a request that changes something needs the site's CSRF token then.
3. A scope allows what those before it allow: `read`, `submit`, `operate`. Only with `operate` does somebody who
   operates the site see and touch what is not theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.shortcuts import get_object_or_404
from django.utils import timezone
from ninja.security.base import AuthBase

from core import policy
from core.conf import conf
from core.models import ApiToken
from core.people import tokens
from frontend.api.problems import CHALLENGE, Problem
from frontend.site.addresses import address_of
from frontend.site.zones import zone_of

Scope = ApiToken.Scope
M = TypeVar("M", bound=Model)

#: The scopes, each of which allows what those before it do.
LEVELS: tuple[Scope, ...] = tuple(Scope)
#: Methods that change nothing.
_SAFE = ("GET", "HEAD", "OPTIONS")


@dataclass(frozen=True)
class Access:
    """One request's person, and how far it reaches."""

    person: Any
    scope: Scope
    #: None for a logged-in person.
    token: ApiToken | None = None

    @property
    def operates(self) -> bool:
        """Whether it may see and do what whoever looks after the site may."""
        return self.scope == Scope.OPERATE and policy.operates(self.person)

    @property
    def name(self) -> str:
        """Who acts, for timelines and the audit trail."""
        return str(self.person.get_username())


class ApiRequest(HttpRequest):
    """A request that was let in."""

    auth: Access


class _Auth(AuthBase):
    """Lets in whoever reaches a scope."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def _let_in(self, access: Access) -> Access:
        if LEVELS.index(access.scope) < LEVELS.index(self.scope):
            raise Problem(
                403,
                f"This needs a token with the scope {self.scope}; this one has {access.scope}.",
                challenge=f'{CHALLENGE}, error="insufficient_scope", scope="{self.scope}"',
            )
        if self.scope == Scope.OPERATE and not access.operates:
            raise Problem(403, "Only people who operate the site can do this.")
        return access


class Token(_Auth):
    """`Authorization: Bearer hw_…`, a token that its owner has made on the settings page."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "An API token, created on the settings page."

    def __call__(self, request: HttpRequest) -> Access | None:
        kind, _, text = request.headers.get("Authorization", "").strip().partition(" ")
        if kind.lower() != "bearer":
            # A proxy in front may have a log-in of its own.
            return None
        token = tokens.find(text.strip())
        if token is None:
            if not tokens.may_try(address_of(request)):
                raise Problem(
                    429,
                    "Too many invalid tokens came from this address.",
                    retry_after=tokens.WRONG_RETRY_SECONDS,
                )
            raise Problem(
                401,
                "This token is invalid, expired or revoked.",
                challenge=f'{CHALLENGE}, error="invalid_token"',
            )
        if not tokens.allowed(token):
            raise Problem(
                429,
                f"Too many requests: a token may send {conf.API_RATE:,} a minute.",
                retry_after=tokens.rate_retry_seconds(),
            )
        access = self._let_in(Access(token.owner, Scope(token.scope), token))
        tokens.used(token)
        _become(request, access)
        return access


class Session(_Auth):
    """The cookie of somebody who has logged in."""

    openapi_type = "apiKey"
    openapi_in = "cookie"
    openapi_description = "A logged-in browser. Requests that change something also need the header X-CSRFToken."

    @property
    def openapi_name(self) -> str:
        from django.conf import settings

        return settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Access | None:
        if not request.user.is_authenticated:
            return None
        if request.method not in _SAFE and (why := _csrf_failure(request)):
            raise Problem(403, f"The CSRF token is missing or wrong ({why}) Send it as the header X-CSRFToken.")
        # A person's own rights; what they may operate is the policy's to say.
        return self._let_in(Access(request.user, Scope.OPERATE))


class _Csrf(CsrfViewMiddleware):
    """Django's check, which says why instead of answering with a page."""

    def _reject(self, request: HttpRequest, reason: str) -> Any:
        return reason


def needs(scope: Scope) -> Sequence[_Auth]:
    """Return what lets in requests of this scope."""
    return [Token(scope), Session(scope)]


def rows_for(request: ApiRequest, rows: QuerySet[M]) -> QuerySet[M]:
    """Return those of these jobs, datasets or schedules that the request may see."""
    return _of_own(request, policy.visible(request.auth.person, rows))


def changeable_for(request: ApiRequest, rows: QuerySet[M]) -> QuerySet[M]:
    """Return those that the request may act on."""
    return _of_own(request, policy.changeable(request.auth.person, rows))


def one_for(request: ApiRequest, rows: QuerySet[M], pk: int) -> M:
    """Return the row of this id that the request may see; raise Http404."""
    return get_object_or_404(rows_for(request, rows), pk=pk)


def changeable_one_for(request: ApiRequest, rows: QuerySet[M], pk: int) -> M:
    """Return the row of this id to act on; raise Http404 when it can't be seen, Problem when it can be seen only."""
    thing = one_for(request, rows, pk)
    if not changeable_for(request, rows.filter(pk=pk)).exists():
        raise Problem(403, "You can view this, but not change it.")
    return thing


def _of_own(request: ApiRequest, rows: QuerySet[M]) -> QuerySet[M]:
    access = request.auth
    if access.token is not None and access.scope != Scope.OPERATE and policy.operates(access.person):
        # All that the person may see of others' they see as who operates the site, which this token does not.
        return rows.filter(owner=access.person.pk)
    return rows


def _become(request: HttpRequest, access: Access) -> None:
    """Let what follows see the token's owner, and read times without a zone as they would."""
    request.user = access.person
    request.person = access.person  # type: ignore[attr-defined]
    timezone.activate(zone_of(access.person) or timezone.get_default_timezone())


def _csrf_failure(request: HttpRequest) -> str:
    check = _Csrf(lambda _: HttpResponse())
    # The middleware leaves a view alone that is exempt, and these are: a token needs no check.
    request.csrf_processing_done = False  # type: ignore[attr-defined]
    check.process_request(request)
    return str(check.process_view(request, _unexempt, (), {}) or "")


def _unexempt(_: HttpRequest) -> HttpResponse:
    """Stand for a view that is not exempt from the check; it is never called."""
    raise NotImplementedError
