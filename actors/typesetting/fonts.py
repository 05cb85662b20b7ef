"""The fonts that documents are set in: a fixed order of families, whatever of them is installed.

Typst and the measuring here go through the same families in the same order, so that a width that was measured is the
width that is set. What none of them has is a missing glyph.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import typst

from core.conf import conf

CJK = "Noto Sans CJK"
#: Where the forms of a language lie in the CJK collections.
CJK_FORMS = {"JP": 0, "KR": 1, "SC": 2, "TC": 3, "HK": 4}
EMBEDDED = "Libertinus Serif"
_SCRIPTS = (
    "Arabic", "Hebrew", "Devanagari", "Thai", "Bengali", "Tamil", "Telugu", "Gujarati", "Gurmukhi", "Kannada",
    "Malayalam", "Oriya", "Sinhala", "Khmer", "Lao", "Myanmar", "Georgian", "Armenian", "Ethiopic", "Symbols",
    "Symbols2", "Cherokee", "CanadianAboriginal", "Mongolian", "Syriac", "Thaana", "NKo", "Tifinagh",
    "Yi", "Javanese", "Balinese", "Sundanese", "Cham", "TaiTham", "MeeteiMayek", "OlChiki", "Adlam", "Vai",
    "Bamum", "Lisu", "Coptic", "Gothic", "Runic", "Ogham", "Glagolitic", "OldItalic", "Osage", "Deseret",
    "Cuneiform", "EgyptianHieroglyphs", "LinearB", "Phoenician", "Brahmi",
)  # fmt: skip
_SPACED = {
    "CanadianAboriginal": "CanAborig",
    "TaiTham": "Tai Tham",
    "OlChiki": "Ol Chiki",
    "OldItalic": "Old",
    "EgyptianHieroglyphs": "EgyptHiero",
    "LinearB": "Linear B",
}


@dataclass(frozen=True)
class Family:
    """A family as Typst names it, with the files it is made of. A family without a bold file is set in the regular."""

    name: str
    regular: str
    bold: str = ""
    #: Further files, which are not measured.
    others: tuple[str, ...] = ()


FAMILIES = (
    Family(
        "Noto Sans", "NotoSans-Regular.ttf", "NotoSans-Bold.ttf", ("NotoSans-Italic.ttf", "NotoSans-BoldItalic.ttf")
    ),
    # Before the large ones: the minus, arrows and signs that Noto Sans does not have.
    Family("Noto Sans Math", "NotoSansMath-Regular.ttf"),
    Family(CJK, "NotoSansCJK-Regular.ttc", "NotoSansCJK-Bold.ttc"),
    *(
        Family(
            f"Noto Sans {_SPACED.get(script, script)}", f"NotoSans{script}-Regular.ttf", f"NotoSans{script}-Bold.ttf"
        )
        for script in _SCRIPTS
    ),
    Family("Noto Serif Tibetan", "NotoSerifTibetan-Regular.ttf", "NotoSerifTibetan-Bold.ttf"),
    Family("Noto Music", "NotoMusic-Regular.ttf"),
    Family("Noto Emoji", "NotoEmoji-Regular.ttf", "NotoEmoji-Bold.ttf"),
    Family("Noto Color Emoji", "NotoColorEmoji.ttf"),
    # Set large; never measured. Where it is missing, titles are set in what follows.
    Family("DejaVu Sans", "DejaVuSans.ttf", "DejaVuSans-Bold.ttf", ("DejaVuSans-Oblique.ttf",)),
)
#: Families that a template may ask for by name, beside those that text is measured in.
DISPLAY = (
    Family("Noto Serif Display", "NotoSerifDisplay-Regular.ttf", "NotoSerifDisplay-Bold.ttf"),
    Family("Noto Serif", "NotoSerif-Regular.ttf", "NotoSerif-Bold.ttf", ("NotoSerif-Italic.ttf",)),
    Family("Noto Sans Display", "NotoSansDisplay-Regular.ttf", "NotoSansDisplay-Bold.ttf"),
    Family("Noto Sans Mono", "NotoSansMono-Regular.ttf", "NotoSansMono-Bold.ttf"),
)


@functools.cache
def installed_files() -> dict[str, Path]:
    """Return the installed files of the list by name; of two with one name, the one in the first folder."""
    wanted = set(
        itertools.chain.from_iterable((family.regular, family.bold, *family.others) for family in FAMILIES + DISPLAY)
    )
    paths: dict[str, Path] = {}
    for folder in conf.FONT_FOLDERS:
        for place, folders, names in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(wanted.intersection(names)):
                paths.setdefault(name, Path(place) / name)
    return paths


def files() -> list[Path]:
    """Return the font files that documents may use, in their fixed order."""
    names = itertools.chain.from_iterable(
        (family.regular, family.bold, *family.others) for family in FAMILIES + DISPLAY
    )
    return [installed_files()[name] for name in names if name in installed_files()]


def installed() -> list[Family]:
    """Return the families that text is measured in and set in, of those that are there."""
    return [family for family in FAMILIES if family.regular in installed_files()]


def families(cjk: str = "SC", *, only: set[str] | None = None) -> list[str]:
    """Return the names for Typst's `set text(font: …)`; `cjk` is whose forms Chinese characters get.

    `only` leaves out families that a document does not need (see `Coverage.families_of`).
    """
    listed = [family.name for family in installed() if only is None or family.name in only]
    first = [family.name for family in installed()][:1]
    names = listed if not first or first[0] in listed else first + listed
    return [f"{CJK} {cjk}" if name == CJK else name for name in names] or [EMBEDDED]


@functools.cache
def loaded() -> typst.Fonts:
    """Return the fonts for the compiler, once for the process."""
    paths = files()
    if not paths:
        return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True)
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[_linked(paths)])


def _linked(paths: list[Path]) -> Path:
    """Return a folder with links to just these files: the compiler takes folders, and all that is in them."""
    digest = hashlib.sha256("\n".join(map(str, paths)).encode()).hexdigest()[:16]
    folder = Path(conf.HOME) / "fonts" / digest
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(dir=folder.parent))
        for number, path in enumerate(paths):
            (making / f"{number:03}-{path.name}").symlink_to(path)
        try:
            making.rename(folder)
        except OSError:
            # Another process was quicker.
            for link in making.iterdir():
                link.unlink()
            making.rmdir()
    return folder
