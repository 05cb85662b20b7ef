"""The page of schedules: those that people made, a page of them, and those of the code."""

from __future__ import annotations

from typing import Any

from frontend.schedules.pages.schedules import ScheduleList, of_code, rows, ticks, version_of
from frontend.site.security import PersonRequest


def context_of(request: PersonRequest) -> dict[str, Any]:
    """Return what the page shows."""
    listed = ScheduleList(request)
    own = listed.page
    every = rows([*own, *of_code()], request.user)
    return {
        "list": listed,
        "rows": every[: len(own)],
        "code_rows": every[len(own) :],
        "ticks": ticks(request.user),
        "version": version_of(every),
    }
