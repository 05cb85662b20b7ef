"""Where the pages of things are. The pages' app says so when it starts; the core names no address itself."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import reverse

from core.conf import conf

#: The URL names by what they are the page of.
_names: dict[str, str] = {}


def register(names: Mapping[str, str]) -> None:
    """Let these URL names be the pages of these things: `job`, `dataset`, `schedule`, `job_file`, …."""
    _names.update(names)


def path_of(thing: str, *args: object) -> str:
    """Return the path of the page of such a thing; `/` on a site that has no page of it."""
    name = _names.get(thing)
    return reverse(name, args=args) if name else "/"


def site_address(path: str = "/") -> str:
    """Return the whole address of a page, under SITE_URL, as mails name it."""
    return f"{conf.SITE_URL}{path}"
