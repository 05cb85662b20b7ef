"""The page of the API: what its OpenAPI document says, by groups, and the three lines that do it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from core import pipelines, policy
from core.pipelines import Pipeline, checks
from frontend.site.security import PersonRequest

Document = Mapping[str, Any]


def marked(text: str) -> SafeString:
    """Return a text of the document with what stands in backticks as code."""
    parts = text.split("`")
    return format_html_join(
        "", "{}", ((format_html("<code>{}</code>", part) if number % 2 else part,) for number, part in enumerate(parts))
    )


@dataclass(frozen=True)
class Value:
    """One value of a request."""

    name: str
    #: path, query, header, body, or part of a body.
    place: str
    kind: str
    is_required: bool
    description: SafeString


@dataclass(frozen=True)
class Route:
    """One method of one address."""

    method: str
    path: str
    summary: str
    description: SafeString
    scope: str
    values: list[Value] = field(default_factory=list)
    #: The statuses that are its own, with what each means.
    answers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def anchor(self) -> str:
        words = self.path.replace("{", "").replace("}", "").strip("/").replace("/", "-")
        return f"{self.method.lower()}-{words}"


@dataclass(frozen=True)
class Group:
    """Routes about one kind of thing."""

    title: str
    routes: list[Route]


def context_of(request: PersonRequest, document: Document) -> dict[str, Any]:
    """Return what the page shows."""
    root = request.build_absolute_uri(reverse("headway:api_root")).rstrip("/")
    return {
        "root": root,
        "lines": lines_of(root, _example(request)),
        "groups": groups_of(document),
        "answers": _shared_answers(document),
    }


def lines_of(root: str, spec: Pipeline | None) -> list[tuple[str, str]]:
    """Return the lines that submit a job, follow it and fetch its file, each with what it does."""
    name = spec.name if spec else "PIPELINE"
    file = _needed_file(spec) if spec else ""
    parts = [f"-F {file}=@FILE"] if file else ["-F params='{}'"]
    header = '-H "Authorization: Bearer $TOKEN"'
    return [
        ("Submit a job", f"curl {header} {' '.join(parts)} {root}/pipelines/{name}/jobs"),
        ("Follow it", f'curl {header} "{root}/jobs/JOB/events?wait=25"'),
        ("Download a file", f"curl {header} -OJ {root}/jobs/JOB/files/FILE_ID"),
    ]


def groups_of(document: Document) -> list[Group]:
    """Return the routes of a document by their tags, both in their order."""
    groups: dict[str, list[Route]] = {}
    for path, methods in document["paths"].items():
        for method, details in methods.items():
            groups.setdefault(details["tags"][0], []).append(_route(document, path, method, details))
    return [Group(title, routes) for title, routes in groups.items()]


def _route(document: Document, path: str, method: str, details: Document) -> Route:
    return Route(
        method=method.upper(),
        path=path,
        summary=details["summary"],
        description=marked(details.get("description", "")),
        scope=details.get("x-scope", ""),
        values=[*_parameters(details), *_body(document, details)],
        answers=[
            (status, answer["description"]) for status, answer in details["responses"].items() if status.startswith("2")
        ],
    )


def _parameters(details: Document) -> Iterator[Value]:
    for each in details.get("parameters", ()):
        schema = each["schema"]
        description = each.get("description") or schema.get("description", "")
        yield Value(each["name"], each["in"], _kind(schema), bool(each.get("required")), marked(description))


def _body(document: Document, details: Document) -> Iterator[Value]:
    content = details.get("requestBody", {}).get("content", {})
    for media_type, each in content.items():
        schema = _resolved(document, each["schema"])
        required = schema.get("required", ())
        place = "part" if media_type.startswith("multipart") else "body"
        for name, value in schema.get("properties", {}).items():
            described = _resolved(document, value)
            yield Value(name, place, _kind(described), name in required, marked(described.get("description", "")))


def _resolved(document: Document, schema: Document) -> Document:
    for reference in (schema, *schema.get("allOf", ())):
        if "$ref" in reference:
            name = str(reference["$ref"]).rpartition("/")[2]
            resolved: Document = document["components"]["schemas"][name]
            return resolved
    return schema


def _kind(schema: Document) -> str:
    """Return the kind of a value in a few words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_kind(each) for each in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("const") or schema.get("type") or "any JSON")


def _shared_answers(document: Document) -> list[tuple[str, str]]:
    """Return the statuses that say that something could not be done, each with what it means, once."""
    answers = {
        status: answer["description"]
        for methods in document["paths"].values()
        for details in methods.values()
        for status, answer in details["responses"].items()
        if status.startswith(("4", "5"))
    }
    return sorted(answers.items())


def _example(request: PersonRequest) -> Pipeline | None:
    """Return a pipeline of this person's to show: one that asks for a file and for nothing else."""
    listed = pipelines.listed(is_staff=policy.operates(request.user))
    fillable = [spec for spec in listed if not checks.is_nobodys(spec.form)]
    return next((spec for spec in fillable if _needed_file(spec)), fillable[0] if fillable else None)


def _needed_file(spec: Pipeline) -> str:
    """Return the name of the file field of a form which needs that one alone; empty for another form."""
    needed = [(name, each) for name, each in spec.form.base_fields.items() if each.required and each.initial is None]
    named = [name for name, each in needed if isinstance(each, forms.FileField)]
    return named[0] if len(named) == 1 == len(needed) else ""
