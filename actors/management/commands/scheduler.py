"""Runs periodiq, the minute ticker, beside workers over RabbitMQ."""

from __future__ import annotations

from typing import Any

import periodiq
from django.core.management.base import BaseCommand, CommandError

from actors.runtime.broker import job_broker


class Command(BaseCommand):
    help = "Tick every minute: reap leases and fire schedules (RabbitMQ runtime; an embedded worker ticks by itself)."

    def handle(self, **options: Any) -> None:
        if not job_broker().is_shared:
            raise CommandError("the embedded worker ticks by itself; set RABBITMQ_URL to run a scheduler")
        from actors.runtime.ticker import tick

        scheduler = periodiq.Scheduler(actors=[tick])
        scheduler.schedule()
        scheduler.loop()
