"""The pipelines that chaos runs. What they write names the fence that wrote it: the witness reads that."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django import forms
from django.db import IntegrityError, connection

from actors.pipelines.pdf_export.forms import PdfExportForm
from actors.pipelines.pdf_export.pipeline import pdf_export
from actors.runtime.run_job import attempts
from core.attempt.context import JobContext
from core.attempt.fencing import Ownership
from core.errors import LeaseLost, PermanentError
from core.forms import PipelineForm, UploadField
from core.life import leases
from core.life.leases import Held
from core.mails import sending
from core.models import Job, JobProgress
from core.pipelines import pipeline
from tests.chaos.expected import STEPS, oracle, upload_text
from tests.pipelines import write_effect
from tests.services.waiting import wait_until

#: Seconds that each part of a report's making takes longer, so that a kill meets it.
LINGER_SECONDS = 0.15
#: Seconds that an attempt is held at most.
HOLD_SECONDS = 240.0


class StepsForm(PipelineForm):
    """How long each step takes."""

    seconds = forms.FloatField(min_value=0)


@pipeline(title="Three steps and a file", form=StepsForm, max_attempts=60, max_crashes=60, is_listed=False)
def chaos_steps(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Write one effect a step and publish one file, with something temporary lying about meanwhile."""
    (ctx.scratch / "work").write_text("temporary")
    for number, key in enumerate(STEPS):
        ctx.progress(number, len(STEPS), note=signature(ctx))
        ctx.step(key, write_effect, ctx, key, seconds, atomic=True)
    made = ctx.folder / "result.txt"
    made.write_text(oracle(ctx.job_id))
    ctx.add_artifact(made)
    return {"fence": ctx.fence}


class FileForm(StepsForm):
    """A file besides."""

    file = UploadField()


@pipeline(title="A file in, three steps and a file", form=FileForm, max_attempts=60, max_crashes=60, is_listed=False)
def chaos_upload(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Do what `chaos_steps` does, if the uploaded file is whole."""
    source = ctx.file("file")
    if source.path.read_text() != upload_text(source.name):
        raise PermanentError(f"{source.name} is not what was uploaded")
    made: dict[str, Any] = chaos_steps(ctx, seconds)
    return made


@pipeline(title="Three steps, a file and a mail", form=StepsForm, max_attempts=60, max_crashes=60, is_listed=False)
def chaos_mail(ctx: JobContext, seconds: float) -> dict[str, Any]:
    """Do what `chaos_steps` does, and mail it; whether the mail's end is right is the judge's to say."""
    made: dict[str, Any] = chaos_steps(ctx, seconds)
    mail_id = ctx.step(
        "mail", sending.write, ctx, kind="chaos", to="somebody@example.org", subject="Done", text="It is.", atomic=True
    )
    with suppress(PermanentError):
        sending.deliver(ctx, mail_id)
    return made


def signature(ctx: JobContext) -> str:
    """The text by which the witness knows who wrote a progress or a line of the timeline."""
    return f"fence {ctx.fence}"


@pipeline(title="A report that lingers", form=PdfExportForm, max_attempts=500, max_crashes=500, is_listed=False)
def chaos_report(ctx: JobContext, **params: Any) -> Any:
    """Set a report as the pipeline does, telling of each run of a step, with time to be killed in."""
    step, add_artifact = ctx.step, ctx.add_artifact

    def lingering_step(key: str, run: Callable[..., Any], *args: Any, **options: Any) -> Any:
        def noted(*given: Any, **named: Any) -> Any:
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO test_run (job_id, step, fence) VALUES (%s, %s, %s)", [ctx.job_id, key, ctx.fence]
                )
            time.sleep(LINGER_SECONDS)
            return run(*given, **named)

        return step(key, noted, *args, **options)

    def lingering_artifact(*args: Any, **options: Any) -> int:
        time.sleep(LINGER_SECONDS)
        made = add_artifact(*args, **options)
        time.sleep(LINGER_SECONDS)
        return made

    ctx.step, ctx.add_artifact = lingering_step, lingering_artifact  # type: ignore[method-assign]
    return pdf_export(ctx, **params)


class ZombieForm(PipelineForm):
    """Where the attempts are told to go on, and whether the second one waits for that too."""

    folder = forms.CharField()
    holds_successor = forms.BooleanField(required=False)


@pipeline(title="Zombie", form=ZombieForm, is_listed=False)
def chaos_zombie(ctx: JobContext, folder: str, holds_successor: bool) -> dict[str, Any]:
    """Be held in the first step. The first attempt, let go, writes whatever it can with its old fence."""
    marks = Path(folder)
    if ctx.fence == 1:
        return _Zombie(ctx, marks).haunt()
    for key in STEPS:
        is_held = holds_successor and key == STEPS[0]
        ctx.step(key, _write_held, ctx, key, marks if is_held else None, atomic=True)
    made = ctx.folder / "result.txt"
    made.write_text(oracle(ctx.job_id))
    ctx.add_artifact(made)
    return {"fence": ctx.fence}


def _write_held(ctx: JobContext, step: str, marks: Path | None) -> int:
    if marks is not None:
        (marks / f"{ctx.fence}.held").touch()
        # A third one, after a lease that ran out while the machine stood still, is let go with the second.
        go = marks / f"{min(ctx.fence, 2)}.go"
        wait_until(go.exists, HOLD_SECONDS, f"{go} to let the attempt go on", every=0.02)
    return write_effect(ctx, step, 0)


class Deaf(Ownership):
    """Hears of nothing that its keeper has noticed. All parts of an attempt hold the same one."""

    __slots__ = ()

    def check(self) -> None:
        return


class _Zombie:
    """An attempt that goes on as if nobody had told it of its lost lease, and catches what it should not."""

    def __init__(self, ctx: JobContext, marks: Path) -> None:
        self._ctx = ctx
        self._marks = marks
        self._answers: dict[str, str] = {}

    def haunt(self) -> dict[str, Any]:
        ctx = self._ctx
        # Between the last check and the write there is always a moment: here it lasts for ever, so that the
        # fence in the statement has to refuse.
        ctx._own.__class__ = Deaf
        self._try("step", lambda: ctx.step(STEPS[0], _write_held, ctx, STEPS[0], self._marks, atomic=True))
        current = Job.objects.values_list("fence", flat=True).get(pk=ctx.job_id)
        self._try("progress", self._show_progress)
        self._try("lease", self._renew)
        self._try("note", lambda: ctx.log(signature(ctx)))
        self._try("artifact", self._publish_file)
        self._try("effect", lambda: ctx.step(STEPS[1], write_effect, ctx, STEPS[1], 0, atomic=True))
        told = {"fence": ctx.fence, "current_fence": current, "answers": self._answers}
        part = self._marks / "zombie.part"
        part.write_text(json.dumps(told))
        part.rename(self._marks / "zombie.json")
        # Its end is the last write it tries.
        return {"fence": ctx.fence}

    def _try(self, name: str, write: Callable[[], object]) -> None:
        try:
            write()
        except LeaseLost as error:
            # Refused by what it has in memory, it would prove nothing of the fence.
            heard = str(error) == f"job {self._ctx.job_id}, fence {self._ctx.fence}"
            self._answers[name] = "refused by its keeper's word" if heard else "refused"
        except IntegrityError as error:
            # The newer attempt has completed that step: its checkpoint's key comes before the fence.
            is_step = "step_job_key" in str(error)
            self._answers[name] = "refused by the checkpoint" if is_step else f"IntegrityError: {error}"
        except Exception as error:  # noqa: BLE001  whatever it is, it is told
            self._answers[name] = f"{type(error).__name__}: {error}"
        else:
            self._answers[name] = "accepted"

    def _show_progress(self) -> None:
        self._ctx.progress(1, note=signature(self._ctx))
        # What its keeper does a few times a second.
        attempts().write_progress()
        if not JobProgress.objects.filter(job_id=self._ctx.job_id, note=signature(self._ctx)).exists():
            raise LeaseLost("the progress was not written")

    def _renew(self) -> None:
        if not leases.renew([Held(self._ctx.job_id, self._ctx.fence)]):
            raise LeaseLost("the lease was not renewed")

    def _publish_file(self) -> None:
        made = self._ctx.folder / "result.txt"
        made.write_text(f"{signature(self._ctx)} at {time.time()}")
        self._ctx.add_artifact(made)
