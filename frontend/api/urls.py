"""Addresses of the API, without a slash at their ends, and of the page that lists them."""

from __future__ import annotations

from collections.abc import Iterator

from django.urls import URLPattern, path

from frontend.api.api import api
from frontend.api.guard import guarded, nothing_here
from frontend.api.views import documents


def _routes() -> Iterator[URLPattern]:
    for route in api.urls[0]:
        # The framework's own page at the root is none of ours.
        if isinstance(route, URLPattern) and route.name != "api-root":
            yield path(f"api/v1/{route.pattern}", guarded(route.callback), name=route.name)


urlpatterns = [
    path("api/", documents.reference, {"api": api}, name="api"),
    path("api/v1/openapi.json", documents.openapi, {"api": api}, name="api_openapi"),
    *_routes(),
    path("api/v1/", nothing_here, name="api_root"),
    path("api/v1/<path:rest>", nothing_here, name="api_nothing"),
]
