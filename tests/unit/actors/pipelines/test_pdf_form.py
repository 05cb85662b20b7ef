"""The form of a PDF as a page sends it, as the command line does, and as an earlier job fills it in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.http import QueryDict

from actors.pipelines.pdf_export.forms import PdfExportForm
from actors.pipelines.pdf_export.widgets import LISTED_COLUMNS, moved, order_and_ticks
from core import pipelines
from core.forms import Entry, open_form
from core.models import Dataset, Job
from core.pipelines import pipeline
from tests.configuration import OwnConf

from .documenting import make_dataset

pytestmark = pytest.mark.django_db

COLUMNS = [("Name", "text"), ("Amount", "decimal"), ("Day", "date"), ("Count", "integer"), ('Odd, "one"', "text")]
NAMES = [name for name, _ in COLUMNS]
ORDER = json.dumps(NAMES)


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> None:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    template = tmp_path / "templates" / "pdf_export" / "report"
    template.mkdir(parents=True)
    (template / "template.toml").write_text('title = "Report"')
    (template / "main.typ").touch()
    conf.TEMPLATE_FOLDER = tmp_path / "templates"


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    def a_pdf(ctx: object, **params: Any) -> None: ...

    pipeline(title="A PDF", form=PdfExportForm, takes="dataset", is_listed=False)(a_pdf)
    yield
    pipelines.forget("a_pdf")


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def dataset(alice: User) -> Dataset:
    return make_dataset(alice, COLUMNS, [("a", "1.5", "2025-01-01", 1, "x")])


def filled(dataset: Dataset, **data: Any) -> Entry:
    """The form as its page sends it; lists are several values of one name."""
    sent = QueryDict(mutable=True)
    for name, value in {"dataset": str(dataset.pk), **data}.items():
        sent.setlist(name, value if isinstance(value, list) else [value])
    return open_form(pipelines.get("a_pdf"), user=dataset.owner, data=sent)


def params_of(entry: Entry) -> dict[str, Any]:
    assert entry.is_valid(), entry.form.errors
    return dict(Job.objects.get(pk=entry.submit().job_id).params)


def errors_of(entry: Entry, field: str) -> list[str]:
    assert not entry.is_valid()
    assert list(entry.form.errors) == [field]
    return [str(error) for error in entry.form.errors[field]]


def rows(name: str, *values: dict[str, str]) -> dict[str, str]:
    """Rows of inputs as their page names them."""
    return {f"{name}-{index}-{part}": text for index, row in enumerate(values) for part, text in row.items()}


def test_a_dataset_alone_is_enough(dataset: Dataset) -> None:
    assert params_of(filled(dataset)) == {
        "dataset": dataset.pk,
        "title": "",
        "subtitle": "",
        "template": "report",
        "columns": [],
        "filters": [],
        "sort": [],
        "group_by": "",
        "subtotals": [],
        "charts": [],
        "page_size": "a4",
        "orientation": "auto",
        "numbers": "en",
        "dates": "iso",
        "row_limit": None,
    }
    assert Job.objects.latest("pk").label == "invoices as PDF"


def test_everything_that_a_page_sends_is_taken(dataset: Dataset) -> None:
    sent = {
        "columns": ["Name", "Count"],
        "columns-order": json.dumps(["Count", "Amount", "Day", "Name", 'Odd, "one"']),
        **rows(
            "filters",
            {"column": "Amount", "op": "ge", "value": "1.5"},
            {"column": "", "op": "eq", "value": ""},
            {"column": "Name", "op": "filled", "value": ""},
        ),
        **rows("sort", {"column": "", "direction": "asc"}, {"column": "Day", "direction": "desc"}),
        "group_by": "Name",
        "subtotals": ["Amount"],
        "charts": ["Day", 'Odd, "one"'],
        "page_size": "letter",
        "row_limit": "10",
    }
    params = params_of(filled(dataset, **sent))
    assert params["columns"] == ["Count", "Name"]
    assert params["filters"] == [
        {"column": "Amount", "op": "ge", "value": "1.5"},
        {"column": "Name", "op": "filled", "value": ""},
    ]
    assert params["sort"] == [{"column": "Day", "descending": True}]
    assert (params["group_by"], params["subtotals"], params["charts"]) == ("Name", ["Amount"], ["Day", 'Odd, "one"'])
    assert (params["page_size"], params["row_limit"]) == ("letter", 10)


@pytest.mark.parametrize(
    ("sent", "columns"),
    [
        ({"columns": NAMES, "columns-order": ORDER}, []),
        ({"columns": ",".join(NAMES[:2])}, ["Name", "Amount"]),
        ({"columns": 'Day,"Odd, ""one"""'}, ["Day", 'Odd, "one"']),
        ({"columns": 'Odd, "one"'}, ['Odd, "one"']),
        ({"columns": '["Day", "Name", "Day"]'}, ["Day", "Name"]),
        ({"columns": ["Name"], "columns-order": "no JSON"}, []),
        ({"columns": ["Name"], "columns-order": "[" * 5_000}, []),
    ],
)
def test_columns_come_as_ticks_as_text_or_as_json(dataset: Dataset, sent: dict[str, Any], columns: list[str]) -> None:
    assert params_of(filled(dataset, **sent))["columns"] == columns


@pytest.mark.parametrize(
    ("sent", "field", "sentence"),
    [
        ({"columns": "Nmae"}, "columns", "There is no column “Nmae”; there are Name, Amount, Day, Count,"),
        ({"columns": "name"}, "columns", "There is no column “name”, but there is “Name”."),
        ({"columns-order": ORDER}, "columns", "Tick at least one column."),
        ({"columns": "[1,"}, "columns", "This is not JSON: "),
        (
            rows("filters", {"column": "Amount", "op": "lt", "value": "abc"}),
            "filters",
            "Amount is a number: “abc” can't be compared with it. Write it like 1234.56.",
        ),
        (
            rows("filters", {"column": "", "op": "lt", "value": "7"}),
            "filters",
            "The filter “7” does not name its column.",
        ),
        ({"filters": '{"column": "Day"}'}, "filters", "Write a list of objects, such as"),
        ({"filters": '["x"]'}, "filters", "Write a list of objects, such as"),
        ({"filters": '[{"column": "x", "op": "empty"}]'}, "filters", "There is no column “x”; there are"),
        ({"sort": '[{"column": ["Day"]}]'}, "sort", "There is no column “['Day']”; there are"),
        # How deep Python itself reads differs between its versions: the first is too deep for 3.11, the last for all.
        ({"sort": "[" * 5_000 + "]" * 5_000}, "sort", "This JSON is nested too deeply."),
        ({"filters": "[" * 50 + "]" * 50}, "filters", "This JSON is nested too deeply."),
        ({"sort": "[" * 100_000}, "sort", "This JSON is nested too deeply."),
        ({"sort": "x" * 200_000}, "sort", "One of the values is too long: at most 100,000 characters."),
        ({"columns": "x" * 200_000}, "columns", "One of the values is too long: at most 100,000 characters."),
        (
            rows("filters", {"column": "Name", "op": "in", "value": "x" * 200_000}),
            "filters",
            "One of the values is too long: at most 100,000 characters.",
        ),
        ({"row_limit": "9" * 30}, "row_limit", "Ensure this value is less than or equal to 1000000000000."),
        ({"sort": "Day down"}, "sort", "There is no column “Day down”; there are"),
        ({"group_by": "Nobody"}, "group_by", "There is no column “Nobody”; there are"),
        ({"subtotals": "Name"}, "subtotals", "Name is text: only numbers can be added up."),
        ({"subtotals": "Nobody"}, "subtotals", "There is no column “Nobody”; there are"),
        ({"charts": "a,b"}, "charts", "There is no column “a”; there are"),
        ({"row_limit": "0"}, "row_limit", "Ensure this value is greater than or equal to 1."),
        ({"page_size": "a0"}, "page_size", "Select a valid choice."),
    ],
)
def test_what_does_not_fit_the_dataset_is_told_in_a_sentence(
    dataset: Dataset, sent: dict[str, Any], field: str, sentence: str
) -> None:
    assert errors_of(filled(dataset, **sent), field)[0].startswith(sentence)


def test_a_logo_has_to_be_a_picture(dataset: Dataset) -> None:
    def with_logo(name: str) -> Entry:
        files = {"logo": SimpleUploadedFile(name, b"x")}
        return open_form(pipelines.get("a_pdf"), user=dataset.owner, data={"dataset": str(dataset.pk)}, files=files)

    assert with_logo("logo.JPEG").is_valid()
    assert "logo.svg is not a file of a kind this takes" in errors_of(with_logo("logo.svg"), "logo")[0]


def test_columns_are_offered_only_of_ones_own_chosen_dataset(dataset: Dataset) -> None:
    bob = User.objects.create_user("bob")
    for user, initial in ((dataset.owner, {}), (dataset.owner, {"dataset": "x"}), (bob, {"dataset": dataset.pk})):
        form = open_form(pipelines.get("a_pdf"), user=user, initial=initial).form
        assert isinstance(form, PdfExportForm)
        assert form.dataset_columns == []
        assert "Choose a dataset first." in str(form["columns"])
    form = open_form(pipelines.get("a_pdf"), user=dataset.owner, initial={"dataset": str(dataset.pk)}).form
    assert "Odd, &quot;one&quot;" in str(form["columns"])


def test_running_again_starts_from_what_was_chosen(dataset: Dataset) -> None:
    sent = {
        "columns": "Day,Name",
        "filters": json.dumps([{"column": "Amount", "op": "gt", "value": "1"}]),
        "sort": "Day desc",
        "charts": "Count",
    }
    params_of(filled(dataset, **sent))
    again = open_form(pipelines.get("a_pdf"), user=dataset.owner, origin=Job.objects.latest("pk")).form
    columns = str(again["columns"])
    assert re.findall(r'name="columns" value="(\w+)" checked', columns) == ["Day", "Name"]
    filters = str(again["filters"])
    assert '<option value="Amount" selected>' in filters
    assert '<option value="gt" selected>' in filters
    assert 'value="1"' in filters
    assert '<option value="desc" selected>' in str(again["sort"])
    assert re.search(r'value="Count"[^>]*checked', str(again["charts"]))


def test_there_is_always_an_empty_row_more_than_are_filled(dataset: Dataset) -> None:
    def count(number: int) -> int:
        filters = [{"column": "Name", "op": "eq", "value": "x"}] * number
        form = open_form(
            pipelines.get("a_pdf"), user=dataset.owner, initial={"dataset": dataset.pk, "filters": filters}
        )
        return len(re.findall(r"filters-\d+-value\"", str(form.form["filters"]))) // 2

    assert [count(number) for number in (0, 1, 2, 3, 7, 30)] == [3, 3, 3, 4, 8, 30]


def test_a_button_moves_its_column_by_one_place() -> None:
    order = ["a", "b:c", "d"]
    assert moved(order, "columns", "columns:up:b:c") == ["b:c", "a", "d"]
    assert moved(order, "columns", "columns:down:b:c") == ["a", "d", "b:c"]
    for nothing in ("", "columns:up:a", "columns:down:d", "columns:up:x", "columns:left:d", "other:up:d"):
        assert moved(order, "columns", nothing) == order


def test_a_moved_column_and_the_ticks_show_without_errors(dataset: Dataset) -> None:
    entry = filled(
        dataset, columns=["Day"], **{"columns-order": ORDER, "move": "columns:up:Day", "row_limit": "nonsense"}
    )
    assert entry.is_refresh
    entry.show_anew()
    html = str(entry.form["columns"])
    assert re.findall(r'name="columns" value="([^"]+)"', html)[:3] == ["Name", "Day", "Amount"]
    assert re.findall(r'value="([^"]+)" checked', html) == ["Day"]
    assert 'value="nonsense"' in str(entry.form["row_limit"])
    assert not entry.form.errors


def test_columns_of_another_dataset_begin_ticked_in_their_order() -> None:
    value = {"order": ["x", "b", "a"], "ticked": ["x", "b"]}
    assert order_and_ticks(value, ["a", "b", "new"]) == (["b", "a", "new"], {"b", "new"})
    assert order_and_ticks(value, ["p", "q"]) == (["p", "q"], {"p", "q"})
    assert order_and_ticks(None, ["a", "b"]) == (["a", "b"], {"a", "b"})
    assert order_and_ticks(["b"], ["a", "b"]) == (["b", "a"], {"b"})


def test_a_very_wide_dataset_lists_its_first_columns(alice: User) -> None:
    columns = [(f"c{number}", "text") for number in range(LISTED_COLUMNS + 20)]
    dataset = make_dataset(alice, columns, [])
    form = open_form(pipelines.get("a_pdf"), user=alice, initial={"dataset": dataset.pk}).form
    html = str(form["columns"])
    assert html.count('type="checkbox"') == LISTED_COLUMNS
    assert f"The first {LISTED_COLUMNS} of {len(columns)} columns." in html
    assert "<datalist" in str(form["filters"])


def test_the_command_line_takes_the_same(dataset: Dataset) -> None:
    out = StringIO()
    call_command(
        "job", "submit", "a_pdf", "--owner", "alice", "--json",
        "--param", f"dataset={dataset.pk}",
        "--param", "columns=Day,Name",
        "--param", 'filters=[{"column": "Amount", "op": "gt", "value": 1}]',
        "--param", "sort=Amount desc, Name",
        stdout=out,
    )  # fmt: skip
    params = Job.objects.get(pk=json.loads(out.getvalue())["id"]).params
    assert params["columns"] == ["Day", "Name"]
    assert params["filters"] == [{"column": "Amount", "op": "gt", "value": "1"}]
    assert params["sort"] == [{"column": "Amount", "descending": True}, {"column": "Name", "descending": False}]
    with pytest.raises(CommandError, match="columns: There is no column “x”"):
        call_command(
            "job", "submit", "a_pdf", "--owner", "alice", "--param", f"dataset={dataset.pk}", "--param", "columns=x"
        )
