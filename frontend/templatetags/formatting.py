"""Filters and tags that write values for people: sizes, counts, durations, rates, moments."""

from __future__ import annotations

import datetime as dt
import math
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core.formatting import size

register = template.Library()
register.filter("filesize", size)


@register.filter
def count(number: Any) -> str:
    """Return a number with its thousands set apart."""
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        return "" if number is None else str(number)
    return f"{number:,}" if isinstance(number, int) else f"{number:,.10g}"


@register.filter
def duration(seconds: float | None) -> str:
    """Return seconds as `0.4 s`, `12 s`, `3 min 05 s`, `2 h 14 min` or `3 d 4 h`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


@register.filter
def coarse_duration(seconds: float | None) -> str:
    """Return an estimate of seconds without false precision: `about 3 min`."""
    if seconds is None:
        return ""
    if seconds < 5:
        return "a few seconds"
    if seconds < 60:
        return f"about {max(5, round(seconds / 5) * 5)} s"
    if seconds < 3600:
        return f"about {round(seconds / 60)} min"
    return f"about {round(seconds / 3600, 1):g} h"


@register.filter
def amount(number: float | None, unit: str) -> str:
    """Return an amount of work: bytes as a size, everything else as a number with its unit."""
    if number is None:
        return ""
    if unit == "bytes":
        return size(number)
    return f"{count(int(number))} {unit}".strip()


@register.filter
def amount_of(number: float | None, unit: str) -> str:
    """Return the first amount of `3 of 7 rows`: without its unit; a size keeps its own, which may differ."""
    return amount(number, unit if unit == "bytes" else "")


@register.filter
def rate(per_second: float | None, unit: str) -> str:
    """Return units a second: `12,300 rows/s`, `8.4 MB/s`, `0.4 files/s`."""
    if per_second is None:
        return ""
    if unit == "bytes":
        return f"{size(per_second)}/s"
    number = f"{per_second:,.0f}" if per_second >= 10 else f"{per_second:.2g}"
    return f"{number} {unit}/s" if unit else f"{number}/s"


@register.filter
def percent(share: float | None) -> str:
    """Return 0 to 100 as `0%`, `< 0.1%`, `3.4%` or `100%`; only none is `0%`, and only all is `100%`."""
    if share is None:
        return ""
    if 0 < share < 0.1:
        return "< 0.1%"
    if 99.9 < share < 100:
        return "> 99.9%"
    return f"{share:.0f}%" if share in (0, 100) else f"{share:.1f}%"


@register.filter
def fact(value: Any) -> str:
    """Return a value of a job's result for people."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, (int, float)):
        return count(value)
    if isinstance(value, list):
        return ", ".join(fact(entry) for entry in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {fact(entry)}" for key, entry in value.items())
    return str(value)


@register.simple_tag
def ago(moment: dt.datetime | None) -> SafeString | str:
    """Return `<time>` with how long ago (or ahead) the moment is; the page's script keeps it right."""
    if moment is None:
        return ""
    return format_html(
        '<time datetime="{}" title="{}" data-relative>{}</time>',
        moment.isoformat(),
        _exact(moment),
        in_relation(moment),
    )


@register.simple_tag
def due(moment: dt.datetime) -> SafeString:
    """Return `<time>` with when something is to begin: `in 2 h`, or `any moment` once that has come."""
    seconds = (moment - timezone.now()).total_seconds()
    # A future moment is not "just now", however near.
    text = f"in {math.ceil(seconds)} s" if seconds < 10 else in_relation(moment)
    return format_html(
        '<time datetime="{}" title="{}" data-relative="due">{}</time>',
        moment.isoformat(),
        _exact(moment),
        "any moment" if seconds <= 0 else text,
    )


@register.simple_tag
def moment(value: dt.datetime | None) -> SafeString | str:
    """Return `<time>` with the moment itself, to the second."""
    if value is None:
        return ""
    return _as_time(value, _short(value))


@register.simple_tag
def at_time(value: dt.datetime | None) -> SafeString | str:
    """Return `<time>` with the moment for a sentence: only the time, unless it is on another day."""
    if value is None:
        return ""
    local = timezone.localtime(value)
    is_today = local.date() == timezone.localtime().date()
    return _as_time(value, f"{local:%H:%M:%S}" if is_today else _short(value))


@register.simple_tag
def day(value: dt.datetime | None) -> SafeString | str:
    """Return `<time>` with the day alone, for what need not be known to the second."""
    if value is None:
        return ""
    return _as_time(value, f"{timezone.localtime(value):%-d %b %Y}")


@register.simple_tag
def clock_time(value: dt.datetime | None) -> SafeString | str:
    """Return `<time>` with the time of day alone, for lists where the day is plain."""
    if value is None:
        return ""
    return _as_time(value, f"{timezone.localtime(value):%H:%M:%S}")


def in_relation(moment: dt.datetime) -> str:
    """Return `just now`, `5 min ago`, `in 2 h`, `3 days ago`, or the date."""
    seconds = (timezone.now() - moment).total_seconds()
    distance = abs(seconds)
    if distance < 10:
        return "just now"
    if distance >= 30 * 86400:
        return f"{timezone.localtime(moment):%-d %b %Y}"
    # A future moment is never shown nearer than it is.
    whole = math.floor if seconds > 0 else math.ceil
    if distance < 60:
        text = f"{whole(distance)} s"
    elif distance < 3600:
        text = f"{whole(distance / 60)} min"
    elif distance < 86400:
        text = f"{whole(distance / 3600)} h"
    else:
        text = "1 day" if distance < 2 * 86400 else f"{whole(distance / 86400)} days"
    return f"{text} ago" if seconds > 0 else f"in {text}"


def _as_time(value: dt.datetime, text: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), _exact(value), text)


def _exact(moment: dt.datetime) -> str:
    local = timezone.localtime(moment)
    return f"{local:%A, %-d %B %Y, %H:%M:%S} {local.tzname()}"


def _short(moment: dt.datetime) -> str:
    local, today = timezone.localtime(moment), timezone.localtime()
    if local.date() == today.date():
        return f"Today, {local:%H:%M:%S}"
    return f"{local:%-d %b, %H:%M}" if local.year == today.year else f"{local:%-d %b %Y, %H:%M}"
