"""Mails past their time. One that may or may not have arrived stays."""

from __future__ import annotations

from core.conf import conf
from core.housekeeping.rounds import Round, Tally, delete_rows
from core.models import Mail
from core.models.states import State


def forget_mails(work: Round) -> Tally:
    """Delete the mails that were made DAYS_MAILS ago, of jobs that have succeeded.

    The row is what keeps a mail from being sent twice. A job that failed or was cancelled may be tried again: its
    mails go with it.
    """
    tally = Tally()
    old = Mail.objects.filter(created_at__lt=work.before(days=conf.DAYS_MAILS), job__state=State.SUCCEEDED)
    delete_rows(old.exclude(state=Mail.State.UNKNOWN), "mails", work=work, tally=tally)
    return tally
