"""What mutants do in place of the product; nothing else imports this."""

from __future__ import annotations

from collections.abc import Mapping


def publish_now(ids: Mapping[str, int]) -> None:
    """Publish these jobs' messages although nobody has committed them."""
    from actors.runtime.broker import job_broker
    from core.life import outbox
    from core.life.messages import DueJob
    from core.models import Job

    jobs = [DueJob(job_id, "default", 1, "chaos_steps", 1, 1) for job_id in ids.values()]
    job_broker().publish_jobs(jobs)
    Job.objects.filter(pk__in=list(ids.values())).update(published_at="2000-01-01T00:00:00Z")
    outbox.mark_published(ids.values())
