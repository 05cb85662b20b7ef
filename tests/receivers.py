"""Receivers of a site's own, for tests: each call is a line of a file in the home."""

from __future__ import annotations

import os
import threading
from typing import Any

from django.dispatch import receiver

from core.conf import conf
from core.models import Job
from core.signals import job_ended, job_failed


@receiver(job_ended)
def note_end(job: Job, state: str, **_: Any) -> None:
    """Write who was called for what; a job named `deadly` kills its worker the first time."""
    note(f"ended {job.pk} {state} {job.subject}")
    if job.label == "deadly" and not (conf.HOME / "died").exists():
        (conf.HOME / "died").touch()
        os._exit(9)


@receiver(job_failed)
def note_failure(job: Job, **_: Any) -> None:
    note(f"failed {job.pk} {job.error}")


def note(text: str) -> None:
    with (conf.HOME / "ends.txt").open("a") as lines:
        lines.write(f"{threading.current_thread().name}: {text}\n")
