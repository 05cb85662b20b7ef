"""The states of a job and the arrows between them; docs/states.md draws them."""

from django.db.models import TextChoices


class State(TextChoices):
    """Where a job stands. A cancel request is a timestamp beside the state, never a state."""

    SCHEDULED = "scheduled", "Scheduled"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    RETRYING = "retrying", "Retrying"
    SUCCEEDED = "succeeded", "Succeeded"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"


#: States a worker may claim a job from, once its `run_at` has come.
CLAIMABLE = (State.SCHEDULED, State.QUEUED, State.RETRYING)
#: States a job never leaves by itself.
TERMINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
LIVE = (*CLAIMABLE, State.RUNNING, State.WAITING)

#: Every legal transition. `failed` and `cancelled` are left by a person's retry only.
TRANSITIONS: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.RUNNING, State.CANCELLED}),
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RETRYING: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset(
        {
            State.SUCCEEDED,
            State.FAILED,
            State.CANCELLED,
            State.RETRYING,
            State.QUEUED,
            State.WAITING,
            State.SCHEDULED,
        }
    ),
    State.WAITING: frozenset({State.QUEUED, State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset({State.QUEUED, State.CANCELLED}),
    State.CANCELLED: frozenset({State.QUEUED}),
}
