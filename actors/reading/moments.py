"""Dates, times of day and timestamps: which ways of writing them the values of a column allow.

Two digits of a year are of the 1900s from 69 on and of the 2000s below. Seconds keep up to nine places; a timestamp
with a zone becomes UTC. Left as text: a time of day with a zone, 24:00, months in other languages than English.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from actors.tables.engine import literal

from .types import MONTHS, Candidate, Reading

_DAY, _MONTH = "(0?[1-9]|[12][0-9]|3[01])", "(0?[1-9]|1[0-2])"
#: The year 0 would be another one before Christ.
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
#: Years that a timestamp with nanoseconds can be of.
_NANO_YEAR = "(1[7-9][0-9]{2}|2[01][0-9]{2}|22[0-5][0-9])"
_ISO_DATE = "-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_ENDS = ("uary", "ruary", "ch", "il", "", "e", "y", "ust", "tember", "ober", "ember", "ember")
_HOURS = "([01]?[0-9]|2[0-3])"
_HOURS_12 = "(0?[1-9]|1[0-2])"
_ZONE = "(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
#: Places of seconds that a timestamp keeps without a type of its own.
_MICRO = 6

_DATED = re.compile(
    r"(?:(?P<a>[0-9]{1,4})(?P<s>[-/. ])(?P<b>[0-9]{1,2}|[A-Za-z]{3,9})(?P=s)(?P<c>[0-9]{1,4})"
    r"|(?P<name>[A-Za-z]{3,9}) [0-9]{1,2}(?P<comma>,?) [0-9]{4}"
    r"|(?P<compact>[0-9]{1,2}[A-Za-z]{3}[0-9]{4}))"
    r"(?:(?P<gap>,? |T)(?P<clock>[0-9].*))?"
)
_CLOCKED = re.compile(
    r"[0-9]{1,2}:[0-9]{2}(?P<seconds>:[0-9]{2}(?:(?P<mark>[.,])(?P<places>[0-9]{1,9}))?)?"
    r"(?P<half>(?P<space>[ \u00a0\u202f]?)[AaPp][Mm])?(?P<zone>(?P<apart> ?)(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
)
#: One date of each way of writing that a declared type takes beside those its values have.
_USUAL = ("1/1/2024", "1.1.2024", "1-1-2024", "2024/1/1", "2024-1-1", "2024.1.1", "1 Jan 2024", "1-Jan-2024")
_NAMED = ("Jan 1, 2024", "Jan 1 2024")


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """How a time of day is written."""

    has_seconds: bool = True
    #: Places of the seconds without the zeros at their end; None where there are none.
    places: int | None = None
    mark: str = "."
    #: The blank before AM or PM; None where there are 24 hours.
    half: str | None = None
    #: The blank before the zone; None where there is no zone.
    zone: str | None = None
    is_midnight: bool = False

    @property
    def pattern(self) -> str:
        """Of what the engine's cast takes: it passes over zeros behind the places it keeps."""
        return self._pattern(f"([{self.mark}][0-9]{{1,{max(self.places or 0, _MICRO)}}}0{{0,3}})?")

    @property
    def parsed_pattern(self) -> str:
        """Of what the engine's formats take."""
        return self._pattern(f"([{self.mark}][0-9]{{1,{_MICRO}}})?" if self.places is not None else "")

    @property
    def formats(self) -> list[str]:
        """The engine's formats, the most likely one first: trying another is slow."""
        hours, half = ("%H", "") if self.half is None else ("%I", f"{self.half}%p")
        rest = [":%S", ""] if self.has_seconds else ["", ":%S"]
        seconds = rest if self.places is None else [f":%S{self.mark}%f", *rest]
        return [f"{hours}:%M{part}{half}" for part in seconds]

    def _pattern(self, fraction: str) -> str:
        if self.is_midnight:
            return "0?0:00(:00([.]0{1,6})?)?"
        if self.half is not None:
            return f"{_HOURS_12}:[0-5][0-9](:[0-5][0-9]{fraction})?{self.half}[AaPp][Mm]"
        zone = {None: "", "": _ZONE, " ": f" ({_ZONE}|UTC)"}[self.zone]
        return f"{_HOURS}:[0-5][0-9](:[0-5][0-9]{fraction})?{zone}"


def moments(texts: list[str], *, date_order: str = "") -> list[Candidate]:
    """The readings of moments that all of these values allow; of several orders of day and month, all."""
    readings = [reading for reading in forms_of(texts, date_order=date_order) if reading.matches_all(texts)]
    return [Candidate(reading=reading) for reading in readings]


def forms_of(texts: list[str], *, date_order: str = "") -> list[Reading]:
    """The readings of the way in which the first of these values is written, one for each order it can be in."""
    if _CLOCKED.fullmatch(texts[0]):
        return _times(_clock_of(texts))
    first = _DATED.fullmatch(texts[0])
    if not first:
        return []
    alike = [match for match in map(_DATED.fullmatch, texts) if match and _way(match) == _way(first)]
    clock = _clock_of([match["clock"] for match in alike]) if first["clock"] else None
    if first["clock"] and clock is None:
        return []
    if all(map(_is_iso, alike)) and (clock is None or clock.half is None):
        return [_iso(clock)]
    if clock and (clock.zone is not None or (clock.places or 0) > _MICRO):
        return []
    padded = all(len(match["a"] or "") == len(match["b"] or "") == 2 for match in alike)
    readings = [_parsed(pattern, format, first["gap"], clock) for pattern, format in _dates(first, padded=padded)]
    preferred = [reading for reading in readings if reading.order == date_order]
    return preferred or readings


def commonest(texts: list[str]) -> list[str]:
    """The values that are written in the way that most of them are."""
    ways: dict[tuple[object, ...], list[str]] = {}
    for text in texts:
        if match := _DATED.fullmatch(text):
            ways.setdefault(_way(match), []).append(text)
        elif match := _CLOCKED.fullmatch(text):
            ways.setdefault((match["space"], match["apart"]), []).append(text)
    return max(ways.values(), key=len, default=[])


def is_ambiguous(readings: list[Reading]) -> bool:
    """Whether day, month and year can change places in what is left."""
    return len({reading.order for reading in readings if reading.order}) > 1


def year_side(texts: list[str]) -> str:
    """Where a year of two digits is likely to stand, "first" or "last", if that can be told: days differ more."""
    parts = [digits for text in texts if len(digits := re.findall("[0-9]+", text)[:3]) == 3]
    first, last = (len({part[side] for part in parts}) for side in (0, 2))
    if first >= 2 * last:
        return "last"
    return "first" if last >= 2 * first else ""


def wide(type: str, order: str, like: list[Reading]) -> Reading:
    """The reading of a declared type, which takes any form that is certain once the order is.

    `order` is empty where nothing decides it; `like` are the forms that the values have, to be tried first.
    """
    days, clocks = [_iso(None)], [_Clock(is_midnight=True)]
    if type == "timestamp":
        clocks = [_Clock(places=_MICRO), _Clock(half=" ")]
    stamps = [_iso(clock) for clock in clocks if clock.half is None]
    if type == "timestamp":
        stamps.append(_iso(_Clock(zone="")))
    for text in (*_USUAL, *_NAMED):
        for pattern, format in _dates(_DATED.fullmatch(text), padded=False):
            day = _parsed(pattern, format, None, None)
            if day.order in (order, "ymd") or "%b" in format:
                days.append(day)
                stamps += [_parsed(pattern, format, " ", clock) for clock in clocks]
    several = [*like, *stamps, *days] if type == "timestamp" else [*like, *days, *stamps]
    if type == "time":
        several = [*like, *_times(_Clock()), *_times(_Clock(half=" ")), *_times(_Clock(half=""))]
    kinds = {"date": "DATE", "time": "TIME", "timestamp": "TIMESTAMP"}
    is_fine = any(reading.sql_type == "TIMESTAMP_NS" for reading in like)
    sql_type = "TIMESTAMP_NS" if is_fine else kinds[type]
    value = "COALESCE(" + ", ".join(_guarded(item, sql_type) for item in dict.fromkeys(several)) + ")"
    return Reading(type, sql_type, "", value, like[0].format if like else "")


def _guarded(reading: Reading, sql_type: str) -> str:
    pattern = reading.pattern.replace("{", "{{").replace("}", "}}")
    return f"CASE WHEN regexp_full_match({{c}}, {literal(pattern)}) THEN ({reading.value})::{sql_type} END"


def _way(match: re.Match[str]) -> tuple[object, ...]:
    """What two dates have to share to be written in one way."""
    if match["s"] is None:
        return match["compact"] is None, match["comma"], match["gap"]
    return match["s"], len(match["a"]) > 2, match["b"].isdigit(), len(match["c"]) > 2, match["gap"]


def _is_iso(match: re.Match[str]) -> bool:
    if match["s"] != "-" or not match["b"].isdigit() or match["gap"] not in (None, " ", "T"):
        return False
    return (len(match["a"]), len(match["b"]), len(match["c"])) == (4, 2, 2)


def _clock_of(texts: list[str]) -> _Clock | None:
    times = [match for match in map(_CLOCKED.fullmatch, texts) if match]
    if not times:
        return None
    first = times[0]
    places = [len(time["places"].rstrip("0")) for time in times if time["places"]]
    return _Clock(
        has_seconds=2 * sum(time["seconds"] is not None for time in times) >= len(times),
        places=max(places, default=None),
        mark="," if any(time["mark"] == "," for time in times) else ".",
        half=first["space"] if first["half"] else None,
        zone=first["apart"] if first["zone"] else None,
    )


def _orders(match: re.Match[str], *, padded: bool) -> list[str]:
    first, mark, last = match["a"], match["s"], match["c"]
    named = not match["b"].isdigit()
    if mark == " " and not named:
        return []
    if len(first) == 4 and len(last) <= 2:
        return ["ymd"]
    if len(first) > 2 or len(last) not in (2, 4):
        return []
    if named:
        return ["dmy"]
    if len(last) == 4:
        return ["dmy", "mdy"]
    # Versions and numbers of sections have points and hyphens too, but no zeros before a digit.
    if mark != "/" and not padded:
        return []
    return ["dmy", "mdy", "ymd"] if mark in "/-" else ["dmy", "mdy"]


def _dates(match: re.Match[str] | None, *, padded: bool) -> list[tuple[str, str]]:
    """Each order's pattern and format of a date."""
    if match is None:
        return []
    if match["compact"]:
        return [(f"{_DAY}{_names(full=False)}{_YEAR}", "%d%b%Y")]
    if match["name"]:
        return [(f"{_names()} {_DAY}{match['comma']} {_YEAR}", f"%b %d{match['comma']} %Y")]
    is_short = len(match["a"]) <= 2 and len(match["c"]) == 2
    parts = {
        "d": (_DAY, "%d"),
        "m": (_MONTH, "%m") if match["b"].isdigit() else (_names(), "%b"),
        "y": ("[0-9]{2}", "%y") if is_short else (_YEAR, "%Y"),
    }
    mark = match["s"]
    separator = re.escape(mark) if mark == "." else mark
    return [
        (separator.join(parts[part][0] for part in order), mark.join(parts[part][1] for part in order))
        for order in _orders(match, padded=padded)
    ]


def _names(*, full: bool = True) -> str:
    ends = [f"({end})?" if full and end else "" for end in _ENDS]
    return "(?i:" + "|".join(f"{month}{end}" for month, end in zip(MONTHS, ends, strict=True)) + ")"


def _parsed(pattern: str, format: str, gap: str | None, clock: _Clock | None) -> Reading:
    """The reading of a date, with a clock of a timestamp, that the engine's formats take."""
    days = [format, format.replace("%b", "%B")] if "%b" in format and "%d%b" not in format else [format]
    if clock is None:
        return Reading("date", "DATE", pattern, f"{_strptime(days)}::DATE", format)
    formats = [f"{day}{gap}{time}" for day in days for time in clock.formats]
    return Reading("timestamp", "TIMESTAMP", f"{pattern}{gap}{clock.parsed_pattern}", _strptime(formats), formats[0])


def _strptime(formats: list[str]) -> str:
    if len(formats) == 1:
        return f"TRY_STRPTIME({{c}}, {literal(formats[0])})"
    return f"TRY_STRPTIME({{c}}, [{', '.join(map(literal, formats))}])"


def _times(clock: _Clock | None) -> list[Reading]:
    if clock is None or clock.zone is not None or (clock.places or 0) > _MICRO:
        return []
    if clock.half is not None:
        value = f"{_strptime(clock.formats)}::TIME"
        return [Reading("time", "TIME", clock.parsed_pattern, value, clock.formats[0])]
    return [Reading("time", "TIME", clock.pattern, f"TRY_CAST({_plain(clock)} AS TIME)", "%H:%M:%S")]


def _iso(clock: _Clock | None) -> Reading:
    """The reading of dates as the standard writes them, which the engine casts."""
    if clock is None:
        return Reading("date", "DATE", f"{_YEAR}{_ISO_DATE}", "TRY_CAST({c} AS DATE)", "%Y-%m-%d")
    is_fine = (clock.places or 0) > _MICRO
    kind, format = "TIMESTAMP_NS" if is_fine else "TIMESTAMP", "%Y-%m-%d %H:%M:%S"
    pattern = f"{_NANO_YEAR if is_fine else _YEAR}{_ISO_DATE}[ T]{clock.pattern}"
    text = _plain(clock)
    if clock.zone is None:
        return Reading("timestamp", kind, pattern, f"TRY_CAST({text} AS {kind})", format)
    value = f"make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
    if is_fine:
        value = f"make_timestamp_ns(epoch_ns(TRY_CAST({text} AS TIMESTAMPTZ_NS)))"
    return Reading("timestamp", kind, pattern, value, f"{format}%z, as UTC")


def _plain(clock: _Clock) -> str:
    """The text as the engine's casts take it."""
    text = "replace({c}, ',', '.')" if clock.mark == "," else "{c}"
    if clock.zone is None:
        return text
    # The engine reads a zone right behind the clock only.
    return f"regexp_replace(replace({text}, 'UTC', 'Z'), ' ([Z+-])', '\\1')" if clock.zone else text
