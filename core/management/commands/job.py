"""Jobs from the command line, by the same rules as on the pages."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
from pathlib import Path
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connection
from django.http import QueryDict
from django.utils import timezone
from django.utils.datastructures import MultiValueDict
from django.utils.dateparse import parse_datetime

from core import jobs, pipelines
from core.database.clock import database_now
from core.errors import PermanentError, Refused, UnknownPipeline
from core.files import uploads
from core.forms import open_form
from core.forms.by_code import errors_of
from core.forms.inputs import takes_many
from core.life import backpressure, bulk_cancels, dead_letters, requests
from core.life.waiting import note_parts
from core.logs import logger
from core.management.arguments import in_order
from core.management.job_output import as_dict, as_lines, as_page, as_row
from core.models import Job, Preferences
from core.models.job import Priority, subject_columns
from core.models.states import DELAYED, LIVE, State

EXIT_OK, EXIT_FAILED, EXIT_USAGE, EXIT_REFUSED = 0, 1, 2, 3
LIST_LENGTH = 50
PRIORITIES = {priority.name.lower(): priority for priority in Priority}
#: Who acts, on timelines and in the audit trail.
BY = "command line"
#: The options of all acts, with how many values they take; None for one that may have one.
OPTIONS: dict[str, int | None] = {
    **dict.fromkeys(("--owner", "--file", "--param", "--key", "--priority", "--at", "--subject"), 1),
    **dict.fromkeys(("--state", "--parent", "--pipeline", "--text", "--error", "--yes", "--timeout"), 1),
    **dict.fromkeys(("--json", "--from-start", "--requeue", "--discard", "--all"), 0),
    "--wait": None,
}


class Operator(AnonymousUser):
    """Whoever has the command line may see every job."""

    is_command_line = True


OPERATOR = Operator()


class Command(BaseCommand):
    # Scripts call this often: the checks of the site are for those who deploy it.
    requires_system_checks = ()
    help = (
        "Submit, show, list, wait for, cancel, retry, discard and reprioritise jobs; cancel many, requeue or discard "
        "many that failed. Options stand in any place. "
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
        submit.add_argument("--priority", choices=PRIORITIES, default="normal")
        submit.add_argument("--at", metavar="TIME", help="not before this time, as 2026-12-01T03:00+01:00")
        submit.add_argument("--subject", metavar="APP.MODEL:KEY", help="the object that the job is about")
        submit.add_argument(
            "--wait",
            nargs="?",
            type=float,
            const=float("inf"),
            default=None,
            metavar="SECONDS",
            help="until it ends",
        )
        wait = acts.add_parser("wait", help="wait until a job has ended")
        wait.add_argument("--timeout", type=float, default=math.inf, metavar="SECONDS", help="and no longer than this")
        show = acts.add_parser("show", help="show a job, and why it waits; with --json all that its page shows")
        listing = acts.add_parser("list", help="list the newest jobs")
        listing.add_argument("--state", choices=State.values)
        listing.add_argument("--parent", type=int, metavar="ID", help="the children of this job")
        cancel = acts.add_parser("cancel", help="cancel a job, or all that match")
        cancel.add_argument("id", type=int, nargs="?")
        cancel.add_argument("--all", action="store_true", help="cancel all that match the next options")
        cancel.add_argument("--pipeline", default="")
        cancel.add_argument("--state", choices=LIVE, default="")
        cancel.add_argument("--owner", default="", metavar="USER")
        cancel.add_argument("--yes", type=int, metavar="COUNT", help="confirm how many match")
        retry = acts.add_parser("retry", help="retry a failed or cancelled job from its last completed step")
        retry.add_argument("--from-start", action="store_true", help="delete what it has made, and begin anew")
        discard = acts.add_parser("discard", help="give a failed job up; it becomes cancelled")
        priority = acts.add_parser("priority", help="give a job that nobody runs another priority")
        for act in (wait, show, retry, discard, priority):
            act.add_argument("id", type=int)
        priority.add_argument("priority", choices=PRIORITIES)
        failed = acts.add_parser("failed", help="list failed jobs; requeue or discard all that match")
        failed.add_argument("--pipeline", default="")
        failed.add_argument("--owner", default="", metavar="USER")
        failed.add_argument("--text", default="", help="in the parameters")
        failed.add_argument("--error", default="", metavar="TEXT", help="in the reason")
        bulk = failed.add_mutually_exclusive_group()
        bulk.add_argument("--requeue", action="store_true", help="retry all that match")
        bulk.add_argument("--discard", action="store_true", help="give all up that match")
        failed.add_argument("--from-start", action="store_true", help="with --requeue: begin anew")
        failed.add_argument("--yes", type=int, metavar="COUNT", help="confirm how many match")
        for act in (submit, wait, show, listing, cancel, retry, discard, priority, failed):
            act.add_argument("--json", action="store_true", help="print JSON")

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        (acts,) = (each.choices for each in parser._actions if isinstance(each, argparse._SubParsersAction))
        parse_args = parser.parse_args

        def parse_in_order(args: Any = None, namespace: Any = None) -> Any:
            return parse_args(None if args is None else in_order(args, acts=acts, options=OPTIONS), namespace)

        # Django makes the parser, and calls only this of it.
        parser.parse_args = parse_in_order  # type: ignore[method-assign]
        return parser

    def handle(self, *, act: str, **options: Any) -> None:
        # The answer is printed, and only warnings are logged: a script may read both streams.
        logger.setLevel(logging.WARNING)
        try:
            getattr(self, f"_{act}")(**options)
            self.stdout.flush()
        except BrokenPipeError:
            # The reader has seen enough (`| head`); what Python flushes at its end goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        except UnknownPipeline as error:
            raise CommandError(str(error), returncode=EXIT_USAGE) from error
        except (OperationalError, ProgrammingError) as error:
            if sentence := _what_is_missing():
                raise CommandError(sentence, returncode=EXIT_USAGE) from error
            raise
        except (Refused, PermanentError) as error:
            raise CommandError(str(error), returncode=EXIT_REFUSED) from error

    def _submit(self, *, pipeline: str, owner: str, key: str, wait: float | None, **options: Any) -> None:
        spec = pipelines.get(pipeline)
        user = _find_user(owner)
        delay_seconds, subject = _delay_seconds(options["at"]), _find_subject(options["subject"])
        if spec.is_for_staff and not getattr(user, "is_staff", False):
            raise Refused(f"{spec.name} is for staff, and {owner} is none.")
        # Checked before a large file is copied for nothing.
        sizes = [_size_of(Path(path)) for _, path in _pairs(options["file"], "--file")]
        backpressure.check(user.pk, key=key, incoming_bytes=sum(sizes))
        data = QueryDict(mutable=True)
        for name, value in _pairs(options["param"], "--param"):
            data.appendlist(name, value)
        for name, field in spec.form.base_fields.items():
            # As a page would send a field that nobody touched.
            if name not in data and _is_sent(field.initial):
                prepared = field.prepare_value(field.initial)
                values = prepared if isinstance(prepared, (list, tuple)) else [prepared]
                data.setlist(name, [str(value) for value in values])
        files: MultiValueDict[str, Any] = MultiValueDict()
        try:
            for name, path in _pairs(options["file"], "--file"):
                files.appendlist(name, _open(Path(path)))
            unknown = sorted((set(data) | set(files)) - set(spec.form.base_fields))
            if unknown:
                names = ", ".join(spec.form.base_fields) or "none"
                raise CommandError(f"no field {unknown[0]!r} in {pipeline}; there are: {names}", returncode=EXIT_USAGE)
            for name, given in files.lists():
                if len(given) > 1 and not takes_many(spec.form.base_fields[name]):
                    raise CommandError(f"{name} takes one file, and {len(given)} are given", returncode=EXIT_USAGE)
            entry = open_form(spec, user=user, data=data, files=files)
            # Days and times are those of the owner's clock, as on the page.
            with timezone.override(Preferences.of(user).zone or None):
                entry.is_valid()
            if not entry.is_valid():
                lines = [f"{name or 'all'}: {' '.join(texts)}" for name, texts in errors_of(entry.form).items()]
                raise CommandError("\n".join(lines), returncode=EXIT_USAGE)
            submission = entry.submit(
                key=key,
                priority=PRIORITIES[options["priority"]],
                delay_seconds=delay_seconds,
                subject=subject,
            )
        finally:
            # Files that no job has taken are deleted.
            for _, opened in files.lists():
                for file in opened:
                    file.close()
        if wait is None:
            self._print(_find_job(submission.job_id), as_json=options["json"])
        else:
            self._wait(id=submission.job_id, timeout=wait, json=options["json"])

    def _wait(self, *, id: int, timeout: float, json: bool, **_: Any) -> None:
        job = _find_job(id)
        try:
            job = jobs.wait(job, timeout=None if timeout == math.inf else timeout)
        except TimeoutError as error:
            job, sentence = _find_job(id), str(error)
            self.stderr.write(sentence)
        self._print(job, as_json=json)
        if job.state != State.SUCCEEDED:
            raise SystemExit(EXIT_FAILED)

    def _show(self, *, id: int, json: bool, **_: Any) -> None:
        job = _find_job(id)
        if json:
            self._write_json(as_page(job))
        else:
            self._print(job, as_json=False)

    def _list(self, *, state: str | None, parent: int | None, json: bool, **_: Any) -> None:
        matches = Job.objects.filter(parent=parent).order_by("-pk")
        if state:
            matches = matches.filter(state=state)
        listed = list(matches[:LIST_LENGTH])
        if json:
            self._write_json([as_row(job) for job in listed])
            return
        note_parts(listed)
        width = max([10, *(len(job.outcome_words) for job in listed)])
        for job in listed:
            starts = f"  starts {job.run_at:%Y-%m-%d %H:%M:%S} UTC" if job.state in DELAYED else ""
            words = f"{job.outcome_words.lower():<{width}}"
            self.stdout.write(f"{job.pk:>8}  {words} {job.pipeline:<20} {job.title}{starts}")
        if not listed:
            self.stdout.write("no jobs")

    def _cancel(self, *, id: int | None, all: bool, yes: int | None, json: bool, **options: Any) -> None:
        search = bulk_cancels.Search(**{name: options[name] for name in ("pipeline", "state", "owner")})
        if all is (id is not None):
            raise CommandError("cancel takes a job's id, or --all", returncode=EXIT_USAGE)
        if id is not None:
            if yes is not None or search != bulk_cancels.Search():
                raise CommandError("--pipeline, --state, --owner and --yes go with --all", returncode=EXIT_USAGE)
            requests.cancel(_find_job(id), by=BY)
            self._print(_find_job(id), as_json=json)
            return
        if search.pipeline:
            pipelines.get(search.pipeline)
        if search.owner:
            _find_user(search.owner)
        if yes is None:
            count = bulk_cancels.find(search).count()
            what = "job matches" if count == 1 else "jobs match"
            raise CommandError(
                f"{count} {what}; add --yes {count} to cancel {'it' if count == 1 else 'them'}", returncode=EXIT_USAGE
            )
        done = bulk_cancels.cancel_all(search, expected=yes, by=BY)
        if json:
            self._write_json({"act": "cancel", "jobs": done, "matched": yes})
        else:
            self.stdout.write(f"{done} of {yes} cancelled; those that run end within seconds")

    def _retry(self, *, id: int, from_start: bool, json: bool, **_: Any) -> None:
        requests.retry(_find_job(id), by=BY, from_start=from_start)
        self._print(_find_job(id), as_json=json)

    def _discard(self, *, id: int, json: bool, **_: Any) -> None:
        requests.discard_failed(_find_job(id), by=BY)
        self._print(_find_job(id), as_json=json)

    def _priority(self, *, id: int, priority: str, json: bool, **_: Any) -> None:
        requests.reprioritise(_find_job(id), PRIORITIES[priority], by=BY)
        self._print(_find_job(id), as_json=json)

    def _failed(
        self, *, pipeline: str, owner: str, text: str, error: str, yes: int | None, json: bool, **options: Any
    ) -> None:
        search = dead_letters.Search(pipeline=pipeline, owner=owner, text=text, error=error)
        act = "requeue" if options["requeue"] else "discard" if options["discard"] else ""
        if not act:
            if yes is not None or options["from_start"]:
                raise CommandError("--yes and --from-start go with --requeue or --discard", returncode=EXIT_USAGE)
            self._list_failed(search, as_json=json)
            return
        if act == "discard" and options["from_start"]:
            raise CommandError("--from-start goes with --requeue", returncode=EXIT_USAGE)
        if yes is None:
            count = dead_letters.find(OPERATOR, search).count()
            raise CommandError(
                f"{count} failed {'job matches' if count == 1 else 'jobs match'}; add --yes {count} to {act} "
                f"{'it' if count == 1 else 'them'}",
                returncode=EXIT_USAGE,
            )
        if act == "requeue":
            done = dead_letters.requeue_all(
                OPERATOR, search, ids=None, expected=yes, from_start=options["from_start"], by=BY
            )
        else:
            done = dead_letters.discard_all(OPERATOR, search, ids=None, expected=yes, by=BY)
        if json:
            self._write_json({"act": act, "jobs": done, "matched": yes})
        else:
            self.stdout.write(f"{done} of {yes} {act}{'d' if act == 'requeue' else 'ed'}")

    def _list_failed(self, search: dead_letters.Search, *, as_json: bool) -> None:
        matches = dead_letters.find(OPERATOR, search)
        newest, count = list(matches[:LIST_LENGTH]), matches.count()
        if as_json:
            self._write_json({"count": count, "jobs": [as_row(job) for job in newest]})
            return
        for job in newest:
            reason = " ".join(job.error.split())
            self.stdout.write(f"{job.pk:>8}  {job.pipeline:<20} {job.attempt:>2} attempts  {reason[:80]}")
        self.stdout.write(
            f"{count:,} failed, the newest {len(newest)} shown" if count > len(newest) else f"{count} failed"
        )

    def _print(self, job: Job, *, as_json: bool) -> None:
        if as_json:
            self._write_json(as_dict(job))
        else:
            self.stdout.write("\n".join(as_lines(job)))

    def _write_json(self, value: Any) -> None:
        self.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def _is_sent(initial: Any) -> bool:
    # An unticked box sends nothing; a zero is sent.
    return initial is not None and initial is not False and initial != "" and not callable(initial)


def _find_user(name: str) -> AbstractBaseUser:
    user_model = get_user_model()
    user = user_model._default_manager.filter(**{user_model.USERNAME_FIELD: name}).first()
    if user is None:
        raise CommandError(f"unknown user {name!r}", returncode=EXIT_USAGE)
    return user


def _find_subject(text: str | None) -> tuple[int | None, str] | None:
    """Return the object of `app.Model:key` as a job's columns; None for none."""
    if text is None:
        return None
    label, colon, key = text.partition(":")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError) as error:
        raise CommandError(
            f"--subject {text!r}: write APP.MODEL:KEY, as shop.Order:7", returncode=EXIT_USAGE
        ) from error
    try:
        subject = model._base_manager.filter(pk=key).first() if colon else None
    except (ValidationError, ValueError):
        subject = None
    if subject is None:
        raise CommandError(f"--subject {text!r}: there is no such {model._meta.verbose_name}", returncode=EXIT_USAGE)
    return subject_columns(subject)


def _delay_seconds(text: str | None) -> float:
    """Return the seconds until a time on the database's clock; of one without a zone, in the site's."""
    if text is None:
        return 0.0
    try:
        at = parse_datetime(text)
    except ValueError:
        at = None
    if at is None:
        raise CommandError(f"--at {text!r}: write a time as 2026-12-01T03:00", returncode=EXIT_USAGE)
    if at.tzinfo is None:
        at = timezone.make_aware(at)
    return max(0.0, (at - database_now()).total_seconds())


def _what_is_missing() -> str:
    """Return what to do about a database that is not there, or not yet as it should be; empty when it is."""
    try:
        tables = connection.introspection.table_names()
    except OperationalError as error:
        reason = " ".join(str(error).split())
        return (
            f"The database can't be reached ({reason}). Start Headway with `make up`, or say where it is: HEADWAY_HOME "
            "or DATABASE_URL."
        )
    if Job._meta.db_table in tables:
        return ""
    return "The database has no jobs yet: start Headway with `make up`, or run `manage.py migrate`."


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


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Opening it says what is wrong.
        return 0
