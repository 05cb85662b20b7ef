"""Jobs from the command line, by the same rules as on the pages."""

from __future__ import annotations

import argparse
import json
import logging
import os
import time
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from core import fan_out, pipelines, uploads
from core.errors import PermanentError, Refused, UnknownPipeline
from core.forms import open_form
from core.life import requests
from core.logs import logger
from core.models import Artifact, Job
from core.states import State

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED = 0, 1, 2, 3
#: Seconds between two looks of --wait.
LOOK_SECONDS = 0.2
LIST_LENGTH = 50


class Command(BaseCommand):
    # Scripts call this often: the checks of the site are for those who deploy it.
    requires_system_checks = ()
    help = (
        "Submit, show, list, cancel and retry jobs. "
        "Exit 0: succeeded, or accepted without --wait; 1: failed or cancelled; 2: usage; 3: refused."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        submit = acts.add_parser("submit", help="submit a job")
        submit.add_argument("pipeline")
        submit.add_argument("--owner", required=True, metavar="USER")
        submit.add_argument("--file", action="append", default=[], metavar="FIELD=PATH")
        submit.add_argument("--param", action="append", default=[], metavar="FIELD=VALUE")
        submit.add_argument("--key", default="", help="the same key again is the same job")
        submit.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=float("inf"),
            default=None,
            metavar="SECONDS",
            help="until it ends",
        )
        show = acts.add_parser("show", help="show a job")
        show.add_argument("id", type=int)
        listing = acts.add_parser("list", help="list the newest jobs")
        listing.add_argument("--state", choices=State.values)
        listing.add_argument("--parent", type=int, metavar="ID", help="the children of this job")
        cancel = acts.add_parser("cancel", help="cancel a job")
        cancel.add_argument("id", type=int)
        retry = acts.add_parser("retry", help="retry a failed or cancelled job from its last completed step")
        retry.add_argument("id", type=int)
        for act in (submit, show, listing, cancel, retry):
            act.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, act: str, **options: Any) -> None:
        # What happened is printed as the answer; a script that reads both streams gets that alone.
        logger.setLevel(logging.WARNING)
        try:
            getattr(self, f"_{act}")(**options)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough (`| head`); what Python flushes at its end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except UnknownPipeline as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from error
        except (Refused, PermanentError) as error:
            raise CommandError(str(error), returncode=EXIT_REFUSED) from error

    def _submit(self, *, pipeline: str, owner: str, key: str, wait: float | None, **options: Any) -> None:
        spec = pipelines.get(pipeline)
        user = _find_user(owner)
        data = QueryDict(mutable=True)
        for name, value in _pairs(options["param"], "--param"):
            data.appendlist(name, value)
        for name, field in spec.form.base_fields.items():
            # What a page would send for a field nobody touched.
            if name not in data and _is_sent(field.initial):
                data[name] = str(field.initial)
        files: MultiValueDict[str, Any] = MultiValueDict()
        try:
            for name, path in _pairs(options["file"], "--file"):
                files.appendlist(name, _open(Path(path)))
            unknown = sorted((set(data) | set(files)) - set(spec.form.base_fields))
            if unknown:
                known = ", ".join(spec.form.base_fields) or "none"
                raise CommandError(f"no field {unknown[0]!r} in {pipeline}; there are: {known}", returncode=EXIT_USAGE)
            entry = open_form(spec, user=user, data=data, files=files)
            if not entry.is_valid():
                lines = [f"{name}: {' '.join(map(str, errors))}" for name, errors in entry.form.errors.items()]
                raise CommandError("\n".join(lines), returncode=EXIT_USAGE)
            submission = entry.submit(key=key)
        finally:
            # What no job has taken is deleted.
            for _, opened in files.lists():
                for file in opened:
                    file.close()
        job = _wait(submission.job_id, wait) if wait is not None else _find_job(submission.job_id)
        self._print(job, as_json=options["json"])
        if wait is not None and job.state != State.SUCCEEDED:
            if job.is_live:
                self.stderr.write(f"job {job.pk} is still {job.state}; it goes on")
            raise SystemExit(EXIT_FAILED)

    def _show(self, *, id: int, json: bool, **_: Any) -> None:
        self._print(_find_job(id), as_json=json)

    def _list(self, *, state: str | None, parent: int | None, json: bool, **_: Any) -> None:
        jobs = Job.objects.filter(parent=parent).order_by("-pk")
        if state:
            jobs = jobs.filter(state=state)
        found = list(jobs[:LIST_LENGTH])
        if json:
            self._write_json([as_dict(job, with_artifacts=False) for job in found])
            return
        for job in found:
            self.stdout.write(f"{job.pk:>8}  {job.state:<10} {job.pipeline:<20} {job.title}")
        if not found:
            self.stdout.write("no jobs")

    def _cancel(self, *, id: int, json: bool, **_: Any) -> None:
        job = _find_job(id)
        requests.cancel(job, by="command line")
        self._print(_find_job(id), as_json=json)

    def _retry(self, *, id: int, json: bool, **_: Any) -> None:
        job = _find_job(id)
        requests.retry(job, by="command line")
        self._print(_find_job(id), as_json=json)

    def _print(self, job: Job, *, as_json: bool) -> None:
        shown = as_dict(job)
        if as_json:
            self._write_json(shown)
            return
        self.stdout.write(f"job {job.pk}: {job.pipeline}, {job.state}, attempt {job.attempt}")
        if job.error:
            self.stdout.write(f"  {job.error}")
        for part in fan_out.summary(job.pk):
            states = ", ".join(f"{count:,} {state}" for state, count in sorted(part.by_state.items()))
            self.stdout.write(f"  {part.title}: {part.ended:,} of {part.total:,} parts ended ({states})")
        for name, value in job.result_facts():
            self.stdout.write(f"  {name}: {value}")
        for artifact in shown["artifacts"]:
            self.stdout.write(f"  {artifact['name']}  {artifact['bytes']:,} bytes  {artifact['path']}")

    def _write_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def as_dict(job: Job, *, with_artifacts: bool = True) -> dict[str, Any]:
    """Return a job as `--json` prints it."""
    shown: dict[str, Any] = {
        "id": job.pk,
        "state": job.state,
        "pipeline": job.pipeline,
        "attempt": job.attempt,
        "result": job.result,
        "error": job.error,
        "parent": job.parent_id,
    }
    if with_artifacts:
        shown["artifacts"] = [
            {
                "name": artifact.name,
                "kind": artifact.kind,
                "path": str(artifact.local_path),
                "bytes": artifact.size,
                "sha256": artifact.sha256,
            }
            for artifact in Artifact.objects.filter(job=job)
        ]
    return shown


def _is_sent(initial: Any) -> bool:
    # An unticked box sends nothing; a zero is sent.
    return initial is not None and initial is not False and initial != "" and not callable(initial)


def _find_user(name: str) -> AbstractBaseUser:
    user_model = get_user_model()
    try:
        return user_model._default_manager.get_by_natural_key(name)
    except user_model.DoesNotExist as error:
        raise CommandError(f"unknown user {name!r}", returncode=EXIT_USAGE) from error


def _find_job(job_id: int) -> Job:
    job = Job.objects.filter(pk=job_id).first()
    if job is None:
        raise CommandError(f"there is no job {job_id}", returncode=EXIT_USAGE)
    return job


def _pairs(texts: list[str], option: str) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in texts]
    for name, equals, value in pairs:
        if not name or not equals:
            raise CommandError(f"{option} {name + value!r}: write FIELD=VALUE", returncode=EXIT_USAGE)
    return [(name, value) for name, _, value in pairs]


def _open(path: Path) -> uploads.StagedFile:
    try:
        return uploads.open_path(path)
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}", returncode=EXIT_USAGE) from error


def _wait(job_id: int, seconds: float) -> Job:
    deadline = time.monotonic() + seconds
    while True:
        job = _find_job(job_id)
        if not job.is_live or time.monotonic() > deadline:
            return job
        time.sleep(LOOK_SECONDS)
