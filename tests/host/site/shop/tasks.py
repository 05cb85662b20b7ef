"""The shop's tasks, as Django has them."""

from typing import Any

import django

if django.VERSION >= (6, 0):
    from django.tasks import task
else:
    from django_tasks import task


@task(takes_context=True)
def count_stock(context: Any, shelves: int) -> int:
    """Counts what is on the shelves."""
    for number in range(shelves):
        context.job.progress(number + 1, shelves, unit="shelves")
    return shelves


@task(takes_context=True)
async def ask_suppliers(context: Any, suppliers: int) -> list[int]:
    """Asks all suppliers at once."""
    for number in range(suppliers):
        await context.job.progress(number + 1, suppliers, unit="suppliers")
    return [suppliers, context.attempt]
