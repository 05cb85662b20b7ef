"""What a dataset's page says about how its file was read, and about columns that nearly have a type."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from core import pipelines
from core.files import storage
from core.forms import PipelineForm
from core.models import Artifact, Dataset, DatasetColumn, Job
from core.pipelines import pipeline
from frontend.datasets.pages.nearly_typed import together
from frontend.datasets.pages.reading import facts_of, lines_of, looked_for_duplicates, mended_of
from tests.unit.frontend.conftest import MakeDataset, MakeJob

COUNTS = {"lines": 120, "header_lines": 1, "before": 3, "comment": 2, "blank": 4}
NEARLY = {"type": "date", "format": "%d.%m.%Y", "count": 743_087, "of": 743_533, "others": [["n/a", 300], ["", 140]]}


def read(*decisions: tuple[str, str, str, str], **dialect: Any) -> Dataset:
    names = ("name", "value", "certainty", "reason")
    told = [dict(zip(names, each, strict=True)) for each in decisions]
    given = {"delimiter": ",", "quote": '"', "escape": "double", "decisions": told, **dialect}
    return Dataset(rows=100, rejected=10, column_count=3, dialect=given)


def told(dataset: Dataset) -> dict[str, tuple[str, str]]:
    return {fact.title: (fact.value, fact.sureness) for fact in facts_of(dataset)}


def lines(dataset: Dataset, **files: Artifact) -> list[tuple[str, int, bool]]:
    return [(line.title, line.number, line.is_part) for line in lines_of(dataset, files)]


# -- decisions


def test_each_decision_shows_its_fact_and_its_certainty() -> None:
    dataset = read(
        ("delimiter", "comma", "certain", ""),
        ("encoding", "Windows-1252", "guess", "three bytes tell"),
        ("header", "one line", "likely", "its cells differ in kind"),
        ("table", "line 4", "set", ""),
        ("decimal_mark", "comma", "certain", "1.234,56 has both marks"),
        encoding="cp1252",
        header_lines=1,
        preamble_lines=3,
    )
    facts = told(dataset)
    assert facts["Delimiter"] == ("Comma  ,", "certain")
    assert facts["Encoding"] == ("Windows-1252", "a guess: three bytes tell")
    assert facts["Header"] == ("One line", "likely: its cells differ in kind")
    assert facts["Table begins"] == ("On line 4", "set, not detected")
    assert facts["Decimal mark"] == ("comma", "certain: 1.234,56 has both marks")
    assert facts["Quotes"] == ('Double quotes  "', "")


@pytest.mark.parametrize(
    ("dialect", "title", "value"),
    [
        ({"delimiter": ""}, "Delimiter", "None: one column"),
        ({"delimiter": " ", "blanks": True}, "Delimiter", "Runs of blanks"),
        ({"delimiter": ";", "spaced": True}, "Delimiter", "Semicolon  ; and a blank"),
        ({"delimiter": "\t"}, "Delimiter", "Tab"),
        ({"delimiter": "¤"}, "Delimiter", "¤"),
        ({"quote": "", "escape": "backslash"}, "Delimiters inside values", "With a backslash before them"),
        ({"escape": "backslash"}, "Quotes inside quotes", "With a backslash before them"),
        ({"comment": "#"}, "Comments", "Lines that begin with #"),
        ({"member": "a.csv"}, "File in the archive", "a.csv"),
        ({"encoding": "utf_8"}, "Encoding", "UTF-8"),
        ({"header_lines": 0}, "Header", "None: the columns were named here"),
        ({"preamble_lines": 0}, "Table begins", "On line 1"),
        ({"line_end": "\n"}, "Line ends", "Unix or Windows"),
    ],
)
def test_a_dialect_is_told_in_plain_words(dialect: dict[str, Any], title: str, value: str) -> None:
    assert told(read(**dialect))[title][0] == value


def test_what_is_not_there_is_not_told() -> None:
    facts = told(read(quote="", escape="double", comment="", notes=["a"], shapes=["text"], has_certain_header=True))
    assert set(facts) == {"Delimiter", "Quotes"}


def test_the_mark_of_one_column_of_an_earlier_time_is_understood() -> None:
    dataset = read(delimiter="\x1f")
    dataset.column_count = 1
    assert told(dataset)["Delimiter"][0] == "None: one column"


# -- where the lines went


def test_every_line_is_in_one_place_and_they_add_up() -> None:
    dataset = read(counts=COUNTS)
    assert lines(dataset) == [
        ("Rows", 100, False),
        ("Rejected", 10, False),
        ("Header", 1, False),
        ("Before the table", 3, False),
        ("Comments", 2, False),
        ("Blank", 4, False),
        ("Lines in the file", 120, False),
    ]
    *places, total = lines(dataset)
    assert sum(number for _, number, _ in places) == total[1]


def test_records_outside_the_table_are_among_the_rejected() -> None:
    dataset = read(counts={**COUNTS, "other_table": 6, "after": 2})
    assert lines(dataset)[1:4] == [
        ("Rejected", 10, False),
        ("Of another table", 6, True),
        ("After the table", 2, True),
    ]


def test_values_of_several_lines_are_accounted_for() -> None:
    assert lines(read(counts={**COUNTS, "lines": 150}))[-2:] == [
        ("Further lines of values with line breaks", 30, False),
        ("Lines in the file", 150, False),
    ]


def test_duplicates_are_told_only_where_they_were_looked_for() -> None:
    dataset = read(counts=COUNTS, looked_for_duplicates=False)
    dataset.rules = {"keys": ["a"]}
    assert not looked_for_duplicates(dataset)
    dataset.dialect["looked_for_duplicates"] = True
    dataset.duplicates = 2
    assert ("Duplicates", 2, False) in lines(dataset)
    # Of an earlier time, which did not say.
    assert looked_for_duplicates(Dataset(rules={"keys": ["a"]}))
    assert looked_for_duplicates(Dataset(duplicates=1))
    assert not looked_for_duplicates(Dataset(rules=[]))


def test_what_was_mended_is_told_with_its_count_and_nothing_else() -> None:
    assert mended_of(read(counts={"padded": 12, "nul_bytes": 1, "repaired": 0})) == [
        ("Short rows filled up", 12),
        ("Control bytes left out", 1),
    ]
    assert mended_of(Dataset(dialect={"counts": None})) == []


def add_file(dataset: Dataset, field: str, title: str) -> Artifact:
    path = storage.attempt_folder(dataset.job_id, 1) / f"{field}.csv"
    path.write_text("line\n1\n")
    return Artifact.objects.create(
        job_id=dataset.job_id,
        kind=Artifact.Kind.OUTPUT,
        field=field,
        name=path.name,
        title=title,
        path=storage.key_of(path),
        size=7,
        sha256="0" * 64,
    )


def test_the_page_shows_the_account_with_its_files(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice, rejected=2)
    dataset.dialect = {
        **dataset.dialect,
        "decisions": [{"name": "delimiter", "value": "semicolon", "certainty": "guess", "reason": "one line tells"}],
        "counts": {"lines": 13, "header_lines": 1, "before": 2, "blank": 3, "padded": 1},
        "looked_for_duplicates": False,
    }
    dataset.save()
    aside, rejected = (
        add_file(dataset, "aside", "Lines around the table"),
        add_file(dataset, "rejected", "Rejected rows"),
    )
    page = as_alice.get(dataset.get_absolute_url(), {"view": "reading"}).text
    account = page[page.index('<table class="account">') : page.index("</table>")]
    assert re.findall(r'class="is-number">(\d+)', account) == ["4", "2", "1", "2", "3", "1", "13"]
    # Two places are kept in one file, which is named once.
    assert account.count(f"/files/{aside.pk}/") == 1
    assert account.count(f"/files/{rejected.pk}/") == 1
    assert '<span class="sureness" data-certainty="guess">a guess: one line tells</span>' in page
    assert "Short rows filled up" in page
    assert "uplicate" not in page


def test_a_dataset_of_an_earlier_time_has_no_account(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice)
    dataset.dialect = {**dataset.dialect, "counts": {"lines": 13, "blank_lines": 2}}
    dataset.save()
    page = as_alice.get(dataset.get_absolute_url(), {"view": "reading"}).text
    assert "Where the lines went" not in page
    assert "2 duplicate" not in page
    assert "1 duplicate" in page


def test_the_notes_are_counted_where_they_are_to_be_found(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    assert "1 note</span>" in as_alice.get(make_dataset(alice).get_absolute_url()).text


# -- columns that nearly have a type


class DeclaringForm(PipelineForm):
    can_declare = True


@pytest.fixture
def declaring() -> Iterator[None]:
    def declaring(ctx: object, **params: Any) -> None: ...

    pipeline(title="Declare", form=DeclaringForm)(declaring)
    yield
    pipelines.forget("declaring")


@pytest.fixture
def nearly(alice: User, make_dataset: MakeDataset, declaring: None) -> Dataset:
    dataset = make_dataset(alice)
    Job.objects.filter(pk=dataset.job_id).update(pipeline="declaring")
    DatasetColumn.objects.filter(dataset=dataset, position=1).update(
        name="a & b:c", stats={"top": [["x", 3]], "nearly": NEARLY}
    )
    return dataset


def test_a_column_of_nearly_all_dates_says_so_and_links_the_form(as_alice: Client, nearly: Dataset) -> None:
    page = as_alice.get(nearly.get_absolute_url()).text
    assert "743,087 of 743,533 are dates; the others: n/a (300), blank (140), 6 more." in page
    address = f"/pipelines/declaring/?again={nearly.job_id}&amp;declare=a%20%26%20b%3Ac%3Adate"
    assert f'<a href="{address}">Import again with “a &amp; b:c” as a date; 446 rows would be rejected</a>' in page


def test_columns_that_nearly_have_a_type_are_declared_at_once(as_alice: Client, nearly: Dataset) -> None:
    assert "columns are text, though" not in as_alice.get(nearly.get_absolute_url()).text
    price = {"type": "decimal", "format": "", "count": 90, "of": 100, "others": []}
    DatasetColumn.objects.filter(dataset=nearly, position=0).update(name="price", stats={"nearly": price})
    # Also from a page of columns that has none of them.
    for query in ({}, {"find": "nothing"}):
        page = as_alice.get(nearly.get_absolute_url(), query).text
        assert "2 columns are text, though nearly all of their values have a type." in page
        address = f"?again={nearly.job_id}&amp;declare=price%3Adecimal&amp;declare=a%20%26%20b%3Ac%3Adate"
        assert address in page
    Job.objects.filter(pk=nearly.job_id).update(pipeline="letters")
    assert "columns are text, though" not in as_alice.get(nearly.get_absolute_url()).text


def test_no_more_rows_are_feared_for_than_there_are() -> None:
    many = {"type": "date", "count": 60, "of": 100}
    columns = [DatasetColumn(name=name, stats={"nearly": many}) for name in "abc"]
    offered = together(columns, rows=100)
    assert offered is not None
    assert offered.misfits == 100
    assert together(columns[:1], rows=100) is None
    assert together([DatasetColumn(name="d", stats={})] * 2, rows=100) is None


def test_a_form_that_takes_no_types_is_not_led_to(as_alice: Client, nearly: Dataset) -> None:
    for name in ("letters", "gone"):
        Job.objects.filter(pk=nearly.job_id).update(pipeline=name)
        page = as_alice.get(nearly.get_absolute_url()).text
        assert "743,087 of 743,533 are dates" in page
        assert "declare=" not in page


def test_the_dataset_of_a_part_links_the_form_of_the_whole_job(
    as_alice: Client, alice: User, nearly: Dataset, make_job: MakeJob
) -> None:
    whole = make_job(alice, state="succeeded", pipeline="declaring", result={"dataset": nearly.pk})
    Job.objects.filter(pk=nearly.job_id).update(parent=whole, fan_key="import", fan_index=0)
    assert f"?again={whole.pk}&amp;declare=" in as_alice.get(nearly.get_absolute_url()).text
    assert f"?again={whole.pk}" in as_alice.get(nearly.get_absolute_url(), {"view": "reading"}).text
    # A type for a column of one file would be one for all others.
    Job.objects.filter(pk=whole.pk).update(result={"datasets": [nearly.pk, 0]})
    assert "declare=" not in as_alice.get(nearly.get_absolute_url()).text


@pytest.mark.parametrize("nonsense", [None, "date", {"type": "nonsense"}, {}])
def test_what_is_not_understood_of_a_column_is_left_out(as_alice: Client, nearly: Dataset, nonsense: object) -> None:
    DatasetColumn.objects.filter(dataset=nearly, position=1).update(stats={"top": [["x", 3]], "nearly": nonsense})
    page = as_alice.get(nearly.get_absolute_url())
    assert page.status_code == 200
    assert 'class="nearly"' not in page.text


def test_a_note_about_a_column_stands_under_it_once(as_alice: Client, nearly: Dataset) -> None:
    stats: dict[str, Any] = {"top": [["x", 3]], "note": "the dates could be day or month first"}
    column = DatasetColumn.objects.filter(dataset=nearly, position=1)
    column.update(stats=stats)
    assert "<span>The dates could be day or month first</span>" in as_alice.get(nearly.get_absolute_url()).text
    # What its nearly having a type is noted as is said already.
    column.update(stats={**stats, "note": "743,087 of 743,533 values are dates", "nearly": NEARLY})
    assert as_alice.get(nearly.get_absolute_url()).text.count("743,087 of 743,533") == 1


# -- before the profile is there


def test_a_missing_profile_is_announced_without_figures(
    as_alice: Client, alice: User, make_dataset: MakeDataset
) -> None:
    dataset = make_dataset(alice)
    dataset.dialect = {**dataset.dialect, "profile": "pending"}
    dataset.save()
    dataset.columns.update(stats={}, nulls=0, distinct=0)
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "The profile of the columns is being worked out." in page
    assert 'hx-get="/datasets/' in page
    assert "0%" not in page
    assert not re.search(r'data-label="≈ Distinct">0', page)
    dataset.columns.update(stats={"top": [["ä", 3]]}, nulls=1, distinct=3)
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "is being worked out" not in page
    assert 'id="profile" data-poll' not in page
    assert "25.0%" in page


def test_a_column_without_any_value_has_its_profile(as_alice: Client, alice: User, make_dataset: MakeDataset) -> None:
    dataset = make_dataset(alice, columns=1)
    dataset.columns.update(stats={}, nulls=dataset.rows, distinct=0)
    page = as_alice.get(dataset.get_absolute_url()).text
    assert "100%" in page
    assert "is being worked out" not in page
