"""The life of a job, as this package makes it happen. The database is the truth, a message is a wake-up hint.

1. Submit (`submission`): files are stored durably, then one transaction inserts the job, its progress and its
   first event. The same owner and key again is the same job. The request ends here; it never talks to the broker.
2. Publish (`outbox`): a relay takes due jobs, sends their ids, and marks them published once the broker has
   confirmed. A relay that dies in between has at worst sent a message twice.
3. Claim (`ledger`): one conditional update takes the job from a claimable state, counts the attempt, and raises
   the fence. Whoever gets no row has nothing to do: duplicates and stale messages end here.
4. Run: the pipeline's function reports progress and completes steps, each write under its fence.
5. Renew (`leases`): the worker's keeper renews what it holds. A lease that runs out is reaped: the job is tried
   again from its last completed step, or fails when its crashes are used up.
6. End (`ledger`): one conditional update under the fence: succeeded, failed, retrying, handed back. An accepted
   cancel wins over all of these.
7. Lost messages (`outbox`): when the broker holds fewer messages than there are published jobs that nobody has
   claimed, the oldest are published again.
8. Split (`families`): a job that fans out waits for its children without a thread; the last one's end wakes it.
9. A person's acts (`requests`): cancel, and retry of what failed or was cancelled.

The states and their arrows are in core.models.states.
"""
