"""A submit: the body of its request, as JSON or as parts with files, and the job that comes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from django import forms
from django.db.models import QuerySet
from ninja.errors import ValidationError as InvalidBody
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from core.database.clock import database_now
from core.errors import InvalidParams
from core.forms import Entry, by_code, open_form
from core.forms.by_code import FileSource
from core.life.submission import Submission
from core.models import Dataset
from core.models.job import Priority
from core.models.states import State
from core.pipelines import Pipeline, checks
from frontend.api.access import ApiRequest, rows_for
from frontend.api.pages.form_schema import misfits
from frontend.api.pages.jobs import PriorityName
from frontend.api.problems import Problem
from frontend.api.reading import parse_json, read_json, refuse_unstorable
from frontend.forms.pages.reading import KEY_HEADER, refuse_large

#: The latest start, in seconds from now.
LATEST_SECONDS = 10 * 366 * 86400.0


class NewJob(BaseModel):
    """A job that is to run."""

    model_config = ConfigDict(extra="forbid")

    params: dict[str, Any] = Field(default={}, description="By the names of the form's fields; see the pipeline.")
    priority: PriorityName = "normal"
    delay: Annotated[
        float | None, Field(ge=0, le=LATEST_SECONDS, allow_inf_nan=False, description="Seconds until it may start.")
    ] = None
    run_at: Annotated[AwareDatetime | None, Field(description="When it may start; instead of `delay`.")] = None


#: The names of the parts that are no parameters, unless the form has fields of these names.
OPTIONS = tuple(NewJob.model_fields)


@dataclass(frozen=True)
class _Given:
    """A request's body as it was read."""

    job: NewJob
    files: Mapping[str, FileSource | list[FileSource]] = field(default_factory=dict)


def submit(request: ApiRequest, spec: Pipeline) -> Submission:
    """Make a job of the request's body; raise InvalidParams, Refused or Problem, with nothing stored."""
    refuse_large(request, request.auth.person)
    given = _read(request, spec)
    delay = _delay_of(given.job)
    with filled_in(request, spec, params=given.job.params, files=given.files) as entry:
        return entry.submit(
            key=request.headers.get(KEY_HEADER, ""),
            priority=Priority[given.job.priority.upper()],
            delay_seconds=delay,
        )


@contextmanager
def filled_in(
    request: ApiRequest,
    spec: Pipeline,
    *,
    params: Mapping[str, Any],
    files: Mapping[str, FileSource | list[FileSource]] | None = None,
) -> Iterator[Entry]:
    """Yield the pipeline's form, filled in by this person and valid; raise InvalidParams.

    A token that does not operate the site chooses among its owner's own datasets only, whatever else they may open.
    """
    person = request.auth.person
    # A form may make its fields for whoever fills it in.
    is_fixed = checks.has_fixed_fields(spec.form)
    fields = spec.form.base_fields if is_fixed else open_form(spec, user=person).form.fields
    if wrong := misfits(fields, params):
        raise InvalidParams(spec.name, wrong)
    with by_code.filled_in(spec, user=person, params=params, files=files) as entry:
        wrong = {
            name: [str(_field(entry.form, name).error_messages["invalid_choice"])]
            for name, value in entry.form.cleaned_data.items()
            if not _may_open(request, value)
        }
        if wrong:
            raise InvalidParams(spec.name, wrong)
        yield entry


def _field(form: forms.Form, name: str) -> Any:
    return form.fields[name]


def _may_open(request: ApiRequest, value: Any) -> bool:
    """Whether a chosen value is no dataset, or one that this request may open."""
    if isinstance(value, Dataset):
        chosen = [value.pk]
    elif isinstance(value, QuerySet) and value.model is Dataset:
        chosen = [dataset.pk for dataset in value]
    else:
        return True
    visible = rows_for(request, Dataset.objects.filter(pk__in=chosen, job__state=State.SUCCEEDED))
    return visible.count() == len(chosen)


def _read(request: ApiRequest, spec: Pipeline) -> _Given:
    if request.content_type == "multipart/form-data":
        return _read_parts(request, spec)
    if request.content_type == "application/x-www-form-urlencoded" and request.META.get("CONTENT_LENGTH"):
        raise Problem(415, "Send JSON as application/json, or parts as multipart/form-data.")
    value = read_json(request) if request.body else {}
    return _Given(_checked(value))


def _read_parts(request: ApiRequest, spec: Pipeline) -> _Given:
    """Read a body in parts: `params` as JSON, files and other parameters each under their field's name."""
    fields = spec.form.base_fields
    values: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for name in request.POST:
        texts = request.POST.getlist(name)
        refuse_unstorable([name, *texts])
        if name in OPTIONS and name not in fields:
            values[name] = texts[-1]
        else:
            params[name] = texts if _takes_several(fields.get(name)) else texts[-1]
    if "params" in values:
        values["params"] = parse_json(values["params"])
    checked = _checked({**values, "params": {}} if "params" not in values else values)
    given = checked.model_copy(update={"params": {**params, **checked.params}})
    files: Any = request.FILES
    return _Given(given, {name: files.getlist(name) for name in files})


def _takes_several(field: forms.Field | None) -> bool:
    return isinstance(field, (forms.MultipleChoiceField, forms.ModelMultipleChoiceField))


def _checked(value: Any) -> NewJob:
    try:
        return NewJob.model_validate(value)
    except ValidationError as error:
        raise InvalidBody([dict(each) for each in error.errors(include_url=False, include_input=False)]) from error


def _delay_of(job: NewJob) -> float:
    if job.run_at is None:
        return job.delay or 0.0
    if job.delay is not None:
        sentence = "Give delay or run_at, not both."
        raise Problem(422, sentence, errors={"run_at": [sentence]})
    seconds = (job.run_at - database_now()).total_seconds()
    if seconds > LATEST_SECONDS:
        sentence = "This is more than ten years from now."
        raise Problem(422, f"run_at: {sentence}", errors={"run_at": [sentence]})
    return max(0.0, seconds)
