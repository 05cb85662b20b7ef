"""The OpenAPI document (3.1): what the framework reads from the routes, with the problems that each may answer."""

from __future__ import annotations

import copy
from typing import Any

from django.urls import reverse
from ninja import NinjaAPI
from ninja.openapi import get_schema
from ninja.operation import Operation

from frontend.api.pages.submits import NewJob
from frontend.api.problems import ProblemBody
from frontend.forms.pages.reading import KEY_HEADER, KEY_LENGTH
from frontend.site.problems import MEDIA_TYPE

Document = dict[str, Any]

#: The body of a submit, which the pipeline's own schema says more of.
SUBMIT_BODY: Document = {
    "required": False,
    "content": {
        "application/json": {"schema": NewJob.model_json_schema()},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "description": "Files and parameters, each under the name of its field.",
                "properties": {
                    "params": {
                        "type": "string",
                        "contentMediaType": "application/json",
                        "description": "Parameters as JSON, beside those that are parts of their own.",
                    },
                    "priority": {"type": "string", "enum": ["low", "normal", "urgent"]},
                },
            }
        },
    },
}
SUBMIT_HEADERS: list[Document] = [
    {
        "in": "header",
        "name": KEY_HEADER,
        "required": False,
        "description": "Your own name of this submit: sent again, it answers with the same job.",
        "schema": {"type": "string", "maxLength": KEY_LENGTH, "pattern": "^[!-~]*$"},
    }
]
_BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
FILE_ANSWER: Document = {
    "parameters": [
        {
            "in": "header",
            "name": "Range",
            "required": False,
            "description": "The part that is wanted, such as `bytes=0-1023`.",
            "schema": {"type": "string", "pattern": "^[!-~]*$"},
        }
    ],
    "responses": {
        200: {"description": "The file.", "content": {"*/*": _BYTES["application/octet-stream"]}},
        206: {"description": "The part of it.", "content": {"*/*": _BYTES["application/octet-stream"]}},
        416: {"description": "The file has no such range.", "content": {MEDIA_TYPE: {"schema": {}}}},
    },
}

#: The statuses that requests of each kind may be answered with, beside their own.
_ALWAYS = {
    400: "The request can't be read.",
    401: "There is no token, or it is invalid, expired or revoked.",
    403: "The token's scope or its owner does not allow this.",
    405: "The method is not allowed here.",
    422: "A value can't be used, or the action is not possible right now.",
    429: "Too many requests, or too many jobs; see Retry-After.",
    503: "The site or its database is unavailable; see Retry-After.",
}
_OF_ONE = {404: "Not found, or you don't have access."}
_WITH_BODY = {413: "The body is too large.", 415: "The type of the body is not supported."}

INTRODUCTION = """\
Submit jobs, follow them and download their files. Send an API token from your settings as `Authorization: Bearer hw_…`.
Errors are `application/problem+json` (RFC 9457)."""


def text_answer(description: str) -> Document:
    """Return what a route says that answers with a text."""
    return {"responses": {200: {"description": description, "content": {"text/plain": {"schema": {"type": "string"}}}}}}


def document_of(api: NinjaAPI) -> Document:
    """Return the document as it is served under this site's prefix."""
    document: Document = dict(get_schema(api, path_prefix=""))
    document["servers"] = [{"url": reverse("headway:api_root").rstrip("/")}]
    problem = ProblemBody.model_json_schema()
    document["components"]["schemas"]["Problem"] = {**problem, "title": "Problem"}
    operations = _operations(api)
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            methods[method] = _with_problems(details, path, method, operations[details["operationId"]])
    return document


def _with_problems(details: Document, path: str, method: str, operation: Operation) -> Document:
    details = copy.deepcopy(details)
    statuses = {
        **_ALWAYS,
        **(_OF_ONE if "{" in path else {}),
        **(_WITH_BODY if method == "post" else {}),
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    responses = {str(status): answer for status, answer in details["responses"].items()}
    for status, description in statuses.items():
        responses[str(status)] = {"description": description, "content": content}
    if "416" in responses:
        responses["416"]["content"] = content
    if made := responses.get("201"):
        made["headers"] = {"Location": {"description": "Its address.", "schema": {"type": "string"}}}
    details["responses"] = dict(sorted(responses.items()))
    # Of a scheme that is no OAuth, the list names what one needs to be allowed (OpenAPI 3.1, Security Requirement).
    scope = next((str(auth.scope) for auth in operation.auth_callbacks if hasattr(auth, "scope")), None)
    if scope:
        details["security"] = [{name: [scope] for name in each} for each in details.get("security", [])]
        details["x-scope"] = scope
    return details


def _operations(api: NinjaAPI) -> dict[str, Operation]:
    """Return the routes by their ids in the document."""
    return {
        operation.operation_id or api.get_openapi_operation_id(operation): operation
        for router in api._get_bound_routers()
        for view in router.path_operations.values()
        for operation in view.operations
    }
