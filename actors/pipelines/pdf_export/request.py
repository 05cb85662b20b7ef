"""The parameters of a report, checked against the dataset's columns and put in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from actors.tables import selection
from core.errors import PermanentError

NUMERIC = selection.NUMERIC
#: Width and height in points, upright.
PAGE_SIZES = {
    "a3": (841.89, 1190.55),
    "a4": (595.28, 841.89),
    "a5": (419.53, 595.28),
    "letter": (612.0, 792.0),
    "legal": (612.0, 1008.0),
}
PAGE_TITLES = {"a3": "A3", "a4": "A4", "a5": "A5", "letter": "Letter", "legal": "Legal"}
ORIENTATIONS = ("auto", "portrait", "landscape")
#: Whole-number columns of these names are names themselves: set without separators, and not summed unless asked for.
_IDENTIFIERS = frozenset(
    (
        *("id", "ids", "key", "code", "codes", "zip", "zipcode", "postcode", "plz", "year", "years", "jahr", "année"),
        *("no", "nr", "number", "nummer", "phone", "tel", "ean", "isbn", "sku", "uid", "pid", "line", "version"),
    )
)


@dataclass(frozen=True, kw_only=True)
class Request:
    """The parameters of a report. Columns are (name, type) pairs, in the order in which they are set."""

    title: str
    columns: list[tuple[str, str]]
    #: All columns of the dataset.
    dataset_columns: list[tuple[str, str]]
    subtitle: str = ""
    template: str = "report"
    filters: list[dict[str, Any]] = field(default_factory=list)
    sort: list[dict[str, Any]] = field(default_factory=list)
    group_by: str = ""
    subtotals: list[str] = field(default_factory=list)
    page_size: str = "a4"
    orientation: str = "auto"
    charts: list[str] = field(default_factory=list)
    row_limit: int | None = None
    numbers: str = "en"
    dates: str = "iso"

    @property
    def set_columns(self) -> list[tuple[str, str]]:
        """The columns that the table has: the group's own value stands in its headings."""
        rest = [column for column in self.columns if column[0] != self.group_by]
        return rest or self.columns

    @property
    def types(self) -> dict[str, str]:
        return dict(self.dataset_columns)

    @classmethod
    def from_params(cls, params: dict[str, Any], *, name: str, dataset_columns: list[tuple[str, str]]) -> Request:
        """Read the parameters of a job on the dataset `name`; raise PermanentError with what to change."""
        types = dict(dataset_columns)
        chosen = list(dict.fromkeys(params.get("columns") or types))
        charts = list(dict.fromkeys(params.get("charts") or ()))
        group = params.get("group_by") or ""
        requested = list(dict.fromkeys(params.get("subtotals") or ()))
        for column in (*chosen, *charts, *requested, *([group] if group else [])):
            if column not in types:
                raise PermanentError(f"{selection.unknown_column(column, types)} Choose the columns again.")
        for column in requested:
            if types[column] not in NUMERIC:
                raise PermanentError(f"“{column}” holds no numbers, so it has no subtotals. Choose another column.")
        filters, sort = list(params.get("filters") or ()), list(params.get("sort") or ())
        if wrong := selection.check(filters, sort, dataset_columns):
            raise PermanentError(" ".join(wrong))
        subtotals = [column for column in chosen if column in requested]
        if group and not requested:
            subtotals = [column for column in chosen if types[column] in NUMERIC and not is_identifier(column, types)]
        limit = params.get("row_limit")
        return cls(
            title=(params.get("title") or "").strip() or name,
            subtitle=(params.get("subtitle") or "").strip(),
            template=params.get("template") or "report",
            columns=[(column, types[column]) for column in chosen],
            dataset_columns=dataset_columns,
            filters=filters,
            sort=sort,
            group_by=group,
            subtotals=[column for column in subtotals if column != group],
            page_size=_one_of(params.get("page_size") or "a4", PAGE_SIZES, "page size"),
            orientation=_one_of(params.get("orientation") or "auto", ORIENTATIONS, "orientation"),
            charts=charts,
            row_limit=int(limit) if limit else None,
            numbers=params.get("numbers") or "en",
            dates=params.get("dates") or "iso",
        )

    def in_words(self) -> list[tuple[str, str]]:
        """Return what was chosen as (name, sentence) pairs, for the page about the report."""
        pairs = []
        if self.filters:
            pairs.append(("Rows in which", " and ".join(map(selection.in_words, self.filters))))
        if self.group_by:
            pairs.append(("Grouped by", self.group_by))
        if self.sort:
            keys = [f"{key['column']}{', descending' if key.get('descending') else ''}" for key in self.sort]
            pairs.append(("Sorted by", "; ".join(keys)))
        if self.row_limit:
            pairs.append(("At most", f"{self.row_limit:,} rows"))
        left_out = len(self.dataset_columns) - len({*(name for name, _ in self.columns), self.group_by} - {""})
        if left_out:
            pairs.append(
                ("Columns", f"{len(self.dataset_columns) - left_out:,} of the dataset’s {len(self.dataset_columns):,}")
            )
        return pairs


def is_identifier(column: str, types: dict[str, str]) -> bool:
    """Whether the numbers of a column name things, as years and keys do, so that nobody adds them up."""
    words = "".join(mark if mark.isalnum() else " " for mark in column.lower()).split()
    return types[column] == "integer" and bool(words) and (words[-1] in _IDENTIFIERS or words[0] in _IDENTIFIERS)


def _one_of(value: str, allowed: Any, what: str) -> str:
    if value not in allowed:
        raise PermanentError(f"“{value}” is no {what}; there are {', '.join(allowed)}.")
    return value
