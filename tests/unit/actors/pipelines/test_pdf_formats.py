"""Values as text: the engine and Python write them alike, in each style."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from actors.pipelines.pdf_export.formats import Format, float_decimals

MOMENT = datetime.datetime(2025, 9, 3, 14, 5, 9)  # noqa: DTZ001 - a dataset's timestamps have no zone


def by_engine(written: Format, value: Any, sql_type: str) -> str | None:
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT {written.sql('v')} FROM (SELECT ?::{sql_type} AS v)", [value]).fetchall()  # noqa: S608
    text: str | None = rows[0][0]
    return text


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [("en", "−1,234,567.50"), ("de", "−1.234.567,50"), ("fr", "−1\u202f234\u202f567,50"), ("plain", "−1234567.50")],
)
def test_numbers_are_written_in_the_style_that_was_asked_for(numbers: str, expected: str) -> None:
    decimal = Format(type="decimal", numbers=numbers, decimals=2)
    assert by_engine(decimal, "-1234567.5", "DECIMAL(18,2)") == expected == decimal.number(Decimal("-1234567.5"))
    double = Format(type="float", numbers=numbers, decimals=2)
    assert by_engine(double, -1234567.5, "DOUBLE") == expected == double.number(-1234567.5)


@pytest.mark.parametrize("value", ["-0.5", "0.05", "12", "99999999999999999999999999999999999.99", "0"])
def test_decimals_are_exact(value: str) -> None:
    written = Format(type="decimal", decimals=2)
    plain = f"{Decimal(value):,.2f}".replace("-", "−")
    assert by_engine(written, value, "DECIMAL(38,2)") == plain == written.number(Decimal(value))


@pytest.mark.parametrize(("grouped", "expected"), [(True, "2,025"), (False, "2025")])
def test_numbers_that_are_names_have_no_separators(grouped: bool, expected: str) -> None:
    written = Format(type="integer", is_grouped=grouped)
    assert by_engine(written, 2025, "BIGINT") == expected == written.number(2025)


@pytest.mark.parametrize(("value", "expected"), [("nan", "NaN"), ("inf", "∞"), ("-inf", "−∞")])
def test_what_is_no_number_is_said(value: str, expected: str) -> None:
    written = Format(type="float", decimals=2)
    assert by_engine(written, float(value), "DOUBLE") == expected == written.number(float(value))


@pytest.mark.parametrize("value", [1e300, 1.5e-12, 0.0, 123456.0])
def test_floats_of_very_different_sizes_get_six_figures(value: float) -> None:
    written = Format(type="float", decimals=None, numbers="de")
    assert by_engine(written, value, "DOUBLE") == written.number(value)


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ("iso", "2025-09-03 14:05:09"),
        ("dmy", "03/09/2025 14:05:09"),
        ("mdy", "09/03/2025 14:05:09"),
        ("long", "3 September 2025 14:05:09"),
    ],
)
def test_moments_are_written_in_the_style_that_was_asked_for(dates: str, expected: str) -> None:
    written = Format(type="timestamp", dates=dates, has_seconds=True)
    assert by_engine(written, MOMENT, "TIMESTAMP") == expected == written.text(MOMENT)


def test_a_time_has_seconds_only_where_some_value_has() -> None:
    assert by_engine(Format(type="time"), MOMENT.time(), "TIME") == "14:05"
    assert by_engine(Format(type="time", has_seconds=True), MOMENT.time(), "TIME") == "14:05:09"


@pytest.mark.parametrize("kind", ["integer", "decimal", "float", "boolean", "date", "timestamp", "time"])
def test_no_value_is_no_text(kind: str) -> None:
    sql_type = {"integer": "BIGINT", "decimal": "DECIMAL(9,2)", "float": "DOUBLE"}.get(kind, kind.upper())
    assert by_engine(Format(type=kind, decimals=2 if kind != "integer" else 0), None, sql_type) is None
    assert Format(type=kind).text(None) == ""


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, 2.0], 0), ([1.25, 2.5], 2), ([1 / 3, 100 / 3], 2), ([0.001234, 0.002], 5), ([1e18, 1.0], None), ([], 2)],
)
def test_a_column_of_floats_gets_the_digits_that_it_needs(values: list[float], expected: int | None) -> None:
    assert float_decimals(values) == expected
