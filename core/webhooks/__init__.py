"""Webhooks: addresses that are called when a person's jobs have ended; each call is a job.

The story of one end:

1. The transaction that ends the job keeps its end, if a running webhook of its owner's hears of it
   (`core.life.end_signals`). Without such a webhook nothing is written.
2. A worker orders a job for each of these webhooks (`orders`): with what is sent (`payload`), and with a key, so that
   an end that is taken twice is ordered once. Only then the end is deleted: none is lost.
3. The job's attempts call the address, signed with the webhook's secret (`keys`), until it answers 2xx. Each call is
   written down, and a webhook that has failed for days is stopped (`calls`).
4. Its owner makes, changes, pauses and deletes webhooks, each act with its entry in the audit trail (`changes`).

How an address is called, and which may be, is known to the pipeline with the role `webhook` (`addresses`).
"""
