"""What an import says of what it left out, keeps when it fails, and works out later."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from core.attempt.attempts import Attempts
from core.models import Artifact, Dataset, Job
from core.models.states import State
from tests.configuration import OwnConf

from .test_csv_pipeline import TABLE, run, same_process, store

pytestmark = pytest.mark.django_db

__all__ = ["same_process", "store"]

SOUND = b"id,day\n" + b"".join(b"%d,2024-01-%02d\n" % (number, number % 28 + 1) for number in range(1, 101))


@pytest.fixture
def alice(db: None) -> User:
    return User.objects.create_user("alice", password="alice")


def result_of(job: Job) -> dict[str, Any]:
    assert (job.state, job.error) == (State.SUCCEEDED, "")
    return job.result or {}


def artifacts_of(job: Job) -> dict[str, Artifact]:
    return {artifact.field: artifact for artifact in job.artifacts.filter(kind=Artifact.Kind.OUTPUT)}


def test_a_sound_file_has_no_warning_and_no_leftover_files(alice: User) -> None:
    job = run(alice, "csv_import", {}, SOUND)
    assert "warning" not in result_of(job)
    assert set(artifacts_of(job)) == {"parquet"}
    assert Dataset.objects.get().dialect["warnings"] == []


def test_one_reject_in_a_hundred_is_a_fact_and_two_are_a_warning(alice: User) -> None:
    one = run(alice, "csv_import", {}, SOUND + b"101,2024-02-01,x\n")
    assert "warning" not in result_of(one)
    assert ["Rejected", 1] in result_of(one)["facts"]
    two = run(alice, "csv_import", {}, SOUND + b"101,2024-02-01,x\n102,2024-02-02,y\n")
    assert result_of(two)["warning"] == "2 of 102 records (2.0%) were rejected."


def test_every_line_around_the_table_is_kept_with_its_number(alice: User) -> None:
    data = b"Report\n\n# made by hand\nid,day,n\n1,2024-01-01,5\n\n2,2024-01-02,6\n,,\nSource: us\n"
    job = run(alice, "csv_import", {}, data)
    files = artifacts_of(job)
    rows = list(csv.DictReader(files["aside"].local_path.read_text().splitlines()))
    assert [(row["first_line"], row["kind"], row["text"]) for row in rows] == [
        ("1", "before the table", "Report"),
        ("2", "blank", ""),
        ("3", "comment", "# made by hand"),
        ("4", "header", "id,day,n"),
        ("6", "blank", ""),
        ("8", "blank", ""),
    ]
    rejected = list(csv.DictReader(files["rejected"].local_path.read_text().splitlines()))
    assert [row["line"] for row in rejected] == ["9"]
    counts = Dataset.objects.get().dialect["counts"]
    assert (counts["lines"], counts["before"], counts["comment"], counts["blank"], counts["after"]) == (9, 1, 1, 3, 1)


def test_a_file_of_rejects_fails_with_files_and_likely_cause(alice: User) -> None:
    rules = {"rules-0-column": "day", "rules-0-type": "integer"}
    job = run(alice, "csv_import", rules, SOUND)
    assert (job.state, job.attempt) == (State.FAILED, 1)
    assert "100 of 100 records were rejected, more than the 50 % allowed" in job.error
    assert "“day”" in job.error
    rows = list(csv.DictReader(artifacts_of(job)["rejected"].local_path.read_text().splitlines()))
    assert len(rows) == 100
    assert not Dataset.objects.exists()


def test_the_site_says_how_many_may_be_rejected(alice: User, conf: OwnConf) -> None:
    data = SOUND + b"101,2024-02-01,x\n102,2024-02-02,y\n"
    conf.IMPORT_MAX_REJECTED_PERCENT = 1.0
    assert run(alice, "csv_import", {}, data).state == State.FAILED
    assert run(alice, "csv_import", {"max_rejected_percent": "5"}, data).state == State.SUCCEEDED


def test_duplicates_are_a_fact_only_where_they_were_looked_for(alice: User) -> None:
    titles = [title for title, _ in result_of(run(alice, "csv_import", {}, TABLE))["facts"]]
    assert "Duplicates" not in titles
    assert ["Duplicates", 1] in result_of(run(alice, "csv_import", {"keys": "id"}, TABLE))["facts"]


def test_a_guess_is_a_note(alice: User) -> None:
    run(alice, "csv_import", {}, "id,name\n1,Köln\n2,München\n".encode("cp1252") + b"3,\x9f\n")
    notes = Dataset.objects.get().dialect["notes"]
    assert any(note.startswith("A guess: ") for note in notes)


def test_a_large_tables_columns_are_profiled_by_another_job(
    alice: User, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    monkeypatch.setattr("actors.reading.whole.PROFILED_CELLS", 10)
    first = result_of(run(alice, "csv_import", {}, SOUND))
    dataset = Dataset.objects.get(pk=first["dataset"])
    assert dataset.dialect["profile"] == "pending"
    assert "min" not in dataset.columns.first().stats  # type: ignore[union-attr]
    later = Job.objects.get(pipeline="dataset_profile")
    Attempts(worker="here:1").run(later.pk)
    dataset.refresh_from_db()
    column = dataset.columns.order_by("position").first()
    assert column is not None
    assert "profile" not in dataset.dialect
    assert (column.distinct, column.stats["min"], column.stats["max"]) == (100, 1, 100)
    assert column.stats["reading"]["type"] == "integer"
