"""File names made of what a row holds: safe on every system, and each only once."""

from __future__ import annotations

import re
import unicodedata

#: Characters of a name without its ending; leaves room for a number and for four bytes each.
LENGTH = 55
#: Characters that some system forbids in names, and those that change the direction of text.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]+')
_BLANKS = re.compile(r"\s+")
#: Names that Windows keeps for devices, whatever the ending.
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?\Z", re.IGNORECASE)


def safe_name(text: str) -> str:
    """Return a file name, without an ending, that the text can stand as; empty when nothing of it is left."""
    name = unicodedata.normalize("NFC", text.encode("utf-8", "replace").decode())
    name = _BLANKS.sub(" ", _UNSAFE.sub("_", name)).strip(" .")[:LENGTH].strip(" .")
    if not name.strip("_ "):
        return ""
    return f"_{name}" if _DEVICES.match(name) else name


class Names:
    """Gives each name once: a second one of the same letters, large or small, gets a number."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def take(self, text: str, *, otherwise: str) -> str:
        """Return a name for the text, or for `otherwise` when the text makes none."""
        name = safe_name(text) or otherwise
        key = name.casefold()
        count = self._taken.get(key, 0) + 1
        self._taken[key] = count
        if count == 1:
            return name
        numbered = f"{name} ({count})"
        while numbered.casefold() in self._taken:
            count += 1
            numbered = f"{name} ({count})"
        self._taken[key] = count
        self._taken[numbered.casefold()] = 1
        return numbered
