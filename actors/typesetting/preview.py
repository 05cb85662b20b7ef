"""A picture of a document's first page, for the page of the job that made it."""

from __future__ import annotations

from pathlib import Path

import pypdfium2

#: Pixels of the longer side, whatever the page's form.
MOST_PIXELS = 4_000


def first_page_png(pdf: Path, out: Path, width: int = 900) -> None:
    """Draw the first page, `width` pixels wide, and write it as PNG."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page = document[0]
        scale = min(width / page.get_width(), MOST_PIXELS / page.get_height())
        page.render(scale=scale).to_pil().save(out, format="PNG", optimize=False)
    finally:
        document.close()
