"""Limits of pipelines as the API shows them to those who operate the site."""

from __future__ import annotations

import datetime as dt

from pydantic import BaseModel, Field

from core.limits import changes


class LimitBody(BaseModel):
    """One limit as it holds now."""

    name: str
    text: str
    amount: int
    per_seconds: float | None = Field(description="None for a limit of jobs at once.")
    is_changed: bool
    in_use: int


class PipelineLimitsBody(BaseModel):
    """A pipeline's limits, and whether it is paused."""

    pipeline: str
    title: str
    is_paused: bool
    paused_by: str
    paused_at: dt.datetime | None
    note: str
    held: int = Field(description="Jobs that are kept back now.")
    limits: list[LimitBody]


class LimitsBody(BaseModel):
    """The limits of all pipelines."""

    items: list[PipelineLimitsBody]


def limits() -> LimitsBody:
    return LimitsBody(items=[_one(each) for each in changes.overview()])


def limits_of(name: str) -> PipelineLimitsBody:
    return next(_one(each) for each in changes.overview() if each.pipeline.name == name)


def _one(each: changes.PipelineLimits) -> PipelineLimitsBody:
    return PipelineLimitsBody(
        pipeline=each.pipeline.name,
        title=each.pipeline.title,
        is_paused=each.is_paused,
        paused_by=each.paused_by,
        paused_at=each.paused_at,
        note=each.note,
        held=each.held,
        limits=[
            LimitBody(
                name=limit.name,
                text=limit.text,
                amount=limit.amount,
                per_seconds=limit.per_seconds,
                is_changed=limit.is_changed,
                in_use=limit.in_use,
            )
            for limit in each.limits
        ],
    )
