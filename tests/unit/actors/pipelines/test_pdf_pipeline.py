"""Reports as jobs: what is delivered, what a crash leaves done, and what is refused."""

from __future__ import annotations

import io
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from actors.pipelines.pdf_export import finish, plan, render, table
from actors.typesetting import logo
from core import pipelines
from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.forms import open_form
from core.models import Artifact, Dataset, DatasetColumn, Job, JobEvent, JobStep
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.actors.pipelines.sending import as_sent
from tests.unit.actors.reading.importing import silent

from .documenting import make_dataset, output, run_family
from .reporting import texts_of

pytestmark = pytest.mark.django_db

COLUMNS = [("region", "text"), ("customer", "text"), ("amount", "decimal"), ("ordered", "date")]
ROWS = [(["North", "South"][number % 2], f"Customer {number}", f"{number}.25", "2025-03-01") for number in range(60)]
_numbers = itertools.count(1)


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

    if request.node.name != "test_a_dataset_becomes_a_pdf":
        monkeypatch.setattr(JobContext, "run_in_child", call)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "FEW_CELLS", 100)
    monkeypatch.setattr(table, "MANY_CELLS", 100)


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def dataset(alice: User) -> Dataset:
    return make_dataset(alice, COLUMNS, ROWS)


def picture(kind: str = "PNG", size: tuple[int, int] = (40, 20)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "teal").save(made, format=kind)
    return made.getvalue()


def submit(dataset: Dataset, *, logo: bytes | None = None, **data: Any) -> Job:
    files = {"logo": SimpleUploadedFile("logo.png", logo)} if logo is not None else {}
    entry = open_form(
        pipelines.get("pdf_export"), user=dataset.owner, data={"dataset": str(dataset.pk), **data}, files=files
    )
    assert entry.is_valid(), entry.form.errors
    return Job.objects.get(pk=entry.submit(key=f"report {next(_numbers)}").job_id)


def make(dataset: Dataset, **options: Any) -> Job:
    return run_family(submit(dataset, **options))


def test_a_dataset_becomes_a_pdf(dataset: Dataset) -> None:
    job = make(dataset, group_by="region", charts=["amount"], title="Orders / 2025")
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    result = job.result or {}
    assert result["headline"] == f"60 rows on {result['facts'][0][1]} pages"
    artifact = Artifact.objects.get(job=job, kind=Artifact.Kind.OUTPUT)
    assert (artifact.name, artifact.content_type) == ("Orders _ 2025.pdf", "application/pdf")
    pages = texts_of(artifact.local_path)
    assert len(pages) == result["facts"][0][1]
    assert "Orders / 2025" in pages[0]
    assert all(f"Customer {number}" in " ".join(pages) for number in range(60))
    assert (artifact.local_path.parent / "preview.png").read_bytes().startswith(b"\x89PNG")


def test_parts_are_children_weighed_by_their_pages(dataset: Dataset) -> None:
    job = make(dataset)
    children = list(Job.objects.filter(parent=job).order_by("fan_index"))
    assert len(children) >= 2
    assert sum(child.weight for child in children) == (job.result or {})["facts"][0][1]


def test_two_jobs_give_the_same_bytes(dataset: Dataset) -> None:
    first, again = (make(dataset, group_by="region", charts=["ordered"]) for _ in range(2))
    assert output(first, "pdf").read_bytes() == output(again, "pdf").read_bytes()


def test_a_crash_in_a_step_repeats_that_step_alone(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[str] = []

    def counting(module: Any, name: str, *, crashes: bool = False) -> None:
        step = getattr(module, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            ran.append(name)
            if crashes and ran.count(name) == 1:
                raise RuntimeError("the child process was killed")
            return step(*args, **kwargs)

        monkeypatch.setattr(module, name, call)

    counting(plan, "plan")
    counting(render, "render")
    counting(finish, "finish", crashes=True)
    job = submit(dataset)
    attempts = Attempts(worker="here:1")
    attempts.run(job.pk)
    for child in Job.objects.filter(parent=job).values_list("pk", flat=True):
        attempts.run(child)
    attempts.run(job.pk)
    job.refresh_from_db()
    assert job.state == State.RETRYING
    rendered = ran.count("render")
    Job.objects.filter(pk=job.pk).update(run_at=job.created_at)
    assert run_family(job).state == State.SUCCEEDED
    assert (ran.count("plan"), ran.count("render"), ran.count("finish")) == (1, rendered, 2)


def test_missing_glyphs_are_a_fact_and_a_line_of_the_timeline(alice: User) -> None:
    job = make(make_dataset(alice, [("v", "text")], [("a\ue123",)]))
    sentence = "1 character has no glyph in the installed fonts: \ue123 (U+E123)"
    assert ["Missing glyphs", sentence] in (job.result or {})["facts"]
    assert JobEvent.objects.filter(job=job, text=sentence).count() == 1


def test_a_filter_without_matches_makes_a_report_that_says_so(dataset: Dataset) -> None:
    nothing = json.dumps([{"column": "region", "op": "eq", "value": "West"}])
    job = make(dataset, filters=nothing)
    assert (job.result or {})["headline"] == "4 pages: no rows match"
    assert "No rows match" in texts_of(output(job, "pdf"))[-1]


def test_a_column_gone_since_the_form_was_filled_in_is_named(dataset: Dataset) -> None:
    job = submit(dataset, columns=["customer"])
    DatasetColumn.objects.filter(dataset=dataset, name="customer").delete()
    job = run_family(job)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert job.error.startswith("There is no column “customer”")


def test_a_dataset_that_is_gone_is_said(dataset: Dataset) -> None:
    job = submit(dataset)
    Dataset.objects.filter(pk=dataset.pk).delete()
    assert run_family(job).error == "The dataset is no longer there."


def test_a_template_of_the_site_that_lets_pages_flow_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    source = Path(plan.__file__).parent / "templates" / "report"
    folder = tmp_path / "templates" / "pdf_export" / "report"
    folder.mkdir(parents=True)
    for path in source.iterdir():
        (folder / path.name).write_text(path.read_text())
    with (folder / "main.typ").open("a") as main:
        main.write("\n#pagebreak()\nOne more.\n")
    job = make(dataset)
    assert job.state == State.FAILED
    assert "pages where" in job.error


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_logo_stands_on_the_title_page(dataset: Dataset, kind: str) -> None:
    plain, marked = make(dataset), make(dataset, logo=picture(kind))
    assert marked.state == State.SUCCEEDED
    assert output(marked, "pdf").read_bytes() != output(plain, "pdf").read_bytes()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"<svg onload='x'/>", "neither a PNG nor a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "damaged"),
        (picture()[:-30], "damaged"),
        (picture("GIF"), "neither a PNG nor a JPEG"),
    ],
)
def test_a_logo_that_is_none_is_refused(dataset: Dataset, content: bytes, sentence: str) -> None:
    job = make(dataset, logo=content)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert sentence in job.error


def test_a_logo_that_is_too_large_is_refused(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logo, "MOST_PIXELS", 799)
    assert "40 × 20 pixels" in make(dataset, logo=picture()).error
    monkeypatch.setattr(logo, "MOST_BYTES", 50)
    assert "larger than" in make(dataset, logo=picture()).error


def test_each_step_is_completed_once(dataset: Dataset) -> None:
    job = make(dataset)
    assert sorted(JobStep.objects.filter(job=job).values_list("key", flat=True)) == ["merge", "plan", "render"]
