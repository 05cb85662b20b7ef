"""The life of an import, told once. The pipelines that import run it on a file of theirs.

1. receive: the file is unpacked when it is packed. The same content with the same options, imported before,
   ends the job here with the dataset that exists.
2. detect: a sample says how the file is written; what the person set stands.
3. read: every record is found, counted, and loaded as text; damaged ones are set apart with their line.
4. check: types are proved on all values, rules and keys are checked, the limits on rejects are held.
5. write: Parquet, the cleaned CSV, the rejected rows, the duplicates and a preview, into the attempt's folder.
6. profile: what is in each column.
7. publish: the dataset's row, with the checkpoint, in one fenced transaction. Until then nothing is visible.

Each is a step whose result names files in the store, so an attempt begins where the one before was lost. The work
is done in child processes: they can be killed at once, and their memory is gone with them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from actors.reading import check, detect, profile, read, unpack, write
from actors.reading.errors import Unreadable
from core import storage
from core.context import InputFile, JobContext
from core.datasets import publish_dataset
from core.errors import PermanentError
from core.models import Dataset

from .options import Options

#: Resident bytes of a child process at which it is ended: several times what it needs.
CHILD_MEMORY = 4 * 1024**3
#: Names in the report of a dataset's dialect; the columns have them all.
_NOT_REPORTED = ("names", "source_names")
#: The modules whose functions run in child processes.
IN_CHILDREN = (unpack, detect, read, check, write, profile)
#: (name, title) of the stages of an import's page.
STAGES = (
    ("receive", "Receive the file"),
    ("detect", "Detect the format"),
    ("read", "Read the records"),
    ("check", "Check the values"),
    ("write", "Write the dataset"),
    ("profile", "Profile the columns"),
    ("publish", "Publish"),
)


def import_table(
    ctx: JobContext,
    source: InputFile,
    options: Options,
    *,
    also: Callable[[int], None] | None = None,
    unpacked_limit_bytes: int | None = None,
) -> dict[str, Any]:
    """Make a dataset of the file and return the job's result: "headline", "facts" and "dataset", its id.

    `also` is called with that id in the transaction that publishes it, or that finds it published before.
    """
    fingerprint = options.fingerprint(source.sha256)
    if not options.import_again and (known := _imported_before(ctx, fingerprint)):
        if also:
            ctx.step("publish", _publish_again, known.pk, also, atomic=True)
        return {"headline": "This file was imported already", "dataset": known.pk, "facts": [["Rows", known.rows]]}
    ctx.stage("receive")
    received = ctx.step("receive", _receive, ctx, source, unpacked_limit_bytes)
    content = ctx.resolve(received["content"]) if received["content"] else source.path
    ctx.stage("detect")
    detected = ctx.step("detect", _detect, ctx, content, options)
    dialect = _load(ctx, detected["dialect"])
    ctx.stage("read")
    loaded = ctx.step("read", _read, ctx, content, dialect, options)
    ctx.stage("check")
    checked = ctx.step("check", _check, ctx, loaded, dialect, options)
    ctx.stage("write")
    written = ctx.step("write", _write, ctx, loaded, checked, dialect, options)
    ctx.stage("profile")
    profiled = ctx.step("profile", _profile, ctx, written, checked)
    ctx.stage("publish")
    dataset_id = ctx.step(
        "publish",
        _publish,
        ctx,
        source,
        {"fingerprint": fingerprint, "name": options.name or name_of(source.name)},
        {"dialect": dialect, "loaded": loaded, "received": received},
        _load(ctx, checked["plan"]),
        written,
        _load(ctx, profiled["profile"]),
        also,
        atomic=True,
    )
    plan = _load(ctx, checked["plan"])
    _show_files(ctx, written, plan, options.name or name_of(source.name))
    _tidy(ctx, received, loaded, checked)
    return _result(plan, dialect, loaded["tally"], dataset_id)


def _imported_before(ctx: JobContext, fingerprint: str) -> Dataset | None:
    datasets = Dataset.objects.filter(owner_id=ctx.owner_id, fingerprint=fingerprint, job__state="succeeded")
    found = datasets.order_by("-id").first()
    return found if found and storage.resolve(found.parquet_path).is_file() else None


def _receive(ctx: JobContext, source: InputFile, limit_bytes: int | None) -> dict[str, Any]:
    folder = _folder(ctx, "received")
    given: dict[str, Any] = {"path": str(source.path), "name": source.name, "folder": str(folder)}
    if limit_bytes is not None:
        given["limit_bytes"] = limit_bytes
    if unpack.is_packed(source.path):
        received = _in_child(ctx, unpack.unpack, unit="bytes", **given)
    else:
        # Nothing to unpack: not worth a process.
        try:
            received = unpack.unpack(lambda done, total=None: ctx.progress(done, total, unit="bytes"), **given)
        except Unreadable as error:
            raise PermanentError(str(error)) from error
    content = ctx.key(folder / received["unpacked"]) if received["unpacked"] else ""
    return {"content": content, "member": received["member"], "bytes": received["bytes"]}


def _detect(ctx: JobContext, content: Path, options: Options) -> dict[str, Any]:
    dialect = _in_child(ctx, detect.detect, unit="bytes", path=str(content), options=options.dialect)
    for note in dialect["notes"]:
        ctx.note(note)
    return {"dialect": _keep(ctx, "dialect.json", dialect)}


def _read(ctx: JobContext, content: Path, dialect: dict[str, Any], options: Options) -> dict[str, Any]:
    folder = _folder(ctx, "read")
    tally = _in_child(
        ctx,
        read.read,
        unit="bytes",
        memory_bytes=CHILD_MEMORY,
        path=str(content),
        folder=str(folder),
        scratch=str(ctx.scratch),
        dialect=dialect,
        ragged=options.ragged,
        quotes=options.quotes,
    )
    return {"folder": ctx.key(folder), "tally": tally}


def _check(ctx: JobContext, loaded: dict[str, Any], dialect: dict[str, Any], options: Options) -> dict[str, Any]:
    folder = _folder(ctx, "check")
    plan = _in_child(
        ctx,
        check.check,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        folder=str(ctx.resolve(loaded["folder"])),
        target=str(folder),
        scratch=str(ctx.scratch),
        dialect=dialect,
        tally=loaded["tally"],
        rules=options.rules,
        keys=options.keys,
        options=options.checks,
    )
    return {"folder": ctx.key(folder), "plan": _keep(ctx, "plan.json", plan)}


def _write(
    ctx: JobContext,
    loaded: dict[str, Any],
    checked: dict[str, Any],
    dialect: dict[str, Any],
    options: Options,
) -> dict[str, Any]:
    folder = _folder(ctx, "dataset")
    files = _in_child(
        ctx,
        write.write,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        folder=str(ctx.resolve(loaded["folder"])),
        checks=str(ctx.resolve(checked["folder"])),
        target=str(folder),
        scratch=str(ctx.scratch),
        dialect=dialect,
        checked=_load(ctx, checked["plan"]),
        tally=loaded["tally"],
        neutralise=not options.keep_formulas,
    )
    for name in files.values():
        storage.flush_file(folder / name)
    storage.flush_folder(folder)
    return {kind: ctx.key(folder / name) for kind, name in files.items()}


def _profile(ctx: JobContext, written: dict[str, Any], checked: dict[str, Any]) -> dict[str, Any]:
    plan = _load(ctx, checked["plan"])
    columns = _in_child(
        ctx,
        profile.profile,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        parquet=str(ctx.resolve(written["parquet"])),
        scratch=str(ctx.scratch),
        columns=plan["columns"],
        rows=plan["rows"],
    )
    return {"profile": _keep(ctx, "profile.json", columns)}


def _publish(
    ctx: JobContext,
    source: InputFile,
    identity: dict[str, str],
    origin: dict[str, Any],
    plan: dict[str, Any],
    written: dict[str, str],
    columns: list[dict[str, Any]],
    also: Callable[[int], None] | None,
) -> int:
    dataset_id = publish_dataset(
        ctx,
        name=identity["name"],
        fingerprint=identity["fingerprint"],
        source_name=source.name,
        source_bytes=source.size,
        records=plan["records"],
        rows=plan["rows"],
        rejected=plan["rejected"],
        duplicates=plan["duplicates"],
        dialect=_reported(origin["dialect"], origin["loaded"]["tally"], origin["received"], columns),
        rules={"columns": plan["rules"], "keys": plan["keys"]},
        parquet_path=written["parquet"],
        clean_path=written["clean"],
        rejects_path=written["rejected"],
        preview_path=written["preview"],
        columns=[
            {key: column[key] for key in ("name", "source_name", "type", "nulls", "distinct", "stats")}
            for column in columns
        ],
    )
    if also:
        also(dataset_id)
    return dataset_id


def _publish_again(dataset_id: int, also: Callable[[int], None]) -> int:
    also(dataset_id)
    return dataset_id


def _reported(
    dialect: dict[str, Any], tally: dict[str, Any], received: dict[str, Any], columns: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the dataset's page says about how the file was read: what was found, and what was done about it."""
    report = {key: value for key, value in dialect.items() if key not in _NOT_REPORTED}
    counted = {
        key: tally[key]
        for key in ("lines", "blank_lines", "padded", "trimmed", "repaired", "mixed_encoding", "nul_bytes")
        if tally[key]
    }
    notes = list(dialect["notes"])
    notes += [f"{column['name']}: {column['note']}." for column in columns[:200] if column["note"]]
    formats = {column["name"]: column["format"] for column in columns[:200] if column["format"]}
    return {
        **report,
        "notes": notes,
        "counts": counted,
        "formats": formats,
        **({"member": received["member"]} if received["member"] else {}),
    }


def _show_files(ctx: JobContext, written: dict[str, str], plan: dict[str, Any], name: str) -> None:
    """Put the files on the job's page; the same names again only move the pointers."""
    stem = "".join(mark if mark.isalnum() or mark in "-_. " else "_" for mark in name).strip() or "dataset"
    ctx.add_artifact(
        ctx.resolve(written["parquet"]), name=f"{stem}.parquet", title="Dataset (Parquet)", field="parquet"
    )
    ctx.add_artifact(ctx.resolve(written["clean"]), name=f"{stem}.clean.csv", title="Cleaned CSV", field="clean")
    if plan["rejected"]:
        path = ctx.resolve(written["rejected"])
        ctx.add_artifact(path, name=f"{stem}.rejected.csv", title="Rejected rows", field="rejected")
    if plan["duplicates"]:
        path = ctx.resolve(written["duplicates"])
        ctx.add_artifact(path, name=f"{stem}.duplicates.csv", title="Duplicate rows", field="duplicates")


def _tidy(ctx: JobContext, received: dict[str, Any], loaded: dict[str, Any], checked: dict[str, Any]) -> None:
    """Delete what only the steps needed."""
    for key in (loaded["folder"], checked["folder"]):
        shutil.rmtree(ctx.resolve(key), ignore_errors=True)
    if received["content"]:
        ctx.resolve(received["content"]).unlink(missing_ok=True)


def _result(plan: dict[str, Any], dialect: dict[str, Any], tally: dict[str, Any], dataset_id: int) -> dict[str, Any]:
    facts: list[list[Any]] = [
        ["Records in the file", plan["records"]],
        ["Rows", plan["rows"]],
        ["Rejected", plan["rejected"]],
        ["Duplicates", plan["duplicates"]],
        ["Columns", len(plan["columns"])],
    ]
    if dialect["preamble_lines"]:
        facts.append(["Lines before the table", dialect["preamble_lines"]])
    for key, title in (
        ("padded", "Short rows filled up"),
        ("trimmed", "Long rows with only empty extras cut"),
        ("repaired", "Rows with damaged quotes repaired"),
        ("mixed_encoding", "Values in another encoding"),
        ("blank_lines", "Blank lines"),
    ):
        if tally[key]:
            facts.append([title, tally[key]])
    rows = plan["rows"]
    headline = f"{rows:,} {'row' if rows == 1 else 'rows'} imported"
    if plan["rejected"]:
        headline += f", {plan['rejected']:,} rejected"
    return {"headline": headline, "facts": facts, "dataset": dataset_id}


def _in_child(ctx: JobContext, function: Callable[..., Any], **named: Any) -> Any:
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


def _keep(ctx: JobContext, name: str, value: Any) -> str:
    """Keep a result that may be too long for a row in a file; return its key."""
    path = ctx.folder / name
    path.write_text(json.dumps(value), encoding="utf-8")
    storage.flush_file(path)
    return ctx.key(path)


def _load(ctx: JobContext, key: str) -> Any:
    return json.loads(ctx.resolve(key).read_text(encoding="utf-8"))


def name_of(file_name: str) -> str:
    """Return the name of a file's dataset: the file's, without the endings of tables and packings."""
    name = file_name
    for ending in (*unpack.PACKED_ENDINGS, *unpack.ENDINGS):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return name[:200]
