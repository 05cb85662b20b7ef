"""What the pipelines of chaos have to leave behind; the judge knows it without them."""

#: The steps of every job, each with one effect.
STEPS = ("first", "second", "third")


def oracle(job_id: int) -> str:
    """Return what the file of a job has to hold."""
    return f"the result of job {job_id}\n" * 10
