"""The arguments of a call as a job keeps them: by their names, as if a person had filled in the form.

Beside them, under `NOTE`, is what the form has no field for: how many stood by their position, and what `using` said.
A job that was started on a page, by a schedule or by its pipeline's name has no such note.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from actors.task_backend.api import Task
from core.errors import PermanentError

#: The parameter that holds the note; one with a `_` is shown to nobody.
NOTE = "_task"

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def signature_of(task: Task) -> inspect.Signature:
    """Return the signature that `enqueue` is called by: without the context, and without annotations' strings."""
    signature = inspect.signature(task.func)
    parameters = list(signature.parameters.values())
    return signature.replace(parameters=parameters[1:] if task.takes_context else parameters)


def bound(task: Task, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by name; raise TypeError as the call would."""
    try:
        return dict(signature_of(task).bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise TypeError(f"{task.module_path}() {error}") from None


def call_of(task: Task, params: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments that these parameters stand for.

    Raise PermanentError for one that the function no longer takes.
    """
    parameters = signature_of(task).parameters.values()
    left = {name: value for name, value in params.items() if name != NOTE}
    count = int(params.get(NOTE, {}).get("positional", 0))
    more = next((left.get(each.name) or [] for each in parameters if each.kind is each.VAR_POSITIONAL), [])
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    for each in parameters:
        if each.name not in left:
            continue
        value = left.pop(each.name)
        if each.kind is each.VAR_POSITIONAL:
            args += value or []
        elif each.kind is each.VAR_KEYWORD:
            kwargs |= value or {}
        elif each.kind is each.POSITIONAL_ONLY or (each.kind in _BY_POSITION and (more or len(args) < count)):
            args.append(value)
        else:
            kwargs[each.name] = value
    if left:
        raise PermanentError(
            f"{task.module_path} takes no {next(iter(left))!r} any more: it has changed since this was enqueued."
        )
    return args, kwargs
