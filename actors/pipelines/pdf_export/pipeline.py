"""The life of a report, told once.

1. plan: the rows are chosen, ordered and read once; every page is known before any is set. The template and the logo
   are copied, so that all parts see one version.
2. render: the parts (the front matter, and chunks of the table at page ends) are set by as many workers as there are.
3. merge: the parts become one file with outline, links and title, and a picture of its first page.
4. publish: the file is shown on the job's page.

The same dataset and choices give the same bytes, so a part that is set again after a crash is the same part.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from actors.typesetting import logo, templates
from core.attempt.context import JobContext
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


@pipeline(
    title="Make a PDF",
    description="Sets a dataset as a printed report: title page, contents, charts, and the table with its totals.",
    form=PdfExportForm,
    queue="cpu",
    icon="file",
    takes="dataset",
    preload=(plan, render, finish),
)
def pdf_export(ctx: JobContext, *, dataset: int, **params: Any) -> dict[str, Any]:
    found = Dataset.objects.filter(pk=dataset, owner_id=ctx.owner_id).first()
    if found is None:
        raise PermanentError("The dataset is no longer there.")
    planned = ctx.step("plan", _plan, ctx, found, params, title="Plan the pages")
    if planned["missing"]:
        ctx.step("missing", _log_missing, ctx, planned, title="Look for missing glyphs", atomic=True)
    folder = ctx.resolve(planned["folder"])
    parts = json.loads((folder / "plan.json").read_text(encoding="utf-8"))["parts"]
    items = [{"folder": planned["folder"], "timestamp": planned["timestamp"], **part} for part in parts]
    rendered = ctx.fan_out(
        "render",
        render_chunk,
        items,
        title="Render the pages",
        weights=[part["pages"] for part in parts],
        unit="pages",
        queue="cpu",
    ).values()
    merged = ctx.step("merge", _merge, ctx, found, planned, rendered, title="Put the parts together")
    ctx.add_artifact(
        ctx.resolve(merged["file"]),
        name=f"{_file_name(planned['title'])}.pdf",
        title=planned["title"],
        content_type="application/pdf",
        field="pdf",
        preview=ctx.resolve(merged["preview"]),
    )
    return _result(found, planned, merged)


def render_chunk(ctx: JobContext, item: dict[str, Any]) -> dict[str, Any]:
    """Set one part of the plan; returns its file and pages."""
    out = ctx.folder / f"{item['part']}.pdf"
    pages = ctx.run_in_child(
        render.render,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=PART_SECONDS,
        folder=str(ctx.resolve(item["folder"])),
        part=item["part"],
        pages=item["pages"],
        out=str(out),
        timestamp=item["timestamp"],
    )
    return {"file": ctx.key(out), "pages": pages}


def _plan(ctx: JobContext, dataset: Dataset, params: dict[str, Any]) -> dict[str, Any]:
    known = [(name, kind) for name, kind in dataset.columns.order_by("position").values_list("name", "type")]
    request = Request.from_params(params, name=dataset.name, known=known)
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
        request=request.as_json(),
        dataset=dataset.name,
        created=created,
        logo=_logo(ctx, folder / "template"),
    )
    return {**planned, "folder": ctx.key(folder), "title": request.title, "timestamp": int(created)}


def _logo(ctx: JobContext, folder: Path) -> str:
    given = Artifact.objects.filter(job_id=ctx.job_id, kind=Artifact.Kind.INPUT, field="logo").exists()
    if not given:
        return ""
    file = ctx.file("logo")
    return logo.take_in(file.path, folder, file.name)


def _log_missing(ctx: JobContext, planned: dict[str, Any]) -> None:
    ctx.log(_missing_sentence(planned))


def _merge(
    ctx: JobContext, dataset: Dataset, planned: dict[str, Any], rendered: list[dict[str, Any]]
) -> dict[str, Any]:
    out, preview = ctx.folder / "report.pdf", ctx.folder / "preview.png"
    merged = ctx.run_in_child(
        finish.finish,
        unit="pages",
        memory_bytes=CHILD_MEMORY,
        timeout_seconds=MERGE_SECONDS,
        folder=str(ctx.resolve(planned["folder"])),
        parts=[str(ctx.resolve(part["file"])) for part in rendered],
        out=str(out),
        preview=str(preview),
        title=planned["title"],
        author=dataset.owner.get_username(),
        subject=f"{planned['rows']:,} rows of {dataset.name}",
        created=dataset.created_at.timestamp(),
    )
    return {**merged, "file": ctx.key(out), "preview": ctx.key(preview)}


def _result(dataset: Dataset, planned: dict[str, Any], merged: dict[str, Any]) -> dict[str, Any]:
    facts: list[list[Any]] = [["Pages", merged["pages"]], ["Rows", planned["rows"]]]
    if planned["cut_cells"]:
        facts.append(["Long texts that end with “…”", planned["cut_cells"]])
    if planned["missing"]:
        facts.append(["Missing glyphs", _missing_sentence(planned)])
    pages = "1 page" if merged["pages"] == 1 else f"{merged['pages']:,} pages"
    rows = "1 row" if planned["rows"] == 1 else f"{planned['rows']:,} rows" if planned["rows"] else "no rows match"
    return {
        "headline": f"{rows} on {pages}" if planned["rows"] else f"{pages}: {rows}",
        "facts": facts,
        "dataset": dataset.pk,
    }


def _missing_sentence(planned: dict[str, Any]) -> str:
    count = planned["missing_characters"]
    named = " ".join(f"{mark} (U+{ord(mark):04X})" for mark, _ in planned["missing"][:_NAMED])
    more = " …" if count > _NAMED else ""
    verb = "1 character has" if count == 1 else f"{count:,} characters have"
    return f"{verb} no glyph in the installed fonts: {named}{more}"


def _file_name(title: str) -> str:
    return "".join(mark if mark.isalnum() or mark in "-_. " else "_" for mark in title).strip()[:120] or "report"
