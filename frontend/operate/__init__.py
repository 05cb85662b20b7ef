"""For operators and machines: failed jobs, limits, workers, mails, the audit trail, health and metrics."""
