"""The content of a message about a job. No models here: brokers are built before Django has loaded any."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DueJob:
    """A job that is to be published: ids and names, no parameters."""

    job_id: int
    queue: str
    priority: int
    pipeline: str
    owner_id: int
    #: The attempt this message is to start.
    attempt: int
