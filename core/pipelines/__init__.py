"""The kinds of work: their registry, and what one declares: its form, queue, limits, schedules and files."""

from core.pipelines.registry import (
    MOST_DAYS,
    Download,
    Pipeline,
    Run,
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
    taking,
)

__all__ = [
    "MOST_DAYS",
    "Download",
    "Pipeline",
    "Run",
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
    "taking",
]
