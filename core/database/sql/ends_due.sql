-- Whether an end waits for its signals and webhooks: one probe of the index end_signal_due.
SELECT 1 FROM core_endsignal WHERE due_at <= {now} LIMIT 1
