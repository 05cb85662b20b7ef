"""The pages before the table: title, contents, about, charts. They are counted before they are set."""

from __future__ import annotations

import datetime
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from actors.typesetting.merge import Entry, Link

from .formats import DAYS, Format
from .layout import Layout
from .measures import Measures
from .request import NUMERIC, is_identifier
from .source import Source
from .table import Marks, Table
from .wrapping import clean, is_rtl

#: Sections that the contents and the outline name at most, before they name ranges of them.
MOST_SECTIONS = 120
RANGES = 40
MOST_OUTLINED = 5_000
MOST_FIGURES = 4
_LABEL = 60
#: Names of files break after these, and any word within so many letters: no line may be too short for one.
_JOINTS, _UNBROKEN = re.compile(r"_+(?=\w)"), re.compile(r"[^\s\u200b]{40}(?=[^\s\u200b]{6})")


@dataclass(frozen=True)
class Section:
    """A part of the table: its name, its first page (of the table, from 0), and the parts below it."""

    label: str
    page: int
    parts: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Front:
    """The front matter as the template takes it, its number of pages, and what leads from it into the table."""

    data: dict[str, Any]
    pages: int
    outline: list[Entry]
    links: list[Link]


def front(
    source: Source, table: Table, layout: Layout, measures: Measures, *,
    charts: list[dict[str, Any]], created: datetime.datetime, dataset: str, logo: str,
) -> Front:  # fmt: skip
    """Lay the front matter out."""
    request = source.request
    sections = _sections(table.marks, table.pages, source.rows, is_grouped=bool(request.group_by))
    per_page = max(1, int(_body(layout, measures, measures.contents_top) // measures.contents_line))
    chart_pages = math.ceil(len(charts) / measures.charts_on_page)
    fixed = 3 if charts else 2
    contents_pages = max(
        1, math.ceil((fixed + (len(sections) if len(sections) > 1 or not source.rows else 0)) / per_page)
    )
    about = 1 + contents_pages
    first = about + 1 + chart_pages
    entries = [("About this report", about, 0)]
    if charts:
        entries.append(("Charts", about + 1, 0))
    entries.append(("Table", first, 0))
    if len(sections) == 1 and source.rows:
        sections = []
    entries += [(section.label, first + section.page, 1) for section in sections]
    outline: list[Entry] = [("Contents", 1, ()), ("About this report", about, ())]
    if charts:
        outline.append(("Charts", about + 1, ()))
    outline.append(("Table", first, tuple(_entry(section, first) for section in sections)))
    day = Format(type="date", dates=request.dates).text(created.date())
    data = {
        "title": _breakable(request.title),
        "subtitle": _breakable(request.subtitle) if request.subtitle else "",
        "logo": logo,
        "dataset": _breakable(_short(dataset, 120)),
        "date": day,
        "figures": _figures(source, table),
        "contents": [
            [[styled(_short(label)), page_number(page + 1), level] for label, page, level in sheet]
            for sheet in _sheets(entries, per_page)
        ],
        "about": _about(source, table, dataset, created),
        "columns": _columns(source, measures.figures_on_page),
        "charts": _sheets(charts, measures.charts_on_page),
    }  # fmt: skip
    return Front(data=data, pages=first, outline=outline, links=_links(entries, per_page, layout, measures))


def styled(text: str) -> Any:
    """Return text as the template takes it: right-to-left text says so."""
    flat = " ".join(clean(text).split())
    return {"r": flat} if is_rtl(flat) else flat


def _breakable(text: str) -> Any:
    """Return text as `styled` does, with places to break in words that a line may not hold."""
    return styled(_UNBROKEN.sub("\\g<0>\u200b", _JOINTS.sub("\\g<0>\u200b", text)))


def _sheets(entries: list[Any], per_page: int) -> list[list[Any]]:
    return [entries[start : start + per_page] for start in range(0, len(entries), per_page)]


def page_number(number: int) -> str:
    return f"{number:,}"


def _sections(marks: Marks, pages: int, rows: int, *, is_grouped: bool) -> list[Section]:
    if not rows:
        return [Section("No rows match", 0)]
    if is_grouped:
        groups = [Section(label, page) for label, page, _ in marks.groups]
        if len(groups) <= MOST_SECTIONS:
            return groups
        per_range = math.ceil(len(groups) / RANGES)
        ranges = [groups[start : start + per_range] for start in range(0, len(groups), per_range)]
        keeps = len(groups) <= MOST_OUTLINED
        return [
            Section(_range_label(part[0].label, part[-1].label), part[0].page, tuple(part) if keeps else ())
            for part in ranges
        ]
    per_range = math.ceil(pages / RANGES)
    sections = []
    for start in range(0, pages, per_range):
        until = min(pages, start + per_range)
        first_row, first, _ = marks.pages[start]
        last_row = marks.pages[until][0] if until < pages else rows
        last = marks.pages[until - 1][2]
        label = _range_label(first, last) if first and last else f"Rows {first_row + 1:,} – {last_row:,}"
        sections.append(Section(label, start))
    return sections


def _range_label(first: str, last: str) -> str:
    first, last = _short(first, _LABEL // 2), _short(last, _LABEL // 2)
    return first if first == last else f"{first} – {last}"


def _entry(section: Section, first: int) -> Entry:
    label = _short(section.label, 200)
    return (label, first + section.page, tuple(_entry(part, first) for part in section.parts))


def _figures(source: Source, table: Table) -> list[dict[str, str]]:
    """The summary figures of the title page: rows, groups, sums."""
    request = source.request
    whole = Format(type="integer", numbers=request.numbers)
    figures = [{"label": "Row" if source.rows == 1 else "Rows", "value": whole.number(source.rows)}]
    if request.group_by and source.rows:
        figures.append(
            {"label": f"Groups by {_short(request.group_by, 28)}", "value": whole.number(table.marks.group_count)}
        )
    else:
        columns = len(request.columns)
        figures.append({"label": "Column" if columns == 1 else "Columns", "value": whole.number(columns)})
    summed = request.subtotals or [
        name
        for name, kind in request.columns
        if kind in ("decimal", "integer") and not is_identifier(name, request.types)
    ]
    for name in summed:
        stats = source.stats[name]
        if stats.filled and len(figures) < MOST_FIGURES:
            figures.append({"label": f"Total {_short(name, 28)}", "value": source.formats[name].number(stats.sum)})
    return figures


def _about(source: Source, table: Table, dataset: str, created: datetime.datetime) -> list[list[Any]]:
    request = source.request
    whole = Format(type="integer", numbers=request.numbers)
    facts: list[list[Any]] = [
        ["Dataset", styled(dataset)],
        ["As of", created.astimezone(datetime.UTC).strftime(f"{DAYS[request.dates]} %H:%M UTC")],
        ["Rows", whole.number(source.rows)],
    ]
    facts += [[label, styled(text)] for label, text in request.in_words()]
    if table.cut_cells:
        facts.append(["Shortened", f"{whole.number(table.cut_cells)} long texts; they end with “…”"])
    if missing := table.glyphs.missing:
        one = len(missing) == 1
        facts.append(
            [
                "Without a glyph",
                f"{whole.number(len(missing))} character{', shown as a box' if one else 's, shown as boxes'}",
            ]
        )
    return facts


def _columns(source: Source, most: int) -> list[list[Any]]:
    """Lowest, mean, highest and sum of each column of numbers."""
    request, rows = source.request, []
    for name, kind in request.columns:
        stats, written = source.stats[name], source.formats[name]
        if kind not in NUMERIC or not stats.filled:
            continue
        mean = total = ""
        if not is_identifier(name, request.types):
            digits = written.decimals if written.decimals is None else max(written.decimals, 1)
            mean = replace(written, type="float", decimals=digits).number(float(stats.sum) / stats.filled)
            total = written.number(stats.sum)
        rows.append([styled(_short(name, 40)), written.number(stats.low), mean, written.number(stats.high), total])
    return rows[:most]


def _links(entries: list[Any], per_page: int, layout: Layout, measures: Measures) -> list[Link]:
    links: list[Link] = []
    for number, (_, page, _) in enumerate(entries):
        sheet, line = divmod(number, per_page)
        top = layout.height - measures.margin_top - measures.contents_top - line * measures.contents_line
        box = (measures.margin_side, top - measures.contents_line, layout.width - measures.margin_side, top)
        links.append((1 + sheet, box, page))
    return links


def _body(layout: Layout, measures: Measures, taken: float) -> float:
    return layout.height - measures.margin_top - measures.margin_bottom - taken


def _short(text: str, most: int = _LABEL) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= most else flat[: most - 1].rstrip() + "…"
