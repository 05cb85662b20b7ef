"""The icons that pages have, by their names."""

from __future__ import annotations

import re
from pathlib import Path

#: What is drawn for each, in a square of 24: the symbols of _icons.html.
ICONS = dict(
    re.findall(
        r'<symbol id="icon-([a-z-]+)" viewBox="0 0 24 24">(.*?)</symbol>',
        (Path(__file__).parent / "templates/headway/_icons.html").read_text(),
    )
)
ICON_NAMES = frozenset(ICONS)
