"""The table's measures: orientation, type size and column widths, chosen by what the columns hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from actors.typesetting.coverage import Coverage
from core.errors import PermanentError

from .measures import Measures
from .request import PAGE_SIZES, PAGE_TITLES, Request
from .wrapping import clean, is_rtl, wrap

#: Points that a line stays narrower than its column: kerning and shaping may widen what was measured.
SLACK = 0.6
#: A table narrower than its page grows to it by this factor at most.
MOST_GROWTH = 2.2
#: Widths in em of a column of text: what it gets in the end, and what reads well at most.
_LEAST_TEXT, _GOOD_TEXT, _LONG_TEXT = 3.0, 18.0, 60.0
_HEADER_WORD = 9.0
#: What a column gets more than its widest text, so that no rounding wraps that.
_ROUNDING = 0.05


@dataclass(frozen=True, kw_only=True)
class Wants:
    """The widths of one column in em, without padding: of last resort, least, good, and all that it can use."""

    name: str
    is_text: bool
    align: str
    hard: float
    least: float
    good: float
    most: float


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The table as it will be set; lengths in points."""

    width: float
    height: float
    orientation: str
    size: float
    widths: list[float]
    aligns: list[str]
    header: list[Any]
    header_height: float
    #: Height below the header that rows may take.
    room: float
    line: float
    padding_x: float
    padding_y: float
    heading: float
    total: float
    most_lines: int

    def line_width(self, column: int) -> float:
        """Return the em that a line of text may take in a column."""
        return (self.widths[column] - 2 * self.padding_x - SLACK) / self.size


def wants_of_text(
    name: str, widths: npt.NDArray[np.float32], words: npt.NDArray[np.float32], *, rtl: bool, coverage: Coverage
) -> Wants:
    """Return the wants of a column of text from the widths of sampled values and of their longest words."""
    header, word = _header_of(name, coverage)
    natural = np.quantile(widths, [0.8, 0.98]).tolist() if len(widths) else [0.0, 0.0]
    longest = float(np.quantile(words, 0.9)) if len(words) else 0.0
    least = min(max(longest, word, _LEAST_TEXT), 10.0)
    good = max(min(natural[0], _GOOD_TEXT), least, min(header, 8.0))
    most = max(min(natural[1], _LONG_TEXT), good) + _ROUNDING
    return Wants(
        name=name, is_text=True, align="right" if rtl else "left", hard=_LEAST_TEXT, least=least, good=good, most=most
    )


def wants_of_values(name: str, kind: str, width: float, *, coverage: Coverage) -> Wants:
    """Return the wants of a column of numbers, dates or truth values, which never wrap."""
    header, word = _header_of(name, coverage)
    width += _ROUNDING
    least, good = max(width, word), max(width, word, min(header, 6.0))
    align = "right" if kind in ("integer", "decimal", "float") else "left"
    return Wants(name=name, is_text=False, align=align, hard=max(width, 1.2), least=least, good=good, most=good)


def choose(request: Request, measures: Measures, wants: Sequence[Wants], coverage: Coverage) -> Layout:
    """Return the layout that reads best; raise PermanentError when the columns fit no page of this size."""
    short, long = PAGE_SIZES[request.page_size]
    upright, across = ("portrait", short, long), ("landscape", long, short)
    sheets = {"auto": [upright, across], "portrait": [upright], "landscape": [across]}[request.orientation]
    sizes = measures.sizes
    # Upright only where the table reads well so: else lying down, then in smaller type, then narrower.
    tried = [(sheet, sizes[0], "good") for sheet in sheets]
    tried += [(sheets[-1], size, "good") for size in sizes[1:2]]
    tried += [(sheets[-1], size, level) for level in ("least", "hard") for size in sizes]
    for (orientation, width, height), size, level in tried:
        widths = _divide(
            wants, level, (width - 2 * measures.margin_side) / size, 2 * measures.padding_x_em + SLACK / size
        )
        if widths is not None:
            return _layout(
                measures, wants, coverage, orientation, width, height, size, [each * size for each in widths]
            )
    raise PermanentError(_too_many(request, measures, wants, sheets[-1][1], sizes[-1]))


def _divide(wants: Sequence[Wants], level: str, room: float, padding: float) -> list[float] | None:
    """Divide the room (em) among the columns, padding included; None when what they want at this level does not fit."""
    base = [getattr(want, level) + padding for want in wants]
    left = room - sum(base)
    if left < 0:
        return None
    growth = [max(0.0, want.most + padding - each) for want, each in zip(wants, base, strict=True)]
    if sum(growth) > left:
        # Columns that need little get it; the long ones share what is left.
        share, rest = 0.0, left
        for place, more in enumerate(sorted(growth)):
            share = rest / (len(growth) - place)
            if more > share:
                break
            rest -= more
        return [each + min(more, share) for each, more in zip(base, growth, strict=True)]
    full = [each + more for each, more in zip(base, growth, strict=True)]
    factor = min(MOST_GROWTH, room / sum(full))
    return [each * factor for each in full]


def _layout(
    measures: Measures, wants: Sequence[Wants], coverage: Coverage, orientation: str, width: float, height: float,
    size: float, widths: list[float],
) -> Layout:  # fmt: skip
    padding, line = measures.padding_x_em * size, measures.line_em * size
    header: list[Any] = []
    deepest = 1
    for want, each in zip(wants, widths, strict=True):
        inside = (each - 2 * padding - SLACK) / size
        lines, _ = wrap(
            " ".join(clean(want.name).split()), inside, coverage, most_lines=measures.header_lines, bold=True
        )
        deepest = max(deepest, len(lines))
        text = "\n".join(lines)
        header.append({"r": text} if is_rtl(text) else text)
    pad_y = measures.padding_y_em * size
    header_height = deepest * line + 3 * pad_y
    room = height - measures.margin_top - measures.margin_bottom - header_height
    heading, total = measures.heading_em * size, measures.total_em * size
    # A heading, its first row and the two lines of totals after it always fit a page together.
    most = int((room - 2 * heading - 2 * total - 2 * pad_y) / line)
    if most < 1:
        raise PermanentError("The page is too small for this template. Choose a larger page size.")
    return Layout(
        width=width, height=height, orientation=orientation, size=size, widths=[round(each, 3) for each in widths],
        aligns=[want.align for want in wants], header=header, header_height=round(header_height, 3), room=room,
        line=line, padding_x=padding, padding_y=pad_y, heading=heading, total=total,
        most_lines=min(most, measures.most_lines),
    )  # fmt: skip


def _too_many(request: Request, measures: Measures, wants: Sequence[Wants], width: float, size: float) -> str:
    room = (width - 2 * measures.margin_side) / size
    padding = 2 * measures.padding_x_em + SLACK / size
    fitting, used = 0, 0.0
    for each in sorted(want.hard + padding for want in wants):
        used += each
        if used > room:
            break
        fitting += 1
    page = PAGE_TITLES[request.page_size]
    larger = "" if request.page_size == "a3" else ", or choose a larger page size"
    turned = " Landscape pages hold more." if request.orientation == "portrait" else ""
    return (
        f"{len(wants):,} columns do not fit on a page of {page}, even in the smallest type. "
        f"Leave out at least {len(wants) - fitting:,} of them{larger}.{turned}"
    )


def _header_of(name: str, coverage: Coverage) -> tuple[float, float]:
    """Return the width of a column's name on one line, and of its longest word within reason."""
    words = name.split() or [""]
    longest = max(coverage.width(word, bold=True) for word in words)
    return coverage.width(" ".join(words), bold=True) + _ROUNDING, min(longest + _ROUNDING, _HEADER_WORD)
