"""What the page of a dataset shows, computed from its row, its columns and its preview file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from core.files import storage
from core.models import Dataset, DatasetColumn
from frontend.datasets.pages.nearly_typed import Nearly, nearly_of

#: Columns a page shows at a time; a dataset may have ten thousand.
COLUMNS_LENGTH = 50
#: Rows of the preview, and rejected rows, a page shows at a time.
ROWS_LENGTH = 50

#: The box that a histogram is drawn in, in units of its own.
CHART_WIDTH = 160
CHART_HEIGHT = 32

#: The share of the rows from which a value is named in a list of columns.
FREQUENT_PERCENT = 0.5

_NUMERIC = frozenset({"integer", "decimal", "float"})
_QUANTILES = ("5%", "25%", "Median", "75%", "95%")
#: Keys of a column's `stats` of which its profile has at least one, unless it has no value at all.
_PROFILED = ("min", "max", "mean", "quantiles", "top")


@dataclass(frozen=True)
class Bar:
    """One bar of a chart, in the chart's units, with what it says."""

    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True)
class TopValue:
    """One of a column's most frequent values."""

    value: str
    count: int
    #: 0 to 100, of all rows.
    percent: float


@dataclass(frozen=True)
class ColumnProfile:
    """A column with its profile, as the page shows it."""

    column: DatasetColumn
    #: Whether there is a profile: a dataset can be opened before it is computed.
    is_there: bool
    nearly: Nearly | None
    #: A sentence about how its values were read; empty when there is nothing to say.
    note: str
    distinct: int
    null_percent: float
    minimum: str
    maximum: str
    mean: str
    quantiles: list[tuple[str, str]]
    top: list[TopValue]
    bars: list[Bar]
    chart_text: str

    @property
    def is_numeric(self) -> bool:
        return self.column.type in _NUMERIC

    @property
    def has_frequent_value(self) -> bool:
        return bool(self.top) and self.top[0].percent >= FREQUENT_PERCENT

    @property
    def shares(self) -> list[Bar]:
        """The most frequent values as parts of one bar as wide as a chart."""
        bars: list[Bar] = []
        start = 0.0
        for top in self.top:
            width = min(CHART_WIDTH * top.percent / 100, CHART_WIDTH - start)
            bars.append(Bar(x=start, y=0, width=max(0.0, width - 1), height=6, text=f"{top.value}: {top.count:,}"))
            start += width
        return bars

    @property
    def has_more(self) -> bool:
        return bool(self.quantiles or self.top)


@dataclass(frozen=True)
class Preview:
    """The first rows of the table, and the first rejected ones."""

    rows: list[list[Any]] = field(default_factory=list)
    rejected: list[list[Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Cell:
    """One value of a preview's row."""

    text: str
    is_null: bool
    is_numeric: bool


def is_pending(dataset: Dataset) -> bool:
    """Whether the profile of the dataset's columns is being computed."""
    return (dataset.dialect or {}).get("profile") == "pending"


def is_profiled(column: DatasetColumn, *, rows: int, is_pending: bool = False) -> bool:
    """Whether the column has its profile. A column without any value has only its count of empty ones."""
    if any(key in (column.stats or {}) for key in _PROFILED):
        return True
    return not is_pending and column.nulls >= rows


def profile_of(column: DatasetColumn, *, rows: int, is_pending: bool = False) -> ColumnProfile:
    """Return the column's profile in words and charts."""
    stats = column.figures
    format_value = _number_in_words if column.type in _NUMERIC else in_words
    quantiles = [
        (name, format_value(value))
        for name, value in zip(_QUANTILES, stats.get("quantiles") or [], strict=False)
        if value is not None
    ]
    top = [
        TopValue(in_words(value, is_number=False), int(count), 100 * count / rows if rows else 0.0)
        for value, count in stats.get("top") or []
    ]
    histogram = stats.get("histogram") or []
    return ColumnProfile(
        column=column,
        is_there=is_profiled(column, rows=rows, is_pending=is_pending),
        nearly=(nearly := nearly_of(column)),
        # The note of a column that nearly has a type says the same as `nearly`.
        note="" if nearly else str(stats.get("note") or ""),
        # It is stored as an estimate, which may exceed the number of values.
        distinct=min(column.distinct, max(0, rows - column.nulls)),
        null_percent=100 * column.nulls / rows if rows else 0.0,
        minimum=format_value(stats.get("min")),
        maximum=format_value(stats.get("max")),
        mean=_number_in_words(stats.get("mean")),
        quantiles=quantiles,
        top=top,
        bars=_bars(histogram),
        chart_text=_chart_text(column, histogram),
    )


def in_words(value: Any, *, is_number: bool = True) -> str:
    """Return a value of the profile for people; numbers grouped, without meaningless digits."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and is_number:
        return f"{value:,}"
    if isinstance(value, float) and is_number:
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.2f}" if 1 <= abs(value) < 1e12 else f"{value:.4g}"
    return str(value)


def preview_of(dataset: Dataset) -> Preview:
    """Read the preview file; an empty preview when it is no longer there."""
    if not dataset.preview_path:
        return Preview()
    try:
        read = json.loads(storage.resolve(dataset.preview_path).read_bytes())
    except (OSError, ValueError):
        return Preview()
    # Line, column, value, reason and raw line; what an older file lacks is empty.
    rejected = [[*row, *[""] * 5][:5] for row in read.get("rejected") or []]
    return Preview(rows=read.get("rows") or [], rejected=rejected)


def cells_of(rows: list[list[Any]], columns: list[DatasetColumn]) -> list[list[Cell]]:
    """Return the cells of these columns, row by row."""
    places = [(column.position, column.type) for column in columns]
    return [[_cell(row[place] if place < len(row) else None, kind) for place, kind in places] for row in rows]


def _number_in_words(value: Any) -> str:
    """Return a number, also one stored as text for its exactness, grouped and without trailing zeros."""
    if not isinstance(value, str):
        return in_words(value)
    try:
        number = Decimal(value)
    except InvalidOperation:
        return value
    if not number.is_finite():
        return value
    return f"{number:,.0f}" if number == number.to_integral_value() else f"{number.normalize():,f}"


def _cell(value: Any, column_type: str) -> Cell:
    if value is None:
        return Cell("", is_null=True, is_numeric=False)
    # Numbers of a preview stay as they are in the table: a grouped year or id would read wrong.
    text = ("true" if value else "false") if isinstance(value, bool) else str(value)
    return Cell(text, is_null=False, is_numeric=column_type in _NUMERIC)


def _bars(histogram: list[dict[str, Any]]) -> list[Bar]:
    highest = max((bucket["count"] for bucket in histogram), default=0)
    if not highest:
        return []
    step = CHART_WIDTH / len(histogram)
    gap = min(2.0, step * 0.2)
    bars = []
    for index, bucket in enumerate(histogram):
        # A few among millions are not 0 %.
        height = max(1.5, CHART_HEIGHT * bucket["count"] / highest) if bucket["count"] else 0.0
        bars.append(
            Bar(
                x=round(index * step, 2),
                y=round(CHART_HEIGHT - height, 2),
                width=round(step - gap, 2),
                height=round(height, 2),
                text=f"{_range(bucket)}: {bucket['count']:,}",
            )
        )
    return bars


def _chart_text(column: DatasetColumn, histogram: list[dict[str, Any]]) -> str:
    if not histogram:
        return ""
    fullest = max(histogram, key=lambda bucket: int(bucket["count"]))
    return (
        f"Histogram of {column.name}: {len(histogram)} ranges from {in_words(histogram[0].get('low'))} to "
        f"{in_words(histogram[-1].get('high'))}, fullest {_range(fullest)} with {fullest['count']:,} rows"
    )


def _range(bucket: dict[str, Any]) -> str:
    low, high = in_words(bucket.get("low")), in_words(bucket.get("high"))
    return low if low == high else f"{low} to {high}"
