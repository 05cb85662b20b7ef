"""Running the documents pipeline in one process: a dataset of given rows, a job with its children, and its files."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import duckdb
import pypdfium2
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from core import pipelines
from core.attempt.attempts import Attempts
from core.files import storage
from core.forms import open_form
from core.models import Artifact, Dataset, DatasetColumn, Job
from core.models.states import State
from tests.unit.core.acts import submit_job

SQL_TYPES = {"text": "VARCHAR", "integer": "BIGINT", "decimal": "DECIMAL(18, 2)", "date": "DATE"}
#: Columns of an invoice, as (name, type).
INVOICE = [
    ("number", "text"),
    ("date", "date"),
    ("recipient", "text"),
    ("address", "text"),
    ("description", "text"),
    ("amount", "decimal"),
]
_numbers = itertools.count(1)


def invoice_row(count: int, **changes: Any) -> tuple[Any, ...]:
    row = {
        "number": f"R-{count}",
        "date": "2025-03-01",
        "recipient": f"Customer {count}",
        "address": "1 Street\nLondon",
        "description": "Work",
        "amount": "100.00",
    }
    return tuple({**row, **changes}.values())


def make_dataset(owner: User, columns: list[tuple[str, str]], rows: list[tuple[Any, ...]]) -> Dataset:
    job = submit_job(owner)
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED)
    folder = storage.attempt_folder(job.pk, 1)
    folder.mkdir(parents=True)
    path = folder / "dataset.parquet"
    quoted = ['"' + name.replace('"', '""') + '"' for name, _ in columns]
    with duckdb.connect() as con:
        named = ", ".join(f"{name} {SQL_TYPES[kind]}" for name, (_, kind) in zip(quoted, columns, strict=True))
        con.execute(f"CREATE TABLE t ({named})")
        for row in rows:
            con.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - marks only
        con.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    dataset = Dataset.objects.create(
        owner=owner,
        job=job,
        name="invoices",
        rows=len(rows),
        column_count=len(columns),
        parquet_path=storage.key_of(path),
    )
    # Documents bear the dataset's date.
    Dataset.objects.filter(pk=dataset.pk).update(created_at="2025-03-01T12:00:00Z")
    DatasetColumn.objects.bulk_create(
        DatasetColumn(dataset=dataset, position=place, name=name, type=kind)
        for place, (name, kind) in enumerate(columns)
    )
    return dataset


def submit_documents(dataset: Dataset, *, logo: bytes | None = None, **data: Any) -> Job:
    """Fill in the form as the command line does, with text, and submit it."""
    files = {"logo": SimpleUploadedFile("logo.png", logo)} if logo is not None else {}
    owner = dataset.owner
    entry = open_form(pipelines.get("documents"), user=owner, data={"dataset": str(dataset.pk), **data}, files=files)
    assert entry.is_valid(), entry.form.errors
    return Job.objects.get(pk=entry.submit(key=f"documents {next(_numbers)}").job_id)


def run_family(job: Job) -> Job:
    """Run the job's attempts and those of its children until it has ended."""
    attempts = Attempts(worker="here:1")
    for _ in range(10):
        attempts.run(job.pk)
        for child in Job.objects.filter(parent=job, state=State.QUEUED).values_list("pk", flat=True):
            attempts.run(child)
        job = Job.objects.get(pk=job.pk)
        if job.state in (State.SUCCEEDED, State.FAILED, State.CANCELLED):
            return job
    raise AssertionError(f"{job} is still {job.state}: {job.error}")


def make_documents(dataset: Dataset, **options: Any) -> Job:
    return run_family(submit_documents(dataset, **options))


def output(job: Job, field: str) -> Path:
    return Artifact.objects.get(job=job, kind=Artifact.Kind.OUTPUT, field=field).local_path


def texts_of(pdf: Path | bytes) -> list[str]:
    """The text of each page."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()
