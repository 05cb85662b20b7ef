"""The end of a report: its parts become one file, with a picture of the first page. Runs in a child process."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from pathlib import Path

from actors.typesetting.merge import merge
from actors.typesetting.preview import first_page_png


def finish(
    report: Callable[..., None],
    *,
    folder: str,
    parts: list[str],
    out: str,
    preview: str,
    title: str,
    author: str,
    subject: str,
    created: float,
) -> int:
    """Join the parts as the plan in `folder` says; return the pages."""
    plan = json.loads((Path(folder) / "plan.json").read_text(encoding="utf-8"))
    report(0, plan["pages"])
    pages = merge(
        [Path(part) for part in parts],
        Path(out),
        title=title,
        author=author,
        subject=subject,
        created=datetime.datetime.fromtimestamp(created, datetime.UTC),
        outline=plan["outline"],
        links=[(page, tuple(box), target) for page, box, target in plan["links"]],
        report=lambda done: report(done, plan["pages"]),
    )
    if pages != plan["pages"]:
        raise AssertionError(f"{pages} pages were joined, {plan['pages']} were planned")
    first_page_png(Path(out), Path(preview))
    return pages
