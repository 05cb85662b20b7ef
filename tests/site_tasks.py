"""Tasks as a site has them. The fixture `site_tasks` imports them, once TASKS names Headway's backend."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from actors.task_backend import job_options
from actors.task_backend.api import IS_DJANGOS
from core.errors import PermanentError
from core.pipelines.declared import Concurrent

if TYPE_CHECKING or IS_DJANGOS:
    from django.tasks import task
else:
    from django_tasks import task

#: What the tasks have done.
done: list[Any] = []


@task
def send_receipt(order: int, language: str = "en", *, is_copy: bool = False) -> dict[str, Any]:
    """Write a receipt.

    And more that the page need not say.
    """
    done.append((order, language, is_copy))
    return {"headline": f"Receipt {order}"}


@task
def take_anything(*parts: Any, **named: Any) -> list[Any]:
    return [list(parts), named]


@task
def take_many_kinds(  # type: ignore[no-untyped-def]
    text: str,
    anything,
    lines: list[int],
    at_most: int | None = None,
    note: str | None = None,
    share: float = 0.5,
    day: dt.date | None = None,
    clock: object = dt.time.min,
) -> list[Any]:
    return [text, anything, lines, at_most, note, share, day, str(clock)]


@task
async def wait_a_turn(count: int) -> int:
    done.append(count)
    return count


@task(takes_context=True)
def count_up(context: Any, upto: int) -> dict[str, int]:
    context.job.progress(upto, upto, unit="numbers")
    return {"attempt": context.attempt, "job": int(context.task_result.id)}


@task(takes_context=True)
async def count_up_async(context: Any, upto: int) -> dict[str, int]:
    await context.job.progress(upto, upto, unit="numbers")
    return {"attempt": context.attempt, "job": int(context.task_result.id)}


class Outer:
    class NotToday(Exception):
        """An error that a class holds."""


@task
@job_options(max_attempts=2)
def fail_twice(text: str) -> None:
    raise Outer.NotToday(f"{text}\nand a second line: it")


@task
async def fail_async() -> None:
    raise PermanentError("There is no such order.")


@task
def return_a_function() -> Any:
    return lambda: True


@task
@job_options(
    title="Night shift",
    name="night_shift",
    icon="moon",
    max_attempts=1,
    time_limit=60,
    retention_days=7,
    limits=[Concurrent(1)],
    is_for_staff=False,
)
def with_options() -> None: ...


def double(number: int) -> int:
    return number * 2
