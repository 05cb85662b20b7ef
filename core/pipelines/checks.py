"""A pipeline is checked when it is registered: what could only fail in its jobs is a sentence at the start."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.forms.formsets import BaseFormSet
from django.forms.models import BaseModelForm

from core.pipelines import secrets
from core.pipelines.declared import Concurrent, Rate, room_of

if TYPE_CHECKING:
    from core.pipelines.registry import Pipeline

#: Days that a pipeline's jobs are kept at most; claims and crashes that a job may have at most.
MOST_DAYS = 36_500
MOST_ATTEMPTS = 10_000
#: Seconds below which a time limit has to be.
MOST_SECONDS = 86_400.0 * MOST_DAYS
#: Characters of a queue's name: what its column holds.
QUEUE_LENGTH = 80

_NAME = re.compile(r"[a-z][a-z0-9_]{0,78}\Z")
#: What Dramatiq takes as the name of a queue.
_QUEUE = re.compile(r"[a-zA-Z_][a-zA-Z0-9._-]*\Z")
#: Ends the names of the queues that Dramatiq makes beside each.
_DRAMATIQ_ENDINGS = (".DQ", ".XQ")
_ICON = re.compile(r"[a-z][a-z0-9-]*\Z")
_SWITCHES = ("is_heavy", "notifies_owner", "counts_as_load", "is_listed", "is_for_staff")
_TEXTS = ("title", "description", "icon", "every", "role")


class InvalidPipeline(ImproperlyConfigured, ValueError):
    """Raised when a pipeline can't work as it is registered; names the file and line of its function."""


def place_of(run: Callable[..., Any]) -> str:
    """Return file and line of a function, for whoever mends it; its module where there are none."""
    code = getattr(inspect.unwrap(run), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else str(getattr(run, "__module__", run))


def check_name(name: object) -> None:
    if not isinstance(name, str) or not _NAME.match(name):
        raise ValueError("a name has lower-case letters, digits and _ only, and up to 79 of them")


def check_form(form: object) -> None:
    """Raise ValueError for what is no form that a person can fill in once."""
    if isinstance(form, type) and issubclass(form, BaseFormSet):
        raise ValueError(
            f"{form.__name__} is a formset; a job has one form. Write a PipelineForm, or one job for each of its forms"
        )
    if isinstance(form, type) and issubclass(form, BaseModelForm):
        raise ValueError(
            f"{form.__name__} is a ModelForm, which would save its row before the job is there. Write a PipelineForm "
            "with these fields, and save the row in the function"
        )
    if not isinstance(form, type) or not issubclass(form, forms.Form):
        raise ValueError(f"form is {form!r}; give a class: a PipelineForm, or any django.forms.Form")


def check_options(given: Iterable[str], existing: Collection[str]) -> None:
    for name in given:
        if name not in existing:
            near = difflib.get_close_matches(name, existing, 1)
            raise ValueError(f"there is no option {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def stages_of(stages: Any) -> tuple[tuple[str, str], ...]:
    """Return the stages as (name, title) pairs; raise ValueError for what is none, or is there twice."""
    if isinstance(stages, str) or not isinstance(stages, Iterable):
        raise ValueError(f"stages is {stages!r}; write names, or (name, title) pairs")
    pairs: list[tuple[str, str]] = []
    for stage in stages:
        pair = (stage, stage.replace("_", " ").capitalize()) if isinstance(stage, str) else stage
        if not _is_pair_of_texts(pair):
            raise ValueError(f"the stage {stage!r} is neither a name nor a (name, title) pair")
        if pair[0] in dict(pairs):
            raise ValueError(f"the stage {pair[0]!r} is there twice")
        pairs.append(pair)
    return tuple(pairs)


def _is_pair_of_texts(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(isinstance(text, str) and text for text in value)


def names_of_modules(modules: Iterable[object]) -> tuple[str, ...]:
    """Return the names of modules; raise ValueError for what is none."""
    modules = tuple(modules)
    for module in modules:
        if not isinstance(module, ModuleType):
            raise ValueError(f"preload has {module!r}, which is no module: import it, and give the module itself")
    return tuple(module.__name__ for module in modules if isinstance(module, ModuleType))


def check(spec: Pipeline) -> None:
    """Raise ValueError, with a sentence, for the first thing that can't work."""
    for name in _TEXTS:
        if not isinstance(value := getattr(spec, name), str):
            raise ValueError(f"{name} is {value!r}; write a text")
    if not spec.title.strip():
        raise ValueError("its title is empty; write its name for people")
    for name in _SWITCHES:
        if not isinstance(value := getattr(spec, name), bool):
            raise ValueError(f"{name} is {value!r}; write True or False")
    _check_number(spec, "retention_days", most=MOST_DAYS)
    _check_number(spec, "max_attempts", most=MOST_ATTEMPTS)
    _check_number(spec, "max_crashes", most=MOST_ATTEMPTS)
    _check_time_limit(spec.time_limit)
    for seconds in spec.retry_seconds:
        if not _is_number(seconds) or not 0 <= seconds < MOST_SECONDS:
            raise ValueError(f"retry_seconds has {seconds!r}; write the seconds before each further attempt")
    check_queue(spec.queue)
    if not _ICON.match(spec.icon):
        raise ValueError(f"icon is {spec.icon!r}; write a name such as 'play'")
    if spec.on_cancel not in ("discard", "keep"):
        raise ValueError(f"on_cancel is {spec.on_cancel!r}; write 'discard' or 'keep'")
    if spec.takes not in (None, "dataset"):
        raise ValueError(f"takes is {spec.takes!r}; write 'dataset', or leave it out")
    if spec.takes and spec.takes not in spec.form.base_fields and has_fixed_fields(spec.form):
        raise ValueError(f"it takes a {spec.takes}, and its form has no field {spec.takes!r} to fill in")
    if spec.rehearsal is not None and not callable(spec.rehearsal):
        raise ValueError(f"rehearsal is {spec.rehearsal!r}; give a module's function")
    _check_signature(spec)
    _check_limits(spec)
    _check_fields(spec)


def has_fixed_fields(form: type[forms.Form]) -> bool:
    """Whether the form's fields are those of its class: one with an `__init__` of its own may add and remove some."""
    author = next(each for each in form.__mro__ if "__init__" in vars(each))
    return author.__module__.partition(".")[0] in ("django", __name__.partition(".")[0])


def parameter_fields(form: type[forms.Form]) -> dict[str, forms.Field]:
    """Return the fields whose values the function gets: all but the files."""
    return {name: field for name, field in form.base_fields.items() if not isinstance(field, forms.FileField)}


def is_nobodys(form: type[forms.Form]) -> bool:
    """Whether nobody fills the form in: the site alone submits such jobs, with what parameters it likes."""
    return bool(getattr(form, "is_nobodys", False))


def _check_number(spec: Pipeline, name: str, *, most: int) -> None:
    value = getattr(spec, name)
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(f"{name} is {value!r}; write a number from 1 to {most}")


def _check_time_limit(seconds: object) -> None:
    if seconds is not None and not (_is_number(seconds) and 0 < cast(float, seconds) < MOST_SECONDS):
        raise ValueError(f"time_limit is {seconds!r}; write the seconds an attempt may take, or None")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def check_queue(queue: object) -> None:
    if not isinstance(queue, str) or not _QUEUE.match(queue) or len(queue) > QUEUE_LENGTH:
        raise ValueError(
            f"the queue {queue!r} can't be one: letters, digits and . _ - only, a letter or _ first, and up to "
            f"{QUEUE_LENGTH} of them"
        )
    if queue.endswith(_DRAMATIQ_ENDINGS):
        raise ValueError(f"the queue {queue!r} ends as those that Dramatiq makes beside each; name it otherwise")


def _check_signature(spec: Pipeline) -> None:
    try:
        parameters = list(inspect.signature(spec.run).parameters.values())
    except (TypeError, ValueError):
        # Something compiled that doesn't say what it takes.
        return
    kinds = inspect.Parameter
    if not parameters or parameters[0].kind in (kinds.KEYWORD_ONLY, kinds.VAR_KEYWORD):
        raise ValueError("its function has no place for the context: write ctx as its first parameter")
    context, *others = parameters
    if only := [each.name for each in others if each.kind is kinds.POSITIONAL_ONLY]:
        raise ValueError(f"its function takes {only[0]!r} by position; parameters are given by their names")
    if is_nobodys(spec.form):
        return
    fields = parameter_fields(spec.form)
    if context.kind is kinds.POSITIONAL_OR_KEYWORD and context.name in fields:
        raise ValueError(f"its form has a field {context.name!r}, which is the name of the context; rename one")
    named = {each.name: each for each in others if each.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)}
    if not any(each.kind is kinds.VAR_KEYWORD for each in others):
        for name in fields:
            if name not in named:
                raise ValueError(
                    f"its form has a field {name!r}, which its function does not take: add the parameter {name}"
                )
    for name, parameter in named.items():
        if parameter.default is not kinds.empty or name in fields:
            continue
        if name in spec.form.base_fields:
            raise ValueError(f"its function takes {name!r}, which is a file: read it with ctx.file({name!r})")
        if has_fixed_fields(spec.form):
            raise ValueError(
                f"its function needs {name!r}, and its form has no such field: add the field, or give it a default"
            )


def _check_limits(spec: Pipeline) -> None:
    hidden = secrets.names(spec.form)
    for limit in spec.limits:
        if not isinstance(limit, (Rate, Concurrent)):
            raise ValueError(f"limits has {limit!r}; write Rate(…) or Concurrent(…)")
        kind, _, name = limit.key.partition(":")
        if kind != "param" or is_nobodys(spec.form):
            continue
        if name in hidden:
            raise ValueError(f"a limit counts by {name!r}, which is a secret: its values would be in the limits' lists")
        if name not in parameter_fields(spec.form) and has_fixed_fields(spec.form):
            raise ValueError(f"a limit counts by {name!r}, and its form has no such field")
    room_of(spec.limits)


def _check_fields(spec: Pipeline) -> None:
    for name, field in spec.form.base_fields.items():
        if not secrets.is_secret(field):
            continue
        if isinstance(field, forms.FileField):
            raise ValueError(f"its field {name!r} is a file, which can't be a secret")
        if field.initial not in (None, ""):
            raise ValueError(f"its field {name!r} is a secret and has an initial value, which anybody could read")
    if spec.every and (missing := next(_unfilled(spec.form), "")):
        raise ValueError(f"it runs by itself, and its field {missing!r} is required and has no initial value")


def _unfilled(form: type[forms.Form]) -> Iterator[str]:
    for name, field in form.base_fields.items():
        if field.required and field.initial is None:
            yield name
