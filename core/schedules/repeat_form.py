"""The part "Repeat this" of a pipeline's form."""

from __future__ import annotations

import datetime as dt
from functools import cache, partial
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from core.database.clock import database_now
from core.models import Preferences, Schedule
from core.pipelines import cron
from core.pipelines.cron import CronError

#: The zones that are offered first.
COMMON_ZONES = (
    "UTC", "Europe/London", "Europe/Paris", "Europe/Berlin", "Europe/Madrid", "Europe/Rome", "Europe/Warsaw",
    "Europe/Athens", "Europe/Istanbul", "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles",
    "America/Sao_Paulo", "Africa/Lagos", "Africa/Johannesburg", "Asia/Dubai", "Asia/Kolkata", "Asia/Singapore",
    "Asia/Shanghai", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip
#: Prefixes of the names by place; the other names are old ones of the same zones.
_REGIONS = ("Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/",
            "Indian/", "Pacific/")  # fmt: skip
#: Years that a begin or an end may lie in.
_FIRST_YEAR, _LAST_YEAR = 2000, 2200


class WallTimeField(forms.Field):
    """A day and a time on a wall clock; the zone is another field."""

    widget = forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")

    def to_python(self, value: Any) -> dt.datetime | None:
        if value in self.empty_values:
            return None
        try:
            wall = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value).strip())
        except ValueError:
            wall = None
        if wall is None or wall.tzinfo is not None:
            raise forms.ValidationError("Write a day and a time, such as 2027-01-31 07:00.", code="invalid")
        if not _FIRST_YEAR <= wall.year <= _LAST_YEAR:
            raise forms.ValidationError(f"The year is from {_FIRST_YEAR} to {_LAST_YEAR}.", code="year")
        return wall.replace(second=0, microsecond=0)


class ZoneField(forms.ChoiceField):
    """A choice of time zones; it accepts each name that this machine knows, also one that is not offered."""

    def validate(self, value: Any) -> None:
        forms.Field.validate(self, value)
        try:
            cron.zone_of(str(value))
        except CronError as error:
            raise forms.ValidationError(str(error), code="invalid_choice") from error


class RepeatForm(forms.Form):
    """When a job comes again. `cleaned_data` are values of a schedule: begin and end are instants, aware, in UTC."""

    cron = forms.CharField(
        label="When",
        max_length=cron.LENGTH,
        help_text="Minute, hour, day of the month, month, day of the week: 0 7 * * MON is every Monday at 07:00. Also "
        "@hourly, @daily, @weekly and @monthly.",
        error_messages={"required": "Say when: 0 7 * * MON is every Monday at 07:00."},
    )
    zone = ZoneField(
        label="Time zone",
        error_messages={"required": "Choose a time zone."},
    )
    starts_at = WallTimeField(label="Not before", required=False, help_text="By the clock of that time zone.")
    ends_at = WallTimeField(label="Not after", required=False, help_text="By the clock of that time zone.")
    catch_up = forms.ChoiceField(
        label="Times that passed while the site was down",
        choices=Schedule.CatchUp.choices,
        initial=Schedule.CatchUp.LATEST,
    )
    overlap = forms.ChoiceField(
        label="When the run before has not ended",
        choices=Schedule.Overlap.choices,
        initial=Schedule.Overlap.SKIP,
    )

    def __init__(self, *args: Any, user: AbstractBaseUser | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own = Preferences.of(user).zone if user is not None else ""
        chosen = str(self.initial.get("zone") or own or timezone.get_default_timezone_name())
        self.initial = {**self.initial, "zone": chosen}
        # The submitted zone is offered as well; without it the field would show another zone than was chosen.
        selected = str(self.data.get(self.add_prefix("zone")) or chosen)
        offered = [name for name in (selected, chosen) if name in cron.zone_names()]
        # Made when they are shown: there are hundreds, and a submit shows none.
        self.fields["zone"].choices = partial(_choices, *offered)  # type: ignore[attr-defined]  # it is a ZoneField

    def clean_cron(self) -> str:
        try:
            return cron.read(self.cleaned_data["cron"])
        except CronError as error:
            raise forms.ValidationError(str(error), code="cron") from error

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        for name in ("starts_at", "ends_at"):
            if values.get(name) is not None and values.get("zone"):
                values[name] = cron.instant_of(values[name], values["zone"])
        if self.errors:
            return values
        starts_at, ends_at, now = values["starts_at"], values["ends_at"], database_now()
        if ends_at is not None and ends_at <= now:
            self.add_error("ends_at", "This has passed already.")
        elif starts_at is not None and ends_at is not None and ends_at < starts_at:
            self.add_error("ends_at", "The end comes before the begin.")
        elif not _comes(values["cron"], values["zone"], starts_at=starts_at, ends_at=ends_at, now=now):
            self.add_error("cron", "It would never run: no time of it comes from the begin to the end.")
        return values


def _comes(
    text: str, zone: str, *, starts_at: dt.datetime | None, ends_at: dt.datetime | None, now: dt.datetime
) -> bool:
    after = max(now, starts_at - dt.timedelta(seconds=1)) if starts_at else now
    return bool(cron.next_times(text, zone, after=after, count=1, until=ends_at))


def _choices(*chosen: str) -> list[Any]:
    names = cron.zone_names()
    common = [name for name in COMMON_ZONES if name in names]
    common = [*dict.fromkeys(name for name in chosen if name not in common), *common]
    return [("Common", [(name, _label(name)) for name in common]), ("All", _all_choices())]


@cache
def _all_choices() -> list[tuple[str, str]]:
    names = sorted(name for name in cron.zone_names() if name == "UTC" or name.startswith(_REGIONS))
    return [(name, _label(name)) for name in names]


def _label(name: str) -> str:
    return name.replace("_", " ")
