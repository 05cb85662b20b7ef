"""Dramatiq and what a worker's threads do beside the work: publish, renew, let go, tick."""
