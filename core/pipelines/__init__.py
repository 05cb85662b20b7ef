"""The kinds of work: their registry, and what one declares: its form, queue, limits, schedules and files."""

from core.pipelines.checks import MOST_DAYS, InvalidPipeline
from core.pipelines.registry import (
    Download,
    Pipeline,
    Run,
    add_queues,
    every,
    find,
    for_role,
    forget,
    get,
    heavy_queues,
    listed,
    pipeline,
    preloads,
    queues,
    rehearsals,
    set_icons,
    taking,
)

__all__ = [
    "MOST_DAYS",
    "Download",
    "InvalidPipeline",
    "Pipeline",
    "Run",
    "add_queues",
    "every",
    "find",
    "for_role",
    "forget",
    "get",
    "heavy_queues",
    "listed",
    "pipeline",
    "preloads",
    "queues",
    "rehearsals",
    "set_icons",
    "taking",
]
