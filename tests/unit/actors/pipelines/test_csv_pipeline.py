"""The two pipelines as jobs: forms, steps, datasets and files."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from actors.imports.rules_field import RulesWidget
from actors.reading import check, detect, read
from core import pipelines
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.attempt.datasets import publish_dataset
from core.forms import open_form
from core.models import Artifact, Dataset, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.actors.pipelines.sending import as_sent
from tests.unit.actors.reading.importing import silent

pytestmark = pytest.mark.django_db

TABLE = b"id,name,price\n1,alpha,1.50\n2,=1+1,2.25\nx,gamma,3.75\n2,beta,9\n"


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path) -> Path:
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    return tmp_path / "files"


@pytest.fixture(autouse=True)
def same_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The steps' functions without a child process each; one test has the real ones."""

    def call(_ctx: JobContext, function: Any, *, unit: str = "", memory_bytes: int = 0, **kwargs: Any) -> Any:
        return as_sent(function(silent, **kwargs))

    if request.node.name != "test_a_csv_becomes_a_dataset":
        monkeypatch.setattr(JobContext, "run_in_child", call)


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


def dataset_of(job: Job) -> int:
    return int((job.result or {})["dataset"])


def headline_of(job: Job) -> str:
    return str((job.result or {})["headline"])


def run(owner: User, pipeline: str, data: dict[str, Any], file: bytes | None = None, name: str = "table.csv") -> Job:
    """Fill in the form, submit it, and run the job's attempt."""
    files = {"file": SimpleUploadedFile(name, file)} if file is not None else {}
    entry = open_form(pipelines.get(pipeline), user=owner, data=data, files=files)
    assert entry.is_valid(), entry.form.errors
    job_id = entry.submit(key=str(Job.objects.count())).job_id
    attempts = Attempts(worker="here:1")
    attempts.run(job_id)
    return Job.objects.get(pk=job_id)


def test_a_csv_becomes_a_dataset(alice: User) -> None:
    data = {"rules-0-column": "id", "rules-0-type": "integer", "rules-0-min": "1", "keys": "id"}
    job = run(alice, "csv_import", data, TABLE)
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    assert headline_of(job) == "2 rows imported, 1 rejected"
    dataset = Dataset.objects.for_user(alice).get()
    assert (dataset.name, dataset.records, dataset.rows, dataset.rejected, dataset.duplicates) == ("table", 4, 2, 1, 1)
    assert [(column.name, column.type) for column in dataset.columns.all()] == [
        ("id", "integer"),
        ("name", "text"),
        ("price", "decimal"),
    ]
    names = set(Artifact.objects.filter(job=job, kind=Artifact.Kind.OUTPUT).values_list("name", flat=True))
    assert names == {"table.parquet", "table.rejected.csv", "table.duplicates.csv"}


def test_columns_nearly_of_a_type_are_counted_in_plain_words(alice: User) -> None:
    days = [f"{number % 28 + 1:02d}.{number % 12 + 1:02d}.2024" for number in range(300)]
    table = "id;day\n" + "".join(f"{number};{day}\n" for number, day in enumerate([*days, "unknown"]))
    job = run(alice, "csv_import", {}, table.encode())
    assert ["Of these nearly of a type", 1] in (job.result or {})["facts"]
    notes = Dataset.objects.get(pk=dataset_of(job)).dialect["notes"]
    assert "day: 300 of 301 values are dates (dd.mm.yyyy); the others: “unknown” (1)." in notes


def test_the_same_file_and_options_lead_to_the_existing_dataset(alice: User) -> None:
    first = run(alice, "csv_import", {}, TABLE)
    again = run(alice, "csv_import", {}, TABLE, name="other.csv")
    assert headline_of(again) == "This file was imported already"
    assert dataset_of(again) == dataset_of(first)
    assert dataset_of(run(alice, "csv_import", {"import_again": "on"}, TABLE)) != dataset_of(first)
    assert dataset_of(run(alice, "csv_import", {"header": "no"}, TABLE)) != dataset_of(first)


def test_a_crash_after_a_step_resumes_behind_it(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def counting(module: Any, name: str, *, crashes: bool = False) -> None:
        step = getattr(module, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            ran.append(name)
            if crashes and ran.count(name) == 1:
                raise RuntimeError("the child process was killed")
            return step(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    monkeypatch.setattr("actors.imports.steps.SMALL_BYTES", 0)
    counting(detect, "detect")
    counting(read, "read")
    counting(check, "check", crashes=True)
    job = run(alice, "csv_import", {}, TABLE)
    assert (job.state, ran) == (State.RETRYING, ["detect", "read", "check"])
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    Attempts(worker="here:1").run(job.pk)
    job.refresh_from_db()
    assert (job.state, job.attempt, ran) == (State.SUCCEEDED, 2, ["detect", "read", "check", "check"])
    assert Dataset.objects.get().rows == 4


def test_a_small_file_takes_one_checkpoint_before_its_dataset(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[int] = []

    def crashing(*args: Any, **kwargs: Any) -> int:
        tries.append(publish_dataset(*args, **kwargs))
        if len(tries) == 1:
            raise RuntimeError("the worker was killed")
        return tries[-1]

    monkeypatch.setattr("actors.imports.steps.publish_dataset", crashing)
    job = run(alice, "csv_import", {}, TABLE)
    assert (job.state, list(job.steps.all()), list(job.artifacts.filter(kind="output"))) == (State.RETRYING, [], [])
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    Attempts(worker="here:1").run(job.pk)
    assert [step.key for step in job.steps.all()] == ["publish"]
    assert [artifact.field for artifact in job.artifacts.filter(kind="output")] == ["parquet"]
    assert job.artifacts.get(kind="output").path == Dataset.objects.get().parquet_path


def test_a_file_that_cannot_be_read_fails_once_with_a_sentence(alice: User) -> None:
    job = run(alice, "csv_import", {"quotes": "strict"}, b'a,b\n1,x\n2,"y\n3,z\n')
    assert (job.state, job.attempt, job.error) == (State.FAILED, 1, "line 3: a quote opened here is never closed")


@pytest.mark.parametrize(
    ("data", "field", "message"),
    [
        ({"rules": "[{]"}, "rules", "not JSON"),
        ({"rules-1-column": "a", "rules-1-pattern": "(a"}, "rules", "pattern cannot be used"),
        ({"rules-0-min": "3"}, "rules", "does not name its column"),
        ({"delimiter": "other"}, "other_delimiter", "Give the delimiter"),
    ],
)
def test_the_form_says_what_is_wrong(alice: User, data: dict[str, Any], field: str, message: str) -> None:
    files = {"file": SimpleUploadedFile("table.csv", TABLE)}
    entry = open_form(pipelines.get("csv_import"), user=alice, data=data, files=files)
    assert not entry.is_valid()
    assert message in str(entry.form.errors[field])


def test_rules_are_shown_again_as_they_were(alice: User) -> None:
    rules = [{"column": "a", "type": "integer", "min": "1"}, {"column": "b", "allowed": ["x,y", "z"]}]
    form = open_form(pipelines.get("csv_import"), user=alice, initial={"rules": rules}).form
    html = str(form["rules"])
    assert 'name="rules-0-column" value="a"' in html
    assert "x,y" in html
    assert "style=" not in html


@pytest.mark.parametrize(("filled", "shown"), [(0, 4), (2, 4), (3, 4), (4, 5), (29, 30), (30, 30), (35, 30)])
def test_one_more_row_of_rules_is_shown_than_is_filled_in(filled: int, shown: int) -> None:
    rules = [{"column": f"c{index}", "required": True} for index in range(filled)]
    typed = {f"rules-{index}-column": f"c{index}" for index in range(min(filled, 30))}
    widget = RulesWidget()
    for value in (rules, widget.value_from_datadict(typed, MultiValueDict(), "rules")):
        html = widget.render("rules", value)
        assert f'name="rules-{shown - 1}-column"' in html
        assert f'name="rules-{shown}-column"' not in html


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx", "parquet"])
def test_a_dataset_is_exported(alice: User, store: Path, format: str) -> None:
    dataset = dataset_of(run(alice, "csv_import", {}, TABLE))
    job = run(alice, "dataset_export", {"dataset": dataset, "format": format, "delimiter": "semicolon"})
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    artifact = Artifact.objects.get(job=job, kind=Artifact.Kind.OUTPUT)
    assert artifact.name == f"table.{format}"
    assert len(artifact.sha256) == 64
    path = artifact.local_path
    if format == "csv":
        rows = list(csv.reader(path.read_text().splitlines(), delimiter=";"))
        assert rows[2] == ["2", "'=1+1", "2.25"]
    elif format == "jsonl":
        assert [json.loads(line)["name"] for line in path.read_text().splitlines()][1] == "=1+1"
    elif format == "xlsx":
        sheet = openpyxl.load_workbook(path).active
        cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
        assert cells[0] == ["id", "name", "price"]
        assert cells[2][1] == "'=1+1"
        assert len(cells) == 5


def test_excels_limit_is_said_by_the_form(alice: User) -> None:
    job = run(alice, "csv_import", {}, TABLE)
    Dataset.objects.filter(job=job).update(rows=2_000_000)
    data = {"dataset": dataset_of(job), "format": "xlsx"}
    entry = open_form(pipelines.get("dataset_export"), user=alice, data=data)
    assert not entry.is_valid()
    assert "1,048,575 rows" in str(entry.form.errors["format"])
    assert open_form(pipelines.get("dataset_export"), user=alice, data={**data, "split_sheets": "on"}).is_valid()


def test_another_persons_dataset_is_not_exported(alice: User) -> None:
    dataset = dataset_of(run(alice, "csv_import", {}, TABLE))
    bob = User.objects.create_user("bob", password="bob")
    entry = open_form(pipelines.get("dataset_export"), user=bob, data={"dataset": dataset, "format": "csv"})
    assert not entry.is_valid()
