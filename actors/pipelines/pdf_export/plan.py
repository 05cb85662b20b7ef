"""The plan of a report: every page is planned before any is set. Runs in a child process.

It leaves in its folder: `report.json` (what all pages share), `front.json`, `chunk-00001.json` … (the pages of the
table), and `plan.json` (the parts with their pages, the outline, the links).
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from actors.tables import engine
from actors.typesetting import fonts, templates
from actors.typesetting.coverage import Coverage, cjk_forms, codepoints, coverage

from . import layout as layouts
from .charts import charts
from .front import Front, front
from .layout import Layout, Wants
from .measures import Measures
from .request import Request
from .source import MEMORY_MB, Source
from .table import Glyphs, Table
from .wrapping import is_rtl

_SAMPLED_CHARACTERS = 400
_SAMPLED_WORDS = 800
_LISTED_MISSING = 50


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A report that is planned."""

    pages: int
    rows: int
    #: Texts that were too long for a cell.
    cut_cells: int
    #: The most frequent characters without a glyph, each with how often it comes; and the number of all of them.
    missing: tuple[tuple[str, int], ...]
    missing_characters: int


def plan(
    report: Callable[..., None],
    *,
    parquet: str,
    folder: str,
    scratch: str,
    request: Request,
    dataset: str,
    created: float,
    logo: str = "",
) -> Planned:
    """Plan the report into `folder`, which holds the template's copy; `created` is its moment in seconds."""
    out = Path(folder)
    settings = templates.load("pdf_export", out / "template").settings
    measures = Measures.from_settings(request.template, settings)
    moment = datetime.datetime.fromtimestamp(created, datetime.UTC)
    covered = coverage()
    glyphs = Glyphs(covered)
    with engine.connect(Path(scratch), width=1, memory_mb=MEMORY_MB) as con:
        source = Source(con, request, Path(parquet), Path(scratch))
        source.pick(lambda _: report(0))
        report(0, source.rows)
        layout = layouts.choose(
            request, measures, [_wants(source, *column, covered) for column in request.set_columns], covered
        )
        table = Table(source, layout, glyphs, out)
        table.write(lambda rows: report(rows, source.rows))
        drawn = charts(source) if source.rows else []
        made = front(source, table, layout, measures, charts=drawn, created=moment, dataset=dataset, logo=logo)
        source.close()
    _write(out / "front.json", made.data)
    glyphs.see(codepoints(json.dumps(made.data, ensure_ascii=False)))
    glyphs.see(codepoints("".join(name for name, _ in request.columns)))
    _write(out / "report.json", _shared(request, measures, layout, made, table, glyphs, settings))
    parts = [{"part": "front", "pages": made.pages}]
    parts += [{"part": f"chunk-{number:05}", "pages": pages} for number, pages in enumerate(table.chunks, 1)]
    pages = made.pages + table.pages
    outline = {"outline": made.outline, "links": made.links}
    _write(out / "plan.json", {"parts": parts, "pages": pages, **outline})
    missing = sorted(glyphs.missing.items(), key=lambda entry: (-entry[1], entry[0]))
    return Planned(
        pages=pages,
        rows=source.rows,
        cut_cells=table.cut_cells,
        missing=tuple((chr(point), count) for point, count in missing[:_LISTED_MISSING]),
        missing_characters=len(missing),
    )


def _wants(source: Source, name: str, kind: str, covered: Coverage) -> Wants:
    if kind == "text":
        values = source.sample(name, _SAMPLED_CHARACTERS)
        lines = [max(value.split("\n"), key=len) for value in values]
        words = [max(value.split(), key=len, default="") for value in values[:_SAMPLED_WORDS]]
        is_right = sum(is_rtl(value) for value in values[:_SAMPLED_WORDS]) * 2 > len(values[:_SAMPLED_WORDS]) > 0
        return layouts.wants_of_text(name, covered.widths(lines), covered.widths(words), rtl=is_right, coverage=covered)
    written, stats = source.formats[name], source.stats[name]
    texts = [written.text(value) for value in (*stats.widest, stats.sum if name in source.request.subtotals else None)]
    if kind == "boolean":
        texts = [written.text(True), written.text(False)]
    elif kind in ("date", "timestamp") and source.request.dates == "long" and isinstance(stats.low, datetime.date):
        texts = [written.text(stats.low.replace(month=9, day=28)), *texts]
    elif kind == "float" and written.decimals is None:
        texts.append("−1.23457e+300" if source.request.numbers != "de" else "−1,23457e+300")
    widths = covered.widths([text or "" for text in texts], bold=True)
    return layouts.wants_of_values(name, kind, float(np.max(widths, initial=0.0)), coverage=covered)


def _shared(
    request: Request, measures: Measures, layout: Layout, made: Front, table: Table, glyphs: Glyphs,
    settings: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    used = glyphs.used
    families = fonts.families(cjk_forms(used), only=glyphs.coverage.families_of(used))
    return {
        "fonts": families,
        "running": table.fitted(request.title, _text_width(layout, measures) * 0.6, bold=False),
        "first": made.pages,
        "pages": made.pages + table.pages,
        "page": {"width": layout.width, "height": layout.height},
        "measures": {
            "margin_top": measures.margin_top,
            "margin_bottom": measures.margin_bottom,
            "margin_side": measures.margin_side,
            "contents_top": measures.contents_top,
            "contents_line": measures.contents_line,
            "size": layout.size,
            "line": layout.line,
            "padding_x": layout.padding_x,
            "padding_y": layout.padding_y,
            "heading": layout.heading,
            "total": layout.total,
        },
        "widths": layout.widths,
        "aligns": layout.aligns,
        "header": layout.header,
        "header_height": layout.header_height,
        "colors": settings.get("colors", {}),
        "faces": settings.get("faces", {}),
    }


def _text_width(layout: Layout, measures: Measures) -> float:
    return layout.width - 2 * measures.margin_side


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")), encoding="utf-8", errors="replace")
