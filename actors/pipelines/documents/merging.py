"""The last step: the batches' parts become one file, with the list of what was not made. Runs in a child process."""

from __future__ import annotations

import csv
import datetime
import json
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.tables.formulas import neutral
from actors.typesetting.merge import Entry, merge
from actors.typesetting.preview import first_page_png

from .packing import Packer

Report = Callable[..., None]


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """What was made of all batches."""

    documents: int
    pages: int
    failed: int
    #: Why the first row that failed did; empty where none did.
    first_reason: str


def deliver(
    report: Report,
    *,
    parts: list[str],
    failures: list[str],
    target: str,
    preview: str,
    not_made: str,
    output: str,
    title: str,
    timestamp: int,
) -> Delivered:
    """Join the parts, which may be missing where nothing was made, into `target`; draw its first page.

    `failures` are further JSON files of [row, name, reason], beside those of the parts. When nothing at all
    was made no file is written.
    """
    outline: list[Entry] = []
    pages = 0
    rows = [row for path in failures for row in json.loads(Path(path).read_text(encoding="utf-8"))]
    for part in parts:
        summary = json.loads(Path(f"{part}.json").read_text(encoding="utf-8"))
        outline += [(name, pages + begin, ()) for name, begin, _ in summary["documents"]]
        pages += sum(count for _, _, count in summary["documents"])
        rows += summary["failures"]
    paths = [Path(part) for part in parts if Path(part).is_file()]
    rows.sort(key=lambda row: row[0])
    if paths and output == "zip":
        Packer(timestamp).join(paths, Path(target))
        _preview_of_zip(Path(target), Path(preview))
    elif paths:
        created = datetime.datetime.fromtimestamp(timestamp, datetime.UTC)
        # The first part has the first page; drawing it holds no lock that the merging needs.
        with ThreadPoolExecutor(1) as beside:
            drawn = beside.submit(first_page_png, paths[0], Path(preview))
            merge(
                paths,
                Path(target),
                title=title,
                created=created,
                outline=outline,
                report=lambda done: report(done, pages),
            )
            drawn.result()
    if rows:
        _write_not_made(Path(not_made), rows)
    return Delivered(
        documents=len(outline),
        pages=pages,
        failed=len(rows),
        first_reason=f"Row {rows[0][0]:,}: {rows[0][2]}" if rows else "",
    )


def _preview_of_zip(pack: Path, preview: Path) -> None:
    with zipfile.ZipFile(pack) as source:
        first = preview.with_suffix(".pdf")
        first.write_bytes(source.read(source.namelist()[0]))
    first_page_png(first, preview)
    first.unlink()


def _write_not_made(path: Path, rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["row", "name", "reason"])
        writer.writerows([row, neutral(str(name)), reason] for row, name, reason in rows)
