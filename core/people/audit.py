"""The audit trail: what people did to jobs and limits, with the values before and after."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from core.database.jsontext import dumps, storable
from core.models import AuditEntry

#: The jobs whose entries one INSERT writes.
_BATCH = 500


def note(
    who: str,
    act: str,
    *,
    job_id: int | None = None,
    pipeline: str = "",
    before: Any = None,
    after: Any = None,
) -> AuditEntry:
    """Write one act of a person into the trail, in the caller's transaction: no act without its entry.

    `before` and `after` are JSON.
    """
    made = entry(who, act, job_id=job_id, pipeline=pipeline, before=before, after=after)
    made.save(force_insert=True)
    return made


def note_all(entries: Iterable[AuditEntry]) -> None:
    """Write many entries that `entry` made."""
    AuditEntry.objects.bulk_create(entries, batch_size=_BATCH)


def entry(
    who: str,
    act: str,
    *,
    job_id: int | None = None,
    pipeline: str = "",
    before: Any = None,
    after: Any = None,
) -> AuditEntry:
    """Return an entry that is not written yet."""
    return AuditEntry(
        who=storable(who)[:150],
        act=act,
        job_id=job_id,
        pipeline=pipeline,
        before=_as_json(before),
        after=_as_json(after),
    )


def _as_json(value: Any) -> Any:
    return None if value is None else json.loads(dumps(value))
