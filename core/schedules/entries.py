"""A pipeline's filled-in form as a schedule: each of its jobs gets what is filled in, and the same files."""

from __future__ import annotations

from core.forms import Entry
from core.models import Schedule
from core.models.job import Priority
from core.schedules import changes
from core.schedules.repeat_form import RepeatForm


def create(entry: Entry, repeat: RepeatForm, *, priority: Priority = Priority.NORMAL) -> Schedule:
    """Make the valid form a schedule, with the times of the valid `repeat`. Raise Refused."""
    params, files, label = entry.filled_in()
    return changes.create(
        entry.spec.name,
        owner_id=entry.user.pk,
        by=entry.user.get_username(),
        params=params,
        files=files,
        label=label,
        priority=priority,
        **repeat.cleaned_data,
    )


def edit(schedule: Schedule, entry: Entry, repeat: RepeatForm, *, priority: Priority, by: str) -> Schedule:
    """Change a schedule to what is filled in, with the times of the valid `repeat`. Raise Refused."""
    params, files, label = entry.filled_in()
    values = {"params": params, "files": files, "label": label, "priority": priority, **repeat.cleaned_data}
    return changes.edit(schedule, by=by, **values)
