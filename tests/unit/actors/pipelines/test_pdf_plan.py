"""The plan of a report: widths, pages, groups, refusals; and that what is set is what was planned."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pypdfium2
import pytest

from actors.pipelines.pdf_export import charts as drawing
from actors.pipelines.pdf_export import table as tables
from core.errors import PermanentError

from .reporting import Report, outline_of, plan_report, texts_of

ORDERS = [("id", "integer"), ("region", "text"), ("customer", "text"), ("amount", "decimal"), ("ordered", "date")]
REGIONS = ["South", "North", None, "East"]


def orders(count: int) -> list[tuple[Any, ...]]:
    return [
        (number, REGIONS[number % 4], f"Customer {number % 7}", f"{number * 3 % 101}.50", f"2025-0{1 + number % 9}-11")
        for number in range(count)
    ]


def cells(report: Report) -> list[list[str]]:
    """The table's rows as they stand on the pages."""
    rows = itertools.chain.from_iterable(page["rows"] for page in report.table_pages)
    return [row["m"] if isinstance(row, dict) else row for row in rows if not isinstance(row, dict) or "m" in row]


def totals(report: Report) -> list[tuple[str, list[str]]]:
    rows = itertools.chain.from_iterable(page["rows"] for page in report.table_pages)
    return [(row["s"], row["cells"]) for row in rows if isinstance(row, dict) and "s" in row]


def one_column(folder: Path, values: list[Any], kind: str = "text", **params: Any) -> Report:
    return plan_report(folder, [("v", kind)], [(value,) for value in values], **params)


# -- rows -----------------------------------------------------------------------------------------------


def test_every_row_stands_once_in_the_files_order(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(300))
    assert [row[0] for row in cells(report)] == [str(number) for number in range(300)]
    assert report.planned.rows == 300


def test_rows_are_filtered_sorted_and_limited_with_stable_ties(tmp_path: Path) -> None:
    report = plan_report(
        tmp_path, ORDERS, orders(100),
        filters=[{"column": "region", "op": "eq", "value": "North"}],
        sort=[{"column": "customer", "descending": True}], row_limit=8, columns=["customer", "id"],
    )  # fmt: skip
    assert cells(report)[:3] == [["Customer 6", "13"], ["Customer 6", "41"], ["Customer 6", "69"]]
    assert len(cells(report)) == 8


def test_many_rows_alike_in_the_sort_keep_the_files_order(tmp_path: Path) -> None:
    rows = [(number, "one", None, None, None) for number in range(2_500)]
    report = plan_report(tmp_path, ORDERS, rows, sort=[{"column": "region"}], row_limit=2_200, columns=["id"])
    assert [cell for (cell,) in cells(report)] == [str(number) for number in range(2_200)]


def test_a_group_has_its_heading_its_rows_and_its_sum(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(40), group_by="region")
    rows = list(itertools.chain.from_iterable(page["rows"] for page in report.table_pages))
    headings = [(row["g"], row["n"]) for row in rows if isinstance(row, dict) and "g" in row]
    assert headings == [("East", 10), ("North", 10), ("South", 10), ("(empty)", 10)]
    sums = {label: values[0] for label, values in totals(report)}
    for place, region in enumerate(REGIONS[:2]):
        assert sums[f"Total {region}"] == f"{sum(number * 3 % 101 + 0.5 for number in range(place, 40, 4)):,.2f}"
    assert sums["Total"] == f"{sum(number * 3 % 101 + 0.5 for number in range(40)):,.2f}"
    assert "region" not in report.json("report")["header"], "the group's value stands in its heading"


def test_keys_and_years_are_not_added_up_unless_asked_for(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(8), group_by="region")
    assert report.request.subtotals == ["amount"]
    requested = plan_report(tmp_path / "asked", ORDERS, orders(8), group_by="region", subtotals=["id"])
    assert requested.request.subtotals == ["id"]


def test_sums_without_groups_stand_at_the_end(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(4), subtotals=["amount"])
    assert [(label, values[0]) for label, values in totals(report)] == [("Total", "20.00")]


# -- pages ----------------------------------------------------------------------------------------------


def test_what_is_set_has_the_pages_that_were_planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "FEW_CELLS", 300)
    monkeypatch.setattr(tables, "MANY_CELLS", 300)
    report = plan_report(tmp_path, ORDERS, orders(400), group_by="region", charts=["customer", "amount", "ordered"])
    assert len(report.parts) > 4
    pages = texts_of(report.set())
    assert len(pages) == report.planned.pages == sum(part["pages"] for part in report.parts)
    assert all(f"Page {number} of {len(pages)}" in text for number, text in enumerate(pages, 1) if number > 1)
    for page, text in zip(report.table_pages, pages[report.parts[0]["pages"] :], strict=True):
        for row in page["rows"]:
            if isinstance(row, list):
                assert row[1] in text
                assert row[0] in text


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    options: dict[str, Any] = {"group_by": "region", "charts": ["customer", "amount", "ordered"], "title": "表 شركة"}
    first = plan_report(tmp_path / "a", ORDERS, orders(120), **options).set()
    again = plan_report(tmp_path / "b", ORDERS, orders(120), **options).set()
    assert first.read_bytes() == again.read_bytes()


def test_the_outline_leads_to_the_groups(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(400), group_by="region", charts=["amount"])
    path = report.set()
    pages, entries = texts_of(path), outline_of(path)
    assert [title for _, title, _ in entries[:4]] == ["Contents", "About this report", "Charts", "Table"]
    groups = [entry for entry in entries if entry[0] == 1]
    assert [title for _, title, _ in groups] == ["East", "North", "South", "(empty)"]
    assert all(f"{title} 100 rows" in " ".join(pages[page].split()) for _, title, page in groups)
    assert all(f"{title}" in pages[1] and f"{page + 1}" in pages[1] for _, title, page in groups)


def test_very_many_groups_are_outlined_in_ranges(tmp_path: Path) -> None:
    rows = [(number, f"G{number:04}", "c", "1.00", "2025-01-01") for number in range(300)]
    report = plan_report(tmp_path, ORDERS, rows, group_by="region")
    sections = report.json("plan")["outline"][-1][2]
    assert 30 <= len(sections) <= 41
    assert sections[0][0] == "G0000 – G0007"
    assert [child[0] for child in sections[0][2]] == [f"G{number:04}" for number in range(8)]


def test_a_page_that_begins_inside_a_group_says_so(tmp_path: Path) -> None:
    report = plan_report(tmp_path, ORDERS, orders(800), group_by="region")
    assert any(page.get("continued") == "East" for page in report.table_pages)
    assert "continued" in " ".join(texts_of(report.set()))


@pytest.mark.parametrize("orientation", ["portrait", "landscape"])
def test_the_page_lies_as_asked(tmp_path: Path, orientation: str) -> None:
    page = plan_report(tmp_path, ORDERS, orders(3), orientation=orientation, page_size="a5").json("report")["page"]
    assert (page["width"] > page["height"]) == (orientation == "landscape")


def test_wide_tables_turn_the_page_by_themselves(tmp_path: Path) -> None:
    wide = [(f"Column of text {number}", "text") for number in range(9)]
    page = plan_report(tmp_path, wide, [["some longer words that take their room"] * 9] * 20).json("report")["page"]
    assert page["width"] > page["height"]


# -- cells ----------------------------------------------------------------------------------------------


def test_a_report_without_rows_says_so(tmp_path: Path) -> None:
    nothing = [{"column": "id", "op": "gt", "value": "99"}]
    report = plan_report(tmp_path, ORDERS, orders(5), filters=nothing, charts=["amount"], group_by="region")
    pages = texts_of(report.set())
    assert "No rows match" in pages[-1]
    assert "id is more than “99”" in " ".join(pages[2].split())


def test_an_empty_dataset_makes_a_report(tmp_path: Path) -> None:
    assert "No rows match" in texts_of(plan_report(tmp_path, ORDERS, []).set())[-1]


def test_one_column_makes_a_report(tmp_path: Path) -> None:
    assert "4711" in texts_of(one_column(tmp_path, [4711], "integer").set())[-1].replace(",", "")


def test_sixty_columns_fit_a3_and_are_refused_with_a_count_on_a5(tmp_path: Path) -> None:
    wide = [(f"c{number}", "integer") for number in range(60)]
    rows = [list(range(60))] * 3
    assert plan_report(tmp_path, wide, rows, page_size="a3").planned.rows == 3
    with pytest.raises(PermanentError, match=r"60 columns do not fit on a page of A5.* Leave out at least \d+ of them"):
        plan_report(tmp_path / "small", wide, rows, page_size="a5")


def test_a_huge_cell_is_cut_counted_and_fits_a_page(tmp_path: Path) -> None:
    report = one_column(tmp_path, ["word " * 2_000, "i" * 10_000, "short"])
    assert report.planned.cut_cells == 2
    assert cells(report)[0][0].endswith("…")
    assert cells(report)[0][0].count("\n") == 11
    assert len(texts_of(report.set())) == report.planned.pages


def test_newlines_begin_lines_and_controls_are_left_out(tmp_path: Path) -> None:
    assert cells(one_column(tmp_path, ["a\r\nb\n", "tab\there", "bell\x07"])) == [["a\nb"], ["tab    here"], ["bell"]]


def test_no_value_is_an_empty_cell(tmp_path: Path) -> None:
    assert cells(plan_report(tmp_path, ORDERS, [(None,) * 5])) == [[""] * 5]


def test_right_to_left_text_is_marked_and_aligned_right(tmp_path: Path) -> None:
    report = plan_report(tmp_path, [("name", "text"), ("note", "text")], [("שלום", "Hello"), ("مرحبا", "שלום")] * 3)
    assert cells(report)[0] == [{"r": "שלום"}, "Hello"]
    assert report.json("report")["aligns"] == ["right", "left"]


def test_characters_without_a_glyph_are_counted(tmp_path: Path) -> None:
    report = one_column(tmp_path, ["a\ue123", "\ue123\ue124", "日本 भारत ไทย שלום"])
    assert report.planned.missing == (("\ue123", 2), ("\ue124", 1))
    assert report.planned.missing_characters == 2


def test_only_the_fonts_that_are_needed_are_asked_for(tmp_path: Path) -> None:
    assert plan_report(tmp_path / "a", ORDERS, orders(3)).json("report")["fonts"] == ["Noto Sans"]
    assert "Noto Sans CJK JP" in one_column(tmp_path / "b", ["カナ"]).json("report")["fonts"]


def test_strange_names_are_set_as_they_are(tmp_path: Path) -> None:
    names = ["we\"ird 'name'", "#let x = [*bold*] $math$ @ref", "n" * 300, "a\nb"]
    report = plan_report(tmp_path, [(name, "text") for name in names], [["v"] * 4])
    text = " ".join(texts_of(report.set())[-1].split())
    assert "we\"ird 'name'" in text
    assert "*bold*" in text


def test_labels_of_a_narrow_chart_leave_room_for_each_other(tmp_path: Path) -> None:
    days = [(f"2025-{number % 12 + 1:02}-{number % 28 + 1:02}",) for number in range(200)]
    report = plan_report(
        tmp_path, [("day", "date")], days, charts=["day"], page_size="a5", orientation="landscape"
    )  # fmt: skip
    labels = [label for _, label in charts_of(report)[0]["x"]]
    text = next(page for page in texts_of(report.set()) if "Rows by week" in page)
    assert [label in text for label in labels] == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("title", "subtitle"),
    [("W" * 200, "w " * 150), ("orders_of_2025_" * 12, ""), ("Many words " * 18, "and more " * 33)],
)
def test_a_long_title_stays_on_the_page_and_above_the_figures(tmp_path: Path, title: str, subtitle: str) -> None:
    report = plan_report(
        tmp_path, ORDERS, orders(3), title=title, subtitle=subtitle, page_size="a5", orientation="landscape"
    )
    pdf = pypdfium2.PdfDocument(report.set())
    try:
        page = pdf[0]
        text = page.get_textpage()
        # (left, bottom, right, top) in points, from the lower left.
        boxes = [(text.get_text_range(place, 1), text.get_charbox(place)) for place in range(text.count_chars())]
        visible = [(mark, box) for mark, box in boxes if mark.strip("\u200b \r\n") and box[2] > box[0]]
        wanted = "".join(f"{title}{subtitle}".split())
        title_page, figures = visible[: len(wanted)], visible[len(wanted) :]
        assert "".join(mark for mark, _ in title_page) == wanted
        assert max(right for _, (_, _, right, _) in title_page) < page.get_width() - 40
        assert min(bottom for _, (_, bottom, _, _) in title_page) > max(top for _, (_, _, _, top) in figures)
    finally:
        pdf.close()


def test_names_that_the_engine_uses_itself_are_names_like_others(tmp_path: Path) -> None:
    names = ["file_row_number", "rows", "value", "first", "span", "\x07bell", "headway_row", "Headway_Row_"]
    columns = [(name, "text") for name in names]
    report = plan_report(
        tmp_path, columns, [(f"v{number % 3}",) * len(names) for number in range(30)], charts=names, group_by="value",
        sort=[{"column": "file_row_number"}],
    )  # fmt: skip
    assert len(cells(report)) == 30
    assert len(texts_of(report.set())) == report.planned.pages


def test_dates_before_the_year_one_are_written_and_not_drawn(tmp_path: Path) -> None:
    report = one_column(tmp_path, ["0044-03-15 (BC)", "2025-01-01"], "date", charts=["v"], dates="long")
    assert charts_of(report)[0]["note"] == "Dates before the year 1 are not drawn"
    assert len(cells(report)) == 2


def test_numbers_are_never_wrapped_however_large_their_sum(tmp_path: Path) -> None:
    wide = [("note", "text"), ("value", "decimal")]
    rows = [("word " * 60, "9999999999999.99")] * 50
    report = plan_report(tmp_path, wide, rows, subtotals=["value"], orientation="portrait")
    assert totals(report)[-1][1] == ["499,999,999,999,999.50"]
    assert all("\n" not in row[1] for row in cells(report))


# -- refusals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"columns": ["gone"]}, "There is no column “gone”"),
        ({"charts": ["gone"]}, "There is no column “gone”"),
        ({"group_by": "gone"}, "There is no column “gone”"),
        ({"subtotals": ["region"]}, "“region” holds no numbers"),
        ({"sort": [{"column": "gone"}]}, "There is no column “gone”"),
        ({"filters": [{"column": "amount", "op": "gt", "value": "abc"}]}, "“abc” can't be compared"),
        ({"page_size": "a9"}, "“a9” is no page size"),
        ({"template": "gone"}, "There is no template 'gone'"),
    ],
)
def test_what_cannot_be_done_is_said(tmp_path: Path, params: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PermanentError, match=sentence):
        plan_report(tmp_path, ORDERS, [], **params)


# -- charts ---------------------------------------------------------------------------------------------


def charts_of(report: Report) -> list[dict[str, Any]]:
    return list(itertools.chain.from_iterable(report.json("front")["charts"]))


def test_the_commonest_values_become_bars_and_the_rest_is_other(tmp_path: Path) -> None:
    values = [f"v{number % 20}" for number in range(100)] + ["v3"] * 10
    (chart,) = charts_of(one_column(tmp_path, values, charts=["v"]))
    assert chart["kind"] == "bars"
    assert (chart["bars"][0]["label"], chart["bars"][0]["text"]) == ("v3", "15")
    assert len(chart["bars"]) == drawing.TOP_VALUES + 1
    assert (chart["bars"][-1]["label"], chart["bars"][-1]["text"]) == ("Other", "40")


def test_a_histogram_holds_every_value(tmp_path: Path) -> None:
    (chart,) = charts_of(one_column(tmp_path, [number / 7 for number in range(500)], "float", charts=["v"]))
    assert chart["kind"] == "histogram"
    top = max(int(label.replace(",", "")) for _, label in chart["y"])
    assert round(sum(chart["values"]) * top) == 500
    assert all(0 <= part <= 1.000001 for part, _ in (*chart["x"], *chart["y"]))


def test_a_date_becomes_a_course_without_gaps(tmp_path: Path) -> None:
    (chart,) = charts_of(one_column(tmp_path, ["2025-01-01", "2025-01-01", "2025-01-05"], "date", charts=["v"]))
    assert (chart["kind"], len(chart["values"])) == ("line", 5)
    assert chart["values"] == [1.0, 0.0, 0.0, 0.0, 0.5]


@pytest.mark.parametrize("kind", ["text", "integer", "float", "date", "boolean", "timestamp", "time", "decimal"])
def test_a_chart_of_a_column_without_values_says_so(tmp_path: Path, kind: str) -> None:
    report = one_column(tmp_path, [None, None], kind, charts=["v"])
    assert charts_of(report)[0]["note"] == "No values"
    assert "No values" in texts_of(report.set())[3]


@pytest.mark.parametrize(
    ("kind", "value"),
    [("float", float("nan")), ("float", 5e-324), ("float", 1e300), ("integer", -(2**63)), ("timestamp", "2025-01-01"),
     ("time", "10:00"), ("date", "0001-01-01"), ("date", "9999-12-31")],
)  # fmt: skip
def test_one_extreme_value_can_be_drawn(tmp_path: Path, kind: str, value: Any) -> None:
    assert len(texts_of(one_column(tmp_path, [value], kind, charts=["v"]).set())) == 5
