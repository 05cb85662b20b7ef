"""Whatever happens to broker, workers and people, in whatever order: the promises of a job's life hold.

The machine does what the outside world does (a broker that doubles and drops, workers that crash or pause and come
back as zombies, people who cancel, retry, discard, edit, pause and give priorities) against the real statements, with
a broker that is a list and a clock that is moved. It keeps its own idea of who owns each job, and compares.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck
from hypothesis import settings as search
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from pytest_django import Settings

from core.attempt.attempt import Attempt
from core.attempt.context import JobContext
from core.database import statements
from core.database.clock import database_now
from core.errors import JobCancelled, LeaseLost, Refused
from core.life import dead_letters, leases, outbox, requests
from core.life.leases import Held
from core.life.ledger import End, Ledger
from core.life.submission import submit
from core.limits import Concurrent, changes, gate
from core.models import Job, JobEvent, JobProgress, JobStep
from core.models.job import Priority
from core.models.states import CLAIMABLE, TERMINAL, TRANSITIONS, State
from core.pipelines import get
from tests.configuration import OwnConf

ANY = st.integers(0, 1000)
STEPS = ("first", "second")
#: Seconds after which every delay and every lease is over.
LONG = 4000.0
#: Jobs that the pipeline's limit lets go at once.
PLACES = 2


@dataclass
class Worked:
    """A worker's attempt, as it sees itself."""

    ctx: JobContext
    #: A paused worker renews nothing; it may wake up later and act.
    is_paused: bool = False
    steps: int = 0


class Life(RuleBasedStateMachine):
    """The world around some jobs of one owner. `owner_id` and `pipeline` are set by the test that runs it."""

    owner_id: int
    pipeline: str

    def __init__(self) -> None:
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()
        statements.clock_offset_seconds = 0.0
        self.ledger = Ledger(worker="here:1", patience_seconds=0)
        self.messages: list[int] = []
        self.attempts: list[Worked] = []
        #: The attempt that owns each running job, as the answers so far imply.
        self.owners: dict[int, Worked] = {}
        self.keys: dict[str, int] = {}
        self.states: dict[int, State] = {}
        #: How often people had each job begin anew.
        self.starts: dict[int, int] = {}
        self.is_persons_act = False

    # -- what the world does ---------------------------------------------------------------------------

    @initialize()
    def begin(self) -> None:
        self.submit(key="a", delay=0)

    @rule(key=st.sampled_from("abc"), delay=st.sampled_from([0, 0, 30]))
    def submit(self, key: str, delay: float) -> None:
        made = submit(self.pipeline, owner_id=self.owner_id, key=key, delay_seconds=delay)
        assert made.is_new == (key not in self.keys)
        assert self.keys.setdefault(key, made.job_id) == made.job_id

    @rule(limit=st.integers(1, 4), dies=st.booleans())
    def publish(self, limit: int, dies: bool) -> None:
        """The relay lets jobs go and sends messages; it may die before it notes that."""
        gate.let_go()
        ids = [due.job_id for due in outbox.take_due(limit=limit)]
        self.messages += ids
        if not dies:
            outbox.mark_published(ids)

    @precondition(lambda self: self.messages)
    @rule(pick=ANY)
    def duplicate(self, pick: int) -> None:
        self.messages.append(self.messages[pick % len(self.messages)])

    @precondition(lambda self: self.messages)
    @rule(pick=ANY)
    def drop(self, pick: int) -> None:
        self.messages.pop(pick % len(self.messages))

    @precondition(lambda self: self.messages)
    @rule(pick=ANY)
    def claim(self, pick: int) -> None:
        """A worker takes a message."""
        job_id = self.messages.pop(pick % len(self.messages))
        before = Job.objects.get(pk=job_id)
        claim = self.ledger.claim(job_id)
        if claim is None:
            return
        assert job_id not in self.owners, "claimed while another attempt owns it"
        assert before.state in (State.SCHEDULED, State.QUEUED, State.RETRYING)
        assert before.run_at <= database_now(), "claimed before its time"
        assert not before.is_held, "claimed while a limit keeps it back"
        assert (claim.fence, claim.attempt) == (before.fence + 1, before.attempt + 1)
        attempt = Worked(Attempt(claim, get(self.pipeline)).context)
        self.attempts.append(attempt)
        self.owners[job_id] = attempt

    @rule(pick=ANY)
    def work(self, pick: int) -> None:
        """All goes well for once: what is due is published, and one message taken."""
        self.publish(limit=4, dies=False)
        if self.messages:
            self.claim(pick)

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def crash(self, pick: int) -> None:
        """A worker is killed: it writes nothing more, and nobody is told."""
        self.attempts.remove(self._attempt(pick))

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def pause(self, pick: int) -> None:
        self._attempt(pick).is_paused = True

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def resume(self, pick: int) -> None:
        """A paused worker goes on, with or without its lease; its keeper renews first of all."""
        attempt = self._attempt(pick)
        attempt.is_paused = False
        self._renew()

    @rule(seconds=st.sampled_from([5.0, 40.0]))
    def wait(self, seconds: float) -> None:
        statements.clock_offset_seconds += seconds
        self._renew()

    @rule()
    def expire(self) -> None:
        """Long enough for every lease that nobody renews, and for no other."""
        for _ in range(2):
            self.wait(40.0)
        self.reap()

    @rule()
    def reap(self) -> None:
        for job_id, state in leases.reap():
            assert state in (State.RETRYING, State.FAILED, State.CANCELLED)
            owner = self.owners.pop(job_id)
            assert owner.is_paused or owner not in self.attempts, "a renewed lease was reaped"

    @rule()
    def publish_again(self) -> None:
        """The relay finds that the broker holds fewer messages than there should be."""
        waiting = outbox.unclaimed().get("default", 0)
        outbox.publish_again("default", limit=waiting - len(self.messages), older_seconds=0)

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def lose(self, pick: int) -> None:
        """A worker is paused for so long that its lease runs out and another attempt takes the job."""
        attempt = self._attempt(pick)
        attempt.is_paused = True
        self.expire()
        self.wait(40.0)
        self.work(pick)

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY, done=st.integers(0, 100))
    def progress(self, pick: int, done: int) -> None:
        self._show(self._attempt(pick), done)

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def step(self, pick: int) -> None:
        self._complete_step(self._attempt(pick))

    @precondition(lambda self: self.attempts)
    @rule(
        pick=ANY,
        state=st.sampled_from(
            [
                State.SUCCEEDED,
                State.RETRYING,
                State.FAILED,
                State.FAILED,
                State.QUEUED,
                State.SCHEDULED,
                State.CANCELLED,
            ]
        ),
    )
    def finish(self, pick: int, state: State) -> None:
        attempt = self._attempt(pick)
        self._end(attempt, state)
        self.attempts.remove(attempt)

    @rule(pick=ANY)
    def cancel(self, pick: int) -> None:
        self._cancel(self._job(pick))

    @precondition(lambda self: self.attempts)
    @rule(pick=ANY)
    def cancel_what_runs(self, pick: int) -> None:
        self._cancel(Job.objects.get(pk=self._attempt(pick).ctx.job_id))

    @rule(pick=ANY, from_start=st.booleans())
    def retry(self, pick: int, from_start: bool) -> None:
        job = self._job(pick)
        self._act(job, lambda: requests.retry(job, by="alice", from_start=from_start), may=job.can_retry)
        if from_start and job.can_retry:
            self._note_new_start(job)

    @rule(pick=ANY)
    def discard(self, pick: int) -> None:
        job = self._job(pick)
        self._act(job, lambda: requests.discard_failed(job, by="alice"), may=job.state == State.FAILED)

    @rule(pick=ANY, number=st.integers(0, 3))
    def edit(self, pick: int, number: int) -> None:
        job = self._job(pick)
        self._act(
            job,
            lambda: requests.edit_and_retry(job, params={"n": number}, by="alice"),
            may=job.state == State.FAILED,
        )
        if job.state == State.FAILED:
            assert Job.objects.get(pk=job.pk).params == {"n": number}
            self._note_new_start(job)

    @rule(from_start=st.booleans(), discards=st.booleans())
    def act_on_all_failed(self, from_start: bool, discards: bool) -> None:
        jobs = list(Job.objects.filter(state=State.FAILED))
        self.is_persons_act = True
        act = dead_letters.discard_all if discards else partial(dead_letters.requeue_all, from_start=from_start)
        user, search = User.objects.get(pk=self.owner_id), dead_letters.Search()
        assert act(user, search, ids=None, expected=len(jobs), by="alice") == len(jobs)
        if from_start and not discards:
            for job in jobs:
                self._note_new_start(job)

    @rule(pick=ANY, priority=st.sampled_from(Priority))
    def reprioritise(self, pick: int, priority: Priority) -> None:
        job = self._job(pick)
        may = job.state in CLAIMABLE
        self._act(job, lambda: requests.reprioritise(job, priority, by="alice"), may=may)
        after = Job.objects.get(pk=job.pk)
        assert after.priority == (priority if may else job.priority)
        if may and job.priority != priority and not job.is_held:
            assert after.published_at is None, "its message has the old priority"

    @rule(is_paused=st.booleans())
    def pause_or_resume(self, is_paused: bool) -> None:
        act = changes.pause if is_paused else changes.resume
        with contextlib.suppress(Refused):
            act(self.pipeline, by="alice")

    # -- what always holds -----------------------------------------------------------------------------

    @invariant()
    def only_legal_transitions(self) -> None:
        for job in Job.objects.all():
            old, new = self.states.get(job.pk), State(job.state)
            if old not in (None, new):
                assert new in TRANSITIONS[State(old)], f"{old} → {new}"
                assert old not in TERMINAL or self.is_persons_act, f"{old} was left by itself"
            self.states[job.pk] = new
        self.is_persons_act = False

    @invariant()
    def rows_are_consistent(self) -> None:
        for job in Job.objects.all():
            assert 0 <= job.attempt <= job.max_attempts
            assert 0 <= job.crashes <= job.max_crashes
            assert (job.state == State.RUNNING) == (job.pk in self.owners)
            assert (job.lease_until is not None) == (job.state == State.RUNNING)
            assert (job.finished_at is not None) == job.is_finished
            assert (job.result is not None) == (job.state == State.SUCCEEDED)
            assert job.state != State.CANCELLED or job.cancel_requested_at is not None
            assert not job.is_held or job.state in CLAIMABLE
            claims = JobEvent.objects.filter(job=job, kind=JobEvent.Kind.CLAIMED).count()
            assert claims == job.fence

    @invariant()
    def no_more_are_let_go_than_the_limit_allows(self) -> None:
        assert Job.objects.live().filter(is_held=False).count() <= PLACES

    @invariant()
    def effects_happen_at_most_once(self) -> None:
        texts = list(JobEvent.objects.filter(kind=JobEvent.Kind.NOTE).values_list("job_id", "text"))
        assert len(texts) == len(set(texts))

    # -- the end ---------------------------------------------------------------------------------------

    def teardown(self) -> None:
        try:
            self._drain()
        finally:
            statements.clock_offset_seconds = 0.0
            transaction.set_rollback(True)
            self.example.__exit__(None, None, None)

    def _drain(self) -> None:
        """All workers are lost and a whole one starts: every job ends, also those whose messages were lost.

        The lost ones come back once more while their jobs are in other hands: nothing they write is accepted.
        """
        zombies, self.attempts = self.attempts, []
        self.pause_or_resume(is_paused=False)
        for _ in range(40):
            if not Job.objects.live().exists():
                break
            statements.clock_offset_seconds += LONG
            self.reap()
            self.only_legal_transitions()
            self.publish_again()
            self.publish(limit=100, dies=False)
            while self.messages:
                self.claim(0)
            self.only_legal_transitions()
            for zombie in zombies:
                self._show(zombie, 99)
                self._complete_step(zombie)
                self._end(zombie, State.FAILED)
            self.rows_are_consistent()
            for attempt in self.attempts[::2]:
                self._cancel(Job.objects.get(pk=attempt.ctx.job_id))
            for attempt in self.attempts:
                self._complete_step(attempt)
            while self.attempts:
                self.finish(0, State.SUCCEEDED)
            self.only_legal_transitions()
        left = list(Job.objects.live().values_list("pk", "state", "published_at"))
        assert not left, f"never ended: {left}"
        for job in Job.objects.all():
            self._cancel(job)
        self.only_legal_transitions()
        self.rows_are_consistent()
        self.effects_happen_at_most_once()

    def _cancel(self, job: Job) -> None:
        try:
            state = requests.cancel(job, by="alice")
        except Refused:
            assert not job.can_cancel
        else:
            assert job.can_cancel
            assert state == (State.RUNNING if job.pk in self.owners else State.CANCELLED)

    def _act(self, job: Job, act: Callable[[], object], *, may: bool) -> None:
        self.is_persons_act = True
        try:
            act()
        except Refused:
            assert not may
            assert Job.objects.filter(pk=job.pk).values("state", "fence").get() == {
                "state": job.state,
                "fence": job.fence,
            }
        else:
            assert may
        assert Job.objects.get(pk=job.pk).fence == job.fence, "fences rise by claims alone"

    def _note_new_start(self, job: Job) -> None:
        self.starts[job.pk] = self.starts.get(job.pk, 0) + 1
        assert not JobStep.objects.filter(job=job.pk).exists()

    # -- what an attempt writes, and whether it may ----------------------------------------------------

    def _show(self, attempt: Worked, done: int) -> None:
        ctx = attempt.ctx
        before = JobProgress.objects.get(job_id=ctx.job_id).version
        shown = {"stages": [], "done": done, "total": None, "unit": "", "note": "", "rate": None, "is_whole": True}
        rows = json.dumps([{"id": ctx.job_id, "fence": ctx.fence, **shown}])
        statements.run("progress", {"rows": rows, "ids": statements.id_list([ctx.job_id])})
        written = JobProgress.objects.get(job_id=ctx.job_id).version - before
        assert written == self._owns(attempt)

    def _complete_step(self, attempt: Worked) -> None:
        ctx, key = attempt.ctx, STEPS[attempt.steps % len(STEPS)]
        is_known = key in ctx._steps.results
        is_cancelling = Job.objects.get(pk=ctx.job_id).cancel_requested_at is not None
        try:
            ctx.step(key, self._take_effect, ctx, key, atomic=True)
        except LeaseLost:
            assert not self._owns(attempt), "the owner was refused"
        except JobCancelled:
            assert is_cancelling
        except IntegrityError:
            # Another attempt has completed this step: refused as well, by the table instead of the fence.
            assert not self._owns(attempt)
        else:
            assert is_known or self._owns(attempt), "a stale fence was accepted"
            assert is_known or not is_cancelling
            attempt.steps += 1

    def _end(self, attempt: Worked, state: State) -> None:
        ctx, owns = attempt.ctx, self._owns(attempt)
        job = Job.objects.get(pk=ctx.job_id)
        if state == State.RETRYING and job.attempt >= job.max_attempts:
            state = State.FAILED
        if state == State.CANCELLED and job.cancel_requested_at is None:
            state = State.SUCCEEDED  # an attempt says so only when it was asked to
        ended = self.ledger.end(End(job_id=ctx.job_id, fence=ctx.fence, state=state, result="1", error="x", delay=1.0))
        if not owns:
            assert ended is None, "a stale fence was accepted"
            return
        assert ended == (State.CANCELLED if job.cancel_requested_at else state)
        del self.owners[ctx.job_id]
        if ended in (State.RETRYING, State.SCHEDULED):
            # A message that comes twice comes too early now.
            assert self.ledger.claim(ctx.job_id) is None

    # -- parts -----------------------------------------------------------------------------------------

    def _attempt(self, pick: int) -> Worked:
        return self.attempts[pick % len(self.attempts)]

    def _owns(self, attempt: Worked) -> bool:
        return self.owners.get(attempt.ctx.job_id) is attempt

    def _job(self, pick: int) -> Job:
        ids = sorted(self.keys.values())
        return Job.objects.get(pk=ids[pick % len(ids)])

    def _renew(self) -> None:
        held = {Held(each.ctx.job_id, each.ctx.fence): each for each in self.attempts if not each.is_paused}
        kept = leases.renew(held)
        for entry, attempt in held.items():
            assert (entry in kept) == (self.owners.get(entry.job_id) is attempt)

    def _take_effect(self, ctx: JobContext, key: str) -> int:
        text = f"effect {key} after start {self.starts.get(ctx.job_id, 0)}"
        JobEvent.objects.create(job_id=ctx.job_id, kind=JobEvent.Kind.NOTE, text=text)
        return 1


@pytest.mark.django_db
def test_the_life_of_a_job_keeps_its_promises_in_any_order(
    alice: User, define: Callable[..., str], monkeypatch: pytest.MonkeyPatch, settings: Settings, conf: OwnConf
) -> None:
    def life(ctx: Any) -> None: ...

    # Short pauses between attempts, so that a wait is long enough for the next one.
    conf.RETRY_BASE_SECONDS = 1.0
    monkeypatch.setattr(Life, "owner_id", alice.pk, raising=False)
    name = define(life, max_attempts=4, max_crashes=3, on_cancel="keep", limits=[Concurrent(PLACES)])
    monkeypatch.setattr(Life, "pipeline", name, raising=False)
    run_machine(
        Life,
        settings=search(
            max_examples=50,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
