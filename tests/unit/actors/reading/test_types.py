"""Which types the values of a column have, and which only look so."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.reading.asking import Hints
from actors.reading.columns import Nearly

from .typed import typed


@pytest.fixture(autouse=True, params=["here", "engine"])
def judge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of few rows are judged value by value in Python, long ones by the engine: both have to say the same."""
    if request.param == "engine":
        monkeypatch.setattr("actors.reading.finding.SMALL_ROWS", -1)


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


@pytest.mark.parametrize(
    "values",
    [
        ["+33612345678", "+33698765432"],
        ["+4420794600", "-", "n/a"],
        ["+49 30 123 456", "+49 30 123 457"],
        ["0033612345678", "0033698765432"],
        ["+1234567", "5"],
        ["601 222 333", "602 333 444", "777 888 999"],
        ["732 829 320", "552 100 554", "380 129 866"],
        ["10.100.200.250", "192.168.100.101"],
        ["4111 1111 1111 1111", "5500 0000 0000 0004"],
        ["12E4", "34E1"],
        ["1.2.10", "13.4.11"],
        ["007", "12"],
    ],
)
def test_what_only_looks_like_a_number_stays_as_it_is_written(tmp_path: Path, values: list[str]) -> None:
    (column,) = typed(tmp_path, values)
    assert column.type == "text"
    assert column.values == values


@pytest.mark.parametrize(
    ("values", "type", "first"),
    [
        (["+7", "-2", "+0"], "integer", 7),
        (["+7", "+12"], "integer", 7),
        (["+1234567", "-3"], "integer", 1234567),
        (["+1234567.5", "2.25"], "decimal", Decimal("1234567.50")),
        (["3,000,000", "2,500", "12"], "integer", 3_000_000),
        (["3.000.000", "12"], "integer", 3_000_000),
        (["7'250'000", "950"], "integer", 7_250_000),
        (["7’250’000", "950"], "integer", 7_250_000),
        (["7 250 000", "9 500", "12"], "integer", 7_250_000),
        (["7\u00a0250\u00a0000", "9\u00a0500"], "integer", 7_250_000),
        (["7\u202f250,75", "9\u2009500,5"], "decimal", Decimal("7250.75")),
        (["200 000 000", "601 000 000"], "integer", 200_000_000),
        (["3,000,000", "12.5"], "decimal", Decimal("3000000.00")),
        (["1'234.50", "2.00"], "decimal", Decimal("1234.50")),
        (["0,512", "1,234"], "decimal", Decimal("0.512")),
        (["-1.234,50", "12,5"], "decimal", Decimal("-1234.50")),
        (["  12", "13 "], "integer", 12),
        (["\u00a012", "13"], "integer", 12),
    ],
)
def test_numbers_are_read_as_they_are_written(tmp_path: Path, values: list[str], type: str, first: Any) -> None:
    (column,) = typed(tmp_path, values)
    assert (column.type, column.values[0]) == (type, first)


@pytest.mark.parametrize(
    "values",
    [
        ["0.1", "0.10000000000000001665", "2"],
        ["12345678901234567.25", "0.1234567890123"],
        ["1e400", "2.5"],
        ["1e-400", "2.5"],
        ["12,34,567", "1"],
        ["1,2345", "1,234,567"],
        ["1.234.56", "1"],
        ["5", "inf"],
    ],
)
def test_a_number_that_would_lose_digits_leaves_its_column_text(tmp_path: Path, values: list[str]) -> None:
    (column,) = typed(tmp_path, values)
    assert column.type == "text"


@pytest.mark.parametrize(
    "values",
    [
        ["0.7999999999999999", "1e-07", "12"],
        ["123.45600000000002", "-0.0012369000000000147"],
        ["2.2250738585072014e-308", "1.7976931348623157e+308", "5e-324"],
        ["1e+16", "0.1"],
        ["2.5", "inf", "-inf", "NaN"],
        ["2.5", "Infinity", "-Infinity"],
        [".5", "3.25"],
        ["100000000000000000000", "0.5e-3"],
    ],
)
def test_floats_as_programs_write_them_are_doubles(tmp_path: Path, values: list[str]) -> None:
    (column,) = typed(tmp_path, values)
    assert column.type == "float"
    expected = [None if value == "NaN" else float(value) for value in values]
    assert column.values == expected


@pytest.mark.parametrize(
    ("values", "note"),
    [
        (["7,5", "3.125", "0,25"], "“7,5” and “3.125” have different marks and no value has both"),
        (["2,345", "6,789"], "“2,345” could be 2345 or 2.345: left as text; set the decimal mark"),
        (["7.25", "3,5"], "“7.25” and “3,5” have different decimal marks: left as text"),
        (["01/02/2024", "03/04/2024"], "day and month could change places in every value: left as text"),
        (["01.02.24", "03.04.25"], "day and month could change places in every value: left as text"),
    ],
)
def test_what_has_two_meanings_is_text_with_a_note(tmp_path: Path, values: list[str], note: str) -> None:
    (column,) = typed(tmp_path, values)
    assert (column.type, column.values) == ("text", values)
    assert note in column.column.note


def test_a_value_far_down_settles_what_the_first_ones_leave_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.reading.proving._SAMPLE_ROWS", (5, 5))
    monkeypatch.setattr("actors.reading.proving.SAMPLE_ROWS", 5)
    monkeypatch.setattr("actors.reading.proving.SAMPLE_VALUES", 5)
    many = 200
    columns = typed(
        tmp_path,
        ["2,345"] * many + ["1,234,567"],
        ["2,345"] * many + ["2,34"],
        ["01/02/2024"] * many + ["31/12/2024"],
        ["5"] * many + ["5.25"],
        ["5"] * many + ["5,25"],
        ["5"] * many + ["+4912345678"],
        ["5"] * many + [" 5"],
        ["2024-01-01"] * many + [" 2024-01-02"],
    )
    assert [item.type for item in columns] == [
        "integer",
        "decimal",
        "date",
        "decimal",
        "decimal",
        "text",
        "integer",
        "date",
    ]
    assert columns[0].values[-1] == 1234567
    assert columns[1].values[-1] == Decimal("2.340")


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (["1/31/2016 1:07:15 PM", "11/2/2016 12:00:00 am"], at("2016-01-31 13:07:15")),
        (["1/31/2016 1:07 PM", "11/2/2016 12:00 AM"], at("2016-01-31 13:07")),
        (["31/1/2016 13:07", "2/11/2016 09:00:30"], at("2016-01-31 13:07")),
        (["1/31/2016, 1:07:15\u202fPM"], at("2016-01-31 13:07:15")),
        (["5-Mar-21", "17-OCT-99"], datetime.date(2021, 3, 5)),
        (["05-Mar-2021"], datetime.date(2021, 3, 5)),
        (["5 March 2021", "6 May 2021"], datetime.date(2021, 3, 5)),
        (["Mar 5, 2021", "September 30, 2021"], datetime.date(2021, 3, 5)),
        (["05MAR2021"], datetime.date(2021, 3, 5)),
        (["Mar 5, 2021 10:15 AM"], at("2021-03-05 10:15")),
        (["17/10/68", "30/10/69"], datetime.date(2068, 10, 17)),
        (["17/10/69", "30/10/68"], datetime.date(1969, 10, 17)),
        (["2021-3-5"], datetime.date(2021, 3, 5)),
        (["2021/03/05 10:15"], at("2021-03-05 10:15")),
        (["2021-03-05 10:15:30,250"], at("2021-03-05 10:15:30.250")),
        (["2021-03-05T10:15:30.1230000"], at("2021-03-05 10:15:30.123")),
        (["2021-03-05T10:15:30.1230000Z"], at("2021-03-05 10:15:30.123")),
        (["2021-03-05 10:15:30 UTC"], at("2021-03-05 10:15:30")),
        (["2021-03-05 10:15:30 +0530"], at("2021-03-05 04:45:30")),
        (["31.12.2021, 10:15"], at("2021-12-31 10:15")),
        (["31.12.2021 10:15:30,5"], at("2021-12-31 10:15:30.5")),
        (["1:07:15 PM", "12:00:00 AM"], datetime.time(13, 7, 15)),
        (["10:15:30,5"], datetime.time(10, 15, 30, 500_000)),
    ],
)
def test_moments_are_read_as_they_are_written(tmp_path: Path, values: list[str], first: Any) -> None:
    (column,) = typed(tmp_path, values)
    assert column.values[0] == first
    assert None not in column.values


@pytest.mark.parametrize(
    "values",
    [
        ["20240131", "20240201"],
        ["24:00", "12:00"],
        ["06:00:00+01:00"],
        ["30-Feb-2021", "1-Mar-2021"],
        ["31/11/2021", "30/10/2021"],
        ["3-Okt-2021"],
        ["0000-01-01", "2021-01-01"],
        ["31.12.2021 10:15:30.1234567"],
        ["2021-03-05T10:15:30+15:00"],
    ],
)
def test_what_is_no_moment_the_engine_keeps_is_none(tmp_path: Path, values: list[str]) -> None:
    (column,) = typed(tmp_path, values)
    assert column.type in ("text", "integer")


def test_nanoseconds_are_kept_exactly(tmp_path: Path) -> None:
    (column, zoned) = typed(
        tmp_path, ["2021-03-05 10:15:30.123456789", "2021-03-05 10:15:30"], ["2021-03-05T10:15:30.1234567+02:00"]
    )
    assert column.column.reading.sql_type == zoned.column.reading.sql_type == "TIMESTAMP_NS"


def test_a_short_year_is_told_from_the_day_by_its_variety(tmp_path: Path) -> None:
    last, first, open_ = typed(
        tmp_path,
        ["17/01/23", "18/01/23", "29/02/24", "30/03/24"],
        ["23-01-17", "23-01-18", "24-02-29", "24-03-30"],
        ["17/01/23", "18/02/24", "19/03/25", "20/04/26"],
    )
    assert last.values[0] == first.values[0] == datetime.date(2023, 1, 17)
    assert last.column.note == "the year is taken to stand last, as the last two digits differ least: a guess"
    assert first.column.note == "the year is taken to stand first, as the first two digits differ least: a guess"
    assert open_.type == "text"


def test_a_proved_date_order_settles_a_neighbour_as_a_guess(tmp_path: Path) -> None:
    proof, guess = typed(tmp_path, ["31/12/2024", "01/02/2024"], ["01/02/2024", "03/04/2024"])
    assert guess.values[0] == datetime.date(2024, 2, 1)
    assert (proof.column.note, guess.column.note) == ("", "the day is taken to come first, as in “a”: a guess")
    _, _, torn = typed(tmp_path, ["31/12/2024"], ["12/31/2024"], ["01/02/2024"])
    assert torn.type == "text"


def test_a_proved_decimal_mark_settles_neighbours_as_a_guess(tmp_path: Path) -> None:
    point, _ = typed(tmp_path, ["2.345", "6.789"], ["12,50", "7,25"])
    assert point.values == [2345, 6789]
    assert point.column.note == "the decimal mark is taken to be ',', as in “b”: a guess"
    grouped, _ = typed(tmp_path, ["2,345", "6,789"], ["12.50", "7.25"])
    assert grouped.values == [2345, 6789]
    plain, _ = typed(tmp_path, ["2.345", "6.789"], ["12.50", "7.25"])
    assert plain.values == [Decimal("2.345"), Decimal("6.789")]
    mixed, _ = typed(tmp_path, ["12,5", "2.345"], ["12,50", "7,25"])
    assert mixed.type == "text"
    both, _, _ = typed(tmp_path, ["2,345", "6,789"], ["12.50"], ["12,50"])
    assert both.type == "text"


def test_what_the_person_sets_stands(tmp_path: Path) -> None:
    hints = Hints(decimal_mark=",", date_order="mdy")
    numbers, grouped, dates = typed(
        tmp_path, ["2,345", "6,789"], ["2.345", "6"], ["01/02/2024", "03/04/2024"], hints=hints
    )
    assert numbers.values == [Decimal("2.345"), Decimal("6.789")]
    assert grouped.values == [2345, 6]
    assert dates.values[0] == datetime.date(2024, 1, 2)


def test_values_with_line_ends_and_odd_marks_are_told_apart(tmp_path: Path) -> None:
    columns = typed(tmp_path, ["1\n2", "3"], ["1\x1f2", "3"], ["12\x1f", "3"], ["2024-01-01\n", "2024-01-02"])
    assert [item.type for item in columns] == ["text"] * 4


def test_a_column_of_nearly_one_type_is_text_and_counted(tmp_path: Path) -> None:
    dates = [f"{day:02}.01.2024" for day in range(1, 29)] * 10
    most, few, odd = typed(
        tmp_path,
        [*dates, "unknown", "unknown", "n/a", "30.02.2024"],
        ["1", "2", "x"],
        ["1.5"] * 30 + ["x"] * 2,
    )
    assert most.type == "text"
    assert most.column.nearly == Nearly(
        type="date",
        format="%d.%m.%Y",
        count=280,
        of=284,
        others=(("unknown", 2), ("30.02.2024", 1), ("n/a", 1)),
    )
    assert most.column.note == (
        "280 of 284 values are dates (dd.mm.yyyy); the others: “unknown” (2), “30.02.2024” (1), “n/a” (1)"
    )
    assert few.column.nearly is None
    assert odd.column.nearly
    assert (odd.column.nearly.type, odd.column.nearly.count) == ("decimal", 30)


def test_only_the_most_frequent_of_many_others_are_named(tmp_path: Path) -> None:
    (column,) = typed(tmp_path, ["5"] * 200 + [f"w{number}" for number in range(8)] + ["w7"])
    assert column.column.nearly
    assert column.column.nearly.others[0] == ("w7", 2)
    assert column.column.note.endswith("“w3” (1), 3 more")
