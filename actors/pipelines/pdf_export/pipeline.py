"""The life of a report, told once.

1. plan: the rows are chosen, ordered and read once; every page is planned before any is set. The template and the logo
   are copied, so that all parts see one version.
2. render: the parts (the front matter, and chunks of the table at page ends) are set by as many workers as there are.
3. merge: the parts become one file with outline, links and title, and a picture of its first page.
4. publish: the file is shown on the job's page.

The same dataset and choices give the same bytes, so a part that is set again after a crash is the same part.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from actors.typesetting import logo, templates
from core.attempt.context import JobContext
from core.database.jsontext import typed
from core.errors import PermanentError
from core.models import Artifact, Dataset
from core.pipelines import pipeline

from . import finish, plan, render
from .forms import PdfExportForm
from .request import Request

#: Resident bytes and seconds of a child process at which it is ended: several times what it needs.
CHILD_MEMORY = 800 * 1024**2
PLAN_SECONDS = 3_600.0
PART_SECONDS = 300.0
MERGE_SECONDS = 1_800.0
#: Characters without a glyph that are named.
_NAMED = 10


@dataclass(frozen=True, kw_only=True)
class Planning:
    """The plan of a report, and the key of the folder that has it."""

    folder: str
    title: str
    #: Seconds since 1970 of the report's date.
    timestamp: int
    planned: plan.Planned


@dataclass(frozen=True, kw_only=True)
class Part:
    """What a child job sets: `front` or `chunk-00001` of the plan in this folder."""

    folder: str
    timestamp: int
    part: str
    pages: int


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """A part that is set: its key, and its pages."""

    file: str
    pages: int


@dataclass(frozen=True, kw_only=True)
class Merged:
    """The report's keys."""

    file: str
    preview: str
    pages: int


@pipeline(
    title="Make a PDF",
    description="Sets a dataset as a printed report: title page, contents, charts, and the table with its totals.",
    form=PdfExportForm,
    queue="cpu",
    is_heavy=True,
    icon="file",
    takes="dataset",
    preload=(plan, render, finish),
)
def pdf_export(ctx: JobContext, *, dataset: int, **params: Any) -> dict[str, Any]:
    source = Dataset.objects.filter(pk=dataset, owner_id=ctx.owner_id).first()
    if source is None:
        raise PermanentError("The dataset is no longer there.")
    planning = ctx.step("plan", _plan, ctx, source, params, title="Plan the pages", returns=Planning)
    if planning.planned.missing:
        ctx.step("missing", _log_missing, ctx, planning.planned, title="Look for missing glyphs", atomic=True)
    pages = json.loads((ctx.resolve(planning.folder) / "plan.json").read_text(encoding="utf-8"))["parts"]
    parts = [Part(folder=planning.folder, timestamp=planning.timestamp, **part) for part in pages]
    results = ctx.fan_out(
        "render",
        render_chunk,
        [msgspec.to_builtins(part) for part in parts],
        title="Render the pages",
        weights=[part.pages for part in parts],
        unit="pages",
        queue="cpu",
    )
    rendered = typed(results.values(), list[Rendered], what="What the parts returned")
    title = "Put the parts together"
    merged = ctx.step("merge", _merge, ctx, source, planning, rendered, title=title, returns=Merged)
    ctx.add_artifact(
        ctx.resolve(merged.file),
        name=f"{_file_name(planning.title)}.pdf",
        title=planning.title,
        content_type="application/pdf",
        field="pdf",
        preview=ctx.resolve(merged.preview),
    )
    return _result(source, planning.planned, pages=merged.pages)


def render_chunk(ctx: JobContext, item: dict[str, Any]) -> dict[str, Any]:
    """Set one part of the plan."""
    part = typed(item, Part, what="What the part was given")
    out = ctx.folder / f"{part.part}.pdf"
    pages = ctx.run_in_child(
        render.render,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=PART_SECONDS,
        folder=str(ctx.resolve(part.folder)),
        part=part.part,
        pages=part.pages,
        out=str(out),
        timestamp=part.timestamp,
    )
    answer: dict[str, Any] = msgspec.to_builtins(Rendered(file=ctx.key(out), pages=pages))
    return answer


def _plan(ctx: JobContext, dataset: Dataset, params: dict[str, Any]) -> Planning:
    columns = [(name, kind) for name, kind in dataset.columns.order_by("position").values_list("name", "type")]
    request = Request.from_params(params, name=dataset.name, dataset_columns=columns)
    template = templates.get("pdf_export", request.template)
    folder = ctx.folder / "plan"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "template").mkdir(parents=True)
    templates.copy_to(template, folder / "template")
    parquet = ctx.resolve(dataset.parquet_path)
    if not parquet.is_file():
        raise PermanentError("The dataset's file is no longer kept; import it again.")
    created = dataset.created_at.timestamp()
    planned = ctx.run_in_child(
        plan.plan,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=PLAN_SECONDS,
        parquet=str(parquet),
        folder=str(folder),
        scratch=str(ctx.scratch),
        request=request,
        dataset=dataset.name,
        created=created,
        logo=_logo(ctx, folder / "template"),
    )
    return Planning(folder=ctx.key(folder), title=request.title, timestamp=int(created), planned=planned)


def _logo(ctx: JobContext, folder: Path) -> str:
    has_logo = Artifact.objects.filter(job_id=ctx.job_id, kind=Artifact.Kind.INPUT, field="logo").exists()
    if not has_logo:
        return ""
    file = ctx.file("logo")
    return logo.take_in(file.path, folder, file.name)


def _log_missing(ctx: JobContext, planned: plan.Planned) -> None:
    ctx.log(_missing_sentence(planned))


def _merge(ctx: JobContext, dataset: Dataset, planning: Planning, rendered: list[Rendered]) -> Merged:
    out, preview = ctx.folder / "report.pdf", ctx.folder / "preview.png"
    pages = ctx.run_in_child(
        finish.finish,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=MERGE_SECONDS,
        folder=str(ctx.resolve(planning.folder)),
        parts=[str(ctx.resolve(part.file)) for part in rendered],
        out=str(out),
        preview=str(preview),
        title=planning.title,
        author=dataset.owner.get_username(),
        subject=f"{planning.planned.rows:,} rows of {dataset.name}",
        created=dataset.created_at.timestamp(),
    )
    return Merged(file=ctx.key(out), preview=ctx.key(preview), pages=pages)


def _result(dataset: Dataset, planned: plan.Planned, *, pages: int) -> dict[str, Any]:
    facts: list[list[Any]] = [["Pages", pages], ["Rows", planned.rows]]
    if planned.cut_cells:
        facts.append(["Long texts that end with “…”", planned.cut_cells])
    if planned.missing:
        facts.append(["Missing glyphs", _missing_sentence(planned)])
    sheets = "1 page" if pages == 1 else f"{pages:,} pages"
    rows = "1 row" if planned.rows == 1 else f"{planned.rows:,} rows" if planned.rows else "no rows match"
    return {
        "headline": f"{rows} on {sheets}" if planned.rows else f"{sheets}: {rows}",
        "facts": facts,
        "dataset": dataset.pk,
    }


def _missing_sentence(planned: plan.Planned) -> str:
    count = planned.missing_characters
    named = " ".join(f"{mark} (U+{ord(mark):04X})" for mark, _ in planned.missing[:_NAMED])
    more = " …" if count > _NAMED else ""
    verb = "1 character has" if count == 1 else f"{count:,} characters have"
    return f"{verb} no glyph in the installed fonts: {named}{more}"


def _file_name(title: str) -> str:
    return "".join(mark if mark.isalnum() or mark in "-_. " else "_" for mark in title).strip()[:120] or "report"
