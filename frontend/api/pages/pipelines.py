"""Pipelines as the API lists them, and what one asks for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpRequest
from pydantic import BaseModel, Field

from core import pipelines
from core.forms import open_form
from core.models import Gate
from core.pipelines import Pipeline
from frontend.api.access import Access, ApiRequest
from frontend.api.links import address
from frontend.api.pages.form_schema import schema_of
from frontend.api.problems import Problem


class PipelineBrief(BaseModel):
    """A kind of work."""

    name: str
    title: str
    description: str
    takes_files: list[str] = Field(description="The names of its file fields.")
    url: str


class PipelineBody(PipelineBrief):
    """A kind of work, and what it asks for."""

    stages: list[str]
    is_paused: bool = Field(description="Whether no job of it starts until somebody resumes it.")
    time_limit_seconds: float | None
    form: dict[str, Any] = Field(description="The JSON Schema (draft 2020-12) of `params`, and of its files.")


class PipelineList(BaseModel):
    """The pipelines of a person's desk."""

    items: list[PipelineBrief]


def listed(request: ApiRequest) -> PipelineList:
    specs = [spec for spec in pipelines.listed(is_staff=request.auth.operates) if not _is_nobodys(spec)]
    return PipelineList(items=[PipelineBrief(**_brief(spec, request)) for spec in specs])


def one(request: ApiRequest, spec: Pipeline) -> PipelineBody:
    entry = open_form(spec, user=request.auth.person)
    return PipelineBody(
        **_brief(spec, request),
        stages=[title for _, title in spec.stages],
        is_paused=Gate.objects.filter(pk=spec.name, paused_at__isnull=False).exists(),
        time_limit_seconds=spec.time_limit,
        form=schema_of(entry.form, title=spec.title, description=spec.description),
    )


def find(name: str, access: Access) -> Pipeline:
    """Return the pipeline whose form this person may fill in; raise Http404 or Problem."""
    spec = pipelines.find(name)
    # Some pipelines are for the site's own jobs alone.
    if spec is None or _is_nobodys(spec):
        raise Http404
    if spec.is_for_staff and not access.operates:
        raise Problem(403, f"{spec.title} is for staff.")
    return spec


def _is_nobodys(spec: Pipeline) -> bool:
    return bool(getattr(spec.form, "is_nobodys", False))


def _brief(spec: Pipeline, request: HttpRequest) -> dict[str, Any]:
    return {
        "name": spec.name,
        "title": spec.title,
        "description": spec.description,
        "takes_files": [name for name, field in spec.form.base_fields.items() if isinstance(field, forms.FileField)],
        "url": address(request, "api_pipeline", name=spec.name),
    }
