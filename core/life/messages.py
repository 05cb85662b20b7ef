"""The content of a message about a job. No models here: brokers are built before Django has loaded any."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that is to be published: ids and names, no parameters."""

    job_id: int
    queue: str
    priority: int
    pipeline: str
    #: As the database's driver gives it: equal for all jobs of one owner.
    owner_id: Any
    #: The attempt this message is to start.
    attempt: int
