"""Setting one part of a report: the front matter, or the pages of one chunk. Runs in a child process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actors.typesetting.compiler import compile_pdf
from core.errors import PermanentError


def render(report: Callable[..., None], *, folder: str, part: str, pages: int, out: str, timestamp: int) -> int:
    """Set `part` (`front` or `chunk-00001`) of the plan in `folder`; returns its pages, which are those planned."""
    plan = Path(folder)
    report(0, pages)
    # Put together as text: nothing in it is needed here.
    shared = (plan / "report.json").read_text(encoding="utf-8")
    own = (plan / f"{part}.json").read_text(encoding="utf-8")
    kind = "front" if part == "front" else "table"
    data = f'{{"report":{shared},"{kind}":{own}}}'
    made = compile_pdf(plan / "template", data, Path(out), timestamp=timestamp)
    if made != pages:
        raise PermanentError(
            f"The template made {made} pages where {pages} were planned. "
            "Its measures in template.toml have to be those that its pages are set with."
        )
    report(pages, pages)
    return made
