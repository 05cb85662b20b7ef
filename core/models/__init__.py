"""The tables: a job and what belongs to it."""

from core.models.artifact import Artifact
from core.models.dataset import Dataset, DatasetColumn
from core.models.event import JobEvent
from core.models.job import Job
from core.models.progress import JobProgress
from core.models.runs import RunSeconds
from core.models.step import JobStep

__all__ = ["Artifact", "Dataset", "DatasetColumn", "Job", "JobEvent", "JobProgress", "JobStep", "RunSeconds"]
