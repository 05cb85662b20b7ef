"""The signals about ended jobs (`core.signals`), sent at least once each.

1. The transaction that ends a whole job also writes its `EndSignal`, if the process has a receiver: `finish`, `reap`
   and `cancel` in core/database/sql.
2. A worker's thread takes ends that are due, moves each ahead before it calls the receivers, and deletes it after.
3. When that worker dies in between, the end is due again after HOLD_SECONDS, for whichever worker looks first.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction

from core.database.clock import database_now
from core.logs import log
from core.models import EndSignal, Job
from core.models.states import State
from core.signals import is_listened_to, job_ended, job_failed

#: Ends that are taken at once.
BATCH = 20
#: Seconds that the receivers of one end have before another worker calls them as well.
HOLD_SECONDS = 60.0


def send_due() -> int:
    """Call the receivers for ends that are due, and return for how many; called again while there are any."""
    # Without a lock: most looks find nothing.
    if not is_listened_to() or not EndSignal.objects.filter(due_at__lte=database_now()).exists():
        return 0
    taken = _take()
    for end in taken:
        if _hold(end):
            _send(end)
            EndSignal.objects.filter(pk=end.pk).delete()
    return len(taken)


def _take() -> list[EndSignal]:
    with transaction.atomic():
        now = database_now()
        due = EndSignal.objects.select_for_update(skip_locked=True).filter(due_at__lte=now)
        taken = list(due.order_by("due_at", "pk")[:BATCH])
        until = now + dt.timedelta(seconds=HOLD_SECONDS)
        EndSignal.objects.filter(pk__in=[end.pk for end in taken]).update(due_at=until)
    for end in taken:
        end.due_at = until
    return taken


def _hold(end: EndSignal) -> bool:
    """Whether the end is still ours: those before it in the batch may have taken longer than it was held."""
    until = database_now() + dt.timedelta(seconds=HOLD_SECONDS)
    return bool(EndSignal.objects.filter(pk=end.pk, due_at=end.due_at).update(due_at=until))


def _send(end: EndSignal) -> None:
    job = Job.objects.filter(pk=end.job_id).select_related("owner").first()
    if job is None or (job.spec is not None and job.spec.role):
        # What the site orders itself, such as mails, is nobody's to follow: a receiver that orders one would never end.
        return
    state = State(end.state)
    signals = [job_ended, job_failed] if state == State.FAILED else [job_ended]
    for signal in signals:
        # Django logs what a receiver raises, with its traceback.
        for receiver, answer in signal.send_robust(sender=Job, job=job, state=state):
            if isinstance(answer, Exception):
                name = getattr(receiver, "__qualname__", repr(receiver))
                log("receiver_failed", level=logging.WARNING, job=job.pk, receiver=name, error=repr(answer)[:300])
