"""The table on its way to pages: cells that are wide are wrapped, groups get headings and totals, pages make chunks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.typesetting.coverage import Codepoints, Coverage, codepoints

from .layout import Layout
from .paginate import GRAND_TOTAL, HEADING, ROW, TOTAL, Page, Paginator
from .request import Request
from .source import Group, Source
from .wrapping import clean, fit, is_rtl, wrap

#: Cells of a chunk: few enough for a process to stay small, enough to outweigh its start.
FEW_CELLS, MANY_CELLS, PARTS = 6_000, 16_000, 12
MOST_ROWS = 2_500
MOST_PAGES = 100
#: Chunks of a report at most, well within what a fan-out may have.
MOST_CHUNKS = 5_000


@dataclass
class Marks:
    """Where the groups begin, and the texts of the pages' first and last rows."""

    #: (label, page of the table from 0, rows); of very many, every so many-th.
    groups: list[tuple[str, int, int]] = field(default_factory=list)
    group_count: int = 0
    #: By page: number of the first row from 0, text of the sort column in the first and in the last row.
    pages: list[tuple[int, str, str]] = field(default_factory=list)
    every: int = 1
    most: int = 20_000

    def add_group(self, label: str, page: int, rows: int) -> None:
        if self.group_count % self.every == 0:
            self.groups.append((label, page, rows))
            if len(self.groups) > self.most:
                self.groups = self.groups[::2]
                self.every *= 2
        self.group_count += 1


class Glyphs:
    """The characters of a document: which have no glyph, and which families the others are set in."""

    def __init__(self, coverage: Coverage) -> None:
        self.coverage = coverage
        self.missing: Counter[int] = Counter()
        self._used = np.zeros(0x110000, dtype=np.bool_)

    def see(self, points: Codepoints) -> None:
        self._used[points] = True
        mask = self.coverage.missing_mask(points)
        if mask.any():
            absent, counts = np.unique(points[mask], return_counts=True)
            self.missing.update(dict(zip(absent.tolist(), counts.tolist(), strict=True)))

    @property
    def used(self) -> Codepoints:
        return np.flatnonzero(self._used).astype(np.uint32)


class Table:
    """Writes the chunks of the table into a folder, as JSON files that the template reads."""

    def __init__(self, source: Source, layout: Layout, glyphs: Glyphs, folder: Path) -> None:
        self.source, self.layout, self.glyphs, self.folder = source, layout, glyphs, folder
        self.request: Request = source.request
        self.marks = Marks()
        #: Pages of each chunk, in order.
        self.chunks: list[int] = []
        self.pages = 0
        self.cut_cells = 0
        columns = self.request.set_columns
        self._texts = [place for place, (_, kind) in enumerate(columns) if kind == "text"]
        self._sort = self._sort_place()
        self._rows = 0
        self._waiting: list[dict[str, Any]] = []
        self._waiting_rows = 0
        cells = max(FEW_CELLS, min(MANY_CELLS, source.rows * len(columns) // PARTS))
        self._chunk_rows = max(1, min(MOST_ROWS, cells // len(columns)), source.rows // MOST_CHUNKS)
        # A report of very many rows may not become more parts than a fan-out can have.
        self._chunk_pages = max(MOST_PAGES, self._chunk_rows // 10)
        self.most_characters = layout.most_lines * int(max(layout.widths) / layout.size / 0.2) + 10

    def write(self, report: Callable[[int], None]) -> None:
        """Go through all rows once; `report` is told how many are done."""
        pages = Paginator(room=self.layout.room, heading=self.layout.heading, emit=self._page)
        self._done = 0
        groups = self.source.groups() if self.request.group_by and self.source.rows else None
        group: Group | None = None
        left = 0
        for rows in self.source.batches(self.most_characters):
            lined, lines = self._lined(rows)
            heights = (lines * self.layout.line + 2 * self.layout.padding_y).tolist()
            if groups is None:
                pages.feed(lined, heights, [ROW] * len(rows))
            place = 0
            while groups is not None and place < len(rows):
                if group is None:
                    group = next(groups)
                    left = group.rows
                    pages.feed([self._heading(group)], [self.layout.heading], [HEADING])
                taken = min(left, len(rows) - place)
                pages.feed(lined[place : place + taken], heights[place : place + taken], [ROW] * taken)
                place, left = place + taken, left - taken
                if not left:
                    self._total(pages, f"Total {group.label}", group.sums, TOTAL)
                    group = None
            self._done += len(rows)
            report(self._done)
        if self.source.rows and self.request.subtotals:
            sums = [self.source.stats[name].sum for name in self.request.subtotals]
            self._total(pages, "Total", sums, GRAND_TOTAL)
        pages.finish()
        if not self.pages:
            self._page(Page([], [], []))
        self._flush()

    def _lined(self, rows: list[tuple[str, ...]]) -> tuple[list[Any], npt.NDArray[np.float64]]:
        """Return the rows with their long cells in lines, and the lines that each row takes."""
        lines = np.ones(len(rows))
        changed: dict[int, list[Any]] = {}
        for column in self._texts:
            texts = [row[column] for row in rows]
            wide = self.layout.line_width(column)
            ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
            points = codepoints("".join(texts))
            self.glyphs.see(points)
            widths = self._widths(points, ends)
            for place in np.flatnonzero(widths > wide).tolist() + _cells_with(points, ends, _is_control):
                text, is_cut = clean(texts[place]), len(texts[place]) >= self.most_characters
                wrapped, was_cut = wrap(text, wide, self.glyphs.coverage, most_lines=self.layout.most_lines)
                self.cut_cells += is_cut or was_cut
                changed.setdefault(place, list(rows[place]))[column] = "\n".join(wrapped)
                lines[place] = max(lines[place], len(wrapped))
            for place in _cells_with(points, ends, _is_rtl_script):
                if is_rtl(texts[place]):
                    row = changed.setdefault(place, list(rows[place]))
                    row[column] = {"r": row[column]}
        if not changed:
            return list(rows), lines
        lined: list[Any] = list(rows)
        for place, row in changed.items():
            lined[place] = {"m": row} if any(isinstance(cell, dict) for cell in row) else row
        return lined, lines

    def _widths(self, points: Codepoints, ends: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        sums = np.zeros(len(points) + 1)
        np.cumsum(self.glyphs.coverage.advances(points), out=sums[1:], dtype=np.float64)
        starts = np.concatenate(([0], ends[:-1])) if len(ends) else ends
        widths: npt.NDArray[np.float64] = sums[ends] - sums[starts]
        return widths

    def _heading(self, group: Group) -> dict[str, Any]:
        label = self.fitted(group.label, sum(self.layout.widths) * 0.7)
        return {"g": label, "n": group.rows, "t": group.label[:200]}

    def _total(self, pages: Paginator, label: str, sums: list[Any], kind: int) -> None:
        if not self.request.subtotals:
            return
        names = [name for name, _ in self.request.set_columns]
        values = dict(zip(self.request.subtotals, sums, strict=True))
        cells = [
            self.source.formats[name].number(values[name]) if values.get(name) is not None else "" for name in names
        ]
        first = min((place for place, name in enumerate(names) if name in values), default=len(names))
        text: Any = ""
        if first:
            text = self.fitted(label, sum(self.layout.widths[:first]), bold=True)
        row = {"s": text, "span": first, "cells": cells[first:], "grand": kind == GRAND_TOTAL}
        pages.feed([row], [self.layout.total], [kind])

    def fitted(self, text: str, width: float, *, bold: bool = True) -> Any:
        """Return text on one line of this many points, as the template takes it."""
        self.glyphs.see(codepoints(text))
        room = (width - 2 * self.layout.padding_x - 1) / self.layout.size
        short = fit(clean(text), room, self.glyphs.coverage, bold=bold)
        return {"r": short} if is_rtl(short) else short

    def _page(self, page: Page) -> None:
        rows = [item for item, kind in zip(page.items, page.kinds, strict=True) if kind == ROW]
        for item, kind in zip(page.items, page.kinds, strict=True):
            if kind == HEADING:
                self.marks.add_group(item["t"], self.pages, item["n"])
        first, last = (self._sort_text(rows[0]), self._sort_text(rows[-1])) if rows else ("", "")
        self.marks.pages.append((self._rows, first, last))
        self._rows += len(rows)
        self.pages += 1
        made: dict[str, Any] = {"rows": page.items, "heights": [round(height, 3) for height in page.heights]}
        if page.continued is not None:
            made["continued"] = page.continued["g"]
        self._waiting.append(made)
        self._waiting_rows += len(page.items)
        if self._waiting_rows >= self._chunk_rows or len(self._waiting) >= self._chunk_pages:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            path = self.folder / chunk_name(len(self.chunks))
            text = json.dumps(
                {"first": self.pages - len(self._waiting), "pages": self._waiting},
                ensure_ascii=False,
                separators=(",", ":"),
            )
            path.write_text(text, encoding="utf-8", errors="replace")
            self.chunks.append(len(self._waiting))
            self._waiting, self._waiting_rows = [], 0

    def _sort_place(self) -> int | None:
        names = [name for name, _ in self.request.set_columns]
        first = self.request.sort[0]["column"] if self.request.sort else None
        return names.index(first) if first in names else None

    def _sort_text(self, row: Any) -> str:
        if self._sort is None:
            return ""
        cell = (row["m"] if isinstance(row, dict) else row)[self._sort]
        text = cell["r"] if isinstance(cell, dict) else cell
        return " ".join(str(text).split())


def chunk_name(number: int) -> str:
    return f"chunk-{number + 1:05}.json"


def _is_control(points: Codepoints) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = (points < 0x20) | ((points >= 0x7F) & (points < 0xA0)) | (points >> 1 == 0x2028 >> 1)
    return mask


def _is_rtl_script(points: Codepoints) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_] = (
        ((points >= 0x590) & (points < 0x900))
        | ((points >= 0xFB1D) & (points < 0xFEFF))
        | ((points >= 0x10800) & (points < 0x11000))
        | ((points >= 0x1E800) & (points < 0x1F000))
    )
    return mask


def _cells_with(
    points: Codepoints, ends: npt.NDArray[np.int64], test: Callable[[Codepoints], npt.NDArray[np.bool_]]
) -> list[int]:
    """Return the places of the cells in which a character passes the test."""
    mask = test(points)
    if not mask.any():
        return []
    places: list[int] = np.unique(np.searchsorted(ends, np.flatnonzero(mask), side="right")).tolist()
    return places
