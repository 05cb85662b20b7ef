"""Limits: how many jobs may start in a time, and how many may be at work at once.

1. A pipeline declares limits; staff may change them, and pause the pipeline, while it runs (`core.limits.changes`).
2. A job of such a pipeline is stored as held. It is not published and nobody can claim it; it has no thread, no
   message and no attempt.
3. The gate (`core.limits.gate`) lets jobs go: in the order of their priority, owners in turn, each owner's in the order
   in which they came. A rate gives each job the exact time of its start; a limit of concurrency, a place.
4. A place is not written anywhere: it is counted from the jobs themselves, so a crash can't leak one.
5. What is tried again, or told to wait by a remote (`RetryAfter`), is held again and passes the gate anew.
"""

from core.pipelines.declared import Concurrent, Limit, Rate, lane_of

__all__ = ["Concurrent", "Limit", "Rate", "lane_of"]
