"""Lines of a cell: where a text breaks, so that its height can be planned."""

# ruff: noqa: RUF001 - full-width signs are meant as such

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Sequence

from actors.typesetting.coverage import Coverage, codepoints

ELLIPSIS = "…"
_TAB = "    "
#: Signs that may not begin a line, and signs that may not end one, in Chinese, Japanese and Korean text.
_NOT_FIRST = frozenset("、。，．・：；？！ー々〉》」』】〕〗）］｝…‥％‰℃ぁぃぅぇぉっゃゅょァィゥェォッャュョ")
_NOT_LAST = frozenset("〈《「『【〔〖（［｛￥＄£")
#: A line may break after these.
_AFTER = frozenset("-–—/\\|,;")


def wrap(text: str, width: float, coverage: Coverage, *, most_lines: int, bold: bool = False) -> tuple[list[str], bool]:
    """Return the text's lines, each at most `width` em wide, and whether anything was cut.

    Lines break at newlines and spaces, between CJK characters, after hyphens and slashes, and inside words that are
    too long for a line. There are at most `most_lines`; the last then ends with an ellipsis.
    """
    lines: list[str] = []
    pieces = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    while len(pieces) > 1 and not pieces[-1].strip():
        pieces.pop()
    for piece in pieces:
        lines += _wrap_piece(piece.rstrip(), width, coverage, most_lines + 1 - len(lines), bold=bold)
        if len(lines) > most_lines:
            return _cut(lines, width, coverage, most_lines, bold=bold), True
    return lines, False


def fit(text: str, width: float, coverage: Coverage, *, bold: bool = False) -> str:
    """Return the text on one line, cut with an ellipsis where it is wider than `width` em."""
    flat = " ".join(text.split())
    if coverage.width(flat, bold=bold) <= width:
        return flat
    return _cut([flat, ""], width, coverage, 1, bold=bold)[0]


def clean(text: str) -> str:
    """Return the text without what cannot be set: controls other than line ends; a tab is some spaces."""
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    return "".join(
        mark if mark == "\n" or not _is_control_mark(mark) else _TAB if mark == "\t" else "" for mark in text
    )


def is_rtl(text: str) -> bool:
    """Whether the first character with a direction is of a right-to-left script."""
    for mark in text:
        direction = unicodedata.bidirectional(mark)
        if direction in ("R", "AL"):
            return True
        if direction == "L":
            return False
    return False


def _is_control_mark(mark: str) -> bool:
    return mark < " " or "\x7f" <= mark <= "\x9f"


def _wrap_piece(text: str, width: float, coverage: Coverage, most: int, *, bold: bool) -> list[str]:
    if not text:
        return [""]
    advances = coverage.advances(codepoints(text), bold=bold).tolist()
    ends: list[float] = []
    total = 0.0
    for advance in advances:
        total += advance
        ends.append(total)
    lines: list[str] = []
    start, before = 0, 0.0
    while start < len(text) and len(lines) < most:
        if total - before <= width:
            lines.append(text[start:])
            break
        # The first character that is not on the line any more; a line holds one at least.
        limit = max(start + 1, bisect_right(ends, before + width, start))
        end = _break_before(text, start, limit)
        lines.append(text[start:end].rstrip())
        start = end
        while start < len(text) and text[start] == " ":
            start += 1
        before = ends[start - 1]
    return lines or [""]


def _break_before(text: str, start: int, limit: int) -> int:
    """Return the last place at or before `limit` where the text may break, after `start`."""
    if limit < len(text) and text[limit] == " ":
        return limit
    for place in range(limit, start, -1):
        previous, following = text[place - 1], text[place] if place < len(text) else ""
        if previous == " " or (previous in _AFTER and place - start > 1 and not following.isdigit()):
            return place
        if _is_cjk(previous) or _is_cjk(following):
            if following in _NOT_FIRST or previous in _NOT_LAST or _joins(previous, following):
                continue
            return place
    for place in range(limit, start + 1, -1):
        if place >= len(text) or not _joins(text[place - 1], text[place]):
            return place
    return limit


def _is_cjk(mark: str) -> bool:
    return (
        "\u2e80" <= mark <= "\u9fff"
        or "\uac00" <= mark <= "\ud7a3"
        or "\uf900" <= mark <= "\ufaff"
        or ("\uff00" <= mark <= "\uffef" or "\U00020000" <= mark <= "\U0003ffff")
    )


def _joins(previous: str, following: str) -> bool:
    """Whether two characters are one sign to a reader."""
    return (
        unicodedata.category(following) in ("Mn", "Mc", "Me")
        or following in "\u200d\ufe0e\ufe0f"
        or previous == "\u200d"
        or "\U0001f3fb" <= following <= "\U0001f3ff"
    )


def _cut(lines: Sequence[str], width: float, coverage: Coverage, most: int, *, bold: bool) -> list[str]:
    visible = list(lines[:most])
    last = visible[-1]
    room = width - coverage.width(ELLIPSIS, bold=bold)
    total, end = 0.0, 0
    for end, advance in enumerate(coverage.advances(codepoints(last), bold=bold).tolist(), 1):
        total += advance
        if total > room:
            end -= 1
            break
    while 0 < end < len(last) and _joins(last[end - 1], last[end]):
        end -= 1
    visible[-1] = last[:end].rstrip() + ELLIPSIS
    return visible
