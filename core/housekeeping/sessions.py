"""Old rows of sessions, tokens, links, workers, runs of schedules and buckets."""

from __future__ import annotations

from django.contrib.sessions.models import Session
from django.db.models import Q

from core.conf import conf
from core.housekeeping.rounds import BATCH, Round, Tally, delete_rows
from core.models import ApiToken, LimitBucket, Schedule, ScheduledRun, ShareLink
from core.models.states import LIVE
from core.operation import presence

#: The most runs that one schedule keeps, and the newest that stay whatever their age: its page shows them.
RUNS = 1_000
PAGE_RUNS = 30
#: Hours after which a bucket that held nothing up is deleted.
BUCKET_HOURS = 24


def forget_sessions(work: Round) -> Tally:
    """Delete sessions that have ended, tokens and links that ended long ago, dead workers, old runs, idle buckets."""
    tally = Tally()
    delete_rows(Session.objects.filter(expire_date__lt=work.now), "sessions", work=work, tally=tally)
    before = work.before(days=conf.DAYS_EVENTS)
    ended = Q(expires_at__lt=before) | Q(revoked_at__lt=before)
    delete_rows(ApiToken.objects.filter(ended), "API tokens", work=work, tally=tally)
    delete_rows(ShareLink.objects.filter(ended), "links to jobs", work=work, tally=tally)
    if not work.is_dry:
        tally.counts["workers"] += presence.forget_the_dead()
    _forget_runs(work, tally)
    idle = work.before(hours=BUCKET_HOURS).timestamp()
    buckets = LimitBucket.objects.filter(tat__lt=idle, blocked_until__lt=idle)
    delete_rows(buckets, "idle limits", work=work, tally=tally)
    return tally


def _forget_runs(work: Round, tally: Tally) -> None:
    """Delete the runs of each schedule beyond the newest, and the old ones that its page does not show."""
    before = work.before(days=conf.DAYS_EVENTS)
    after = 0
    while ids := list(Schedule.objects.filter(pk__gt=after).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        after = ids[-1]
        for pk in ids:
            newest = ScheduledRun.objects.filter(schedule=pk).order_by("-due_at").values_list("due_at", flat=True)
            oldest_on_page = newest[PAGE_RUNS - 1 : PAGE_RUNS].first()
            if oldest_on_page is None:
                continue
            last = newest[RUNS - 1 : RUNS].first()
            limit = min(before, oldest_on_page)
            limit = limit if last is None else max(limit, last)
            runs = ScheduledRun.objects.filter(schedule=pk, due_at__lt=limit)
            # Runs that wait or have a live job are still needed.
            runs = runs.exclude(outcome=ScheduledRun.Outcome.WAITING).exclude(job__state__in=LIVE)
            delete_rows(runs, "runs of schedules", work=work, tally=tally)
