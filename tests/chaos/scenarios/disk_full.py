"""A full disk: at the upload, at the result, and at the database, each on a tiny tmpfs that the suite fills.

Mounting needs root; the suite says so where it is refused. A store can be full in two ways: no bytes, or no inodes,
which no look at the free bytes foretells.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.runs import Outcome, Size
from tests.chaos.stage import EmbeddedStage
from tests.chaos.submitting import OWNER
from tests.chaos.verdict import judge
from tests.services.postgres import GivenPostgres
from tests.services.rabbitmq import RabbitNode
from tests.services.site import Answer
from tests.services.waiting import wait_until

FILES_BYTES, FILES_INODES = 8 * 1024**2, 1500
DATABASE_BYTES = 32 * 1024**2
#: An upload that fits on the disk once, when there is the room for it that the third round leaves, and not twice.
UPLOAD_BYTES = 2 * 1024**2
#: What the settings of the stage keep free of uploads.
FLOOR_BYTES = 1_000_000
#: Statuses that say "not now": never 500, which is a fault nobody has thought of.
REFUSALS = (429, 503, 507)
#: Jobs that meet a full disk with their results at a time.
AT_ONCE = 5
STEP_SECONDS = 90.0


def run(folder: Path, rabbit: RabbitNode, postgres: GivenPostgres, size: Size) -> Outcome:
    try:
        with (
            _tmpfs(folder / f"tiny-files-{time.time_ns()}", FILES_BYTES, inodes=FILES_INODES) as files,
            _tmpfs(folder / f"tiny-database-{time.time_ns()}", DATABASE_BYTES) as database,
        ):
            settings = {"STORAGE_URL": f"file://{files}"}
            stage = EmbeddedStage("disk_full", folder, threads=AT_ONCE + 1, database_folder=database, settings=settings)
            try:
                return _Play(stage, size, files, database).run()
            finally:
                stage.close()
    except PermissionError as error:
        return Outcome(scenario="disk_full", violations=[str(error)])


@dataclass
class _Play:
    stage: EmbeddedStage
    size: Size
    files: Path
    database: Path
    answers: Counter[str] = field(default_factory=Counter)
    #: What was refused otherwise than in a clear sentence.
    unclear: list[str] = field(default_factory=list)
    #: The size of the file that each accepted upload has to be, by its job.
    uploads: dict[int, int] = field(default_factory=dict)

    def run(self) -> Outcome:
        stage, size = self.stage, self.size
        self.outcome = outcome = Outcome(scenario="disk_full", kills=f"3 x {size.disk_rounds} times full")
        stage.site.start_web()
        stage.fleet.start()
        self.person = stage.site.person(OWNER)
        self.patient, self.short = stage.script("chaos_patient"), stage.script("chaos_steps")
        began = time.monotonic()
        try:
            for number in range(size.disk_rounds):
                self.upload_when_full(number)
            for _ in range(0, size.disk_rounds, AT_ONCE):
                self.publish_when_full(min(AT_ONCE, size.disk_rounds))
            for number in range(size.disk_rounds):
                self.submit_when_full(number)
        except TimeoutError as error:
            outcome.violations.append(f"it stood still while a disk was full: {error}")
        for folder in (self.files, self.database):
            free(folder)
        last = time.monotonic()
        try:
            stage.wait_until_quiet(size.quiet_seconds)
        except TimeoutError as error:
            outcome.violations.append(f"not quiet {size.quiet_seconds:g} s after there was room again: {error}")
        outcome.recovered_seconds = time.monotonic() - last
        outcome.seconds = time.monotonic() - began
        judge(stage, outcome)
        self.judge_answers(outcome)
        return outcome

    # -- the three places --------------------------------------------------------------------------

    def upload_when_full(self, number: int) -> None:
        """The store has no bytes, or no inodes, or room for the file just once: then it has to be taken."""
        source = self.stage.site.home / "upload.txt"
        source.write_text(chr(97 + number % 26) * UPLOAD_BYTES)
        fields = {"idempotency-key": uuid.uuid4().hex}
        way = ("no bytes", "no inodes", "room for one")[number % 3]
        with contextlib.ExitStack() as tidy:
            tidy.callback(free, self.files)
            match way:
                case "no bytes":
                    fill(self.files, leave=FLOOR_BYTES // 2)
                case "no inodes":
                    fill_inodes(self.files)
                case _:
                    fill(self.files, leave=FLOOR_BYTES + UPLOAD_BYTES + 200_000)
            answer = self.send("chaos_echo", fields, source)
            self.note(f"upload, {way}", answer, fields, may_be_accepted=way == "room for one")
        if not self.is_accepted(answer):
            # There is room again: the same form goes through.
            self.note("upload, room again", self.send("chaos_echo", fields, source), fields, may_be_accepted=True)
        self.forget_uploads()

    def publish_when_full(self, count: int) -> None:
        """The jobs are about to write their files when the disk is full; they are tried again until it is not."""
        sign = self.stage.site.home / f"sign-{time.time_ns()}"
        jobs = self.patient.submit([{"sign": str(sign)}] * count)
        marks = ",".join(map(str, jobs))
        steps = f"SELECT count(*) FROM test_effect WHERE job_id IN ({marks})"  # noqa: S608  numbers
        wait_until(lambda: self.stage.ask(steps)[0][0] == 3 * count, STEP_SECONDS, "jobs to be about to publish")
        try:
            fill(self.files, leave=0)
            sign.touch()
            tried = f"SELECT count(DISTINCT job_id) FROM core_jobevent WHERE kind = 'retrying' AND job_id IN ({marks})"  # noqa: S608
            wait_until(lambda: self.stage.ask(tried)[0][0] == count, STEP_SECONDS, "results to meet a full disk")
        finally:
            free(self.files)
        self.answers["result: tried again"] += count

    def submit_when_full(self, number: int) -> None:
        """The database has no room: nothing is promised, and what runs goes on later."""
        self.short.submit([{"seconds": 0.02}] * 2)
        fields = {"seconds": 0.01, "idempotency-key": uuid.uuid4().hex}
        # What the journal has reserved is given back first, or the next writes need no room.
        with contextlib.closing(sqlite3.connect(self.stage.database, timeout=60)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        try:
            fill(self.database, leave=0)
            answer = self.send("chaos_steps", fields)
            self.note("database, no bytes", answer, fields, may_be_accepted=True)
        finally:
            free(self.database)
        if not self.is_accepted(answer):
            self.note("database, room again", self.send("chaos_steps", fields), fields, may_be_accepted=True)

    # -- a person ----------------------------------------------------------------------------------

    def send(self, pipeline: str, fields: dict[str, Any], source: Path | None = None) -> Answer:
        path = f"/pipelines/{pipeline}/"
        try:
            return self.person.post(path, fields, files={"file": source} if source else None, follow=False)
        except OSError as error:
            return Answer(0, path, {}, repr(error).encode())

    @staticmethod
    def is_accepted(answer: Answer) -> bool:
        return answer.status in (302, 303)

    def note(self, what: str, answer: Answer, fields: dict[str, Any], *, may_be_accepted: bool) -> None:
        """Note the answer; an accepted submit goes into the ledger, a refused one has no job."""
        key = fields["idempotency-key"]
        self.answers[f"{what}: {answer.status}"] += 1
        if self.is_accepted(answer):
            job = int(answer.headers["location"].rstrip("/").rpartition("/")[2])
            self.stage.ledger.accept({key: job})
            if "seconds" not in fields:
                self.uploads[job] = UPLOAD_BYTES
            if may_be_accepted:
                return
        elif self.stage.ask("SELECT id FROM core_job WHERE idempotency_key = %s", key):
            self.unclear.append(f"{what}: refused with {answer.status}, and the job is there")
        is_clear = answer.status in REFUSALS and ("full" in answer.text or "room" in answer.text)
        if not is_clear or (may_be_accepted and not what.startswith("database, no")):
            self.unclear.append(f"{what}: {answer.status} {answer.text[:80]!r}")

    def forget_uploads(self) -> None:
        """Delete the files of jobs that have read them: the tiny disk is for the next."""
        wait_until(lambda: self.stage.left() == 0, STEP_SECONDS, "uploads to be read")
        for file in (self.files / "uploads").glob("*/*"):
            file.unlink()

    def judge_answers(self, outcome: Outcome) -> None:
        outcome.violate("answers of a full disk that are no clear refusal", self.unclear)
        results = self.stage.ask(
            "SELECT id, result FROM core_job WHERE pipeline = 'chaos_echo' AND state = 'succeeded'"
        )
        wrong = [
            f"{job}: {text}"
            for job, text in results
            if {**json.loads(text), "fence": 0} != {"fence": 0, "size": self.uploads.get(job), "is_even": True}
        ]
        outcome.violate("uploads that arrived otherwise than they were sent", wrong)
        refused = sum(n for what, n in self.answers.items() if what.startswith("database, no") and "30" not in what)
        if self.size.disk_rounds and not refused:
            outcome.violations.append("the database never was full: nothing was tried")
        for what, count in sorted(self.answers.items()):
            outcome.figures[what] = count


# -- tiny disks -------------------------------------------------------------------------------------


@contextlib.contextmanager
def _tmpfs(folder: Path, size: int, *, inodes: int = 0) -> Iterator[Path]:
    folder.mkdir(parents=True)
    options = f"size={size}" + (f",nr_inodes={inodes}" if inodes else "")
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(f"no tiny disk could be mounted, which takes root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: a process that is on its end may still have a file open.
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def fill(folder: Path, *, leave: int) -> None:
    """Leave so many bytes, by a file that is in the way."""
    disk = os.statvfs(folder)
    size = disk.f_bavail * disk.f_frsize - leave
    if size > 0:
        with (folder / "ballast").open("wb") as file, contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, size)
    if leave == 0:
        # Whatever came free in between.
        with (folder / "ballast-too").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4096)


def fill_inodes(folder: Path) -> None:
    with contextlib.suppress(OSError):
        number = 0
        while True:
            (folder / f"ballast-{number}").touch()
            number += 1


def free(folder: Path) -> None:
    for ballast in folder.glob("ballast*"):
        ballast.unlink()
