"""The export of a dataset: one file, written by a child process into the attempt's folder, then published."""

from __future__ import annotations

from typing import Any

from core.attempt.context import JobContext
from core.errors import PermanentError
from core.models import Dataset
from core.pipelines import Download, pipeline

from . import writers
from .forms import FORMATS, DatasetExportForm

CHILD_MEMORY = 4 * 1024**3
ENDINGS = {"csv": "csv", "parquet": "parquet", "xlsx": "xlsx", "jsonl": "jsonl"}
CONTENT_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "jsonl": "application/jsonl",
}


def _cleaned(dataset: Dataset) -> dict[str, Any]:
    """Return the values for the cleaned CSV: formulas stay if the import kept them."""
    return {"format": "csv", "keep_formulas": bool(dataset.job.params.get("keep_formulas"))}


@pipeline(
    title="Export a dataset",
    description="Makes a CSV, Excel, Parquet or JSON Lines file of a dataset.",
    form=DatasetExportForm,
    queue="cpu",
    is_heavy=True,
    icon="download",
    takes="dataset",
    downloads=(Download(name="clean", title="Cleaned CSV", values=_cleaned),),
    preload=(writers,),
    stages=(("write", "Write the file"), ("publish", "Publish")),
)
def dataset_export(ctx: JobContext, *, dataset: int, format: str, **options: Any) -> dict[str, Any]:
    source = Dataset.objects.filter(pk=dataset, owner_id=ctx.owner_id).first()
    if source is None:
        raise PermanentError("The dataset is no longer there.")
    split = bool(options.get("split_sheets"))
    writers.need_fit(format, rows=source.rows, width=source.column_count, split_sheets=split)
    ctx.stage("write")
    written = ctx.step("write", _write, ctx, source, format, options)
    ctx.stage("publish")
    stem = "".join(mark if mark.isalnum() or mark in "-_. " else "_" for mark in source.name).strip() or "dataset"
    ctx.add_artifact(
        ctx.resolve(written["file"]),
        name=f"{stem}.{ENDINGS[format]}",
        title=dict(FORMATS)[format],
        content_type=CONTENT_TYPES[format],
        field="export",
    )
    facts: list[list[Any]] = [["Rows", written["rows"]], ["Columns", source.column_count]]
    if written["sheets"] > 1:
        facts.append(["Sheets", written["sheets"]])
    if written["cut_cells"]:
        facts.append([f"Texts cut to {writers.CELL_CHARACTERS:,} characters, Excel's limit", written["cut_cells"]])
    return {"headline": f"{written['rows']:,} rows exported", "facts": facts, "dataset": source.pk}


def _write(ctx: JobContext, dataset: Dataset, format: str, options: dict[str, Any]) -> dict[str, Any]:
    path = ctx.folder / f"export.{ENDINGS[format]}"
    path.unlink(missing_ok=True)
    columns = [list(pair) for pair in dataset.columns.order_by("position").values_list("name", "type")]
    written = ctx.run_in_child(
        writers.export,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        parquet=str(ctx.resolve(dataset.parquet_path)),
        target=str(path),
        scratch=str(ctx.scratch),
        format=format,
        rows=dataset.rows,
        columns=columns,
        neutralise=not options.get("keep_formulas"),
        delimiter=options.get("delimiter") or "comma",
        bom=bool(options.get("bom")),
        split_sheets=bool(options.get("split_sheets")),
    )
    return {"file": ctx.key(path), **written}
