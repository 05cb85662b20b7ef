"""The figures of the charts, from 0 to 1 along each axis; the template draws them."""

from __future__ import annotations

import datetime
import math
from typing import Any

from actors.tables import engine
from actors.typesetting.coverage import coverage

from .formats import Format
from .request import NUMERIC
from .source import Source
from .wrapping import fit

TOP_VALUES = 12
BINS = 24
TICKS = 5
#: Width in em of a bar's name, which stands on one line.
_LABEL_EM = 13.0
HOURS = 24
#: Periods by the days that a chart of them may span.
_PERIODS = (("hour", 3), ("day", 120), ("week", 700), ("month", 4_000), ("year", math.inf))


def charts(source: Source) -> list[dict[str, Any]]:
    """Return a chart for each column that was chosen for one; columns without any value get a note instead."""
    made = []
    for name in source.request.charts:
        kind = source.request.types[name]
        stats = source.stats[name]
        if not stats.filled:
            chart: dict[str, Any] = {"kind": "none", "note": "No values"}
        elif kind in ("date", "timestamp"):
            chart = _over_time(source, name)
        elif kind == "time":
            chart = _by_hour(source, name)
        elif kind in NUMERIC and not _is_small_set(source, name):
            chart = _histogram(source, name)
        else:
            chart = _bars(source, name, by_value=kind not in ("text", "boolean"))
        made.append({"title": name, **chart})
    return made


def _bars(source: Source, name: str, *, by_value: bool) -> dict[str, Any]:
    cell, label_sql = engine.name(name), source.formats[name].sql(name)
    listed = source.con.execute(
        f"SELECT coalesce(any_value(left({label_sql}, 200)), '(empty)'), count(*) AS headway_rows, "
        f"any_value({cell}) AS headway_value FROM {source.table} GROUP BY {cell} "
        f"ORDER BY headway_rows DESC, headway_value NULLS LAST LIMIT {TOP_VALUES + 1}"
    ).fetchall()
    top = listed[:TOP_VALUES] if len(listed) > TOP_VALUES else listed
    if by_value:
        top = sorted(top, key=lambda row: (row[2] is None, row[2]))
    bars = [(_short(label) or "(empty)", count) for label, count, _ in top]
    rest = source.rows - sum(count for _, count in bars)
    most = max(count for _, count in bars)
    if rest:
        bars.append(("Other", rest))
        most = max(most, rest)
    return {
        "kind": "bars",
        "note": f"Rows by {name}" + (f", the {TOP_VALUES} most frequent" if rest else ""),
        "bars": [
            {
                "label": label,
                "part": count / most,
                "text": f"{_count(source, count)}",
                "share": _share(count, source.rows),
                "is_rest": bool(rest) and number == len(bars) - 1,
            }
            for number, (label, count) in enumerate(bars)
        ],
    }


def _histogram(source: Source, name: str) -> dict[str, Any]:
    cell = f"{engine.name(name)}::DOUBLE"
    finite = f"FROM {source.table} WHERE {engine.name(name)} IS NOT NULL AND isfinite({cell})"
    low, high, early, late = source.one(
        f"SELECT min({cell}), max({cell}), quantile_disc({cell}, 0.01), quantile_disc({cell}, 0.99) {finite}"
    )
    if low is None:
        return {"kind": "none", "note": "No finite values"}
    note = f"Rows by {name}"
    if high - low > 4 * (late - early) > 0:
        low, high = early, late
        note += "; values further out are counted in the outer bars"
    # A step that the values' own size swallows would lead nowhere.
    step = max(_nice((high - low) / BINS) if high > low else 1.0, _nice(max(abs(low), abs(high)) * 1e-12))
    if source.request.types[name] == "integer":
        step = max(1.0, step)
    start = math.floor(low / step) * step
    count = max(1, min(4 * BINS, math.floor((high - start) / step) + 1))
    number = f"greatest(0, least({count - 1}, floor(({cell} - {start!r}) / {step!r})))::INTEGER"
    counted = dict(source.con.execute(f"SELECT {number} AS headway_bin, count(*) {finite} GROUP BY 1").fetchall())
    counts = [counted.get(place, 0) for place in range(count)]
    labels = _axis(start, start + count * step, source.formats[name], step)
    return {"kind": "histogram", "note": note, "x": labels, **_heights(source, counts)}


def _by_hour(source: Source, name: str) -> dict[str, Any]:
    cell = engine.name(name)
    counted = dict(
        source.con.execute(
            f"SELECT extract(hour FROM {cell}), count(*) FROM {source.table} WHERE {cell} IS NOT NULL GROUP BY 1"
        ).fetchall()
    )
    ticks = [[hour / HOURS, f"{hour:02}:00"] for hour in range(0, HOURS + 1, 6)]
    values = [counted.get(hour, 0) for hour in range(HOURS)]
    return {"kind": "histogram", "note": f"Rows by hour of {name}", "x": ticks, **_heights(source, values)}


def _over_time(source: Source, name: str) -> dict[str, Any]:
    cell = f"{engine.name(name)}::TIMESTAMP"
    low, high = source.one(f"SELECT min({cell}), max({cell}) FROM {source.table} WHERE isfinite({cell})")
    if not isinstance(low, datetime.datetime) or not isinstance(high, datetime.datetime):
        return {"kind": "none", "note": "No values" if low is None else "Dates before the year 1 are not drawn"}
    days = (high - low).total_seconds() / 86_400
    period = next(unit for unit, most in _PERIODS if days <= most)
    if period == "hour" and source.request.types[name] == "date":
        period = "day"
    summed = source.request.subtotals[0] if source.request.subtotals else ""
    value = f"coalesce(sum({engine.name(summed)}), 0)::DOUBLE" if summed else "count(*)"
    spans = source.con.execute(
        f"WITH spans AS (SELECT unnest(generate_series(date_trunc('{period}', {_moment(low)}), "
        f"date_trunc('{period}', {_moment(high)}), INTERVAL 1 {period})) AS span), "
        f"counted AS (SELECT date_trunc('{period}', {cell}) AS span, {value} AS value FROM {source.table} "
        f"WHERE {engine.name(name)} IS NOT NULL AND isfinite({cell}) GROUP BY 1) "
        "SELECT spans.span, coalesce(counted.value, 0) FROM spans LEFT JOIN counted USING (span) ORDER BY 1"
    ).fetchall()
    moments, values = [row[0] for row in spans], [float(row[1]) for row in spans]
    places = sorted({round(step * (len(spans) - 1) / 4) for step in range(5)})
    ticks = [[place / max(1, len(spans) - 1), _moment_label(moments[place], period)] for place in places]
    what = f"Sum of {summed}" if summed else "Rows"
    return {"kind": "line", "note": f"{what} by {period} of {name}", "x": ticks, **_heights(source, values)}


def _heights(source: Source, values: list[float]) -> dict[str, Any]:
    """Parts of the axis with its ticks, for values that may go below zero."""
    top, bottom = max(0.0, *values, 1e-12), min(0.0, *values)
    step = _nice((top - bottom) / TICKS)
    if all(float(value).is_integer() for value in values):
        step = max(1.0, step)
    first, last = math.floor(bottom / step), math.ceil(top / step)
    span = (last - first) * step
    decimals = max(0, -math.floor(math.log10(step)))
    written = Format(type="float", numbers=source.request.numbers, decimals=min(6, decimals))
    return {
        "y": [[(place - first) / (last - first), written.number(place * step)] for place in range(first, last + 1)],
        "zero": -first / (last - first),
        "values": [round((value - first * step) / span, 5) for value in values],
    }


def _axis(start: float, end: float, written: Format, step: float) -> list[list[Any]]:
    wide = _nice((end - start) / TICKS)
    decimals = max(0, min(6, -math.floor(math.log10(wide)))) if written.type != "integer" else 0
    tick_format = Format(type="float", numbers=written.numbers, decimals=decimals, is_grouped=written.is_grouped)
    first = math.ceil(start / wide - 1e-9)
    ticks = []
    while first * wide <= end + step * 1e-6:
        ticks.append([(first * wide - start) / (end - start), tick_format.number(first * wide)])
        first += 1
    return ticks


def _is_small_set(source: Source, name: str) -> bool:
    distinct = source.one(
        f"SELECT count(*) FROM (SELECT DISTINCT {engine.name(name)} FROM {source.table} LIMIT {TOP_VALUES + 1})"
    )[0]
    return int(distinct) <= TOP_VALUES and source.request.types[name] == "integer"


def _nice(step: float) -> float:
    """Return the next of 1, 2, 2.5, 5 times a power of ten."""
    if step <= 0 or not math.isfinite(step):
        return 1.0
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 2.5, 5, 10) if times * power >= step * (1 - 1e-9))


def _moment(value: datetime.datetime) -> str:
    return f"TIMESTAMP {engine.literal(value.isoformat(sep=' '))}"


def _moment_label(value: datetime.datetime, period: str) -> str:
    pattern = {"hour": "%-d %b %H:%M", "day": "%-d %b %Y", "week": "%-d %b %Y", "month": "%b %Y", "year": "%Y"}[period]
    return value.strftime(pattern)


def _count(source: Source, value: int) -> str:
    return Format(type="integer", numbers=source.request.numbers).number(value)


def _share(count: int, rows: int) -> str:
    part = 100 * count / rows
    return f"{part:.0f} %" if part >= 1 else "< 1 %"


def _short(text: str) -> str:
    return fit(text, _LABEL_EM, coverage())
