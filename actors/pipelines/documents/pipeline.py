"""A document a row: the rows are read once, set in batches on all workers, and put together."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.contrib.auth import get_user_model

from actors.tables import selection
from actors.typesetting import logo, templates
from core.attempt.context import JobContext
from core.database.jsontext import typed
from core.errors import PermanentError
from core.life.fan_out import ChildResult
from core.models import Artifact, Dataset
from core.pipelines import pipeline

from . import merging, plan, typeset
from .fields import check_mapping, fields_of
from .forms import DocumentsForm
from .naming import safe_name

CHILD_MEMORY = 1536 * 1024**2
#: Seconds that a step may take in its child process; a template that never ends is stopped by the second.
PLAN_SECONDS = 3_600.0
BATCH_SECONDS = 900.0
MERGE_SECONDS = 1_800.0
KIT = Path(__file__).parent / "kit" / "headway.typ"
ENDINGS = {"pdf": "application/pdf", "zip": "application/zip"}


@dataclass(frozen=True, kw_only=True)
class Planning:
    """The rows that are read, and the keys of the folders that hold the batches and the template's copy."""

    title: str
    folder: str
    template: str
    #: The name of the picture in the template's copy, if there is one.
    logo: str
    planned: plan.Planned


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a child job sets: one batch, with the template's copy."""

    batch: str
    folder: str
    output: str
    families: list[str]
    logo: str
    timestamp: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """A batch that is set, with the key of its file."""

    part: str
    made: int
    failed: int
    pages: int


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was made of all rows, and the keys of the files: target, preview, not_made."""

    files: dict[str, str]
    delivered: merging.Delivered


@pipeline(
    title="Make documents",
    description="Makes an invoice, a letter or a badge of each row, as one PDF or as a zip of files.",
    form=DocumentsForm,
    queue="cpu",
    is_heavy=True,
    icon="file",
    takes="dataset",
    preload=(plan, typeset, merging),
)
def documents(
    ctx: JobContext,
    *,
    dataset: int,
    template: str,
    mapping: dict[str, dict[str, str]],
    output: str = "pdf",
    name_column: str = "",
    filters: list[dict[str, Any]] | None = None,
    sort: list[dict[str, Any]] | None = None,
    row_limit: int | None = None,
) -> dict[str, Any]:
    owner = get_user_model()._default_manager.get(pk=ctx.owner_id)
    source = Dataset.objects.for_user(owner).filter(pk=dataset).first()
    if source is None:
        raise PermanentError("The dataset is no longer there.")
    timestamp = int(source.created_at.timestamp())
    choices = {
        "mapping": mapping,
        "filters": filters or [],
        "sort": sort or [],
        "row_limit": row_limit,
        "name_column": name_column,
    }
    planning = ctx.step("plan", _plan, ctx, source, template, choices, title="Read the rows", returns=Planning)
    planned = planning.planned
    if planned.missing:
        ctx.step("missing", lambda: ctx.log(_missing_sentence(planned)), title="Look for missing glyphs")
    orders = [
        Order(
            batch=f"{planning.folder}/{batch.file}",
            folder=planning.template,
            output=output,
            families=planned.fonts,
            logo=planning.logo,
            timestamp=timestamp,
        )
        for batch in planned.batches
    ]
    items, weights = msgspec.to_builtins(orders), [batch.rows for batch in planned.batches]
    results = ctx.fan_out(
        "render", render_batch, items, title="Make the documents", weights=weights, unit="documents", queue="cpu"
    )
    children, title = list(results), "Put them together"
    made = ctx.step("merge", _deliver, ctx, children, planning, output, timestamp, title=title, returns=Made)
    if not made.delivered.documents:
        raise PermanentError(f"No document could be made. {made.delivered.first_reason}")
    _publish(ctx, made.files, title=planning.title, stem=safe_name(source.name) or "documents", output=output)
    return _result(made.delivered, planned, dataset=source.pk)


def render_batch(ctx: JobContext, item: dict[str, Any]) -> dict[str, Any]:
    """Set one batch: the child job of the fan-out."""
    order = typed(item, Order, what="What the part was given")
    target = ctx.folder / f"part.{order.output}"
    made = ctx.run_in_child(
        typeset.typeset,
        unit="documents",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=BATCH_SECONDS,
        batch=str(ctx.resolve(order.batch)),
        folder=str(ctx.resolve(order.folder)),
        target=str(target),
        output=order.output,
        families=order.families,
        logo=order.logo,
        timestamp=order.timestamp,
    )
    part = Part(part=ctx.key(target), made=made.made, failed=made.failed, pages=made.pages)
    answer: dict[str, Any] = msgspec.to_builtins(part)
    return answer


def _plan(ctx: JobContext, dataset: Dataset, template: str, choices: dict[str, Any]) -> Planning:
    chosen = templates.get("documents", template)
    fields = fields_of(chosen)
    columns = list(dataset.columns.order_by("position").values_list("name", "type"))
    names = [name for name, _ in columns]
    wrong = selection.check(choices["filters"], choices["sort"], columns)
    wrong += check_mapping(choices["mapping"], fields, names)
    if choices["name_column"] and choices["name_column"] not in names:
        wrong.append(selection.unknown_column(choices["name_column"], names))
    if wrong:
        raise PermanentError(" ".join(wrong))
    parquet = ctx.resolve(dataset.parquet_path)
    if not parquet.is_file():
        raise PermanentError("The dataset's file is no longer kept; import it again.")
    # One job sees one version of the template, also when a designer saves while it runs.
    copy = ctx.folder / "template"
    templates.copy_to(chosen, copy)
    (copy / KIT.name).write_bytes(KIT.read_bytes())
    picture = _logo(ctx, copy)
    batches = ctx.folder / "batches"
    planned = ctx.run_in_child(
        plan.plan,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=PLAN_SECONDS,
        parquet=str(parquet),
        folder=str(batches),
        scratch=str(ctx.scratch),
        columns=columns,
        fields=fields,
        **choices,
    )
    return Planning(
        title=f"{chosen.title}: {dataset.name}",
        folder=ctx.key(batches),
        template=ctx.key(copy),
        logo=picture,
        planned=planned,
    )


def _logo(ctx: JobContext, folder: Path) -> str:
    has_logo = Artifact.objects.filter(job_id=ctx.job_id, kind=Artifact.Kind.INPUT, field="logo").exists()
    if not has_logo:
        return ""
    file = ctx.file("logo")
    return logo.take_in(file.path, folder, file.name)


def _deliver(
    ctx: JobContext,
    results: list[ChildResult],
    planning: Planning,
    output: str,
    timestamp: int,
) -> Made:
    batches = ctx.resolve(planning.folder)
    failures = [batches / plan.FAILURES]
    if lost := [child for child in results if not child.succeeded]:
        failures.append(_lost_rows(ctx, lost))
    target, preview, not_made = (ctx.folder / name for name in (f"documents.{output}", "preview.png", "not-made.csv"))
    parts = [typed(child.result, Part, what="What a part returned") for child in results if child.succeeded]
    delivered = ctx.run_in_child(
        merging.deliver,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=MERGE_SECONDS,
        parts=[str(ctx.resolve(part.part)) for part in parts],
        failures=[str(path) for path in failures],
        target=str(target),
        preview=str(preview),
        not_made=str(not_made),
        output=output,
        title=planning.title,
        timestamp=timestamp,
    )
    files = {name: ctx.key(path) for name, path in _existing(target=target, preview=preview, not_made=not_made)}
    return Made(files=files, delivered=delivered)


def _lost_rows(ctx: JobContext, lost: list[ChildResult]) -> Path:
    """Write the rows of batches that ended without an answer, with the reason of each batch."""
    rows = []
    for child in lost:
        batch = json.loads(ctx.resolve(child.item["batch"]).read_text(encoding="utf-8"))
        reason = child.error or f"The batch was {child.state}."
        rows += [[row, name, reason] for row, name in zip(batch["rows"], batch["names"], strict=True)]
    path = ctx.folder / "lost.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def _existing(**paths: Path) -> list[tuple[str, Path]]:
    return [(name, path) for name, path in paths.items() if path.is_file()]


def _publish(ctx: JobContext, keys: dict[str, str], *, title: str, stem: str, output: str) -> None:
    files = {name: ctx.resolve(key) for name, key in keys.items()}
    ctx.add_artifact(
        files["target"],
        name=f"{stem}.{output}",
        title=title,
        content_type=ENDINGS[output],
        field="documents",
        preview=files.get("preview"),
    )
    if "not_made" in files:
        ctx.add_artifact(
            files["not_made"], name="not made.csv", title="Not made", content_type="text/csv", field="not_made"
        )


def _result(made: merging.Delivered, planned: plan.Planned, *, dataset: int) -> dict[str, Any]:
    headline = f"{made.documents:,} document{'' if made.documents == 1 else 's'}"
    facts: list[list[Any]] = [["Documents", made.documents], ["Pages", made.pages]]
    if made.failed:
        headline += f"; {made.failed:,} not made"
        facts += [["Not made", made.failed], ["The first of them", made.first_reason]]
    if planned.missing:
        facts.append(["Missing glyphs", _missing_sentence(planned)])
    return {"headline": headline, "facts": facts, "dataset": dataset}


def _missing_sentence(planned: plan.Planned) -> str:
    count = planned.missing_characters
    named = " ".join(f"{mark} (U+{ord(mark):04X})" for mark in planned.missing)
    verb = "1 character has" if count == 1 else f"{count:,} characters have"
    return f"{verb} no glyph in the installed fonts: {named}{' …' if count > len(planned.missing) else ''}"
