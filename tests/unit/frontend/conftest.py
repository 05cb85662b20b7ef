"""What the tests of the pages share: three people, a pipeline, and jobs in any state."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from core import pipelines
from core.attempt.context import JobContext
from core.files import storage, uploads
from core.forms import DatasetField, PipelineForm, UploadField
from core.life.submission import submit
from core.models import Artifact, Dataset, DatasetColumn, Job, JobProgress
from core.pipelines import pipeline
from tests.configuration import OwnConf

MakeJob = Callable[..., Job]
MakeDataset = Callable[..., Dataset]
MakeParts = Callable[..., list[Job]]
MakeReport = Callable[..., Artifact]


def _png(width: int, height: int) -> bytes:
    """Return a white picture of this size."""
    rows = b"".join(b"\0" + b"\xff" * width for _ in range(height))
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


#: A picture of a first page.
PICTURE = _png(30, 40)
#: Says to a view that htmx asks.
HTMX = {"HX-Request": "true"}


class LettersForm(PipelineForm):
    text = UploadField(label="Text", accept=".txt")
    title = forms.CharField(max_length=10, required=False, help_text="Ten letters at most.")
    alphabet = forms.ChoiceField(choices=[("latin", "Latin letters"), ("greek", "Greek letters")])
    limit = forms.IntegerField(required=False, min_value=1)

    fieldsets = (("More", ("limit",)),)


class CopyForm(PipelineForm):
    dataset = DatasetField()


@pytest.fixture(autouse=True)
def home(settings: Settings, conf: OwnConf, tmp_path: Path) -> Path:
    """A file store of this test alone, and static files under their plain names."""
    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    # WhiteNoise looks at its folder each time a client is made, and these tests load no file from it.
    settings.STATIC_ROOT = tmp_path
    settings.WHITENOISE_USE_FINDERS = False
    return tmp_path


@pytest.fixture(autouse=True)
def letters() -> Iterator[None]:
    """Two pipelines: `letters` takes a file, `copy_letters` a dataset."""

    def letters(ctx: JobContext, **params: Any) -> None: ...

    def copy_letters(ctx: JobContext, **params: Any) -> None: ...

    stages = ("read", ("count", "Count the letters"))
    pipeline(title="Count letters", description="Counts.", form=LettersForm, icon="list", stages=stages)(letters)
    pipeline(title="Copy letters", form=CopyForm, takes="dataset")(copy_letters)
    yield
    pipelines.forget("letters")
    pipelines.forget("copy_letters")


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


@pytest.fixture
def bob(db: None) -> User:
    return User.objects.create_user("bob", password="bob")


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_user("staff", password="staff", is_staff=True)


@pytest.fixture
def as_alice(alice: User) -> Client:
    return _client_of(alice)


@pytest.fixture
def as_bob(bob: User) -> Client:
    return _client_of(bob)


@pytest.fixture
def as_staff(staff: User) -> Client:
    return _client_of(staff)


@pytest.fixture
def make_job(db: None) -> MakeJob:
    """`make_job(alice, state="failed", error="…", progress={"done": 3})`: a job of `letters` with an input file."""

    def make(owner: User, *, label: str = "abc.txt", progress: dict[str, Any] | None = None, **fields: Any) -> Job:
        file = uploads.keep(SimpleUploadedFile(label, b"abc\n", content_type="text/plain"))
        made = submit(
            "letters",
            owner_id=owner.pk,
            label=label,
            params=fields.pop("params", {"title": "Greek", "alphabet": "greek", "limit": None}),
            files={"text": file},
        )
        Job.objects.filter(pk=made.job_id).update(**fields)
        if progress:
            JobProgress.objects.filter(job=made.job_id).update(**progress)
        return Job.objects.get(pk=made.job_id)

    return make


@pytest.fixture
def make_dataset(make_job: MakeJob) -> MakeDataset:
    """`make_dataset(alice, columns=3, rejected=2)`: a dataset of a succeeded job, with all its files."""

    def make(owner: User, *, name: str = "people", columns: int = 2, rejected: int = 1) -> Dataset:
        job = make_job(owner, label=f"{name}.csv", state="succeeded")
        folder = storage.attempt_folder(job.pk, 1)
        folder.mkdir(parents=True)
        names = [f"column {number}" for number in range(columns)]
        preview = {
            "columns": names,
            "rows": [[number, *["ä"] * (columns - 1)] for number in range(3)] + [[None] * columns],
            "rejected": [[number, "column 0", "x", "is no integer", f"x,{number}"] for number in range(rejected)],
        }
        (folder / "preview.json").write_text(json.dumps(preview))
        (folder / "clean.csv").write_text("a,b\n")
        dataset = Dataset.objects.create(
            owner=owner,
            job=job,
            name=name,
            source_name=f"{name}.csv",
            records=5 + rejected,
            rows=4,
            rejected=rejected,
            duplicates=1,
            column_count=columns,
            dialect={
                "encoding": "cp1252",
                "delimiter": ";",
                "header_lines": 1,
                "notes": ["Two lines were odd."],
            },
            parquet_path="nowhere",
            preview_path=storage.key_of(folder / "preview.json"),
        )
        DatasetColumn.objects.bulk_create(_column(dataset, place, each) for place, each in enumerate(names))
        Artifact.objects.create(
            job=job,
            kind=Artifact.Kind.OUTPUT,
            field="clean",
            name="clean.csv",
            title="Cleaned CSV",
            path=storage.key_of(folder / "clean.csv"),
            size=4,
            sha256="0" * 64,
            content_type="text/csv",
        )
        Job.objects.filter(pk=job.pk).update(result={"headline": "4 rows imported", "dataset": dataset.pk})
        return dataset

    return make


@pytest.fixture
def make_parts(db: None) -> MakeParts:
    """`make_parts(job, "succeeded", "failed")`: children of a job in these states; it waits for those that live."""

    def make(parent: Job, *states: str, key: str = "render", **fields: Any) -> list[Job]:
        now = timezone.now()
        parts = Job.objects.bulk_create(
            Job(
                pipeline=parent.pipeline,
                owner_id=parent.owner_id,
                idempotency_key=f"{parent.pk}-{key}-{index}",
                label=f"{key.capitalize()}, part {index + 1} of {len(states)}",
                params={"item": {"first_row": index * 10, "columns": ["a", "b"]}},
                parent=parent,
                fan_key=key,
                fan_index=index,
                depth=1,
                task="somewhere:render",
                state=state,
                run_at=now,
                publish_at=now,
                created_at=now,
                **fields,
            )
            for index, state in enumerate(states)
        )
        JobProgress.objects.bulk_create(JobProgress(job=part) for part in parts)
        if any(part.is_live for part in parts):
            step = {"key": key, "title": key.capitalize(), "state": "waiting", "started_at": 100.0, "ended_at": None}
            Job.objects.filter(pk=parent.pk).update(state="waiting", started_at=now)
            JobProgress.objects.filter(job=parent).update(done=30, total=120, unit="pages", rate=3.0, step=step)
        return parts

    return make


@pytest.fixture
def make_report(make_job: MakeJob) -> MakeReport:
    """`make_report(alice, pdf=b"…")`: a PDF with a picture, made by a job that has succeeded."""

    def make(owner: User, *, pdf: bytes = b"%PDF-1.7\n0123456789\n%%EOF\n", picture: bytes = PICTURE) -> Artifact:
        job = make_job(owner, state="succeeded")
        folder = storage.attempt_folder(job.pk, 1)
        folder.mkdir(parents=True)
        (folder / "report.pdf").write_bytes(pdf)
        (folder / "first.png").write_bytes(picture)
        return Artifact.objects.create(
            job=job,
            kind=Artifact.Kind.OUTPUT,
            field="report",
            name="report.pdf",
            path=storage.key_of(folder / "report.pdf"),
            size=len(pdf),
            sha256=hashlib.sha256(pdf).hexdigest(),
            content_type="application/pdf",
            preview_path=storage.key_of(folder / "first.png") if picture else "",
        )

    return make


def _column(dataset: Dataset, position: int, name: str) -> DatasetColumn:
    numeric = {
        "min": 0,
        "max": 2,
        "mean": 1.0,
        "quantiles": [0, 0, 1, 2, 2],
        "histogram": [{"low": 0, "high": 1, "count": 1}, {"low": 1, "high": 2, "count": 2}],
    }
    return DatasetColumn(
        dataset=dataset,
        position=position,
        name=name,
        source_name=name.upper(),
        type="text" if position else "integer",
        nulls=1,
        distinct=3,
        stats={"top": [["ä", 3]]} if position else numeric,
    )


def _client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client
