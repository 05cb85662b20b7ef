"""Rows become pages: each row once, in order, no page over its height, no heading alone at its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

ROW, HEADING, TOTAL, GRAND_TOTAL = range(4)


@dataclass
class Page:
    """What stands on one page, with the heights of its lines in points."""

    items: list[Any]
    heights: list[float]
    kinds: list[int]
    #: The group that began on an earlier page, when the page begins inside it.
    continued: Any = None


@dataclass
class Paginator:
    """Takes items in order and gives full pages to `emit`; the rest at `finish`.

    `room` is the height of a page below its header, `heading` that of a group's heading, which is repeated on a page
    that begins inside a group.
    """

    room: float
    heading: float
    emit: Callable[[Page], None]
    _items: list[Any] = field(default_factory=list)
    _heights: list[float] = field(default_factory=list)
    _kinds: list[int] = field(default_factory=list)
    _group: Any = None

    def feed(self, items: Sequence[Any], heights: Sequence[float], kinds: Sequence[int]) -> None:
        self._items += items
        self._heights += heights
        self._kinds += kinds
        self._cut(is_last=False)

    def finish(self) -> None:
        self._cut(is_last=True)

    def _cut(self, *, is_last: bool) -> None:
        ends = np.cumsum(self._heights)
        start, count = 0, len(self._items)
        while start < count:
            inside = self._group is not None and self._kinds[start] in (ROW, TOTAL)
            room = self.room - (self.heading if inside else 0)
            before = float(ends[start - 1]) if start else 0.0
            # Sums of lengths are never exact: a hundredth of a point is no overflow.
            end = int(np.searchsorted(ends, before + room + 0.01, side="right"))
            if end >= count:
                if not is_last:
                    break
                end = count
            end = self._keep_together(start, end)
            self._emit(start, end, continued=self._group if inside else None)
            start = end
        del self._items[:start], self._heights[:start], self._kinds[:start]

    def _keep_together(self, start: int, end: int) -> int:
        """Return a page's end that leaves no heading behind, and takes the last row along with its totals."""
        kinds, original = self._kinds, end
        if end < len(kinds):
            while end > start + 1 and kinds[end] in (TOTAL, GRAND_TOTAL):
                end -= 1
            while end > start + 1 and kinds[end - 1] == HEADING:
                end -= 1
        return end if any(kind == ROW for kind in kinds[start:end]) else max(original, start + 1)

    def _emit(self, start: int, end: int, *, continued: Any) -> None:
        page = Page(self._items[start:end], self._heights[start:end], self._kinds[start:end], continued)
        for item, kind in zip(page.items, page.kinds, strict=True):
            if kind == HEADING:
                self._group = item
            elif kind == GRAND_TOTAL:
                self._group = None
        self.emit(page)
