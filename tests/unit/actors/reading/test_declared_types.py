"""Types that a person declares, or that an earlier file gave: one bad value costs one row, never all."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from actors.reading import check
from actors.reading.asking import Hints
from actors.reading.made import Plan
from actors.reading.rules import Rule
from actors.reading.types import Reading

from .importing import Imported, import_bytes, silent
from .typed import Typed, typed


@pytest.fixture(autouse=True, params=["here", "engine"])
def judge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "engine":
        monkeypatch.setattr("actors.reading.finding.SMALL_ROWS", -1)


def declared(folder: Path, type: str, values: list[str], **hints: Any) -> Typed:
    return typed(folder, values, rules={0: Rule(column="a", type=type)}, hints=Hints(**hints))[0]


@pytest.mark.parametrize(
    ("type", "values", "expected"),
    [
        ("decimal", ["1.234,56", "12,5", "n/a", "7"], [Decimal("1234.56"), Decimal("12.50"), None, 7]),
        ("decimal", ["1,234.56", "x", "12.5"], [Decimal("1234.56"), None, Decimal("12.50")]),
        ("decimal", ["12,5", "2.345", "x"], [Decimal("12.5"), 2345, None]),
        ("decimal", ["12.5", "x", "0.123456789"], [Decimal("12.5"), None, Decimal("0.123456789")]),
        ("decimal", ["1 234,5", "x"], [Decimal("1234.5"), None]),
        ("decimal", ["12", "1e3"], [12, None]),
        ("integer", ["3,000", "x", "12"], [3000, None, 12]),
        ("integer", ["3.000", "4.500", "12", "x"], [3000, 4500, 12, None]),
        ("integer", ["3.5", "4.500", "12"], [None, None, 12]),
        ("integer", ["007", "5.0", "+4912345678"], [7, 5, 4912345678]),
        ("float", ["1,5", "x", "2,25"], [1.5, None, 2.25]),
        ("float", ["1e400", "inf", "2"], [float("inf"), float("inf"), 2.0]),
        ("boolean", ["yes", "0", "maybe", "T", "  "], [True, False, None, True, None]),
        ("date", ["31.12.2024", "05.06.2024", "soon", "31.02.2024"], ["2024-12-31", "2024-06-05", None, None]),
        ("date", ["12/31/2024", "05/06/2024", "?"], ["2024-12-31", "2024-05-06", None]),
        (
            "date",
            ["31.12.2024", "2024-06-05", "7 Jan 2024", "8/1/2024"],
            ["2024-12-31", "2024-06-05", "2024-01-07", "2024-01-08"],
        ),
        ("date", ["2024-12-31 00:00:00", "2024-06-05", "2024-06-05 10:00"], ["2024-12-31", "2024-06-05", None]),
        ("date", ["5-Mar-21", "17-Okt-21"], ["2021-03-05", None]),
    ],
)
def test_a_declared_type_reads_values_as_the_file_writes_them(
    tmp_path: Path, type: str, values: list[str], expected: list[Any]
) -> None:
    found = declared(tmp_path, type, values)
    assert found.type == type
    wanted = [datetime.date.fromisoformat(value) if type == "date" and value else value for value in expected]
    guarded = [value for value, kept in zip(found.values, wanted, strict=True) if kept is not None]
    assert guarded == [value for value in wanted if value is not None]


def test_the_form_that_was_found_is_kept(tmp_path: Path) -> None:
    assert declared(tmp_path, "decimal", ["1.234,56", "x"]).column.reading.format == (
        "decimal mark ',', thousands in groups by '.'"
    )
    assert declared(tmp_path, "date", ["31.12.2024", "x"]).column.reading.format == "%d.%m.%Y"


def test_a_declared_decimal_has_no_more_places_than_its_values(tmp_path: Path) -> None:
    assert declared(tmp_path, "decimal", ["12.50", "7", "x"]).column.reading.sql_type == "DECIMAL(18, 2)"


@pytest.mark.parametrize(
    ("type", "values", "note"),
    [
        ("date", ["01.02.2024", "05.06.2024"], "day and month could change places in every value: no value is read"),
        ("decimal", ["2,345", "6,789"], "“2,345” could be 2345 or 2.345: no value is read; set the decimal mark"),
    ],
)
def test_an_ambiguous_declared_type_reads_nothing_and_advises(
    tmp_path: Path, type: str, values: list[str], note: str
) -> None:
    column = declared(tmp_path, type, values)
    assert column.column.is_declared
    assert note in column.column.note


def test_a_neighbour_settles_a_declared_type_too(tmp_path: Path) -> None:
    column, _ = typed(
        tmp_path,
        ["01.02.2024", "05.06.2024", "x"],
        ["31.12.2024", "01.01.2024"],
        rules={0: Rule(column="a", type="date")},
    )
    assert column.values[:2] == [datetime.date(2024, 2, 1), datetime.date(2024, 6, 5)]
    assert column.column.note == "the day is taken to come first, as in “b”: a guess"


def test_what_the_person_sets_stands_for_a_declared_type(tmp_path: Path) -> None:
    assert declared(tmp_path, "decimal", ["2,345", "x"], decimal_mark=",").values[0] == Decimal("2.345")
    assert declared(tmp_path, "date", ["01.02.2024", "x"], date_order="mdy").values[0] == datetime.date(2024, 1, 2)


def test_bounds_alone_lose_no_value_without_a_word(tmp_path: Path) -> None:
    rules = [{"column": "n", "min": 2}]
    imported = import_bytes(b"n,k\n1,a\n5,b\nseven,c\nNA,d\n", tmp_path, rules=rules)
    assert imported.rows == [(5, "b"), (None, "d")]
    assert [row["reason"] for row in imported.rejected] == ["n is below 2.", "n is not an integer."]


def test_blanks_far_down_cost_no_row_of_a_declared_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actors.reading.proving._SAMPLE_ROWS", (5, 5))
    monkeypatch.setattr("actors.reading.proving.SAMPLE_ROWS", 5)
    monkeypatch.setattr("actors.reading.proving.SAMPLE_VALUES", 5)
    column = declared(tmp_path, "date", ["soon", "2024-01-01"] * 100 + [" 2024-01-02 "])
    assert column.values[-1] == datetime.date(2024, 1, 2)


def test_blanks_alone_are_no_value_of_a_declared_type(tmp_path: Path) -> None:
    rules = [{"column": "n", "type": "boolean"}]
    imported = import_bytes(b'n,k\nyes,a\n"  ",b\nmaybe,c\n', tmp_path, rules=rules)
    assert imported.rows == [(True, "a"), (None, "b")]


EARLIER = b"price;day;count;code;note\n1,5;31.01.2024;1;001;x\n2,25;02.03.2024;2;002;y\n"


def again(imported: Imported, model: Imported, **options: Any) -> Plan:
    """The check of a file whose columns are to have the types of an earlier one."""
    columns = {column.name: column.reading for column in model.plan.columns}
    return check.check(
        silent,
        folder=str(imported.folder / "read"),
        target=str(imported.folder / "again"),
        scratch=str(imported.folder / "scratch"),
        loaded=imported.loaded,
        options={"model": columns, **options},
    )


def types_of(plan: Plan) -> list[str]:
    return [column.reading.type for column in plan.columns]


def test_a_later_file_has_the_types_of_the_earlier_one(tmp_path: Path) -> None:
    model = import_bytes(EARLIER, tmp_path / "a")
    assert model.types == ["decimal", "date", "integer", "text", "text"]
    data = b"price;day;count;code;note\n3;01.02.2024;;7;1\n4;03.04.2024;;8;2\nNA;;;9;3\n"
    plan = again(import_bytes(data, tmp_path / "b"), model)
    assert types_of(plan) == model.types
    assert (plan.rejected, plan.rows, plan.refused) == (0, 3, "")
    assert [column.reading for column in plan.columns] == [column.reading for column in model.plan.columns]


def test_a_value_unlike_the_earlier_type_rejects_its_row(tmp_path: Path) -> None:
    model = import_bytes(EARLIER, tmp_path / "a")
    data = b"price;day;count;code;note\n3,5;01.02.2024;1;7;x\n4,5;soon;2;8;y\n5,5;NA;3;9;z\n"
    plan = again(import_bytes(data, tmp_path / "b"), model)
    assert types_of(plan) == model.types
    assert (plan.rejected, plan.rows) == (1, 2)


def test_a_type_that_has_become_too_narrow_is_widened(tmp_path: Path) -> None:
    model = import_bytes(EARLIER, tmp_path / "a")
    data = b"price;day;count;code;note\n3,123456;01.02.2024 10:15;1.5;7;x\n4,5;03.04.2024 11:00;2;8;y\n"
    plan = again(import_bytes(data, tmp_path / "b"), model)
    assert types_of(plan) == ["decimal", "timestamp", "decimal", "text", "text"]
    assert plan.rejected == 0
    assert plan.columns[2].note == "decimal now: some values do not fit the integer of the earlier file"


def test_values_in_another_form_are_refused_with_that_cause(tmp_path: Path) -> None:
    model = import_bytes(EARLIER, tmp_path / "a")
    data = b"price;day;count;code;note\n3.25;01.02.2024;1;7;x\n4.75;03.04.2024;2;8;y\n"
    plan = again(import_bytes(data, tmp_path / "b"), model)
    assert plan.refused.endswith(
        "In the earlier file “price” was a decimal (decimal mark ','); here its values look like “3.25”, “4.75”."
    )


def test_a_later_file_without_records_keeps_the_types(tmp_path: Path) -> None:
    model = import_bytes(EARLIER, tmp_path / "a")
    plan = again(import_bytes(b"price;day;count;code;note\n", tmp_path / "b", header="1"), model)
    assert types_of(plan) == model.types


def test_a_rule_goes_before_the_earlier_type(tmp_path: Path) -> None:
    model = Hints(model={"a": Reading("integer", "BIGINT", "[0-9]+", "TRY_CAST({c} AS BIGINT)")})
    (column,) = typed(tmp_path, ["1", "2"], rules={0: Rule(column="a", type="text")}, hints=model)
    assert column.type == "text"
