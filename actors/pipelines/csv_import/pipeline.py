"""The pipeline `csv_import`: a file that a person uploads becomes a dataset."""

from __future__ import annotations

from typing import Any

from actors.imports.options import Options
from actors.imports.steps import IN_CHILDREN, STAGES, import_table
from actors.reading import whole
from core.attempt.context import JobContext
from core.pipelines import pipeline

from .forms import CsvImportForm


@pipeline(
    title="Import a CSV",
    description="Reads a CSV or text table of any size, checks it, and makes a dataset of it.",
    form=CsvImportForm,
    queue="cpu",
    is_heavy=True,
    icon="table",
    stages=STAGES,
    preload=IN_CHILDREN,
    rehearsal=whole.rehearse,
)
def csv_import(ctx: JobContext, **params: Any) -> dict[str, Any]:
    return import_table(ctx, ctx.file("file"), Options.from_params(params))
