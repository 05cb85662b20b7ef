"""Plain files of a dataset, made when somebody first asks for one.

1. A pipeline that takes a dataset says which files it makes of any dataset at one click (`Pipeline.downloads`).
2. The first click submits its job for the dataset's owner, under a key that names the dataset and the file. Whoever
   clicks again meets the same job, and once it has succeeded the same file, for as long as both are kept.
3. A job that failed or was cancelled is tried again by the next click; of one whose file is gone a new one is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from core import pipelines
from core.errors import Refused
from core.forms import open_form
from core.life import requests
from core.models import Artifact, Dataset, Job
from core.models.states import State
from core.pipelines import Download, Pipeline


@dataclass(frozen=True)
class DatasetFile:
    """A file that a dataset offers: there already, being made, or not requested yet."""

    spec: Pipeline
    download: Download
    #: The job that makes or has made it, if there is one.
    job: Job | None = None
    #: The file, once it is there.
    artifact: Artifact | None = None

    @property
    def is_coming(self) -> bool:
        return self.job is not None and self.job.is_live


def files_of(dataset: Dataset, *, is_staff: bool) -> list[DatasetFile]:
    """Return the files that the dataset offers such a person, without those that its own job has made."""
    offers = list(_offers(is_staff=is_staff))
    if not offers:
        return []
    own = [artifact for artifact in dataset.job.artifacts.all() if artifact.kind == Artifact.Kind.OUTPUT]
    there = {artifact.field for artifact in own if artifact.local_path.is_file()}
    wanted = [(spec, download) for spec, download in offers if download.name not in there]
    jobs = _jobs_by_key(dataset, [_key(dataset, download) for _, download in wanted])
    return [_file(dataset, spec, download, jobs) for spec, download in wanted]


def order(dataset: Dataset, name: str, *, by: str, is_staff: bool) -> Artifact | Job:
    """Return the file of this name when it is there, else the job that makes it: it is ordered or tried again.

    Raise Refused, with a sentence, when there is no such file or no job can be made or tried again.
    """
    file = next((each for each in files_of(dataset, is_staff=is_staff) if each.download.name == name), None)
    if file is None:
        raise Refused(f"There is no file {name!r} to be made of this dataset.")
    if file.artifact is not None:
        return file.artifact
    if file.job is not None and file.job.is_live:
        return file.job
    if file.job is not None and file.job.can_retry:
        requests.retry(file.job, by=by)
        return file.job
    values = {"dataset": dataset.pk, **file.download.values(dataset)}
    entry = open_form(file.spec, user=dataset.owner, data=values)
    if not entry.is_valid():
        sentences = [str(sentence) for errors in entry.form.errors.values() for sentence in errors]
        raise Refused(" ".join(sentences))
    submission = entry.submit(key=_key(dataset, file.download, after=file.job))
    return Job.objects.get(pk=submission.job_id)


def _offers(*, is_staff: bool) -> Iterator[tuple[Pipeline, Download]]:
    for spec in pipelines.taking("dataset", is_staff=is_staff):
        for download in spec.downloads:
            yield spec, download


def _file(dataset: Dataset, spec: Pipeline, download: Download, jobs: dict[str, Job]) -> DatasetFile:
    """Follow the jobs that made the file: each whose file is gone has at most one after it."""
    job = jobs.get(_key(dataset, download))
    while job is not None and job.state == State.SUCCEEDED:
        made = Artifact.objects.filter(job=job, kind=Artifact.Kind.OUTPUT).first()
        if made is not None and made.local_path.is_file():
            return DatasetFile(spec, download, job=job, artifact=made)
        key = _key(dataset, download, after=job)
        later = _jobs_by_key(dataset, [key]).get(key)
        if later is None:
            break
        job = later
    return DatasetFile(spec, download, job=job)


def _jobs_by_key(dataset: Dataset, keys: list[str]) -> dict[str, Job]:
    jobs = Job.objects.filter(owner_id=dataset.owner_id, idempotency_key__in=keys).defer("params", "result")
    return {job.idempotency_key: job for job in jobs}


def _key(dataset: Dataset, download: Download, *, after: Job | None = None) -> str:
    key = f"dataset-{dataset.pk}-{download.name}"
    return key if after is None else f"{key}-after-{after.pk}"
