"""What the fonts can show, and how wide it is: per character, for many texts at once."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import typst
from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

from . import fonts

Codepoints = npt.NDArray[np.uint32]
Widths = npt.NDArray[np.float32]

_SIZE = 0x110000
_UNKNOWN, _MISSING, _INVISIBLE, _FIRST = 0, 1, 2, 3
#: Units of em of the box that stands for a missing glyph.
MISSING_EM = 0.6
#: Characters that are never seen: controls, joiners, marks of direction, variation selectors, tags.
_UNSEEN = (
    (0x00, 0x1F), (0x7F, 0x9F), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x180B, 0x180F), (0x200B, 0x200F),
    (0x2028, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xE0000, 0xE0FFF),
)  # fmt: skip
#: What the compiler's own font is known to have, where no other is installed.
_EMBEDDED = ((0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x45F), (0x2010, 0x2027), (0x20AC, 0x20AC))


def codepoints(text: str) -> Codepoints:
    """Return the text's characters as numbers; halves of surrogate pairs become U+FFFD."""
    try:
        return np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    except UnicodeEncodeError:
        return np.frombuffer(
            text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-32-le"), np.uint32
        )


class Coverage:
    """Glyphs and advance widths of the installed families, read when a text first needs them."""

    def __init__(self) -> None:
        self._families = fonts.installed()
        self._read = 0
        #: Which family a character is set in, counted from _FIRST.
        self._source = np.zeros(_SIZE, dtype=np.uint8)
        self._widths = {False: np.full(_SIZE, MISSING_EM, np.float32), True: np.full(_SIZE, MISSING_EM, np.float32)}
        for first, last in _UNSEEN:
            self._source[first : last + 1] = _INVISIBLE
            for widths in self._widths.values():
                widths[first : last + 1] = 0
        if not self._families:
            self._read_embedded()

    def advances(self, points: Codepoints, *, bold: bool = False) -> Widths:
        """Return each character's advance width in em. Joined and stacked scripts come out narrower when set."""
        self._know(points)
        widths: Widths = np.take(self._widths[bold], points)
        return widths

    def widths(self, texts: Sequence[str], *, bold: bool = False) -> Widths:
        """Return each text's width in em, were it set on one line."""
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        advances = self.advances(codepoints("".join(texts)), bold=bold)
        sums = np.zeros(len(advances) + 1, np.float64)
        np.cumsum(advances, out=sums[1:])
        ends = np.cumsum(lengths)
        widths: Widths = (sums[ends] - sums[ends - lengths]).astype(np.float32)
        return widths

    def width(self, text: str, *, bold: bool = False) -> float:
        """Return one text's width in em."""
        return float(self.advances(codepoints(text), bold=bold).sum())

    def missing(self, texts: Iterable[str]) -> dict[str, int]:
        """Return the characters that no font has, with how often they occur, the most frequent first."""
        counts: Counter[str] = Counter()
        points = codepoints("".join(texts))
        self._know(points)
        for point in points[self._source[points] == _MISSING].tolist():
            counts[chr(point)] += 1
        return dict(sorted(counts.items(), key=lambda entry: (-entry[1], entry[0])))

    def missing_mask(self, points: Codepoints) -> npt.NDArray[np.bool_]:
        """Return which of the characters have no glyph."""
        self._know(points)
        mask: npt.NDArray[np.bool_] = np.take(self._source, points) == _MISSING
        return mask

    def families_of(self, points: Codepoints) -> set[str]:
        """Return the names of the families that the characters are set in."""
        self._know(points)
        sources = np.unique(np.take(self._source, points)).tolist()
        return {
            self._families[source - _FIRST].name
            for source in sources
            if _FIRST <= source < _FIRST + len(self._families)
        }

    def _know(self, points: Codepoints) -> None:
        unknown = points[np.take(self._source, points) == _UNKNOWN]
        while len(unknown):
            if self._read == len(self._families):
                self._source[unknown] = _MISSING
                return
            self._read_family(self._read)
            self._read += 1
            unknown = unknown[self._source[unknown] == _UNKNOWN]

    def _read_family(self, number: int) -> None:
        family = self._families[number]
        faces = fonts.installed_files()
        regular = str(faces[family.regular])
        bold = str(faces.get(family.bold, regular))
        for is_bold, path in ((False, regular), (True, bold)):
            points, widths = _advances_in(path)
            fresh = points[np.isin(self._source[points], (_UNKNOWN, _FIRST + number))]
            keep = np.isin(points, fresh)
            self._widths[is_bold][points[keep]] = widths[keep]
            self._source[points[keep]] = _FIRST + number
            if bold == regular:
                self._widths[True][points[keep]] = widths[keep]
                break

    def _read_embedded(self) -> None:
        points = np.concatenate([np.arange(first, last + 1, dtype=np.uint32) for first, last in _EMBEDDED])
        for bold in (False, True):
            self._widths[bold][points] = _embedded_advances(points.tolist(), bold=bold)
        self._source[points] = _FIRST
        self._read = 0


@functools.cache
def coverage() -> Coverage:
    """Return the process's own coverage."""
    return Coverage()


def cjk_forms(points: Codepoints) -> str:
    """Return whose forms the Chinese characters of a document should have, going by the script around them."""
    if bool(((points >= 0x3040) & (points <= 0x30FF)).any()):
        return "JP"
    if bool(((points >= 0xAC00) & (points <= 0xD7A3)).any()):
        return "KR"
    if bool(((points >= 0x3100) & (points <= 0x312F)).any()):
        return "TC"
    return "SC"


def _advances_in(path: str) -> tuple[Codepoints, Widths]:
    index = fonts.CJK_FORMS["SC"] if path.endswith(".ttc") else -1
    with TTFont(path, fontNumber=index, lazy=True) as font:
        glyphs, metrics = font.getBestCmap(), font["hmtx"].metrics
        units = font["head"].unitsPerEm
        points = np.fromiter(glyphs.keys(), np.uint32, len(glyphs))
        widths = np.fromiter((metrics[name][0] for name in glyphs.values()), np.float32, len(glyphs))
    return points, widths / units


def _embedded_advances(points: list[int], *, bold: bool) -> Widths:
    source = f"""#set text(font: "{fonts.EMBEDDED}", size: 100pt, weight: {700 if bold else 400})
        #context [#metadata(json(bytes(sys.inputs.data)).map(c => measure(str.from-unicode(c)).width.pt())) <widths>]"""
    answer = typst.query(
        source.encode(), "<widths>", field="value", one=True, font_paths=fonts.loaded(),
        ignore_system_fonts=True, sys_inputs={"data": json.dumps(points)},
    )  # fmt: skip
    return np.array(json.loads(answer), np.float32) / np.float32(100)
