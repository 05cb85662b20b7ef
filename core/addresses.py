"""The addresses of the pages of jobs, datasets and schedules. The pages' app registers them when it starts."""

from __future__ import annotations

from collections.abc import Mapping

from django.urls import reverse

from core.conf import conf

#: The URL names by what they are the page of.
_names: dict[str, str] = {}


def register(names: Mapping[str, str]) -> None:
    """Register the URL name of each kind of page: `job`, `dataset`, `schedule`, `job_file`, …."""
    _names.update(names)


def path_of(thing: str, *args: object) -> str:
    """Return the path of a page of this kind; `/` on a site that has none."""
    name = _names.get(thing)
    return reverse(name, args=args) if name else "/"


def site_address(path: str = "/") -> str:
    """Return the whole address of a page, under SITE_URL, as mails name it."""
    return f"{conf.SITE_URL}{path}"
