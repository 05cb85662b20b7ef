"""The pipeline `dataset_profile`: an import orders it for a dataset too large to be profiled with it."""

from __future__ import annotations

from typing import Any

from actors.imports.profiling import PROFILING, order_of, with_profile
from actors.reading import profile
from actors.reading.made import Profile
from core.attempt.context import JobContext
from core.errors import PermanentError
from core.forms import NobodysForm
from core.models import Dataset, DatasetColumn
from core.pipelines import pipeline

#: Resident bytes of the child process at which it is ended.
CHILD_MEMORY = 4 * 1024**3
_BATCH = 500


@pipeline(
    title="Profile the columns",
    form=NobodysForm,
    queue="cpu",
    is_heavy=True,
    icon="chart",
    retention_days=7,
    is_listed=False,
    notifies_owner=False,
    stages=((PROFILING, "Profile the columns"),),
    preload=(profile,),
)
def dataset_profile(ctx: JobContext, *, dataset: int) -> dict[str, Any]:
    source = Dataset.objects.filter(pk=dataset, owner_id=ctx.owner_id).first()
    if source is None:
        raise PermanentError("The dataset is no longer there.")
    ctx.stage(PROFILING)
    columns = list(source.columns.order_by("position"))
    made = ctx.run_in_child(
        profile.profile,
        unit="rows",
        memory_bytes=CHILD_MEMORY,
        parquet=str(ctx.resolve(source.parquet_path)),
        scratch=str(ctx.scratch),
        columns=[order_of(column) for column in columns],
        rows=source.rows,
    )
    ctx.step("publish", _publish, source.pk, columns, made, atomic=True)
    return {"headline": "The columns are profiled", "facts": [["Columns", len(columns)]], "dataset": source.pk}


def _publish(dataset_id: int, columns: list[DatasetColumn], made: list[Profile]) -> None:
    for column, entry in zip(columns, made, strict=True):
        with_profile(column, entry)
    DatasetColumn.objects.bulk_update(columns, ["nulls", "distinct", "stats"], batch_size=_BATCH)
    dataset = Dataset.objects.select_for_update().get(pk=dataset_id)
    dataset.dialect.pop("profile", None)
    dataset.save(update_fields=["dialect"])
