"""Documents as jobs: what is delivered, what is not made, and that both are always the same."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.contrib.auth.models import User
from PIL import Image

from actors.pipelines.documents import plan, typeset
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.models import Artifact, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.actors.pipelines.sending import as_sent
from tests.unit.actors.reading.importing import silent

from .documenting import (
    INVOICE,
    invoice_row,
    make_dataset,
    make_documents,
    output,
    run_family,
    submit_documents,
    texts_of,
)

pytestmark = pytest.mark.django_db

SENDER = json.dumps({"sender": {"text": "Example Studio"}})
BADGE = json.dumps({"event": {"text": "Looms"}, "photo": {"column": "picture"}})


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    conf.TEMPLATE_FOLDER = tmp_path / "templates"
    return tmp_path / "files"


@pytest.fixture(autouse=True)
def same_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps' functions without a child process each; one test has the real ones."""

    def call(_ctx: JobContext, function: Any, *, unit: str = "", memory_bytes: int = 0, **kwargs: Any) -> Any:
        kwargs.pop("timeout_seconds", None)
        return as_sent(function(silent, **kwargs))

    if request.node.name != "test_each_row_becomes_an_invoice_in_one_pdf":
        monkeypatch.setattr(JobContext, "run_in_child", call)


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "BATCH_ROWS", 3)


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


def headline_of(job: Job) -> str:
    return str((job.result or {})["headline"])


def facts_of(job: Job) -> dict[str, Any]:
    return dict((job.result or {})["facts"])


def not_made(job: Job) -> list[list[str]]:
    with output(job, "not_made").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def outline_of(path: Path) -> list[tuple[str, int]]:
    """(title, index of its page) of each entry."""
    with pikepdf.open(path) as pdf, pdf.open_outline() as outline:
        pages: dict[Any, int] = {page.objgen: index for index, page in enumerate(pdf.pages)}
        entries = []
        for item in outline.root:
            destination = item.destination
            assert isinstance(destination, pikepdf.Array)
            entries.append((str(item.title), pages[destination[0].objgen]))
        return entries


def own_template(conf: OwnConf, name: str, fields: str, main: str) -> Path:
    folder = Path(str(conf.TEMPLATE_FOLDER)) / "documents" / name
    folder.mkdir(parents=True)
    (folder / "template.toml").write_text(f'title = "{name}"\n{fields}')
    (folder / "main.typ").write_text(main)
    return folder


def test_each_row_becomes_an_invoice_in_one_pdf(alice: User) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(number) for number in range(1, 8)])
    job = make_documents(dataset, mapping=SENDER)
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    assert headline_of(job) == "7 documents"
    assert facts_of(job) == {"Documents": 7, "Pages": 7}
    assert job.title == "Invoice: invoices"
    pdf = output(job, "documents")
    assert outline_of(pdf) == [(f"R-{number}", number - 1) for number in range(1, 8)]
    texts = texts_of(pdf)
    assert all(f"Customer {number}" in text for number, text in enumerate(texts, 1))
    assert all("Example Studio" in text and "120.00\xa0EUR" in text for text in texts)
    assert Artifact.objects.get(job=job, field="documents").name == "invoices.pdf"
    assert not Artifact.objects.filter(job=job, field="not_made").exists()
    assert Job.objects.filter(parent=job).count() == 1
    preview = Artifact.objects.get(job=job, field="documents").preview_path
    with Image.open(pdf.parent / Path(preview).name) as picture:
        assert picture.width == 900


def test_a_zip_holds_one_pdf_a_row_under_safe_unique_names(alice: User) -> None:
    names = ["../a", "A/B", "a_b", "", "con", "发票 7"]
    rows = [invoice_row(number, recipient=name or None) for number, name in enumerate(names, 1)]
    dataset = make_dataset(alice, INVOICE, rows)
    mapping = json.dumps({"sender": {"text": "S"}, "recipient": {"text": "R"}})
    job = make_documents(dataset, mapping=mapping, output="zip", name_column="recipient")
    assert headline_of(job) == "6 documents"
    with zipfile.ZipFile(output(job, "documents")) as pack:
        entries = pack.infolist()
        assert [entry.filename for entry in entries] == [
            "_a.pdf",
            "A_B.pdf",
            "a_b (2).pdf",
            "R-4.pdf",
            "_con.pdf",
            "发票 7.pdf",
        ]
        assert {entry.date_time for entry in entries} == {(2025, 3, 1, 12, 0, 0)}
        assert {entry.compress_type for entry in entries} == {zipfile.ZIP_STORED}
        for number, entry in enumerate(entries, 1):
            (text,) = texts_of(pack.read(entry))
            assert f"R-{number}" in text
        with pikepdf.open(io.BytesIO(pack.read("A_B.pdf"))) as one:
            assert str(one.docinfo["/Title"]) == "A/B"


def test_failed_rows_are_listed_and_the_others_delivered(alice: User) -> None:
    columns = [("number", "text"), ("date", "text"), *INVOICE[2:5], ("amount", "text")]
    rows = [invoice_row(number) for number in range(1, 9)]
    rows[1] = invoice_row(2, number="=1+1", amount="=a lot")
    rows[3] = invoice_row(4, date="soon")
    rows[4] = invoice_row(5, recipient=" ")
    job = make_documents(make_dataset(alice, columns, rows), mapping=SENDER)
    assert job.state == State.SUCCEEDED
    assert headline_of(job) == "5 documents; 3 not made"
    assert facts_of(job)["The first of them"].startswith("Row 2: Amount without tax, of one is no number")
    assert not_made(job) == [
        ["row", "name", "reason"],
        ["2", "'=1+1", "Amount without tax, of one is no number: “=a lot”. It has to be like 1234.56."],
        ["4", "R-4", "Date is no date: “soon”. It has to be like 2025-12-31."],
        ["5", "R-5", "Recipient is empty."],
    ]
    assert [name for name, _ in outline_of(output(job, "documents"))] == ["R-1", "R-3", "R-6", "R-7", "R-8"]


@pytest.mark.parametrize("kind", ["pdf", "zip"])
def test_a_missing_picture_costs_its_row_only(alice: User, kind: str, store: Path) -> None:
    rows = [(f"Person {number}", "gone.png" if number == 2 else None) for number in range(1, 6)]
    dataset = make_dataset(alice, [("name", "text"), ("picture", "text")], rows)
    job = make_documents(dataset, template="badge", mapping=BADGE, output=kind)
    assert headline_of(job) == "4 documents; 1 not made"
    (_, failed) = not_made(job)
    assert failed[:2] == ["2", "Person 2"]
    assert "main.typ, line " in failed[2]
    assert "photos/gone.png" in failed[2]
    assert str(store) not in failed[2]


def test_without_any_document_the_job_fails_with_a_reason(alice: User) -> None:
    rows = [(f"Person {number}", "gone.png") for number in range(1, 5)]
    dataset = make_dataset(alice, [("name", "text"), ("picture", "text")], rows)
    job = make_documents(dataset, template="badge", mapping=BADGE)
    assert job.state == State.FAILED
    assert job.error.startswith("No document could be made. Row 1: The template cannot be set. main.typ, line ")


def test_rows_of_a_lost_batch_are_listed_with_its_reason(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    set_batch = typeset.typeset

    def lose_the_second(report: Any, *, batch: str, **options: Any) -> typeset.Typeset:
        if batch.endswith("batch-00001.json"):
            raise PermanentError("This needed more memory than it may use, and was stopped.")
        return set_batch(report, batch=batch, **options)

    monkeypatch.setattr(typeset, "typeset", lose_the_second)
    job = make_documents(make_dataset(alice, INVOICE, [invoice_row(n) for n in range(1, 6)]), mapping=SENDER)
    assert headline_of(job) == "3 documents; 2 not made"
    assert not_made(job)[1:] == [
        [str(number), f"R-{number}", "This needed more memory than it may use, and was stopped."] for number in (4, 5)
    ]


@pytest.mark.parametrize("kind", ["pdf", "zip"])
def test_the_same_rows_give_the_same_bytes(alice: User, kind: str) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(number) for number in range(1, 6)])
    first, second = (make_documents(dataset, mapping=SENDER, output=kind) for _ in range(2))
    assert output(first, "documents").read_bytes() == output(second, "documents").read_bytes()


def test_rows_are_filtered_sorted_and_limited(alice: User) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(number, amount=f"{number * 10}") for number in range(1, 9)])
    filters = json.dumps([{"column": "amount", "op": "gt", "value": "25"}])
    job = make_documents(dataset, mapping=SENDER, filters=filters, sort="amount desc", row_limit="4")
    assert [name for name, _ in outline_of(output(job, "documents"))] == ["R-8", "R-7", "R-6", "R-5"]
    none = make_documents(dataset, mapping=SENDER, filters=json.dumps([{"column": "amount", "op": "lt", "value": "0"}]))
    assert none.error == "No row fits the filter, so there is nothing to make. Change the filter."


def test_documents_of_several_pages_are_counted_each_for_itself(alice: User) -> None:
    body = "A paragraph of a letter that fills some of the page.\n\n"
    rows = [(f"P{number}", body * (70 if number == 2 else 1)) for number in range(1, 5)]
    dataset = make_dataset(alice, [("recipient", "text"), ("body", "text")], rows)
    same = {"address": "A", "date": "2025-01-01", "subject": "S", "sender": "X", "salutation": "Dear {recipient},"}
    mapping = json.dumps({name: {"text": text} for name, text in same.items()})
    job = make_documents(dataset, template="letter", mapping=mapping)
    pdf = output(job, "documents")
    texts = texts_of(pdf)
    pages = len(texts)
    assert facts_of(job) == {"Documents": 4, "Pages": pages}
    assert pages > 4
    assert outline_of(pdf) == [("P1", 0), ("P2", 1), ("P3", pages - 2), ("P4", pages - 1)]
    assert "Dear P2," in texts[1]
    assert f"Page 1 of {pages - 3}" in texts[1]
    assert f"Page {pages - 3} of {pages - 3}" in texts[pages - 3]
    assert "Page" not in texts[0]
    assert "Page" not in texts[-1]


def test_characters_that_no_font_has_are_told(alice: User) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(1, recipient="Mr \ue000\ue000")])
    job = make_documents(dataset, mapping=SENDER)
    sentence = "1 character has no glyph in the installed fonts: \ue000 (U+E000)"
    assert facts_of(job)["Missing glyphs"] == sentence
    assert job.events.filter(text=sentence).exists()


def test_a_logo_is_set_and_another_kind_of_file_refused(alice: User, tmp_path: Path) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(1)])
    path = tmp_path / "logo.png"
    Image.new("RGB", (40, 20), "#c03030").save(path)
    job = make_documents(dataset, mapping=SENDER, logo=path.read_bytes())
    assert job.state == State.SUCCEEDED, job.error
    with pikepdf.open(output(job, "documents")) as pdf:
        assert len(pdf.pages[0].get_images()) == 1
    job = make_documents(dataset, mapping=SENDER, logo=b"GIF89a")
    assert job.error == "The logo logo.png is neither a PNG nor a JPEG. Upload one of these."


def test_columns_may_have_the_names_that_the_engine_uses_itself(alice: User) -> None:
    columns = [*INVOICE, ("File_Row_Number", "text"), ("headway_row", "text")]
    dataset = make_dataset(alice, columns, [(*invoice_row(count), "x", "y") for count in (1, 2)])
    job = make_documents(dataset, mapping=json.dumps({**json.loads(SENDER), "details": {"column": "headway_row"}}))
    assert job.state == State.SUCCEEDED, job.error
    assert facts_of(job)["Documents"] == 2


def test_a_damaged_logo_is_told_and_not_taken_for_a_bad_row(alice: User, tmp_path: Path) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(1)])
    path = tmp_path / "logo.jpg"
    Image.effect_noise((400, 200), 50).save(path)
    job = make_documents(dataset, mapping=SENDER, logo=path.read_bytes()[:2_000])
    assert job.error == "The logo logo.png cannot be read: the file is damaged. Upload it again."


FIELD = "[fields.name]\nrequired = true\n"


@pytest.mark.parametrize(
    ("main", "said"),
    [
        ('#import "@preview/cetz:0.3.0"\n', "it imports the package @preview/cetz:0.3.0"),
        ('#import "headway.typ": *\n#read("../../secret")\n#show: documents(doc => [])', "main.typ, line 2"),
        ('#import "headway.typ": *\n#show: documents(doc => doc.nothing)', "main.typ, line 2"),
        ("Hello", "The template set 0 documents of 1."),
        ('#import "headway.typ": *\nHello #pagebreak()\n#show: documents(doc => [])', "before its first document"),
    ],
)
def test_a_template_that_does_not_work_is_told_with_its_place(alice: User, conf: OwnConf, main: str, said: str) -> None:
    own_template(conf, "own", FIELD, main)
    job = make_documents(make_dataset(alice, [("name", "text")], [("Ada",)]), template="own")
    assert job.state == State.FAILED
    assert said in job.error


def test_a_designers_own_template_is_used(alice: User, conf: OwnConf) -> None:
    main = '#import "headway.typ": *\n#set text(font: fonts)\n#show: documents(doc => [Hello #doc.name!])'
    own_template(conf, "own", FIELD, main)
    job = make_documents(make_dataset(alice, [("name", "text")], [("Ada",), ("Grace",)]), template="own")
    assert [text.strip() for text in texts_of(output(job, "documents"))] == ["Hello Ada!", "Hello Grace!"]


def test_somebody_elses_dataset_is_not_read(alice: User) -> None:
    dataset = make_dataset(alice, INVOICE, [invoice_row(1)])
    job = submit_documents(dataset, mapping=SENDER)
    bob = User.objects.create_user("bob")
    Job.objects.filter(pk=job.pk).update(owner=bob)
    assert run_family(job).error == "The dataset is no longer there."
