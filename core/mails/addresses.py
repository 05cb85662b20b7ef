"""Addresses of the site's pages as mails name them: whole, under SITE_URL."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse


def site_address(path: str = "/") -> str:
    """Return the whole address of a page of the site."""
    return f"{settings.SITE_URL}{path}"


def preferences_address() -> str:
    """Return the address of the page where a person chooses which mails come."""
    return site_address(reverse("preferences"))
