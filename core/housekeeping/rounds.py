"""One round of the housekeeper, and what it counts."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from django.db.models import Model, QuerySet

from core.database.clock import database_now

T = TypeVar("T")

#: Rows that one transaction deletes, and keys that one query asks for.
BATCH = 500
#: Things left in place that a tally names, as not deletable or not the housekeeper's; more are only counted.
NAMED = 10


@dataclass(frozen=True)
class Round:
    """One round, as each of its parts receives it."""

    #: The database's time when the round began.
    now: dt.datetime = field(default_factory=database_now)
    #: Whether to report only what would be deleted.
    is_dry: bool = False
    #: Called between batches with what has been done so far; may raise to end the round.
    watch: Callable[[int], None] = lambda _: None

    def before(self, *, days: float = 0, hours: float = 0) -> dt.datetime:
        """Return the time so many days or hours before the round began."""
        return self.now - dt.timedelta(days=days, hours=hours)


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a part of a round has deleted, or would delete."""

    counts: dict[str, int]
    bytes: int
    left: tuple[str, ...]
    left_count: int


@dataclass
class Tally:
    """How many of each were deleted, or would be."""

    counts: Counter[str] = field(default_factory=Counter)
    #: Of files.
    bytes: int = 0
    #: Sentences on what was left in place, as it could not be deleted or is not of the store.
    left: list[str] = field(default_factory=list)
    left_count: int = 0

    def leave(self, sentence: str) -> None:
        """Note what was not deleted, and why."""
        self.left_count += 1
        if len(self.left) < NAMED:
            self.left.append(sentence[:300])

    def done(self) -> Done:
        """Return what was counted, to be stored."""
        return Done(
            counts={name: count for name, count in self.counts.items() if count},
            bytes=self.bytes,
            left=tuple(self.left),
            left_count=self.left_count,
        )


def batches(items: Iterable[T], size: int = BATCH) -> Iterator[list[T]]:
    """Yield the items in lists of up to this size; never more of them are held."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def delete_rows(rows: QuerySet[Any], name: str, *, work: Round, tally: Tally) -> None:
    """Delete the rows in batches, the oldest key first, and count them under this name."""
    if work.is_dry:
        tally.counts[name] += rows.count()
        return
    model: type[Model] = rows.model
    after: Any = None
    while True:
        left = rows.order_by("pk") if after is None else rows.order_by("pk").filter(pk__gt=after)
        keys = list(left.values_list("pk", flat=True)[:BATCH])
        if not keys:
            return
        # With the condition again: a row may have changed since it was read.
        tally.counts[name] += rows.filter(pk__in=keys).delete()[1].get(model._meta.label, 0)
        after = keys[-1]
        work.watch(sum(tally.counts.values()))
