"""The icons that pages have, by their names."""

from __future__ import annotations

import re
from pathlib import Path

#: The names of the symbols in _icons.html.
ICON_NAMES = frozenset(
    re.findall(r'id="icon-([a-z-]+)"', (Path(__file__).parent / "templates/headway/_icons.html").read_text())
)
