"""Limits as a pipeline declares them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.database.jsontext import dumps

#: Seconds of the periods that a rate may name.
PERIODS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
#: Characters of a parameter's value that a key keeps as they are; longer ones are told apart by their hash.
VALUE_LENGTH = 60
#: Characters of a lane: what its column holds.
LANE_LENGTH = 250
#: Characters of the hash that stands for a long value, after the beginning of the value if there is room.
_HASH_LENGTH = 16

_RATE = re.compile(r"\s*(\d+)\s*/\s*(\d*)\s*([smhd])\s*\Z")
_KEY = re.compile(r"(pipeline|owner|param:[A-Za-z_][A-Za-z0-9_]{0,59})\Z")


@dataclass(frozen=True)
class Rate:
    """At most `amount` starts in `per_seconds`, evenly spread: `Rate("100/m", key="owner")`.

    The key says what is counted together: all jobs of the `pipeline`, those of one `owner`, or those with one value of
    a parameter (`param:host`). `burst` jobs may start at once after a quiet time; the average stays the rate. The rate
    is kept by GCRA, the generic cell rate algorithm (ITU-T I.371).
    """

    text: str
    key: str = "pipeline"
    burst: int = 1

    kind = "rate"

    def __post_init__(self) -> None:
        parse_rate(self.text)
        _check_key(self.key)
        if self.burst < 1:
            raise ValueError(f"burst {self.burst!r}: at least 1 job starts at once")

    @property
    def amount(self) -> int:
        return parse_rate(self.text)[0]

    @property
    def per_seconds(self) -> float:
        return parse_rate(self.text)[1]


@dataclass(frozen=True)
class Concurrent:
    """At most `amount` jobs at work at once, those that wait for their parts included: `Concurrent(4)`."""

    amount: int
    key: str = "pipeline"

    kind = "concurrent"
    per_seconds = None
    burst = 1

    def __post_init__(self) -> None:
        _check_key(self.key)
        if self.amount < 1:
            raise ValueError(
                f"Concurrent({self.amount!r}): at least 1 job has to be let go; pause the pipeline instead"
            )


Limit = Rate | Concurrent


def parse_rate(text: str) -> tuple[int, float]:
    """Return amount and seconds of a rate such as `100/m`, `5/s` or `1/30s`; raise ValueError with what is wrong."""
    match = _RATE.match(text)
    if match is None:
        raise ValueError(f"rate {text!r}: write an amount and a period, such as 5/s, 100/m, 10/h, 3/d or 1/30s")
    amount, count, unit = int(match[1]), int(match[2] or 1), match[3]
    if amount < 1 or count < 1:
        raise ValueError(f"rate {text!r}: the amount and the period are at least 1; pause the pipeline to let none go")
    return amount, count * PERIODS[unit]


def names_of(limits: Sequence[Limit]) -> list[str]:
    """Return the name of each limit within its pipeline: `rate:owner`, the second of a kind `rate:owner:2`."""
    names: list[str] = []
    for limit in limits:
        name = f"{limit.kind}:{limit.key}"
        count = sum(1 for other in names if other == name or other.startswith(f"{name}:"))
        names.append(name if not count else f"{name}:{count + 1}")
    return names


def lane_of(limits: Iterable[Limit], params: Mapping[str, Any]) -> str:
    """Return the values of the limits' parameters as JSON; empty for a job that no limit counts."""
    limits = tuple(limits)
    if not limits:
        return ""
    room = room_of(limits)
    return _as_text({name: _value(params.get(name), room) for name in _parameters(limits)})


def room_of(limits: Iterable[Limit]) -> int:
    """Return the characters, as JSON, that each value has in a lane; raise ValueError when there are too few."""
    names = _parameters(limits)
    frame = len(_as_text(dict.fromkeys(names, "")))
    room = min(VALUE_LENGTH, (LANE_LENGTH - frame) // max(1, len(names)))
    if room <= _HASH_LENGTH:
        raise ValueError(f"limits by {', '.join(names)}: these are too many parameters to count by, or too long names")
    return room


def value_of(limit: Limit, *, owner_id: Any, params: Mapping[str, Any]) -> str:
    """Return the value of the limit's key for a job, which names its bucket."""
    if limit.key == "owner":
        return str(owner_id)
    if limit.key.startswith("param:"):
        return _value(params.get(limit.key.removeprefix("param:")))
    return ""


def _parameters(limits: Iterable[Limit]) -> list[str]:
    return sorted({limit.key.removeprefix("param:") for limit in limits if limit.key.startswith("param:")})


def _value(value: Any, room: int = VALUE_LENGTH) -> str:
    # As it is stored, so that a date is counted the same when the job is edited or tried again.
    text = "" if value is None else str(json.loads(dumps(value))).strip()
    if text.isprintable() and _width(text) <= room:
        return text
    mark = f"…{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:_HASH_LENGTH]}"
    # Printable, so that it has the same value when it is read from a lane.
    begin = "".join(each if each.isprintable() else "\ufffd" for each in text[:20])
    while begin and _width(begin + mark) > room:
        begin = begin[:-1]
    return begin + mark


def _width(text: str) -> int:
    return len(_as_text(text)) - 2


def _as_text(value: Any) -> str:
    # Not escaped: a lane's length is counted in characters.
    return json.dumps(value, ensure_ascii=False)


def _check_key(key: str) -> None:
    if not _KEY.match(key):
        raise ValueError(f"limit key {key!r}: use pipeline, owner, or param:<a field's name of up to 60 letters>")
