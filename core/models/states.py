"""The states of a job and the arrows between them; docs/states.md draws them."""

from django.db.models import TextChoices

from core.database import fragments


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


#: Outcomes beside the states: the job is being cancelled, or it has succeeded with a warning.
CANCELLING, WARNED = "cancelling", "warned"
#: The words for people of each outcome of a job: its state, or one of the two above (`Job.outcome`).
OUTCOMES: dict[str, str] = {
    **{state.value: str(state.label) for state in State},
    CANCELLING: "Cancelling",
    WARNED: "Succeeded, with warnings",
}

#: States a worker may claim a job from, once its `run_at` has come.
CLAIMABLE = (State.SCHEDULED, State.QUEUED, State.RETRYING)
#: States a job never leaves by itself.
TERMINAL = (State.SUCCEEDED, State.FAILED, State.CANCELLED)
#: States of an attempt that goes on, and of a live job that nobody runs.
BEGUN = (State.RUNNING, State.WAITING)
IDLE = (*CLAIMABLE, State.WAITING)
LIVE = (*CLAIMABLE, *BEGUN)
#: States that a person's retry leaves.
RETRIABLE = (State.FAILED, State.CANCELLED)
#: Ends of an attempt after which the job waits for its time, and ends that do not count as an attempt.
DELAYED = (State.RETRYING, State.SCHEDULED)
UNCOUNTED = (State.QUEUED, State.WAITING, State.SCHEDULED)

fragments.define_states(
    claimable=CLAIMABLE,
    begun=BEGUN,
    idle=IDLE,
    live=LIVE,
    terminal=TERMINAL,
    retriable=RETRIABLE,
    delayed=DELAYED,
    uncounted=UNCOUNTED,
)

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
