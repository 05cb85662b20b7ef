"""How much of a job each of its stages is: by what they took in the last runs, as far as this process saw them.

It is kept in memory: a job's shares are fixed with its first attempt, and a worker that knows nothing yet takes all
stages for alike. A query for each job would cost more than the better guess is worth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: How much the newest run counts for, and the least share of a stage: one that took no time once may take some.
_NEWEST, _LEAST = 0.5, 0.02
#: Seconds of each stage by pipeline; replaced as a whole, as threads read it.
_seconds: dict[str, dict[str, float]] = {}


def learn(pipeline: str, stages: Sequence[dict[str, Any]]) -> None:
    """Remember what the stages of a job that succeeded took; one that was passed over says nothing."""
    before = _seconds.get(pipeline, {})
    took = {
        stage["name"]: max(0.0, stage["ended_at"] - stage["started_at"])
        for stage in stages
        if stage.get("started_at") and stage.get("ended_at")
    }
    learnt = {name: _NEWEST * new + (1 - _NEWEST) * before.get(name, new) for name, new in took.items()}
    if learnt:
        _seconds[pipeline] = {**before, **learnt}


def with_shares(pipeline: str, stages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the stages of a new job with their shares; as they are, which is alike, while one of them is unknown."""
    seconds = _seconds.get(pipeline, {})
    whole = sum(seconds.get(stage["name"], 0.0) for stage in stages)
    if not whole or any(stage["name"] not in seconds for stage in stages):
        return stages
    return [{**stage, "share": round(max(_LEAST, seconds[stage["name"]] / whole), 4)} for stage in stages]
