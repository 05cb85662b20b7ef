"""Parents and children: made in one step, woken once, ended together.

1. A fan-out inserts its children under the parent's fence and gives the parent's thread back: the parent waits.
2. The commit that ends a child locks its parent first and then looks whether any child lives. Of two last children
   that end at once, the second sees the first; the parent is woken by a conditional update, so once.
3. Woken, the parent runs again from the top and reads what its children answered.
4. A parent that has ended has no use for children that live: they are cancelled with it, and those that were made at
   that very moment by the sweep.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.db.models import Exists, Max, Min, OuterRef

from core.database import statements
from core.database.jsontext import dumps, dumps_limited
from core.files import storage
from core.files.uploads import StoredUpload
from core.life.fan_out import ChildResult
from core.logs import log
from core.models import Artifact, Dataset, Job
from core.models.states import LIVE, TERMINAL, State
from core.pipelines import Pipeline, secrets
from core.pipelines.declared import lane_of
from core.wakeup import jobs_due

#: Parents and orphans that one sweep takes.
SWEEP_LIMIT = 500


def insert_children(
    parent_id: int,
    *,
    key: str,
    title: str,
    spec: Pipeline,
    task: str,
    queue: str,
    items: Sequence[Any],
    weights: Sequence[float],
    label: str = "",
    files: Mapping[str, StoredUpload] | None = None,
) -> None:
    """Insert one child job an item; all of them with this label, and with these files of the store, if any are given.

    The caller's transaction holds the parent's fence.
    """
    # A part of a job that has passed the gate passes with it; a whole pipeline that runs as a part has its own limits.
    # Its parent's own are not asked twice: a job that holds the last place would wait for itself.
    parent = Job.objects.values_list("pipeline", flat=True).get(pk=parent_id)
    limits = () if task or parent == spec.name else spec.limits
    children = []
    for index, (item, weight) in enumerate(zip(items, weights, strict=True)):
        named = secrets.seal(spec.form, item) if isinstance(item, Mapping) else item
        params = {"item": named} if task else dict(named)
        dumps_limited(params, what=f"Item {index + 1} of {title!r}")
        lane = lane_of(limits, params)
        children.append(
            {
                "idx": index,
                "idempotency_key": uuid.uuid4().hex,
                "label": label[:255] or f"{title[:200]}, part {index + 1} of {len(items)}",
                "params": params,
                "lane": lane,
                "weight": float(weight),
            }
        )
    stages = [] if task else [{"name": name, "title": text, "state": "pending"} for name, text in spec.stages]
    statements.run(
        "fan_out",
        {
            "parent": parent_id,
            "key": key,
            "children": dumps(children),
            "pipeline": spec.name,
            "queue": queue,
            "task": task,
            "max_attempts": spec.max_attempts,
            "max_crashes": spec.max_crashes,
            "stages": dumps(stages),
            "files": dumps([{"field": name, **asdict(file)} for name, file in (files or {}).items()]),
        },
    )


def live_children(parent_id: int, *, key: str) -> int:
    """Return how many children of this fan-out have not ended."""
    return Job.objects.filter(parent=parent_id, fan_key=key, state__in=LIVE).count()


def keys_of(parent_id: int) -> set[str]:
    """Return the keys of the fan-outs that the job has made."""
    return set(Job.objects.filter(parent=parent_id).order_by().values_list("fan_key", flat=True).distinct())


def sizes(parent_id: int, *, key: str) -> list[float]:
    """Return the weights of the children of this fan-out."""
    return list(Job.objects.filter(parent=parent_id, fan_key=key).values_list("weight", flat=True))


def seconds_of(parent_id: int, *, key: str) -> float:
    """Return the seconds from the making of the children to the end of the last one."""
    times = Job.objects.filter(parent=parent_id, fan_key=key).aggregate(Min("created_at"), Max("finished_at"))
    began, ended = times["created_at__min"], times["finished_at__max"]
    return max(0.0, (ended - began).total_seconds()) if began and ended else 0.0


def answers(parent_id: int, *, key: str) -> tuple[ChildResult, ...]:
    """Return how the children of this fan-out ended, in the order of their items."""
    rows = (
        Job.objects.filter(parent=parent_id, fan_key=key)
        .order_by("fan_index")
        .values_list("fan_index", "pk", "params", "task", "state", "result", "error")
    )
    return tuple(
        ChildResult(
            index=index or 0,
            job_id=pk,
            item=params.get("item") if task else params,
            state=State(state),
            result=result,
            error=error,
        )
        for index, pk, params, task, state, result, error in rows
    )


def wake(parent_ids: Iterable[int]) -> list[int]:
    """Wake those of these parents whose children have all ended; return their ids."""
    wanted = sorted(set(parent_ids))
    ids = statements.id_list(wanted)
    if not wanted:
        return []
    woken = [row[0] for row in statements.run_together([("lock", {"ids": ids}), ("wake", {"ids": ids})])[1]]
    for job_id in woken:
        log("parent_woken", job=job_id)
    if woken:
        transaction.on_commit(lambda: jobs_due.send(sender=Job, count=len(woken)))
    return woken


def cancel_family(parent_ids: Iterable[int], *, by: str) -> None:
    """Request the cancellation of all descendants of these jobs."""
    statements.run("cancel_family", {"ids": statements.id_list(parent_ids), "by": by})


def requeue_failed(parent_id: int, *, by: str, spec: Pipeline) -> int:
    """Retry the failed children of a job that is retried, unless a later step has used their results."""
    rows = statements.run(
        "requeue_children",
        {"parent": parent_id, "by": by, "max_attempts": spec.max_attempts, "max_crashes": spec.max_crashes},
    )
    if not rows:
        return 0
    # Their fan-outs are not complete any more.
    parent = Job.objects.get(pk=parent_id)
    parent.steps.filter(key__in={key for _, key in rows}).delete()
    return len(rows) + sum(requeue_failed(job_id, by=by, spec=spec) for job_id, _ in rows)


def descendants(job_id: int) -> list[int]:
    """Return the ids of all children, their children, and so on."""
    ids: list[int] = []
    level = [job_id]
    while level:
        level = list(Job.objects.filter(parent__in=level).values_list("pk", flat=True))
        ids += level
    return ids


def sweep() -> list[int]:
    """Repair what a crash between two commits left: parents that nobody woke, children whose parent has ended.

    Returns the ids of the parents that were woken.
    """
    lives = Job.objects.filter(parent=OuterRef("pk"), parent__isnull=False, state__in=LIVE)
    asleep = Job.objects.filter(~Exists(lives), state=State.WAITING).values_list("pk", flat=True)[:SWEEP_LIMIT]
    woken = wake(asleep) if asleep else []
    orphans = (
        Job.objects.filter(parent__isnull=False, state__in=LIVE, cancel_requested_at__isnull=True)
        .filter(parent__state__in=TERMINAL)
        .order_by()
        .values_list("parent", flat=True)
        .distinct()[:SWEEP_LIMIT]
    )
    if parents := [pk for pk in orphans if pk is not None]:
        cancel_family(parents, by="the end of its parent")
    return woken


def roll_up(parent_id: int) -> bool:
    """Show a waiting parent's progress as the sum of its children's; return whether it was written."""
    return bool(statements.run("roll_up", {"id": parent_id}))


def discard_files(parent_id: int) -> None:
    """Delete the files of a succeeded job's children, but for those that an artifact or a dataset points to.

    A child that ran a whole pipeline keeps its files: they are its result.
    """
    family = descendants(parent_id)
    everybody = [parent_id, *family]
    artifacts = Artifact.objects.filter(job__in=everybody, kind=Artifact.Kind.OUTPUT)
    datasets = Dataset.objects.filter(job__in=everybody)
    pointers = [*artifacts.values_list("path", "preview_path")]
    pointers += [
        *datasets.values_list("parquet_path", "clean_path"),
        *datasets.values_list("rejects_path", "preview_path"),
    ]
    referenced = {path.split("/")[1] for pair in pointers for path in pair if path.startswith("jobs/")}
    for job_id in Job.objects.filter(pk__in=family).exclude(task="").values_list("pk", flat=True):
        if str(job_id) not in referenced:
            shutil.rmtree(storage.job_folder(job_id), ignore_errors=True)
