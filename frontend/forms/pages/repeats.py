"""The part "Repeat this" of a pipeline's form: when it is to run again, with a preview while one types."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS
from django.db import IntegrityError, transaction
from django.forms.utils import ErrorDict

from core.database.clock import database_now
from core.forms import Entry
from core.models import Schedule
from core.models.job import Priority
from core.pipelines import Pipeline, cron
from core.pipelines.cron import CronError
from core.schedules import entries
from core.schedules.repeat_form import RepeatForm
from frontend.forms.pages.form import FormField
from frontend.forms.pages.times import TIMES_LENGTH, Preview, moment
from frontend.site.security import PersonRequest

PREFIX = "repeat"
#: The name of the button that makes the form a schedule; a pipeline with a field of that name can't be repeated.
BUTTON = "repeat"
#: Suggested crons, each with its meaning.
PRESETS: tuple[tuple[str, str], ...] = (
    ("0 * * * *", "Every hour"),
    ("0 7 * * *", "Every day 07:00"),
    ("0 7 * * 1", "Every Monday 07:00"),
    ("0 7 1 * *", "First of the month"),
)
#: Fields whose errors a preview shows; the others do not change the times.
_PREVIEWED = ("cron", "zone", "starts_at", "ends_at", NON_FIELD_ERRORS)
#: Further attributes of the control of the cron.
_CRON_ATTRS = {"list": "repeat-presets", "class": "is-code", "spellcheck": "false", "autocapitalize": "none"}


@dataclass(frozen=True)
class RepeatField(FormField):
    """One field of the part, with its own control: the cron's suggests common ones."""

    def control(self) -> str:
        attrs: dict[str, Any] = {"aria-describedby": self.described_by, "autocomplete": "off"}
        if self.bound.name == "cron":
            attrs |= _CRON_ATTRS
        if self.bound.errors:
            attrs["aria-invalid"] = "true"
        return str(self.bound.as_widget(attrs=attrs))


@dataclass(frozen=True)
class Repeat:
    """The part as a page shows it."""

    form: RepeatForm
    preview: Preview
    #: Whether the page edits a schedule: then this part is its purpose, and it needs no second button.
    is_all: bool = False
    was_requested: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it is unfolded: something was typed there, or is wrong."""
        return self.is_all or self.was_requested or bool(self.form.errors) or not self.preview.is_empty

    @property
    def fields(self) -> dict[str, RepeatField]:
        return {bound.name: RepeatField(bound) for bound in self.form.visible_fields()}

    @property
    def presets(self) -> tuple[tuple[str, str], ...]:
        return PRESETS


def can_repeat(spec: Pipeline) -> bool:
    """Whether the pipeline's form leaves the name of the part's button free."""
    return BUTTON not in spec.form.base_fields


def is_requested(request: PersonRequest, spec: Pipeline) -> bool:
    """Whether the form was sent to be made a schedule."""
    return BUTTON in request.POST and can_repeat(spec)


def blank(request: PersonRequest) -> Repeat:
    """Return the part with nothing filled in but the zone, which is the person's own."""
    return Repeat(RepeatForm(prefix=PREFIX, user=request.user), Preview())


def of(schedule: Schedule) -> Repeat:
    """Return the part as the schedule has it."""
    form = RepeatForm(prefix=PREFIX, initial=_values(schedule))
    data = {f"{PREFIX}-{name}": form.initial.get(name) or "" for name in ("cron", "zone")}
    return Repeat(form, preview_of(data), is_all=True)


def sent(request: PersonRequest, *, is_checked: bool, is_all: bool = False) -> Repeat:
    """Return the part as it was submitted; unless `is_checked` no error is shown."""
    form = RepeatForm(request.POST, prefix=PREFIX, user=request.user)
    if not is_checked:
        # With errors set already, the form does not check its fields.
        form._errors = ErrorDict()  # type: ignore[attr-defined]
    return Repeat(form, preview_of(request.POST), is_all=is_all, was_requested=request.POST.get("refresh") == BUTTON)


def preview_of(data: Mapping[str, Any]) -> Preview:
    """Return what the cron in these data means and its next times, or the sentences of its errors."""
    if not str(data.get(f"{PREFIX}-cron") or "").strip():
        return Preview()
    form = RepeatForm(data, prefix=PREFIX)
    errors = [str(sentence) for name in _PREVIEWED for sentence in form.errors.get(name, [])]
    if errors:
        return Preview(errors=errors)
    values = form.cleaned_data
    now = database_now()
    begin = values.get("starts_at")
    # A time that is the begin itself counts.
    after = max(now, begin - dt.timedelta(seconds=1)) if begin else now
    try:
        words = cron.in_words(values["cron"])
        times = cron.next_times(
            values["cron"],
            values["zone"],
            after=after,
            count=TIMES_LENGTH,
            until=values.get("ends_at"),
        )
    except CronError as error:
        return Preview(errors=[str(error)])
    return Preview(words=words, times=[moment(at, values["zone"]) for at in times], zone=values["zone"])


def save(entry: Entry, repeat: Repeat, *, priority: Priority, key: str) -> Schedule:
    """Make the valid form a schedule. The same key again is the same schedule."""
    try:
        with transaction.atomic():
            made = entries.create(entry, repeat.form, priority=priority)
            Schedule.objects.filter(pk=made.pk).update(form_key=key)
    except IntegrityError:
        # The same form was submitted twice at once, and the other one was first.
        if (first := saved(entry, key=key)) is None:
            raise
        return first
    return made


def saved(entry: Entry, *, key: str) -> Schedule | None:
    """Return the schedule that the form with this key has made already."""
    return Schedule.objects.filter(owner_id=entry.user.pk, form_key=key).first()


def _values(schedule: Schedule) -> dict[str, Any]:
    """Return what the fields hold for this schedule: its begin and end on its zone's wall clock."""
    values: dict[str, Any] = {name: getattr(schedule, name) for name in ("cron", "zone", "catch_up", "overlap")}
    for name in ("starts_at", "ends_at"):
        at = getattr(schedule, name)
        values[name] = moment(at, schedule.zone).at.replace(tzinfo=None) if at else None
    return values
