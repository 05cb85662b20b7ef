"""A document a row: the rows are read once, set in batches on all workers, and put together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model

from actors.tables import selection
from actors.typesetting import logo, templates
from core.attempt.context import JobContext
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


@pipeline(
    title="Make documents",
    description="Makes an invoice, a letter or a badge of each row, as one PDF or as a zip of files.",
    form=DocumentsForm,
    queue="cpu",
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
    found = Dataset.objects.for_user(owner).filter(pk=dataset).first()
    if found is None:
        raise PermanentError("The dataset is no longer there.")
    timestamp = int(found.created_at.timestamp())
    choices = {
        "mapping": mapping,
        "filters": filters or [],
        "sort": sort or [],
        "row_limit": row_limit,
        "name_column": name_column,
    }
    planned = ctx.step("plan", _plan, ctx, found, template, choices, title="Read the rows")
    if planned["missing"]:
        ctx.step("missing", lambda: ctx.log(_missing_sentence(planned)), title="Look for missing glyphs")
    items = [
        {
            "batch": f"{planned['folder']}/{batch['file']}",
            "folder": planned["template"],
            "output": output,
            "families": planned["fonts"],
            "logo": planned["logo"],
            "timestamp": timestamp,
        }
        for batch in planned["batches"]
    ]
    weights = [batch["rows"] for batch in planned["batches"]]
    results = ctx.fan_out(
        "render", render_batch, items, title="Make the documents", weights=weights, unit="documents", queue="cpu"
    )
    made = ctx.step("merge", _deliver, ctx, list(results), planned, output, timestamp, title="Put them together")
    if not made["documents"]:
        raise PermanentError(f"No document could be made. {made['first_reason']}")
    _publish(ctx, made, title=planned["title"], stem=safe_name(found.name) or "documents", output=output)
    return _told(made, planned, dataset=found.pk)


def render_batch(ctx: JobContext, item: dict[str, Any]) -> dict[str, Any]:
    """Set one batch; the child job of the fan-out. Returns {"part": key, "made", "failed", "pages"}."""
    target = ctx.folder / f"part.{item['output']}"
    made = ctx.run_in_child(
        typeset.typeset,
        unit="documents",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=BATCH_SECONDS,
        batch=str(ctx.resolve(item["batch"])),
        folder=str(ctx.resolve(item["folder"])),
        target=str(target),
        output=item["output"],
        families=item["families"],
        logo=item["logo"],
        timestamp=item["timestamp"],
    )
    return {"part": ctx.key(target), **made}


def _plan(ctx: JobContext, dataset: Dataset, template: str, choices: dict[str, Any]) -> dict[str, Any]:
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
        fields=[field.as_json() for field in fields],
        **choices,
    )
    return {
        "title": f"{chosen.title}: {dataset.name}",
        "folder": ctx.key(batches),
        "template": ctx.key(copy),
        "logo": picture,
        **planned,
    }


def _logo(ctx: JobContext, folder: Path) -> str:
    given = Artifact.objects.filter(job_id=ctx.job_id, kind=Artifact.Kind.INPUT, field="logo").exists()
    if not given:
        return ""
    file = ctx.file("logo")
    return logo.take_in(file.path, folder, file.name)


def _deliver(
    ctx: JobContext,
    results: list[ChildResult],
    planned: dict[str, Any],
    output: str,
    timestamp: int,
) -> dict[str, Any]:
    batches = ctx.resolve(planned["folder"])
    failures = [batches / plan.FAILURES]
    if lost := [child for child in results if not child.succeeded]:
        failures.append(_lost_rows(ctx, lost))
    target, preview, not_made = (ctx.folder / name for name in (f"documents.{output}", "preview.png", "not-made.csv"))
    made = ctx.run_in_child(
        merging.deliver,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=MERGE_SECONDS,
        parts=[str(ctx.resolve(child.result["part"])) for child in results if child.succeeded],
        failures=[str(path) for path in failures],
        target=str(target),
        preview=str(preview),
        not_made=str(not_made),
        output=output,
        title=planned["title"],
        timestamp=timestamp,
    )
    files = {name: ctx.key(path) for name, path in _existing(target=target, preview=preview, not_made=not_made)}
    return {**made, "files": files}


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


def _publish(ctx: JobContext, made: dict[str, Any], *, title: str, stem: str, output: str) -> None:
    files = {name: ctx.resolve(key) for name, key in made["files"].items()}
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


def _told(made: dict[str, Any], planned: dict[str, Any], *, dataset: int) -> dict[str, Any]:
    headline = f"{made['documents']:,} document{'' if made['documents'] == 1 else 's'}"
    facts: list[list[Any]] = [["Documents", made["documents"]], ["Pages", made["pages"]]]
    if made["failed"]:
        headline += f"; {made['failed']:,} not made"
        facts += [["Not made", made["failed"]], ["The first of them", made["first_reason"]]]
    if planned["missing"]:
        facts.append(["Missing glyphs", _missing_sentence(planned)])
    return {"headline": headline, "facts": facts, "dataset": dataset}


def _missing_sentence(planned: dict[str, Any]) -> str:
    count = planned["missing_characters"]
    named = " ".join(f"{mark} (U+{ord(mark):04X})" for mark in planned["missing"])
    verb = "1 character has" if count == 1 else f"{count:,} characters have"
    return f"{verb} no glyph in the installed fonts: {named}{' …' if count > len(planned['missing']) else ''}"
