"""Types, rules, keys and policies."""

from __future__ import annotations

import datetime
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from actors.reading import check
from actors.reading.errors import Unreadable
from actors.reading.rules import RuleError, parse_rules

from .importing import import_bytes, silent


@pytest.fixture(params=["here", "engine"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables are judged value by value in Python, long ones by the engine: both have to say the same."""
    if request.param == "engine":
        monkeypatch.setattr("actors.reading.finding.SMALL_ROWS", -1)
        monkeypatch.setattr("actors.reading.profile.SMALL_ROWS", 0)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize(
    ("values", "type", "first"),
    [
        (["1", "-2", "+3"], "integer", 1),
        (["1.50", "2"], "decimal", Decimal("1.50")),
        (["1,5", "22,25"], "decimal", Decimal("1.50")),
        (["1.234,50", "2,00"], "decimal", Decimal("1234.50")),
        (["1,234.50", "2.00"], "decimal", Decimal("1234.50")),
        (["1e5", "2.5"], "float", 1e5),
        (["true", "False"], "boolean", True),
        (["yes", "NO"], "boolean", True),
        (["2024-12-31", "2024-01-01"], "date", datetime.date(2024, 12, 31)),
        (["31/12/2024", "01/02/2024"], "date", datetime.date(2024, 12, 31)),
        (["12/31/2024", "01/02/2024"], "date", datetime.date(2024, 12, 31)),
        (
            ["2024-12-31 23:59:58", "2024-01-01T00:00:00"],
            "timestamp",
            datetime.datetime.fromisoformat("2024-12-31 23:59:58"),
        ),
        (["2024-12-31T23:00:00+02:00"], "timestamp", datetime.datetime.fromisoformat("2024-12-31 21:00:00")),
        (["9:15", "23:59:58"], "time", datetime.time(9, 15)),
        (["1", "NA", "3"], "integer", 1),
        (["01234", "99999"], "text", "01234"),
        (["01/02/2024", "03/04/2024"], "text", "01/02/2024"),
        (["1,234", "5,678"], "text", "1,234"),
        (["2024-02-30", "2024-01-01"], "text", "2024-02-30"),
        (["1", "2", "x"], "text", "1"),
        (["99999999999999999999999999999999999999999", "1"], "text", "9" * 41),
        (["0.12345678901234567890", "1"], "text", "0.12345678901234567890"),
        (["1234567890123456789", "1"], "decimal", Decimal("1234567890123456789")),
        (["2024-01-01", "10000-01-01"], "text", "2024-01-01"),
        (["2024-01-01", "infinity"], "text", "2024-01-01"),
        (["1.5", "inf"], "float", 1.5),
        (["1", "inf"], "text", "1"),
        (["23:00:00", "24:00:00"], "text", "23:00:00"),
        (["1.25", "12,50"], "text", "1.25"),
    ],
)
def test_a_type_is_given_when_every_value_keeps_its_meaning(
    tmp_path: Path, values: list[str], type: str, first: object
) -> None:
    imported = import_bytes(("v;k\n" + "".join(f"{value};x\n" for value in values)).encode(), tmp_path)
    assert imported.types[0] == type
    assert imported.rows[0][0] == first
    assert imported.plan.rejected == 0


def test_one_late_value_makes_the_column_text_and_costs_no_row(tmp_path: Path) -> None:
    lines = [f"{number},x" for number in range(5000)]
    lines[4000] = "4000.5,x"
    lines.append("n/k,x")
    imported = import_bytes(("n,k\n" + "\n".join(lines) + "\n").encode(), tmp_path)
    assert imported.types[0] == "text"
    assert imported.plan.rows == 5001


def test_a_declared_type_rejects_what_does_not_fit(tmp_path: Path) -> None:
    rules = [{"column": "n", "type": "integer", "required": True, "min": 1, "max": 10}]
    imported = import_bytes(b"n,k\n1,a\nx,b\n,c\n11,d\n0,e\n7,f\n", tmp_path, rules=rules)
    assert imported.rows == [(1, "a"), (7, "f")]
    assert [(reject["line"], reject["column"], reject["value"], reject["reason"]) for reject in imported.rejected] == [
        ("3", "n", "x", "n is not an integer."),
        ("4", "n", "", "n is required."),
        ("5", "n", "11", "n is above 10."),
        ("6", "n", "0", "n is below 1."),
    ]
    assert imported.rejected[0]["raw"] == "x,b"


def test_each_kind_of_rule_is_checked_and_all_reasons_are_said(tmp_path: Path) -> None:
    rules = [
        {"column": "code", "pattern": "[A-Z]{2}[0-9]+", "max_length": 4},
        {"column": "state", "allowed": ["new", "done"]},
        {"column": "day", "type": "date", "min": "2024-01-01"},
    ]
    data = b"code,state,day\nAB1,new,2024-02-01\nab1,new,2024-02-01\nAB12345,lost,2023-01-01\nCD2,done,x\n"
    imported = import_bytes(data, tmp_path, rules=rules)
    assert [reject["reason"] for reject in imported.rejected] == [
        "code does not match the pattern.",
        "code is longer than 4 characters; state is not one of the allowed values; day is below 2024-01-01.",
        "day is not a date.",
    ]
    assert imported.plan.rows == 1


def test_a_unique_column_keeps_its_first_row_and_names_its_line(tmp_path: Path) -> None:
    imported = import_bytes(b"n,k\n1,a\n2,b\n1,c\n", tmp_path, rules=[{"column": "n", "unique": True}])
    assert imported.rows == [(1, "a"), (2, "b")]
    assert imported.rejected[0]["reason"] == "n is not unique. Line 2 has it."


def test_duplicates_by_key_are_counted_apart(tmp_path: Path) -> None:
    data = b'a,b,c\n1,x,p\n1,y,q\n1,"x",r\n,,s\n,,t\n'
    imported = import_bytes(data, tmp_path, keys=["a", "b"])
    assert imported.plan.rows == 4
    assert imported.plan.duplicates == 1
    (duplicate,) = imported.duplicates
    assert (duplicate["line"], duplicate["reason"], duplicate["raw"]) == (
        "4",
        "The same key as line 2.",
        '1,"x",r',
    )


def test_a_rejected_row_is_nobodys_original(tmp_path: Path) -> None:
    rules = [{"column": "n", "type": "integer"}]
    imported = import_bytes(b"k,n\nx,bad\nx,1\nx,2\n", tmp_path, rules=rules, keys=["k"])
    assert imported.rows == [("x", 1)]
    assert imported.plan.rejected == imported.plan.duplicates == 1


def test_too_many_rejected_rows_are_refused_with_files_written(tmp_path: Path) -> None:
    rules = [{"column": "n", "type": "integer"}]
    data = b"n,k\n1,a\nx,b\ny,c\n2,d\n"
    imported = import_bytes(data, tmp_path / "a", rules=rules, max_rejected=1)
    assert imported.plan.refused == (
        "2 of 4 records were rejected, more than the 1 allowed. Most were like line 3: n is not an integer. "
        "Is “n” really an integer? Its values look like “x”, “y”."
    )
    assert [row["value"] for row in imported.rejected] == ["x", "y"]
    assert imported.rows == [(1, "a"), (2, "d")]
    imported = import_bytes(data, tmp_path / "b", rules=rules, max_rejected_percent=49)
    assert "more than the 49 % allowed" in imported.plan.refused
    assert import_bytes(data, tmp_path / "c", rules=rules, max_rejected=2).plan.refused == ""


def test_half_of_the_records_may_be_rejected_by_default(tmp_path: Path) -> None:
    rules = [{"column": "n", "type": "integer"}]
    half = import_bytes(b"n,k\n1,a\nx,b\n", tmp_path / "a", rules=rules)
    assert half.plan.refused == ""
    most = import_bytes(b"n,k\n1,a\nx,b\ny,c\n", tmp_path / "b", rules=rules)
    assert "2 of 3 records were rejected, more than the 50 % allowed" in most.plan.refused


def test_a_rule_for_an_unknown_column_says_which_there_are(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"There is no column 'x'; the file has n, k"):
        import_bytes(b"n,k\n1,a\n", tmp_path, rules=[{"column": "x", "required": True}])


def test_words_for_an_empty_value_count_as_none(tmp_path: Path) -> None:
    words = ["unknown", "a1", "a2", "a3", "a4", "a5", "a6"]
    imported = import_bytes(b"n,k\n1,a\nunknown,Unknown\n", tmp_path, null_words=words)
    assert imported.rows == [(1, "a"), (None, None)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", "not JSON"),
        ("3", "list of objects"),
        ('[{"min": 1}]', "Rule 1 does not name its column"),
        ('[{"column": "a", "mni": 1}]', r"Rule 1 \(a\): 'mni' is not known"),
        ('[{"column": "a", "type": "number"}]', "'number' is not known"),
        ('[{"column": "a", "pattern": "(a"}]', "pattern cannot be used: missing"),
        ('[{"column": "a", "min": "x"}]', "is not a number, a date"),
        ('[{"column": "a", "min": 3, "max": 2}]', "min 3 is above max 2"),
        ('[{"column": "a", "type": "date", "min": 3}]', "does not go with the type date"),
        ('[{"column": "a", "min_length": -1}]', "whole number from 0"),
        ('[{"column": "a"}, {"column": "A"}]', "two rules for the column"),
        ('[{"column": "a", "allowed": "x"}]', "list of values"),
    ],
)
def test_rules_that_cannot_be_read_are_explained(text: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        parse_rules(text)


def test_formulas_are_neutral_in_rejected_rows_not_in_parquet(tmp_path: Path) -> None:
    data = b'a,b\n=1+1,-5\n@x,+33 6 12\n-2+3+cmd,x\n"\tz",-\nplain,y\n=2,\n'
    imported = import_bytes(data, tmp_path, rules=[{"column": "b", "required": True}])
    assert [row[0] for row in imported.rows] == ["=1+1", "@x", "-2+3+cmd", "\tz", "plain"]
    assert imported.rejected[0]["raw"] == "'=2,"


@pytest.mark.usefixtures("either_way")
def test_the_profile_counts_what_is_there(tmp_path: Path) -> None:
    data = b"n,s,d\n" + b"".join(b"%d,%s,2024-01-%02d\n" % (n, b"x" if n % 2 else b"", n % 28 + 1) for n in range(100))
    number, text, day = import_bytes(data, tmp_path).profile()
    assert number.nulls == 0
    assert number.distinct == pytest.approx(100, rel=0.1)
    assert (number.stats["min"], number.stats["max"], number.stats["mean"]) == (0, 99, 49.5)
    assert sum(entry["count"] for entry in number.stats["histogram"]) == 100
    assert (text.nulls, text.distinct, text.stats["top"]) == (50, 1, [["x", 50]])
    assert (day.stats["min"], day.stats["max"]) == ("2024-01-01", "2024-01-28")
    assert sum(entry["count"] for entry in day.stats["histogram"]) == 100


def near(one: str, other: str) -> bool:
    """Whether two days are as near as an estimate is."""
    return abs(datetime.datetime.fromisoformat(one) - datetime.datetime.fromisoformat(other)) <= datetime.timedelta(
        days=3
    )


@pytest.mark.usefixtures("either_way")
def test_figures_of_days_and_times_are_days_and_times(tmp_path: Path) -> None:
    lines = [f"2024-01-{n % 28 + 1:02},2024-01-{n % 28 + 1:02} 10:{n % 60:02}:30,10:{n % 60:02}" for n in range(100)]
    day, moment, time = import_bytes(("d,m,t\n" + "\n".join(lines) + "\n").encode(), tmp_path).profile()
    assert [value[:8] for value in day.stats["quantiles"]] == ["2024-01-"] * 5
    assert sorted(day.stats["quantiles"]) == day.stats["quantiles"]
    for value in moment.stats["quantiles"]:
        assert "2024-01-01 10:00:30" <= value <= "2024-01-28 10:59:30"
    assert "quantiles" not in time.stats
    assert (time.stats["min"], time.stats["max"]) == ("10:00:00", "10:59:00")


@pytest.mark.usefixtures("either_way")
def test_a_bin_of_one_day_or_number_is_named_by_it(tmp_path: Path) -> None:
    lines = [f"2024-01-{n % 3 + 1:02},{n % 3},2024-01-01 10:00:0{n % 3}" for n in range(30)]
    day, number, moment = import_bytes(("d,n,m\n" + "\n".join(lines) + "\n").encode(), tmp_path).profile()
    days = ("2024-01-01", "2024-01-02", "2024-01-03")
    assert day.stats["histogram"] == [{"low": each, "high": each, "count": 10} for each in days]
    assert number.stats["histogram"] == [{"low": each, "high": each, "count": 10} for each in range(3)]
    lows = [each["low"] for each in moment.stats["histogram"]]
    assert len(set(lows)) == len(lows)


def test_the_profile_of_a_small_table_is_the_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        f"{n % 7},{n}.{n % 10},w{n % 3},2024-01-{n % 28 + 1:02},{n % 24:02}:30,{'true' if n % 2 else ''},é{n},"
        for n in range(60)
    ]
    imported = import_bytes(("i,d,t,day,at,b,u,e\n" + "\n".join(lines) + "\n").encode(), tmp_path)
    here = imported.profile()
    monkeypatch.setattr("actors.reading.profile.SMALL_ROWS", 0)
    for name, ours, theirs in zip(imported.names, here, imported.profile(), strict=True):
        assert ours.distinct == pytest.approx(theirs.distinct, rel=0.1)
        stats, expected = ours.stats, theirs.stats
        assert stats.keys() == expected.keys()
        assert ours.nulls == theirs.nulls
        for key in {"min", "max", "histogram"} & stats.keys():
            assert stats[key] == expected[key]
        if "mean" in stats:
            assert stats["mean"] == pytest.approx(expected["mean"])
        if name in ("day", "at") and "quantiles" in stats:
            assert all(near(*pair) for pair in zip(stats["quantiles"], expected["quantiles"], strict=True))
        elif "quantiles" in stats:
            assert stats["quantiles"] == pytest.approx(expected["quantiles"], rel=0.1, abs=1)
        if name in ("i", "t", "b"):
            assert sorted(map(str, stats["top"])) == sorted(map(str, expected["top"]))


def test_a_refusal_names_the_commonest_reason_and_its_cause(tmp_path: Path) -> None:
    short = b"a;b;c\n1;2;3\n" + b"1;2\n" * 8 + b"4;5;6\n"
    imported = import_bytes(short, tmp_path / "a", ragged="reject")
    assert imported.plan.refused.startswith("8 of 10 records were rejected, more than the 50 % allowed.")
    assert "Is the delimiter right? It was taken to be a semicolon." in imported.plan.refused
    rules = [{"column": "n", "min": 10}]
    imported = import_bytes(b"n,k\n1,a\n2,b\n30,c\n", tmp_path / "b", rules=rules)
    assert imported.plan.refused.endswith("Most were like line 2: n is below 10. Is the rule for “n” right?")


def test_what_is_not_of_the_table_counts_for_no_limit(tmp_path: Path) -> None:
    imported = import_bytes(b"n,k\n1,a\nx,b\n", tmp_path, rules=[{"column": "n", "type": "integer"}])
    aside = replace(imported.tally, records=12, rejected=10, other_table=7, after_table=3)
    plan = check.check(
        silent,
        folder=str(tmp_path / "read"),
        target=str(tmp_path / "again"),
        scratch=str(tmp_path / "scratch"),
        loaded=replace(imported.loaded, tally=aside),
        rules=[{"column": "n", "type": "integer"}],
        options={"max_rejected_percent": 50, "max_rejected": 1},
    )
    assert plan.refused == ""


def test_duplicates_are_spoken_of_where_they_were_looked_for(tmp_path: Path) -> None:
    assert not import_bytes(b"n,k\n1,a\n", tmp_path / "a").plan.looked_for_duplicates
    assert import_bytes(b"n,k\n1,a\n", tmp_path / "b", keys=["n"]).plan.looked_for_duplicates


@pytest.mark.usefixtures("either_way")
def test_the_profile_of_what_python_has_no_room_for_is_exact(tmp_path: Path) -> None:
    lines = [
        f"{number % 3}.5,2024-01-31 10:00:00.{number % 3}23456789,{9_123_456_789_012_345 + number % 3}.25"
        for number in range(60)
    ]
    data = "f,ns,d\n" + "\n".join([*lines, "inf,2024-01-31 10:00:00.923456789,1.50"]) + "\n"
    number, moment, exact = import_bytes(data.encode(), tmp_path).profile()
    assert (number.stats["max"], number.distinct) == ("inf", 4)
    assert moment.stats["max"] == "2024-01-31 10:00:00.923456789"
    assert ["2024-01-31 10:00:00.123456789", 20] in moment.stats["top"]
    assert (exact.stats["max"], exact.distinct) == ("9123456789012347.25", 4)
    assert ["9123456789012346.25", 20] in exact.stats["top"]
