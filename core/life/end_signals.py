"""What follows the end of a job: the calls of webhooks, and the signals of `core.signals`. At least once each.

1. The transaction that ends a whole job also writes its `EndSignal`, if the process has a receiver or a running webhook
   hears of it: `finish`, `reap` and `cancel` in core/database/sql.
2. A worker's thread takes ends that are due, and moves each ahead. First what the site itself does at an end is done in
   one transaction (`ending`): the calls of webhooks are ordered. Then the receivers are called, and the end is deleted.
3. When that worker dies in between, the end is due again after HOLD_SECONDS, for whichever worker looks first. So it is
   when a call could not be ordered. What a receiver raises is logged, and no more.
"""

from __future__ import annotations

import datetime as dt
import logging
from typing import Any

from django.db import InterfaceError, OperationalError, transaction
from django.dispatch import Signal

from core import pipelines
from core.database import statements
from core.database.clock import database_now
from core.failpoints import failpoint
from core.logs import log
from core.models import EndSignal, Job
from core.models.states import State
from core.signals import is_listened_to, job_ended, job_failed

#: Ends that are taken at once.
BATCH = 20
#: Seconds that the receivers of one end have before another worker calls them as well.
HOLD_SECONDS = 60.0
#: How long an end is tried again at which something could not be ordered.
PATIENCE = dt.timedelta(days=1)

#: Sent with `job` and `end`, an `EndSignal`, before the receivers of the site are called, in a transaction of its own.
#: What a receiver raises keeps the end, which is taken again; ordering twice has to be ordering once.
ending = Signal()


def hearing() -> dict[str, Any]:
    """Return the parameters by which an act knows whether an end is kept: `{end_signal}` in core/database/sql."""
    ordered = statements.id_list(spec.name for spec in pipelines.every() if spec.role)
    return {"listened": is_listened_to(), "ordered": ordered}


def send_due() -> int:
    """Order the calls and call the receivers for ends that are due; return for how many. Called while there are any."""
    # Without a lock: most looks find nothing.
    if not statements.read("ends_due", {}):
        return 0
    taken = _take()
    failpoint("end-taken")
    for end in taken:
        if _hold(end) and _send(end):
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


def _send(end: EndSignal) -> bool:
    """Do what follows the end; return whether it is done with."""
    job = Job.objects.filter(pk=end.job_id).select_related("owner").first()
    if job is None or (job.spec is not None and job.spec.role):
        # A process without its pipeline has kept it: a receiver that orders such a job would never end.
        return True
    if not _order(job, end):
        return False
    failpoint("end-ordered")
    state = State(end.state)
    signals = [job_ended, job_failed] if state == State.FAILED else [job_ended]
    for signal in signals:
        # Django logs what a receiver raises, with its traceback.
        for receiver, answer in signal.send_robust(sender=Job, job=job, state=state):
            if isinstance(answer, Exception):
                name = getattr(receiver, "__qualname__", repr(receiver))
                log("receiver_failed", level=logging.WARNING, job=job.pk, receiver=name, error=repr(answer)[:300])
    return True


def _order(job: Job, end: EndSignal) -> bool:
    """Do what the site itself does at an end; return whether the receivers' turn has come."""
    try:
        with transaction.atomic():
            ending.send(sender=Job, job=job, end=end)
    except (OperationalError, InterfaceError):
        # The database is away: the caller looks again, and the end is still there.
        raise
    except Exception:  # noqa: BLE001 - whatever it is, the end is kept, and other ends go on
        is_given_up = database_now() - (job.finished_at or job.created_at) > PATIENCE
        log("end_not_ordered", level=logging.ERROR, exc_info=True, job=job.pk, state=end.state, is_last=is_given_up)
        return is_given_up
    return True
