"""What those do who operate the site: see limits, pause pipelines and let them go on."""

from __future__ import annotations

from typing import Annotated

from django.http import Http404
from ninja import Body, Router
from pydantic import BaseModel, ConfigDict, Field

from core import pipelines
from core.limits import changes
from frontend.api.access import ApiRequest, Scope, needs
from frontend.api.pages import limits as pages

router = Router(tags=["Operation"])


class Pause(BaseModel):
    """Why a pipeline is paused."""

    model_config = ConfigDict(extra="forbid")

    note: Annotated[str, Field(max_length=200)] = ""


#: What an empty body means.
_WITHOUT_A_WORD = Pause()


@router.get(
    "/limits", response=pages.LimitsBody, auth=needs(Scope.OPERATE), url_name="api_limits", summary="List limits"
)
def limits(request: ApiRequest) -> pages.LimitsBody:  # noqa: ARG001 - as the framework calls it
    """List the limits of all pipelines as they are now."""
    return pages.limits()


@router.post(
    "/pipelines/{name}/pause",
    response=pages.PipelineLimitsBody,
    auth=needs(Scope.OPERATE),
    url_name="api_pipeline_pause",
    summary="Pause a pipeline",
)
def pipeline_pause(
    request: ApiRequest, name: str, given: Annotated[Pause, Body()] = _WITHOUT_A_WORD
) -> pages.PipelineLimitsBody:
    """Pause a pipeline: no job of it starts until it is resumed. Running jobs go on."""
    _refuse_unknown(name)
    changes.pause(name, by=request.auth.name, note=given.note)
    return pages.limits_of(name)


@router.post(
    "/pipelines/{name}/resume",
    response=pages.PipelineLimitsBody,
    auth=needs(Scope.OPERATE),
    url_name="api_pipeline_resume",
    summary="Resume a pipeline",
)
def pipeline_resume(request: ApiRequest, name: str) -> pages.PipelineLimitsBody:
    """Resume a pipeline: its jobs start again as its limits allow."""
    _refuse_unknown(name)
    changes.resume(name, by=request.auth.name)
    return pages.limits_of(name)


def _refuse_unknown(name: str) -> None:
    if pipelines.find(name) is None:
        raise Http404
