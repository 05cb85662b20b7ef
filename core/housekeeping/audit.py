"""The audit trail and the counts of alarms, kept for DAYS_AUDIT."""

from __future__ import annotations

from core.conf import conf
from core.housekeeping.rounds import Round, Tally, delete_rows
from core.models import AlarmCount, AuditEntry


def forget_acts(work: Round) -> Tally:
    """Delete the acts that were done, and the alarms that were last heard, before that time."""
    tally = Tally()
    before = work.before(days=conf.DAYS_AUDIT)
    delete_rows(AuditEntry.objects.filter(at__lt=before), "audit entries", work=work, tally=tally)
    delete_rows(AlarmCount.objects.filter(last_at__lt=before), "alarm counts", work=work, tally=tally)
    return tally
