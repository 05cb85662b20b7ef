"""Priorities as forms name them."""

from __future__ import annotations

from django.core.exceptions import BadRequest

from core.models.job import Priority

#: Name in the form and word for people, the lowest first.
CHOICES: tuple[tuple[str, str], ...] = tuple((each.name.lower(), str(each.label)) for each in Priority)
FIELD = "priority"


def name_of(priority: int) -> str:
    return Priority(priority).name.lower()


def read(text: str) -> Priority:
    """Return the priority of this name, normal for none; raise BadRequest for what no form offers."""
    if not text:
        return Priority.NORMAL
    priority = next((each for each in Priority if each.name.lower() == text), None)
    if priority is None:
        raise BadRequest(f"unknown priority {text[:40]!r}")
    return priority
