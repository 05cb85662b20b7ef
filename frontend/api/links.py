"""Whole addresses of what answers name."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse


def address(request: HttpRequest, name: str, /, **values: Any) -> str:
    """Return the whole address of a route of the API, or of a page."""
    return request.build_absolute_uri(reverse(f"headway:{name}", kwargs=values))


def page_of(request: HttpRequest, thing: Any) -> str:
    """Return the whole address of a thing's page."""
    return request.build_absolute_uri(thing.get_absolute_url())
