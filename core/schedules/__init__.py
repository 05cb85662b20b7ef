"""Schedules: cron expressions read by a zone's clock, and the jobs that come of them."""
