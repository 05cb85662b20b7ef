"""The signal that wakes the relay of this process."""

from django.dispatch import Signal

#: Sent after the commit that makes jobs due, with `count`, 0 where it is not known.
jobs_due = Signal()
