"""Cron by brute force, written without a look at the code that is tested, and 200 expressions to compare the two with.

Every minute of UTC is looked at once for a zone: which wall time does the clock show then? That gives, for each wall
minute, the first and the second instant at which it is shown, if it is. An expression is a set of wall minutes: of each
day, it is asked of every number whether the field means it. Then the rule of docs/schedules.md is applied as it is
written there.
"""

from __future__ import annotations

import calendar
import datetime as dt
import random
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

Minutes = npt.NDArray[np.int64]

_DAY_MINUTES = 24 * 60
#: Minutes in which every zone's offset is looked at anew: none has changed its clock between two quarters of an hour.
_QUARTER = 15
_EPOCH = dt.date(1970, 1, 1)
_NAMES = {
    3: {name.upper(): number for number, name in enumerate(calendar.month_abbr) if name},
    4: {name.upper(): (number + 1) % 7 for number, name in enumerate(calendar.day_abbr)},
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


class Zone:
    """A zone's clock from the beginning of one year to that of another, by looking at every minute."""

    def __init__(self, name: str, first_year: int, last_year: int) -> None:
        self.name, zone = name, ZoneInfo(name)
        self.first_day = (dt.date(first_year, 1, 1) - _EPOCH).days
        self.last_day = (dt.date(last_year + 1, 1, 1) - _EPOCH).days
        # A day and a half more at each end: the zones are up to 14 hours away from UTC.
        begin, end = self.first_day * _DAY_MINUTES - 36 * 60, self.last_day * _DAY_MINUTES + 36 * 60
        utc = np.arange(begin, end, dtype=np.int64)
        quarters = [_offset_minutes(zone, minute) for minute in range(begin, end, _QUARTER)]
        wall = utc + np.repeat(np.array(quarters, dtype=np.int64), _QUARTER)
        self.begin = begin - 36 * 60
        size = end + 36 * 60 - self.begin
        self._first, self._second = np.full(size, -1, dtype=np.int64), np.full(size, -1, dtype=np.int64)
        # Written backwards, the first instant of a wall time is written last.
        self._first[wall[::-1] - self.begin] = utc[::-1]
        self._second[wall - self.begin] = utc
        self._second[self._second == self._first] = -1
        # What is never shown: the first instant that comes after it.
        later = np.where(self._first >= 0, self._first, np.iinfo(np.int64).max)
        self._next = np.minimum.accumulate(later[::-1])[::-1]

    def instants(self, expression: str) -> Minutes:
        """Return the instants between the first and the last year, as minutes of UTC since 1970."""
        fields = expression.upper().split()
        walls = self._walls(fields) - self.begin
        if _goes_by_the_clock(fields):
            found = np.concatenate([self._first[walls], self._second[walls]])
            found = found[found >= 0]
        else:
            found = self._next[walls]
        found = np.unique(found)
        low, high = self.first_day * _DAY_MINUTES, self.last_day * _DAY_MINUTES
        return found[(found > low) & (found < high)]

    def _walls(self, fields: list[str]) -> Minutes:
        days = np.array(
            [day for day in range(self.first_day - 1, self.last_day + 1) if _means_day(fields, day)], dtype=np.int64
        )
        clock = [60 * hour + minute for hour in _meant(fields, 1) for minute in _meant(fields, 0)]
        return np.add.outer(days * _DAY_MINUTES, np.array(clock, dtype=np.int64)).ravel()


def _offset_minutes(zone: ZoneInfo, minute: int) -> int:
    offset = dt.datetime.fromtimestamp(minute * 60, zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds()) // 60


def _goes_by_the_clock(fields: list[str]) -> bool:
    """Whether each minute or each hour is meant, or the minute or the hour is written with a star."""
    is_full = len(_meant(fields, 0)) == 60 or len(_meant(fields, 1)) == 24
    return is_full or fields[0][0] == "*" or fields[1][0] == "*"


def _meant(fields: list[str], place: int) -> list[int]:
    low, high = _RANGES[place]
    return [number for number in range(low, high + 1) if _means(fields[place], place, number)]


@lru_cache(maxsize=100_000)
def _means(text: str, place: int, number: int) -> bool:
    """Whether one of the field's parts means the number; parts that need a date are not asked here."""
    low, high = _RANGES[place]
    for part in text.split(","):
        if "L" in part and part not in _NAMES.get(place, ()) and not part.startswith("JUL"):
            continue
        if "#" in part:
            continue
        span, _, step = part.partition("/")
        if span == "*":
            start, end = low, high
        elif "-" in span:
            start, end = (_number(place, text) for text in span.split("-"))
        else:
            start = _number(place, span)
            end = high if step else start
        if start <= number <= end and (number - start) % int(step or 1) == 0:
            return True
    return False


def _number(place: int, text: str) -> int:
    known = _NAMES.get(place, {})
    return known[text] if text in known else int(text)


def _means_day(fields: list[str], number: int) -> bool:
    day = _EPOCH + dt.timedelta(days=number)
    if not _means(fields[3], 3, day.month):
        return False
    by_date, by_week = _means_date(fields[2], day), _means_weekday(fields[4], day)
    if fields[2].startswith("*") or fields[4].startswith("*"):
        return by_date and by_week
    return by_date or by_week


def _means_date(text: str, day: dt.date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    parts = text.split(",")
    if "L" in parts and day.day == length:
        return True
    if "LW" in parts:
        working = [number for number in range(1, length + 1) if day.replace(day=number).weekday() < 5]
        if day.day == working[-1]:
            return True
    return _means(text, 2, day.day)


def _means_weekday(text: str, day: dt.date) -> bool:
    sunday_first = day.isoweekday() % 7
    for number in (0, 7) if sunday_first == 0 else (sunday_first,):
        if _means(text, 4, number):
            return True
        for part in text.split(","):
            if part == f"{number}L" and (day + dt.timedelta(days=7)).month != day.month:
                return True
            name, hash_, place = part.partition("#")
            if hash_ and _number(4, name) == number and (day.day - 1) // 7 + 1 == int(place):
                return True
    return False


# -- expressions ---------------------------------------------------------------------------------------

#: What people write, and what goes wrong elsewhere.
CHOSEN = (
    "0 7 * * MON", "0 0 * * 0", "0 0 * * 7", "0 0 * * SUN", "30 2 * * *", "30 1 * * *", "0 2 * * *", "0 3 * * *",
    "15,45 2 * * *", "0,30 1-3 * * *", "59 1 * * *", "0 0 29 2 *", "0 0 31 * *", "0 0 30 * *", "0 12 L * *",
    "0 12 LW * *", "0 12 L 2 *", "30 2 L 3 *", "0 0 * * 5L", "0 0 * * 0L", "0 0 * * 7L", "0 9 * * MON#1",
    "0 9 * * SUN#5", "0 9 * * 2#3", "0 2 * 3 SUN#2", "30 2 * 3,10 0L", "0 0 1 1 *", "0 0 1 * *", "0 * * * *",
    "30 * * * *", "*/30 * * * *", "*/15 * * * *", "45 */2 * * *", "0 */6 * * *", "0 0-23 * * *", "20 0-23/1 * * *",
    "* 2 * * *", "*/10 1-3 * * *", "* * 29 2 *", "* * 1 1 *", "0 0 13 * 5", "0 0 13 * FRI", "0 8 1-7 * 1",
    "0 8 1-7 */2 MON-FRI", "0 8 */2 * 1", "0 8 * * 1-5", "0 8-18/2 * * 1-5", "5/20 9 * * *", "0 22 * * FRI-SAT",
    "0 6 1,15 * *", "0 6 15,L * *", "0 6 15,L * MON#1", "10 4 10-20/5 JAN-JUN *", "0 0 28-31 * *", "0 23 28-31 2 *",
    "30 0 * * *", "0 1 * 4,10 *", "0 1 * 4,10 0", "59 23 31 12 *", "0 12 * FEB MON", "0 5 * * 6,0", "0 5 * * 5/2",
    "*/5 9-16 * * 1-5", "0-59 3 * * *", "0-58/2 2 * * *", "1,3,5 2 * 3 *", "0 4 8-14 * *", "0 4 8-14 * SUN",
)  # fmt: skip


def expressions(count: int, *, seed: int = 5) -> list[str]:
    """Return so many expressions: those above, then others by chance, the same each time."""
    chance = random.Random(seed)
    found = list(dict.fromkeys(CHOSEN))
    while len(found) < count:
        made = _any_expression(chance)
        if made not in found:
            found.append(made)
    return found[:count]


def _any_expression(chance: random.Random) -> str:
    minute = chance.choice(["0", "30", str(chance.randrange(60)), "*/20", f"{chance.randrange(30)}/25", "15,45", "0-4"])
    ranged = f"{chance.randrange(12)}-22/5"
    hour = chance.choice([str(chance.randrange(24)), "2", "1-3", "0,12", "*/8", "9-17/4", "23", "0", ranged, "*/3"])
    day = chance.choice(
        ["*", "*", "1", "31", "L", "LW", "*/3", "1-7", "10-20/3", str(chance.randrange(1, 29)), "29,30", "1,L", "5/9"]
    )
    month = chance.choice(["*", "*", "*", "2", "JAN-MAR", "*/2", "3,10", "APR,NOV", "2-12/5", "7/2", "JUL"])
    week = chance.choice(
        ["*", "*", "*", "0", "7", "SUN", "MON-FRI", "1,3,5", "*/2", "6L", "0L", "TUE#2", "4#5", "SAT,0", "5-7", "2/3"]
    )
    if day in ("31", "29,30"):
        # Not each month has such a day, and what never comes is refused.
        month = "JAN-MAR"
    return f"{minute} {hour} {day} {month} {week}"
