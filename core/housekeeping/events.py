"""The timelines of jobs that ended long ago: what happened in between goes, how they began and ended stays."""

from __future__ import annotations

from django.db.models import Exists, OuterRef

from core.conf import conf
from core.housekeeping.rounds import Round, Tally
from core.models import JobEvent
from core.models.states import TERMINAL

_KIND = JobEvent.Kind
#: What a timeline keeps: the submit, what people did, the last start, and the end.
KEPT_KINDS = (
    _KIND.SUBMITTED,
    _KIND.SUCCEEDED,
    _KIND.FAILED,
    _KIND.CANCELLED,
    _KIND.REQUEUED,
    _KIND.DISCARDED,
    _KIND.EDITED,
)
#: Events of one page. Ids are nearly in the order of time, so a page that begins with a young event is the last.
PAGE = 2_000


def forget_events(work: Round) -> Tally:
    """Delete what is between begin and end on the timelines of jobs that ended DAYS_EVENTS ago."""
    tally = Tally()
    before = work.before(days=conf.DAYS_EVENTS)
    starts_again = JobEvent.objects.filter(job=OuterRef("job"), kind=_KIND.CLAIMED, pk__gt=OuterRef("pk"))
    old = (
        JobEvent.objects.filter(job__state__in=TERMINAL, job__finished_at__lt=before)
        .exclude(kind__in=KEPT_KINDS)
        .exclude(~Exists(starts_again), kind=_KIND.CLAIMED)
    )
    after = 0
    while page := list(JobEvent.objects.filter(pk__gt=after).order_by("pk").values_list("pk", "at")[:PAGE]):
        if page[0][1] >= before:
            break
        first, after = page[0][0], page[-1][0]
        going = list(old.filter(pk__gte=first, pk__lte=after).order_by().values_list("pk", flat=True))
        if not work.is_dry:
            JobEvent.objects.filter(pk__in=going).delete()
        tally.counts["events"] += len(going)
        work.watch(tally.counts["events"])
    return tally
