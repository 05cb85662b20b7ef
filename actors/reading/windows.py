"""Where records end in a window of bytes, found for all of them at once.

Positions of delimiters, quotes and line ends come from numpy. A window is sound as far as every quote opens after a
delimiter and closes before one; records of it that may be something else than rows are marked, to be judged.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .chunks import Positions
from .dialect import Dialect
from .judging import Judge

LINE_FEED, RETURN = 10, 13


@dataclass
class Window:
    """A window's sound beginning: where its records end, which of them need a look, and where damage begins."""

    ends: Positions
    odd: npt.NDArray[np.bool_]
    returns: bool
    line_numbers: Positions
    #: Start of a record with damaged quotes, right after the sound ones; -1 when there is none.
    damaged_at: int


class WindowReader:
    """Finds the records in windows of one file."""

    def __init__(self, dialect: Dialect, judge: Judge, *, delimiter: bytes, engine_quote: bytes) -> None:
        self.dialect = dialect
        self.judge = judge
        self.delimiter = delimiter
        self.quote = dialect.quote.encode()
        self.engine_quote = engine_quote
        self.width = dialect.width
        self.backslash = dialect.escape == "backslash"
        self._feed = RETURN if dialect.line_end == "\r" else LINE_FEED
        self._other = LINE_FEED if dialect.line_end == "\r" else RETURN
        #: Whether the delimiter of the file has several bytes: within quotes it is to be written so again.
        self._is_long = not dialect.blanks and len(dialect.delimiter.encode()) > 1

    def find(self, data: npt.NDArray[np.uint8], buf: bytes, start: int, stop: int, *, eof: bool) -> Window:
        """The sound beginning of the window from `start` to `stop`; with `eof` nothing follows it."""
        view = data[start:stop]
        delimiter, feed = self.delimiter[0], self._feed
        quote = self.quote[0] if self.quote and buf.find(self.quote, start, stop) >= 0 else None
        other_at = buf.find(bytes([self._other]), start, stop)
        mask = view == delimiter
        mask |= view == feed
        if quote is not None:
            mask |= view == quote
        marks = np.flatnonzero(mask)
        kinds = view[marks]
        damaged = -1
        if quote is None:
            feeds = np.flatnonzero(kinds == feed)
            ends = marks[feeds] + 1
            widths = np.diff(feeds, prepend=-1)
            ranks = np.arange(1, len(feeds) + 1)
            inside = None
        else:
            is_quote = kinds == quote
            inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8)).view(np.bool_)
            bad = self._first_bad_quote(view, marks, is_quote, inside, quote)
            plain = ~(inside | is_quote)
            is_feed = kinds == feed
            outside = is_feed & plain
            feeds = np.flatnonzero(outside)
            ends = marks[feeds] + 1
            widths = np.diff(np.flatnonzero(kinds[plain] == feed), prepend=-1)
            ranks = np.cumsum(is_feed)[feeds] if len(feeds) else feeds
            if bad >= 0:
                keep = int(np.searchsorted(ends, bad, side="right"))
                ends, widths, ranks = ends[:keep], widths[:keep], ranks[:keep]
                damaged = int(ends[-1]) if keep else 0
            elif eof and len(inside) and inside[-1]:
                damaged = int(ends[-1]) if len(ends) else 0
        odd = widths != self.width
        returns = other_at >= 0 and self._other == RETURN
        if len(ends):
            odd |= self._odd_records(view, ends, widths, returns=returns)
        if returns and self.dialect.line_end == "any" and len(ends):
            return_places = np.flatnonzero(view == RETURN)
            lone = return_places[view[np.minimum(return_places + 1, len(view) - 1)] != LINE_FEED]
            ranks = ranks + np.searchsorted(lone, ends)
        if other_at >= 0 and len(ends):
            odd |= self._has_stray_end(view, ends, marks, inside)
        if self._is_long and inside is not None and len(ends):
            hidden = marks[inside & (kinds == delimiter)]
            odd[np.searchsorted(ends, hidden[hidden < ends[-1]], side="right")] = True
        if self.backslash and len(ends):
            slashes = np.flatnonzero(view[: ends[-1]] == 92)
            if len(slashes):
                # Parity does not hold after a backslashed quote: all from there is read one by one.
                first = int(np.searchsorted(ends, slashes[0], side="right"))
                damaged = int(ends[first - 1]) if first else 0
                ends, odd, ranks = ends[:first], odd[:first], ranks[:first]
        elif self.backslash and damaged < 0 and b"\\" in buf[start:stop]:
            damaged = 0
        return Window(ends, odd, returns, ranks, damaged)

    def _odd_records(
        self, view: npt.NDArray[np.uint8], ends: Positions, widths: Positions, *, returns: bool
    ) -> npt.NDArray[np.bool_]:
        """Which records of a window may be something else than rows, whatever their number of values."""
        starts = np.concatenate(([0], ends[:-1]))
        lengths = ends - starts
        # Nothing, or nothing but delimiters.
        shortest = 1 + (view[ends - 2] == RETURN) if self.width == 1 else self.width + returns
        odd: npt.NDArray[np.bool_] = lengths <= shortest
        if not self.quote:
            # What the engine takes for the quote has to be quoted itself.
            quotes = np.flatnonzero(view[: ends[-1]] == self.engine_quote[0])
            odd[np.searchsorted(ends, quotes, side="right")] = True
        if self.judge.comment:
            odd |= view[starts] == self.judge.comment[0]
        if self.judge.parts:
            blank = (widths == 1) & (lengths <= 1 + returns)
            odd[1:] |= blank[:-1]
            odd[0] |= self.judge.after_blank
        return odd

    def _first_bad_quote(
        self,
        view: npt.NDArray[np.uint8],
        marks: Positions,
        is_quote: npt.NDArray[np.bool_],
        inside: npt.NDArray[np.bool_],
        quote: int,
    ) -> int:
        """Offset of the first quote that neither opens after a delimiter nor closes before one, or -1."""
        at = marks[is_quote]
        opens = inside[is_quote]
        fits = self._fits(quote)
        # What stands beside the window's edge: it begins with a record, and may end inside one.
        before = view[at - 1]
        if at[0] == 0:
            before[0] = self._feed
        last = int(at[-1]) + 1 == len(view)
        after = view[np.minimum(at + 1, len(view) - 1)]
        if last:
            after[-1] = self._feed
        closed = fits[1][after]
        if self._feed == LINE_FEED and self._other == RETURN and not closed.all():
            # A return ends a line here only before a line feed, or at what is still to come.
            ends_line = view[np.minimum(at + 2, len(view) - 1)] == LINE_FEED
            closed |= (after == RETURN) & (ends_line | (at + 2 >= len(view)))
        fine = np.where(opens, fits[0][before], closed)
        if fine.all():
            return -1
        return int(at[int(np.argmin(fine))])

    def _fits(self, quote: int) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        before = np.zeros(256, dtype=np.bool_)
        before[[self.delimiter[0], self._feed, quote]] = True
        after = before.copy()
        after[RETURN] |= self.dialect.line_end == "any"
        return before, after

    def _has_stray_end(
        self,
        view: npt.NDArray[np.uint8],
        ends: Positions,
        marks: Positions,
        inside: npt.NDArray[np.bool_] | None,
    ) -> npt.NDArray[np.bool_]:
        """Which records hold, outside quotes, the line end that this file does not use."""
        limit = int(ends[-1])
        strays = np.flatnonzero(view[:limit] == self._other)
        if self._other == RETURN:
            strays = strays[view[np.minimum(strays + 1, limit - 1)] != LINE_FEED]
        odd = np.zeros(len(ends), dtype=np.bool_)
        if inside is not None and len(strays):
            at = np.searchsorted(marks, strays) - 1
            strays = strays[(at < 0) | ~inside[at]]
        odd[np.searchsorted(ends, strays, side="right")] = True
        return odd

    def mark_other_text(self, buf: bytes, start: int, window: Window) -> None:
        """Mark the records that are not UTF-8 as odd."""
        piece = buf[start : start + int(window.ends[-1])]
        if piece.isascii():
            return
        view, position = memoryview(piece), 0
        while position < len(piece):
            try:
                codecs.utf_8_decode(view[position:], "strict", True)
                return
            except UnicodeDecodeError as error:
                index = int(np.searchsorted(window.ends, position + error.start, side="right"))
                window.odd[index] = True
                position = int(window.ends[index])
