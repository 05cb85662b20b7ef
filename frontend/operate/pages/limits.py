"""The context of the page of limits, and reading a limit from its form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import QueryDict

from core.errors import Refused
from core.limits.changes import LimitState, PipelineLimits, overview
from core.pipelines.declared import PERIODS

#: The units a period may be given in: name, words for one, words for many, seconds.
UNITS: tuple[tuple[str, str, str, float], ...] = (
    ("s", "second", "seconds", PERIODS["s"]),
    ("m", "minute", "minutes", PERIODS["m"]),
    ("h", "hour", "hours", PERIODS["h"]),
    ("d", "day", "days", PERIODS["d"]),
)
#: Digits that an amount may have.
_DIGITS = 7


@dataclass(frozen=True)
class Blocked:
    """A value of a limit's key whose remote asked to be left alone."""

    #: The name of its bucket, and the words for people.
    value: str
    name: str
    until: object


@dataclass(frozen=True)
class LimitRow:
    """One limit as its row shows it."""

    state: LimitState
    #: Its place in its pipeline, counted from 1; used for ids in the page.
    number: int
    blocked: tuple[Blocked, ...]

    @property
    def title(self) -> str:
        """What it limits, without its numbers."""
        if self.state.kind == "rate":
            return f"Starts, {self.counted}"
        return f"Jobs at once, {self.counted}"

    @property
    def counted(self) -> str:
        """What it counts together, in words."""
        key = self.state.key
        if key == "pipeline":
            return "in all"
        return "for each owner" if key == "owner" else f"for each {key.removeprefix('param:').replace('_', ' ')}"

    @property
    def current(self) -> str:
        """Its present numbers, in words."""
        return numbers(self.state.amount, self.state.per_seconds)

    @property
    def declared(self) -> str:
        """The declared numbers, in words."""
        return numbers(self.state.declared_amount, self.state.declared_per_seconds)

    @property
    def period(self) -> tuple[str, str]:
        """The period's count and unit, as its form shows them."""
        return period_of(self.state.per_seconds)

    @property
    def is_counted_together(self) -> bool:
        """Whether `in_use` is shown: places that are counted by a key have no single number."""
        return self.state.kind == "concurrent" and self.state.key == "pipeline"


@dataclass(frozen=True)
class Gate:
    """A pipeline with its limits as the page shows them."""

    state: PipelineLimits
    rows: tuple[LimitRow, ...]

    @property
    def name(self) -> str:
        return self.state.pipeline.name

    @property
    def at_work(self) -> int | None:
        """How many jobs were let go and have not ended; None when no limit counts them."""
        return self.state.limits[0].in_use if self.state.limits else None


def context_of() -> dict[str, Any]:
    """Return what the page shows: every pipeline with its limits."""
    return {"gates": gates(), "units": UNITS}


def context_of_one(name: str, *, message: str, refusal: str) -> dict[str, Any]:
    """Return what the region of one pipeline shows after an act on it."""
    gate = next(gate for gate in gates() if gate.name == name)
    return {"gate": gate, "units": UNITS, "message": message, "refusal": refusal}


def gates() -> list[Gate]:
    """Return all pipelines, those that are paused or have limits first."""
    unsorted = [_gate(state) for state in overview()]
    return sorted(unsorted, key=lambda gate: not (gate.state.is_paused or gate.rows))


def numbers(amount: int, per_seconds: float | None) -> str:
    """Return a limit's numbers in words: `100 a minute`, `1 in 30 seconds`, `4 at once`."""
    if per_seconds is None:
        return f"{amount:,} at once"
    count, unit = period_of(per_seconds)
    one, many = next((one, many) for name, one, many, _ in UNITS if name == unit)
    if count == "1":
        return f"{amount:,} {'an' if unit == 'h' else 'a'} {one}"
    return f"{amount:,} in {count} {many}"


def period_of(per_seconds: float | None) -> tuple[str, str]:
    """Return seconds as a count of the largest unit that they are a whole number of."""
    seconds = per_seconds or 1.0
    for name, _, _, length in reversed(UNITS):
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}", name
    return f"{seconds:g}", "s"


def read_limit(sent: QueryDict) -> tuple[int, float | None]:
    """Return the amount and the period in seconds that a form was filled in with; raise Refused with what is wrong."""
    amount = sent.get("amount", "").strip()
    if not (amount.isascii() and amount.isdigit() and len(amount) <= _DIGITS):
        raise Refused(f"The amount has to be a whole number of at least 1, not {amount[:20] or 'nothing'!r}.")
    unit = next((length for name, _, _, length in UNITS if name == sent.get("unit", "")), None)
    if unit is None:
        return int(amount), None
    count = sent.get("count", "").strip()
    try:
        seconds = float(count) * unit
    except ValueError:
        raise Refused(f"The period has to be a number, not {count[:20] or 'nothing'!r}.") from None
    return int(amount), seconds


def _gate(state: PipelineLimits) -> Gate:
    owners = _owners([limit for limit in state.limits if limit.key == "owner"])
    rows = [
        LimitRow(
            state=limit,
            number=number,
            blocked=tuple(
                Blocked(value, owners.get(value, value) if limit.key == "owner" else value, until)
                for value, until in limit.blocked
            ),
        )
        for number, limit in enumerate(state.limits, 1)
    ]
    return Gate(state, tuple(rows))


def _owners(limits: list[LimitState]) -> dict[str, str]:
    """Return the names of the people whose ids the limits' blocked values are."""
    model = get_user_model()
    ids = {key for limit in limits for value, _ in limit.blocked if (key := _key_of(model, value)) is not None}
    return {str(pk): person.get_username() for pk, person in model._default_manager.in_bulk(ids).items()} if ids else {}


def _key_of(model: type[Model], value: str) -> Any:
    """Return the primary key that a limit's value is; None for what is none."""
    try:
        return model._meta.pk.to_python(value)
    except ValidationError:
        return None
