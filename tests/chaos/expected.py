"""What the pipelines of chaos have to leave behind; the judge knows it without them."""

#: The steps of every job, each with one effect.
STEPS = ("first", "second", "third")


def oracle(job_id: int) -> str:
    """Return what the file of a job has to hold."""
    return f"the result of job {job_id}\n" * 10


def upload_text(name: str) -> str:
    """Return what an uploaded file of that name holds: no two names hold the same."""
    return f"the file {name}\n" * 100
