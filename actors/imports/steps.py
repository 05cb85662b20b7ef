"""The life of an import, told once. The pipelines that import run it on a file of theirs.

1. receive: the file is unpacked when it is packed. The same content with the same options, imported before,
   ends the job here with the dataset that exists.
2. detect: how the file is written is detected from a sample. What the person or an earlier dataset sets, wins.
3. read: every record is located, counted, and loaded as text. Damaged ones are set apart with their line. When many
   are, other readings are tried, and the one that loses least stays.
4. check: types are proved on all values, rules and keys are checked, the limits on rejects are held.
5. write: Parquet, the rejected rows, the duplicates, the lines that are no records, and a preview.
6. publish: the dataset's row, with the checkpoint, in one fenced transaction. Until then nothing is visible. A file
   with too many rejects fails here, and its files are kept.
7. The columns of a large table are profiled afterwards, by a job of its own.

Each is a step whose result names files in the store, so an attempt begins where the one before was lost. A small file
is read in one call, steps 2 to 5, which takes no longer than their checkpoints would: after a crash it is read again.
The work is done in child processes: they can be killed at once, and their memory is gone with them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from actors.reading import check, detect, profile, read, unpack, whole, write
from actors.reading.errors import Unreadable
from actors.reading.made import Detected, Loaded, Plan, Profile, Whole
from actors.reading.remarks import warnings_of
from core import pipelines
from core.attempt.context import InputFile, JobContext
from core.attempt.datasets import publish_dataset
from core.conf import conf
from core.database.jsontext import typed
from core.errors import PermanentError
from core.files import storage
from core.life.submission import submit
from core.models import Artifact, Dataset
from core.models.job import Priority

from .options import Options, entry_of
from .profiling import PENDING, stats_of
from .telling import facts_of, headline_of, report_of

T = TypeVar("T")

#: Resident bytes of a child process at which it is ended: several times what it needs.
CHILD_MEMORY = 4 * 1024**3
#: Bytes of a file up to which it is read in one call: that takes less time than checkpoints are worth.
SMALL_BYTES = 16 * 1024**2
#: The modules whose functions run in child processes.
IN_CHILDREN = (unpack, detect, read, check, write, profile, whole)
#: (name, title) of the stages of an import's page.
STAGES = (
    ("receive", "Receive the file"),
    ("read", "Read the records"),
    ("check", "Check the values"),
    ("write", "Write the dataset"),
    ("publish", "Publish"),
)
#: The files that are put on the job's page: kind, ending, title.
_PUBLISHED_FILES = (
    ("parquet", "parquet", "Dataset (Parquet)"),
    ("rejected", "rejected.csv", "Rejected rows"),
    ("duplicates", "duplicates.csv", "Duplicate rows"),
    ("aside", "aside.csv", "Lines around the table"),
)


@dataclass(frozen=True, kw_only=True)
class Received:
    """The content to read."""

    #: Its key; empty where it is the file itself.
    content: str
    #: Its name in an archive.
    member: str
    bytes: int


@dataclass(frozen=True, kw_only=True)
class StoredResult:
    """What a step left in the store: a folder, and the key of its report, which may be too long for a row."""

    folder: str
    said: str


def import_table(
    ctx: JobContext,
    source: InputFile,
    options: Options,
    *,
    also: Callable[[int], None] | None = None,
    unpacked_limit_bytes: int | None = None,
    charset: str = "",
) -> dict[str, Any]:
    """Make a dataset of the file and return the job's result: "headline", "facts", "dataset", its id, and "warning".

    `also` is called with that id in the transaction that publishes it, or that finds it published before. `charset`
    is the one that the file's server declared.
    """
    fingerprint = options.fingerprint(source.sha256)
    if not options.import_again and (existing := _imported_before(ctx, fingerprint)):
        if also:
            ctx.step("publish", _publish_again, existing.pk, also, atomic=True)
        return {
            "headline": "This file was imported already",
            "dataset": existing.pk,
            "facts": [["Rows", existing.rows]],
        }
    name = options.name or name_of(source.name)
    options = options.like(_model_of(ctx, options), most_rejected_percent=conf.IMPORT_MAX_REJECTED_PERCENT)
    ctx.stage("receive")
    received = _received(ctx, source, unpacked_limit_bytes)
    content = ctx.resolve(received.content) if received.content else source.path
    if received.bytes <= SMALL_BYTES:
        made = _small(ctx, content, options, charset)
    else:
        made = _large(ctx, content, options, charset)
    artifacts = _artifacts(ctx, made, name)
    if made.plan.refused:
        ctx.publish(artifacts)
        raise PermanentError(made.plan.refused)
    ctx.stage("publish")
    identity = {"fingerprint": fingerprint, "name": name}
    dataset_id = ctx.step(
        "publish", _publish, ctx, source, identity, made, received.member, artifacts, also, atomic=True
    )
    if received.content:
        ctx.resolve(received.content).unlink(missing_ok=True)
    warnings = warnings_of(made.plan, made.tally)
    result = {"headline": headline_of(made.plan), "facts": facts_of(made.plan, made.tally), "dataset": dataset_id}
    return {**result, "warning": " ".join(warnings)} if warnings else result


def _imported_before(ctx: JobContext, fingerprint: str) -> Dataset | None:
    datasets = Dataset.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint, job__state="succeeded")
    dataset = datasets.order_by("-id").first()
    return dataset if dataset and storage.resolve(dataset.parquet_path).is_file() else None


def _model_of(ctx: JobContext, options: Options) -> Dataset | None:
    """The dataset that this one is to be like, when there is one."""
    if options.model is None:
        return None
    return Dataset.objects.filter(pk=options.model, owner_id=ctx.owner_id).first()


def _received(ctx: JobContext, source: InputFile, limit_bytes: int | None) -> Received:
    arguments: dict[str, Any] = {"path": str(source.path), "name": source.name}
    if limit_bytes is not None:
        arguments["limit_bytes"] = limit_bytes
    if unpack.is_packed(source.path):
        return ctx.step("receive", _unpack, ctx, arguments, returns=Received)
    try:
        # Nothing to unpack: worth neither a process nor a checkpoint.
        received = unpack.unpack(_silent, folder=str(ctx.scratch), **arguments)
    except Unreadable as error:
        raise PermanentError(str(error)) from error
    return Received(content="", member="", bytes=received.bytes)


def _silent(done: int, total: int | None = None, note: str = "") -> None:
    """A report of what takes no time."""


def _unpack(ctx: JobContext, arguments: dict[str, Any]) -> Received:
    folder = _folder(ctx, "received")
    received = _in_child(ctx, unpack.unpack, unit="bytes", folder=str(folder), **arguments)
    return Received(content=ctx.key(folder / received.name), member=received.member, bytes=received.bytes)


def _small(ctx: JobContext, content: Path, options: Options, charset: str) -> Whole:
    """Read a file that takes less time than a checkpoint is worth: after a crash it is read again."""
    ctx.stage("read")
    folder = _folder(ctx, "dataset")
    made = _in_child(
        ctx,
        whole.whole,
        unit="bytes",
        memory_bytes=CHILD_MEMORY,
        path=str(content),
        folder=str(folder),
        scratch=str(ctx.scratch),
        settings=options.dialect,
        declared=charset or options.encoding_before,
        ragged=options.ragged,
        quotes=options.quotes,
        rules=options.rules,
        keys=options.keys,
        checks=options.checks,
        neutralise=not options.keep_formulas,
    )
    # What follows needs no child process, and others may wait for one.
    ctx.release_child()
    return replace(made, files=_flushed(ctx, folder, made.files))


def _large(ctx: JobContext, content: Path, options: Options, charset: str) -> Whole:
    ctx.stage("read")
    declared = charset or options.encoding_before
    detected = ctx.step("detect", _detect, ctx, content, options, declared, title="Detect the format", returns=str)
    read_step = ctx.step("read", _read, ctx, content, _load(ctx, detected, Detected), options, returns=StoredResult)
    loaded = _load(ctx, read_step.said, Loaded)
    ctx.stage("check")
    check_step = ctx.step("check", _check, ctx, read_step.folder, loaded, options, returns=StoredResult)
    plan = _load(ctx, check_step.said, Plan)
    ctx.stage("write")
    folders = read_step.folder, check_step.folder
    files = ctx.step("write", _write, ctx, folders, loaded, plan, options, returns=dict[str, str])
    ctx.release_child()
    for key in folders:
        shutil.rmtree(ctx.resolve(key), ignore_errors=True)
    tally = replace(loaded.tally, after_table=loaded.tally.after_table + plan.totals)
    return Whole(dialect=loaded.dialect, tally=tally, plan=plan, files=files, profile=None)


def _detect(ctx: JobContext, content: Path, options: Options, declared: str) -> str:
    detected = _in_child(
        ctx, detect.detect, unit="bytes", path=str(content), options=options.dialect, declared=declared
    )
    return _keep(ctx, "dialect.json", detected)


def _read(ctx: JobContext, content: Path, detected: Detected, options: Options) -> StoredResult:
    folder = _folder(ctx, "read")
    loaded = _in_child(
        ctx,
        read.read,
        unit="bytes",
        memory_bytes=CHILD_MEMORY,
        path=str(content),
        folder=str(folder),
        scratch=str(ctx.scratch),
        detected=detected,
        settings=options.dialect,
        ragged=options.ragged,
        quotes=options.quotes,
    )
    return StoredResult(folder=ctx.key(folder), said=_keep(ctx, "read.json", loaded))


def _check(ctx: JobContext, raw: str, loaded: Loaded, options: Options) -> StoredResult:
    folder = _folder(ctx, "check")
    plan = _in_child(
        ctx,
        check.check,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        folder=str(ctx.resolve(raw)),
        target=str(folder),
        scratch=str(ctx.scratch),
        loaded=loaded,
        rules=options.rules,
        keys=options.keys,
        options=options.checks,
    )
    return StoredResult(folder=ctx.key(folder), said=_keep(ctx, "plan.json", plan))


def _write(ctx: JobContext, folders: tuple[str, str], loaded: Loaded, plan: Plan, options: Options) -> dict[str, str]:
    raw, checks = folders
    folder = _folder(ctx, "dataset")
    files = _in_child(
        ctx,
        write.write,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        folder=str(ctx.resolve(raw)),
        checks=str(ctx.resolve(checks)),
        target=str(folder),
        scratch=str(ctx.scratch),
        loaded=loaded,
        plan=plan,
        neutralise=not options.keep_formulas,
    )
    return _flushed(ctx, folder, files)


def _publish(
    ctx: JobContext,
    source: InputFile,
    identity: dict[str, str],
    made: Whole,
    member: str,
    artifacts: list[Artifact],
    also: Callable[[int], None] | None,
) -> int:
    plan, is_profiled = made.plan, made.profile is not None
    nothing: list[Profile | None] = [None] * len(plan.columns)
    entries = made.profile or nothing
    dataset_id = publish_dataset(
        ctx,
        name=identity["name"],
        fingerprint=identity["fingerprint"],
        source_name=source.name,
        source_bytes=source.size,
        records=plan.records,
        rows=plan.rows,
        rejected=plan.rejected,
        duplicates=plan.duplicates,
        dialect=report_of(made.dialect, made.tally, plan, member=member, is_profiled=is_profiled),
        rules={"columns": [entry_of(rule) for rule in plan.rules], "keys": plan.keys},
        parquet_path=made.files["parquet"],
        rejects_path=made.files.get("rejected", ""),
        preview_path=made.files["preview"],
        columns=[
            {
                "name": column.name,
                "source_name": column.source_name,
                "type": column.reading.type,
                "nulls": entry.nulls if entry else 0,
                "distinct": entry.distinct if entry else 0,
                "stats": stats_of(column, entry),
            }
            for column, entry in zip(plan.columns, entries, strict=True)
        ],
    )
    Artifact.objects.publish(artifacts)
    if not is_profiled:
        profiling = pipelines.get("dataset_profile").name
        submit(
            profiling,
            owner_id=ctx.owner_id,
            params={"dataset": dataset_id},
            key=f"{PENDING}-profile-{dataset_id}",
            priority=Priority.LOW,
        )
    if also:
        also(dataset_id)
    return dataset_id


def _publish_again(dataset_id: int, also: Callable[[int], None]) -> int:
    also(dataset_id)
    return dataset_id


def _artifacts(ctx: JobContext, made: Whole, name: str) -> list[Artifact]:
    """The files that the job's page shows, ready to be published."""
    stem = "".join(mark if mark.isalnum() or mark in "-_. " else "_" for mark in name).strip() or "dataset"
    return [
        ctx.artifact(ctx.resolve(made.files[kind]), name=f"{stem}.{ending}", title=title, field=kind, is_flushed=True)
        for kind, ending, title in _PUBLISHED_FILES
        if kind in made.files and (made.plan.rows or kind != "parquet")
    ]


def _in_child(ctx: JobContext, function: Callable[..., T], **named: Any) -> T:
    """Run a function of the reading toolkit in the job's child process; what it can't read fails the job for good."""
    try:
        return ctx.run_in_child(function, **named)
    except Unreadable as error:
        raise PermanentError(str(error)) from error


def _folder(ctx: JobContext, name: str) -> Path:
    """An empty folder under the attempt's own."""
    folder = ctx.folder / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _flushed(ctx: JobContext, folder: Path, files: dict[str, str]) -> dict[str, str]:
    """Flush these files of the folder and return their keys."""
    for name in files.values():
        storage.flush_file(folder / name)
    storage.flush_folder(folder)
    return {kind: ctx.key(folder / name) for kind, name in files.items()}


def _keep(ctx: JobContext, name: str, value: Any) -> str:
    """Keep a result that may be too long for a row in a file; return its key."""
    path = ctx.folder / name
    path.write_text(json.dumps(msgspec.to_builtins(value)), encoding="utf-8")
    storage.flush_file(path)
    return ctx.key(path)


def _load(ctx: JobContext, key: str, kind: type[T]) -> T:
    return typed(json.loads(ctx.resolve(key).read_text(encoding="utf-8")), kind, what="What the import has kept")


def name_of(file_name: str) -> str:
    """Return the name of a file's dataset: the file's, without the endings of tables and packings."""
    name = file_name
    for ending in (".gz", ".zip", *unpack.ENDINGS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name[:200]
