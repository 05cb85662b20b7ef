"""Writing a dataset's Parquet in other formats, with rows as progress. Runs in a child process."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import xlsxwriter

from actors.tables import engine
from actors.tables.formulas import neutral, neutral_sql
from core.errors import PermanentError

Report = Callable[..., None]

#: Limits of an Excel worksheet; the first row is the header.
SHEET_ROWS = 1_048_576
SHEET_COLUMNS = 16_384
CELL_CHARACTERS = 32_767
#: Whole numbers above this lose digits in a spreadsheet, which keeps 15.
EXACT_INTEGER = 10**15
#: The first day Excel's calendar has right.
FIRST_DAY = datetime.date(1900, 3, 1)
FETCHED_ROWS = 2_000
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}


def export(
    report: Report,
    *,
    parquet: str,
    target: str,
    scratch: str,
    format: str,
    rows: int,
    columns: list[list[str]],
    neutralise: bool = True,
    delimiter: str = "comma",
    bom: bool = False,
    split_sheets: bool = False,
) -> dict[str, Any]:
    """Write `target`; `columns` holds [name, type] of each. Returns {"rows", "sheets", "cut_cells"}."""
    out = Path(target)
    report(0, rows)
    with engine.connect(Path(scratch), width=len(columns)) as con:
        source = f"read_parquet({engine.literal(parquet)})"
        if format == "xlsx":
            answer = _write_xlsx(
                report, con, source, out, rows=rows, columns=columns, neutralise=neutralise, split=split_sheets
            )
        else:
            sql = _copy_sql(source, out, format, columns, neutralise=neutralise, delimiter=DELIMITERS[delimiter])
            written = engine.copy_in_order(con, sql, lambda part: report(int(rows * part), rows))
            if format == "csv" and bom:
                _prepend_mark(out)
            answer = {"rows": written, "sheets": 0, "cut_cells": 0}
    if answer["rows"] != rows:
        raise AssertionError(f"{answer['rows']} rows written of {rows}")
    report(rows, rows)
    return answer


def need_fit(format: str, *, rows: int, width: int, split_sheets: bool) -> None:
    """Raise PermanentError, with what to do, when the dataset does not fit the format."""
    if format != "xlsx":
        return
    if width > SHEET_COLUMNS:
        raise PermanentError(
            f"An Excel sheet holds {SHEET_COLUMNS:,} columns, the dataset has {width:,}. Export CSV or Parquet instead."
        )
    if rows > SHEET_ROWS - 1 and not split_sheets:
        raise PermanentError(
            f"An Excel sheet holds {SHEET_ROWS - 1:,} rows below its header, the dataset has {rows:,}. "
            "Tick “Split over several sheets”, or export CSV or Parquet."
        )


def _copy_sql(
    source: str, target: Path, format: str, columns: list[list[str]], *, neutralise: bool, delimiter: str
) -> str:
    if format == "parquet":
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {engine.row_group_rows(len(columns))}"
        listed = "*"
    elif format == "jsonl":
        options, listed = "FORMAT json", "*"
    else:
        options = f"FORMAT csv, HEADER true, DELIMITER {engine.literal(delimiter)}"
        cells = [
            neutral_sql(engine.name(name)) if neutralise and kind == "text" else engine.name(name)
            for name, kind in columns
        ]
        names = [engine.name(neutral(name) if neutralise else name) for name, _ in columns]
        listed = ", ".join(f"{cell} AS {name}" for cell, name in zip(cells, names, strict=True))
    return f"COPY (SELECT {listed} FROM {source}) TO {engine.literal(str(target))} ({options})"


def _prepend_mark(path: Path) -> None:
    """Put a byte order mark before the text, without which Excel reads UTF-8 as another encoding."""
    marked = path.with_suffix(".marked")
    with path.open("rb") as source, marked.open("wb") as out:
        out.write(b"\xef\xbb\xbf")
        while block := source.read(1024 * 1024):
            out.write(block)
    marked.replace(path)


def _write_xlsx(
    report: Report,
    con: duckdb.DuckDBPyConnection,
    source: str,
    target: Path,
    *,
    rows: int,
    columns: list[list[str]],
    neutralise: bool,
    split: bool,
) -> dict[str, Any]:
    need_fit("xlsx", rows=rows, width=len(columns), split_sheets=split)
    book = xlsxwriter.Workbook(
        str(target),
        {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "nan_inf_to_errors": False,
            "tmpdir": str(target.parent),
        },
    )
    sheets = _Sheets(book, columns, neutralise=neutralise)
    written = 0
    for row in _rows(con, source, len(columns)):
        sheets.write(row)
        written += 1
        if not written % FETCHED_ROWS:
            report(written, rows)
    report(written, rows, "closing the workbook")
    sheets.finish()
    book.close()
    return {"rows": written, "sheets": sheets.count, "cut_cells": sheets.cut_cells}


def _rows(con: duckdb.DuckDBPyConnection, source: str, width: int) -> Iterator[tuple[Any, ...]]:
    size = max(1, min(FETCHED_ROWS, 500_000 // width))
    query = con.execute(f"SELECT * FROM {source}")
    while batch := query.fetchmany(size):
        yield from batch


class _Sheets:
    """Worksheets that follow one another when one is full."""

    def __init__(self, book: Any, columns: list[list[str]], *, neutralise: bool) -> None:
        self.book = book
        self.columns = columns
        self.neutralise = neutralise
        self.count = 0
        self.cut_cells = 0
        self._sheet: Any = None
        self._row = SHEET_ROWS
        self._bold = book.add_format({"bold": True})
        formats = {"date": "yyyy-mm-dd", "timestamp": "yyyy-mm-dd hh:mm:ss", "time": "hh:mm:ss"}
        self._formats = {kind: book.add_format({"num_format": format}) for kind, format in formats.items()}

    def write(self, row: tuple[Any, ...]) -> None:
        if self._row >= SHEET_ROWS:
            self._begin()
        sheet, number = self._sheet, self._row
        for index, value in enumerate(row):
            if value is None:
                continue
            if isinstance(value, str):
                self._write_text(index, value)
            elif isinstance(value, bool):
                sheet.write_boolean(number, index, value)
            elif isinstance(value, int | float | decimal.Decimal):
                self._write_number(index, value)
            else:
                self._write_moment(index, value)
        self._row += 1

    def finish(self) -> None:
        if self._sheet is None:
            self._begin()

    def _begin(self) -> None:
        self.count += 1
        self._sheet = self.book.add_worksheet("Data" if self.count == 1 else f"Data {self.count}")
        self._sheet.freeze_panes(1, 0)
        for index, (name, _) in enumerate(self.columns):
            text = neutral(name) if self.neutralise else name
            self._sheet.write_string(0, index, text[:CELL_CHARACTERS], self._bold)
        self._row = 1

    def _write_text(self, index: int, value: str) -> None:
        text = neutral(value) if self.neutralise else value
        if len(text) > CELL_CHARACTERS:
            text = text[:CELL_CHARACTERS]
            self.cut_cells += 1
        self._sheet.write_string(self._row, index, text)

    def _write_number(self, index: int, value: float | decimal.Decimal) -> None:
        digits = len(value.as_tuple().digits) if isinstance(value, decimal.Decimal) else 0
        exact = digits <= 15 and (not isinstance(value, int) or abs(value) < EXACT_INTEGER)
        if exact and math.isfinite(value):
            self._sheet.write_number(self._row, index, value)
        else:
            # A spreadsheet would round it: as text every digit stays.
            self._sheet.write_string(self._row, index, str(value))

    def _write_moment(self, index: int, value: datetime.date | datetime.time) -> None:
        if isinstance(value, datetime.datetime):
            kind, day = "timestamp", value.date()
        elif isinstance(value, datetime.date):
            kind, day = "date", value
        else:
            kind, day = "time", FIRST_DAY
        if day < FIRST_DAY:
            self._sheet.write_string(self._row, index, str(value))
        else:
            self._sheet.write_datetime(self._row, index, value, self._formats[kind])
