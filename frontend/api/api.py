"""The API with its routes; docs/api.md has the reference, `openapi.json` the whole of it."""

from __future__ import annotations

import json
from typing import Any

from django.http import Http404, HttpRequest
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.operation import Operation
from ninja.renderers import JSONRenderer

from frontend.api import guard
from frontend.api.openapi import INTRODUCTION
from frontend.api.reading import StrictParser
from frontend.api.views import datasets, files, jobs, operation, people, pipelines, schedules


class _Renderer(JSONRenderer):
    """JSON as RFC 8259 has it, readable as it is."""

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> str:
        return json.dumps(data, cls=self.encoder_class, allow_nan=False, ensure_ascii=False)


class _Api(NinjaAPI):
    """Routes named by their functions."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)


def build() -> NinjaAPI:
    """Return the API with all its routes."""
    api = _Api(
        title="Headway",
        version="1",
        description=INTRODUCTION,
        urls_namespace="headway",
        openapi_url=None,
        docs_url=None,
        parser=StrictParser(),
        renderer=_Renderer(),
    )
    for kind in (Http404, HttpError, ValidationError, Exception):
        api.add_exception_handler(kind, guard.of_error)  # type: ignore[arg-type]  # it gets errors, never kinds
    for module in (people, pipelines, jobs, files, datasets, schedules, operation):
        api.add_router("", module.router)
    return api


api = build()
