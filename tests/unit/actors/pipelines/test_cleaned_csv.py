"""The cleaned CSV of a dataset: a job of the export, made when somebody first asks for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.attempts import Attempts
from core.attempt.context import JobContext
from core.files import storage
from core.forms import downloads
from core.life.submission import submit
from core.models import Artifact, Dataset, DatasetColumn, Job
from core.models.states import State
from tests.configuration import OwnConf
from tests.unit.actors.pipelines.reporting import write_table
from tests.unit.actors.pipelines.sending import as_sent
from tests.unit.actors.reading.importing import silent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(conf: OwnConf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file store of this test alone, and the export's work in this process."""

    def call(_ctx: JobContext, function: Any, *, unit: str = "", memory_bytes: int = 0, **kwargs: Any) -> Any:
        return as_sent(function(silent, **kwargs))

    conf.STORAGE_URL = (tmp_path / "files").as_uri()
    monkeypatch.setattr(JobContext, "run_in_child", call)


def make_dataset(owner: User, **params: Any) -> Dataset:
    """A dataset of a job that imported with these parameters, one of whose texts is a formula."""
    made = submit("csv_import", owner_id=owner.pk, params=params)
    Job.objects.filter(pk=made.job_id).update(state=State.SUCCEEDED)
    folder = storage.attempt_folder(made.job_id, 1)
    folder.mkdir(parents=True)
    columns = (("id", "integer"), ("name", "text"))
    path = write_table(folder / "dataset.parquet", columns, [(1, "alpha"), (2, "=1+1")])
    dataset = Dataset.objects.create(
        owner=owner, job_id=made.job_id, name="sales", rows=2, column_count=2, parquet_path=storage.key_of(path)
    )
    for position, (name, kind) in enumerate(columns):
        DatasetColumn.objects.create(dataset=dataset, position=position, name=name, type=kind)
    return dataset


@pytest.mark.parametrize(("keeps", "cell"), [(False, "'=1+1"), (True, "=1+1")])
def test_it_is_made_once_and_keeps_formulas_where_imported_so(keeps: bool, cell: str) -> None:
    alice = User.objects.create_user("alice")
    dataset = make_dataset(alice, keep_formulas=keeps)
    job = downloads.order(dataset, "clean", by="alice", is_staff=False)
    assert isinstance(job, Job)
    Attempts(worker="here:1").run(job.pk)
    job = Job.objects.get(pk=job.pk)
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    file = downloads.order(dataset, "clean", by="alice", is_staff=False)
    assert isinstance(file, Artifact)
    assert (file.job_id, file.name) == (job.pk, "sales.csv")
    assert file.local_path.read_text().split("\n") == ["id,name", "1,alpha", f"2,{cell}", ""]
