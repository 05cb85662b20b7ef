"""What the middleware does, it does for Headway's pages alone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.urls import ResolverMatch
from pytest_django import Settings

from frontend.middleware import HeadwayMiddleware


def view(request: HttpRequest) -> HttpResponse:
    return HttpResponse()


def queried(rf: RequestFactory, namespace: str) -> str:
    """Return the query of a page of this namespace, as its view reads it after another middleware has."""
    request = rf.get("/page/?q=a%00b")
    assert request.GET["q"] == "a\x00b"
    request.resolver_match = ResolverMatch(view, (), {}, app_names=[namespace])
    HeadwayMiddleware(view).process_view(request)
    return request.GET["q"]


def test_a_hosts_own_query_stays_as_it_is(rf: RequestFactory, settings: Settings) -> None:
    settings.ROOT_URLCONF = "host_urls"
    assert queried(rf, "shop") == "a\x00b"
    assert queried(rf, "headway") == "a\ufffdb"
