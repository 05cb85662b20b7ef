"""Other readers of CSV, as `csv_detection` asks them: DuckDB's sniffer, CleverCSV, and Python's own sniffer.

Only Headway is given the file as it is. These know few encodings, so they get its text in UTF-8.
"""

from __future__ import annotations

import csv
import importlib.util
import io
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

from tests.bench.corpus.draft import Case
from tests.bench.corpus.score import Reading

#: Characters that the two sniffers in Python are shown; they take seconds for more.
SNIFFED = 20_000
NO_CLEVERCSV = "CleverCSV is not installed: `python -m pip install clevercsv`, or leave it out of --readers."


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """This process's own connection."""
    return duckdb.connect(config={"threads": 1})


def duckdb_reading(case: Case, folder: Path) -> Reading:
    """`sniff_csv` for the dialect, `read_csv` for the rows; what it cannot read it is asked to store as rejects."""
    path = folder / "peer.csv"
    path.write_bytes(_plain(case).encode())
    con = engine()
    found = con.execute("SELECT Delimiter, Quote, HasHeader FROM sniff_csv(?)", [str(path)]).fetchall()[0]
    delimiter, quote, has_header = found
    reported: list[str] = []
    try:
        rows = con.execute("SELECT * FROM read_csv(?, auto_detect = true, all_varchar = true)", [str(path)])
        names, cells = [item[0] for item in rows.description], rows.fetchall()
    except duckdb.Error:
        con.execute("DROP TABLE IF EXISTS reject_errors")
        con.execute("DROP TABLE IF EXISTS reject_scans")
        rows = con.execute("SELECT * FROM read_csv(?, all_varchar = true, store_rejects = true)", [str(path)])
        names, cells = [item[0] for item in rows.description], rows.fetchall()
        reported = [line for (line,) in con.execute("SELECT DISTINCT csv_line FROM reject_errors").fetchall()]
    return Reading(
        names=names if has_header else None,
        rows=[["" if cell is None else cell for cell in row] for row in cells],
        reported=reported,
        delimiter="" if len(names) == 1 else delimiter,
        quote="" if quote == "(empty)" else quote,
    )


def clevercsv_reading(case: Case, folder: Path) -> Reading:
    """Its detection of dialect and header, and its own reader."""
    clevercsv = _clevercsv()
    text = _plain(case)
    sample = text[:SNIFFED]
    dialect = clevercsv.Detector().detect(sample)
    if dialect is None:
        return Reading(error="no dialect was found")
    rows = list(clevercsv.reader(io.StringIO(text, newline=""), dialect))
    has_header = clevercsv.Detector().has_header(sample)
    return _of_rows(rows, has_header=has_header, delimiter=dialect.delimiter or "", quote=dialect.quotechar or "")


def sniffer_reading(case: Case, folder: Path) -> Reading:
    """`csv.Sniffer`, and the csv module's reader."""
    text = _plain(case)
    sample = text[:SNIFFED]
    dialect = csv.Sniffer().sniff(sample)
    has_header = csv.Sniffer().has_header(sample)
    rows = list(csv.reader(io.StringIO(text, newline=""), dialect))
    return _of_rows(rows, has_header=has_header, delimiter=dialect.delimiter, quote=dialect.quotechar or "")


def has_clevercsv() -> bool:
    return importlib.util.find_spec("clevercsv") is not None


def _clevercsv() -> Any:
    try:
        return importlib.import_module("clevercsv")
    except ImportError as error:
        raise RuntimeError(NO_CLEVERCSV) from error


def _plain(case: Case) -> str:
    return case.text.replace("\0", "")


def _of_rows(rows: list[list[str]], *, has_header: bool, delimiter: str, quote: str) -> Reading:
    """The reading of a parser that knows only rows: blank ones are left out, as all its users do."""
    filled = [row for row in rows if row]
    names = filled.pop(0) if has_header and filled else None
    is_alone = max(map(len, filled), default=0) <= 1
    return Reading(names=names, rows=filled, delimiter="" if is_alone else delimiter, quote=quote)
