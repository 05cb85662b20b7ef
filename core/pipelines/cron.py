"""Cron expressions: read, explained, and turned into instants by the clock of a time zone.

cronsim reads an expression and says which days it means. The times of those days are wall times; when the clock of the
zone is changed, they become instants by the rule of Debian's cron:

- **Fixed times** (`30 2 * * *`): a time that the clock leaves out comes at the first instant after the gap; one that
  the clock shows twice comes the first time only. So each is there once a day, whatever the clock does.
- **Every minute or every hour** (the minute or the hour begins with `*`, or names all there are: `*/30 * * * *`,
  `0 * * * *`): it goes by the clock as it is shown. What the clock leaves out is left out, what it shows twice comes
  twice, so an hourly schedule comes at every real hour.

cronsim 2.8 follows the same rule except at two kinds of changes: where a clock jumps at midnight (Beirut, Havana) it
moves times that go by the clock out of the gap, and where a clock changes by half an hour (Lord Howe) it leaves times
out. Of 3,000 expressions near changes of ten clocks 26 differed. So cronsim finds the days, this module the instants.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import deque
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

#: Characters of the longest expression.
LENGTH = 200
#: Years in which an expression has to come once: the rarest, a 29 February on one day of the week, takes up to 40.
YEARS = 50

_DAY, _SECOND = dt.timedelta(days=1), dt.timedelta(seconds=1)
_NAMED = {
    "@HOURLY": "0 * * * *",
    "@DAILY": "0 0 * * *",
    "@MIDNIGHT": "0 0 * * *",
    "@WEEKLY": "0 0 * * 0",
    "@MONTHLY": "0 0 1 * *",
    "@YEARLY": "0 0 1 1 *",
    "@ANNUALLY": "0 0 1 1 *",
}
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
#: The fields in their order: what each is called, its smallest and largest number, and its names.
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 7, _DAYS),
)
#: What each whole field is, by its first and last number, and what is written instead of a step as long as it.
_WHOLES = {
    (0, 59): "an hour: give one minute, and the step in the hour, such as 0 */2 * * *.",
    (0, 23): "a day: give one hour, and the step in the day of the month, such as 0 7 */2 * *.",
    (1, 31): "a month: give one day, and the step in the month, such as 0 7 1 */2 *.",
    (1, 12): "a year: give one month, such as JAN.",
    (0, 6): "a week: give one day of the week, such as MON.",
    (0, 7): "a week: give one day of the week, such as MON.",
}
_DAY_WORDS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTH_WORDS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
#: The most values that are named when a step begins anew.
_LISTED = 4
_NUMBER = re.compile(r"[0-9]+\Z")
#: A number as cronsim counts with it: `21th`, `22th`.
_ORDINAL = re.compile(r"\b([0-9]+)th\b")


class CronError(ValueError):
    """Raised when an expression or a zone can't be used; the text is a sentence for the person."""


def read(text: str) -> str:
    """Return the expression in its five fields, with one space between; raise CronError with what is wrong."""
    expression = " ".join(text.split()).upper()
    if expression.startswith("@"):
        if expression not in _NAMED:
            raise CronError(f"{text.strip()[:40]} is not known; there are: {', '.join(_NAMED).lower()}.")
        return _NAMED[expression]
    if len(expression) > LENGTH:
        raise CronError(f"The expression is longer than {LENGTH} characters.")
    count = len(expression.split())
    if count == 6:
        raise CronError(
            "There are six fields; seconds can't be given. Write: minute, hour, day, month, day of the week."
        )
    if count != 5:
        raise CronError(
            f"There {'is one field' if count == 1 else f'are {count} fields'} where five are needed: minute, hour, day "
            "of the month, month, day of the week. For 07:00 every Monday write: 0 7 * * MON"
        )
    for field, value in zip(_FIELDS, expression.split(), strict=True):
        _check(*field, value)
    _parsed(expression)
    return expression


def in_words(cron: str) -> str:
    """Return what the expression means, e.g. `At 07:00 on Monday`."""
    fields = read(cron).split()
    # A Sunday has two numbers; in words it is one day.
    fields[4] = ",".join(dict.fromkeys("0" if day in ("7", "SUN") else day for day in fields[4].split(",")))
    if _is_each_day(_parsed(" ".join(fields))):
        fields[2] = fields[4] = "*"
    parsed = _parsed(" ".join(fields))
    restarts = "; ".join(_restarts(fields, parsed))
    return _ORDINAL.sub(_ordinal, parsed.explain()) + (f" ({restarts})" if restarts else "")


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of this IANA name; raise CronError when there is none."""
    if name not in zone_names():
        raise CronError(f"There is no time zone {name[:64]!r}. Zones are named like Europe/Paris or UTC.")
    return ZoneInfo(name)


@cache
def zone_names() -> frozenset[str]:
    """Return the IANA names that this machine knows."""
    # "localtime" means another zone on another machine, and "Factory" means that nobody has chosen one.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def times(cron: str, zone: str, *, after: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the instants after this one, aware, in UTC, in their order, for as long as there are any."""
    parsed, where, after = _parsed(cron), zone_of(zone), after.astimezone(dt.UTC)
    return _by_clock(parsed, where, after) if _goes_by_the_clock(parsed) else _fixed(parsed, where, after)


def next_times(
    cron: str, zone: str, *, after: dt.datetime, count: int, until: dt.datetime | None = None
) -> list[dt.datetime]:
    """Return the next `count` instants after this one, none later than `until`."""
    instants = times(cron, zone, after=after)
    return list(islice(takewhile(lambda at: until is None or at <= until, instants), count))


def last_times(cron: str, zone: str, *, after: dt.datetime, until: dt.datetime, count: int) -> list[dt.datetime]:
    """Return the last `count` instants after the one and up to the other, in their order.

    It looks back from the end, further each time, so that a year of minutes is not walked through.
    """
    back = dt.timedelta(hours=1)
    while True:
        start = max(after, until - back)
        latest: deque[dt.datetime] = deque(maxlen=count)
        latest.extend(takewhile(lambda at: at <= until, times(cron, zone, after=start)))
        if len(latest) == count or start == after:
            return list(latest)
        back *= 4


def instant_of(wall: dt.datetime, zone: str) -> dt.datetime:
    """Return when the clock of the zone shows this time: the first time of two, the end of the gap for none."""
    return _instant(wall, zone_of(zone))


# -- reading -------------------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _parsed(cron: str) -> CronSim:
    """Return the expression as cronsim reads it. It is cached: nothing here changes it."""
    try:
        parsed = CronSim(cron, dt.datetime(2024, 1, 1, tzinfo=dt.UTC))
        comes = next(_days(parsed, dt.date(2024, 1, 1)), None)
    except CronSimError as error:
        if str(error) == "Bad day-of-month":
            comes = None
        else:
            field = str(error).removeprefix("Bad ").replace("-", " ")
            raise CronError(f"The {field} of {cron!r} can't be read.") from error
    if comes is None:
        raise CronError(f"{cron!r} never comes: no month that it names has such a day.")
    return parsed


def _check(name: str, low: int, high: int, names: tuple[str, ...], value: str) -> None:
    """Raise CronError with what is wrong in a field; what only cronsim refuses gets a general sentence."""
    for part in value.split(","):
        term, slash, step = part.partition("/")
        if not term:
            raise CronError(f"In the {name} {value!r} something is missing beside a comma or a slash.")
        if slash and (not _NUMBER.match(step) or int(step) == 0):
            raise CronError(f"The step {step!r} of the {name} is not a number from 1 on.")
        if term == "*":
            if slash:
                _check_step(names, low, high, str(low), str(high), int(step))
            continue
        if low == 1 and high == 31 and term in ("L", "LW"):
            if slash:
                raise CronError(f"{term} is one day and has no step: write {term}.")
            continue
        if low == 1 and high == 31 and term.startswith("L"):
            raise CronError(f"{term} is no {name}: L is the last day of the month, LW its last working day.")
        if names is _DAYS:
            term = _without_place(name, term)
        start, dash, end = term.partition("-")
        if dash and not (start and end):
            raise CronError(f"In the {name} {value!r} a number is missing beside the dash.")
        bounds = [_number(name, low, high, names, text) for text in ([start, end] if dash else [start])]
        if len(bounds) == 2 and bounds[0] > bounds[1]:
            top = 6 if names is _DAYS else high
            raise CronError(f"The {name} {term} goes backwards: write it as {start}-{top},{low}-{end}.")
        if slash:
            _check_step(names, bounds[0], bounds[1] if dash else high, start, end or str(high), int(step))


def _check_step(names: tuple[str, ...], first: int, last: int, start: str, end: str, step: int) -> None:
    """Raise CronError for a step that its field never takes: nobody who writes `*/90` means each hour's minute 0."""
    # A Sunday has two numbers: 7 days on it is the same day.
    width = 7 if names is _DAYS and (first, last) == (0, 7) else last - first + 1
    if step < width or step == 1:
        return
    shown = str(step)[:12]
    if whole := _WHOLES.get((first, last)):
        raise CronError(f"A step of {shown} is not shorter than {whole}")
    raise CronError(f"A step of {shown} from {start} leads past {end}, so that only {start} is meant: write {start}.")


def _without_place(name: str, term: str) -> str:
    """Return a day of the week without its place in the month: `MON#2` and `5L` are allowed."""
    day, hash_, place = term.partition("#")
    if hash_:
        if place not in ("1", "2", "3", "4", "5"):
            raise CronError(f"{term} is no {name}: the place in the month is from 1 to 5, such as {day or 'MON'}#2.")
        return day
    if re.match(r"[0-9]+L\Z", term):
        return term[:-1]
    if re.match(r"[A-Z]{3}L\Z", term) and term[:3] in _DAYS:
        raise CronError(f"Write the last {term[:3]} of the month with its number: {_DAYS.index(term[:3])}L.")
    return term


def _number(name: str, low: int, high: int, names: tuple[str, ...], text: str) -> int:
    if text in names:
        return names.index(text) + low
    if not _NUMBER.match(text):
        named = f" or {names[0]} to {names[-1]}" if names else ""
        raise CronError(f"{text!r} is no {name}: write {low} to {high}{named}, or *.")
    if not low <= int(text) <= high:
        raise CronError(f"{name.capitalize()} {text} is not between {low} and {high}.")
    return int(text)


def _is_each_day(parsed: CronSim) -> bool:
    """Whether either day is enough and one of them is any: cronsim's words then name only the other."""
    of_the_week = {day % 7 for day in parsed.weekdays if isinstance(day, int)}
    return not parsed.day_and and (parsed.days.issuperset(range(1, 32)) or len(of_the_week) == 7)


def _restarts(fields: list[str], parsed: CronSim) -> Iterator[str]:
    """Yield what the words "every seventh" hide: a step that doesn't divide its field begins anew with each of them.

    It's left unsaid where nothing follows that could be counted on: the minutes of one hour of the day.
    """
    minute, hour, day, month, weekday = fields
    if _is_stepped(minute) and len(parsed.hours) > 1:
        yield from _restart([f":{at:02}" for at in sorted(parsed.minutes)], sorted(parsed.minutes), 60)
    if _is_stepped(hour):
        yield from _restart([f"{at:02}:00" for at in sorted(parsed.hours)], sorted(parsed.hours), 24)
    if _is_stepped(day):
        yield _ORDINAL.sub(_ordinal, f"counted from the {min(parsed.days)}th of each month")
    if _is_stepped(month):
        yield from _restart([_MONTH_WORDS[at - 1] for at in sorted(parsed.months)], sorted(parsed.months), 12)
    if _is_stepped(weekday):
        days = sorted({at % 7 for at in parsed.weekdays if isinstance(at, int)})
        yield from _restart([_DAY_WORDS[at] for at in days], days, 7)


def _is_stepped(field: str) -> bool:
    """Whether it is one step through all that there is: a range's end says itself where the count stops."""
    term, slash, step = field.partition("/")
    return bool(slash) and "," not in field and "-" not in term and int(step) > 1


def _restart(names: list[str], values: list[int], length: int) -> Iterator[str]:
    gaps = {later - earlier for earlier, later in pairwise([*values, values[0] + length])}
    if len(gaps) > 1:
        listed = names if len(names) <= _LISTED else [*names[:2], f"… {names[-1]}"]
        yield f"{', '.join(listed)}, then {names[0]} again"


def _ordinal(match: re.Match[str]) -> str:
    number = int(match[1])
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


# -- from wall times to instants -----------------------------------------------------------------------


def _goes_by_the_clock(parsed: CronSim) -> bool:
    minute, hour = parsed.parts[1], parsed.parts[2]
    every = len(parsed.minutes) == 60 or len(parsed.hours) == 24
    return every or minute.startswith("*") or hour.startswith("*")


def _days(parsed: CronSim, first: dt.date) -> Iterator[dt.date]:
    """Yield the days that the expression means, from this one on, until none has come for `YEARS`."""
    day, last = first, first.year + YEARS
    while day.year <= last:
        if day.month not in parsed.months:
            day = (day.replace(day=1) + 32 * _DAY).replace(day=1)
            continue
        if parsed.match_day(day):
            last = day.year + YEARS
            yield day
        day += _DAY


def _walls(parsed: CronSim, after: dt.datetime) -> Iterator[dt.datetime]:
    """Yield the wall times after this one."""
    clock = [dt.time(hour, minute) for hour in sorted(parsed.hours) for minute in sorted(parsed.minutes)]
    for day in _days(parsed, after.date()):
        for time in clock:
            wall = dt.datetime.combine(day, time)
            if wall > after:
                yield wall


def _fixed(parsed: CronSim, zone: ZoneInfo, after: dt.datetime) -> Iterator[dt.datetime]:
    last = after
    for wall in _walls(parsed, after.astimezone(zone).replace(tzinfo=None)):
        instant = _instant(wall, zone)
        # Two times in one gap are one instant; what is shown for the second time has been.
        if instant > last:
            last = instant
            yield instant


def _by_clock(parsed: CronSim, zone: ZoneInfo, after: dt.datetime) -> Iterator[dt.datetime]:
    """Yield instants from one change of the clock to the next: between two of them the offset is fixed."""
    checked_until, start, offset = after, after, _offset(zone, after)
    while True:
        change = None
        for wall in _walls(parsed, (start + offset).replace(tzinfo=None)):
            instant = wall.replace(tzinfo=dt.UTC) - offset
            while change is None and checked_until < instant:
                # No zone changes its clock twice within a day.
                change = _change(zone, checked_until, checked_until + _DAY)
                checked_until += _DAY
            if change is not None and instant >= change:
                break
            yield instant
        else:
            return
        # The first instant of the new offset is among those of the next round.
        checked_until, start, offset = change, change - _SECOND, _offset(zone, change)


def _instant(wall: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    # Of a time in a gap, the one fold is read with the offset before the change, the other with that after it.
    late = wall.replace(tzinfo=zone, fold=0).astimezone(dt.UTC)
    if late.astimezone(zone).replace(tzinfo=None) == wall:
        return late
    early = wall.replace(tzinfo=zone, fold=1).astimezone(dt.UTC)
    return _change(zone, early, late) or late


def _change(zone: ZoneInfo, after: dt.datetime, until: dt.datetime) -> dt.datetime | None:
    """Return the first instant with another offset, if the two ends have not the same one."""
    before = _offset(zone, after)
    if _offset(zone, until) == before:
        return None
    while until - after > _SECOND:
        middle = after + (until - after) // 2
        if _offset(zone, middle) == before:
            after = middle
        else:
            until = middle
    return until.replace(microsecond=0)


def _offset(zone: ZoneInfo, at: dt.datetime) -> dt.timedelta:
    offset = at.astimezone(zone).utcoffset()
    return offset if offset is not None else dt.timedelta()
