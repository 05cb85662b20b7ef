"""The house keeps its plan: floors, rooms, and no name of what stands above."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.urls import reverse

import actors.pipelines
from core import pipelines

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "actors", "frontend")
#: The composition of Headway's own site: it puts the three together, and is imported by none of them.
COMPOSITION = "core/settings.py"
#: Strings that are a pipeline's or a queue's name, and mean something else where they stand.
OTHERS = {
    ("core/attempt/child_work.py", "report"): "a kind of answer",
    ("core/attempt/children.py", "report"): "a kind of answer",
    ("core/failpoints.py", "mail"): "the place of a failpoint",
    ("core/mails/orders.py", "mail"): "a role",
    ("core/mails/sending.py", "mail"): "the place of a failpoint",
    ("core/mails/requests.py", "mail"): "a key of the audit trail",
    ("frontend/accounts/forms.py", "password_reset"): "a role",
    ("frontend/accounts/urls/accounts.py", "password_reset"): "an address of the site",
    ("frontend/jobs/pages/mails.py", "mail"): "an icon",
    ("frontend/operate/views/mails.py", "mail"): "a variable of the template",
}
ADDRESS_FUNCTIONS = {"reverse", "reverse_lazy", "redirect", "resolve_url"}


def sources(package: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((CHECKOUT / package).rglob("*.py")):
        name = path.relative_to(CHECKOUT).as_posix()
        if "/migrations/" not in name and name != COMPOSITION:
            yield name, ast.parse(path.read_text())


@dataclass(frozen=True)
class Text:
    value: str
    lineno: int


def strings(tree: ast.Module) -> Iterator[Text]:
    """The texts in code, but for docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = [node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body]
    docs = {id(node.value) for node in first if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield Text(node.value, node.lineno)


def own_pipelines() -> set[str]:
    return {spec.name for spec in pipelines.every() if spec.run.__module__.startswith(actors.pipelines.__name__)}


def names_of_pipelines_and_queues() -> set[str]:
    queues = {spec.queue for spec in pipelines.every() if spec.name in own_pipelines()}
    return own_pipelines() | queues - {"default"}


@pytest.mark.parametrize(("lower", "upper"), [("core", "actors"), ("core", "frontend"), ("frontend", "actors")])
def test_no_text_names_what_stands_above(lower: str, upper: str) -> None:
    dotted = re.compile(rf"(?<![\w./-]){upper}[./]\w")
    assert [
        f"{name}:{text.lineno} {text.value!r}"
        for name, tree in sources(lower)
        for text in strings(tree)
        if dotted.search(text.value)
    ] == []


@pytest.mark.parametrize("package", ["core", "frontend", "actors/runtime"])
def test_no_pipeline_and_no_queue_is_known_by_name(package: str) -> None:
    known = names_of_pipelines_and_queues()
    assert {"mail", "csv_import", "cpu"} <= known
    assert [
        f"{name}:{text.lineno} {text.value!r}"
        for name, tree in sources(package)
        for text in strings(tree)
        if text.value in known and (name, text.value) not in OTHERS
    ] == []


def test_no_statement_names_a_pipeline_or_a_queue() -> None:
    known = "|".join(sorted(names_of_pipelines_and_queues()))
    statements = sorted((CHECKOUT / "core").rglob("*.sql"))
    assert statements
    assert [path.name for path in statements if re.search(rf"'({known})'", path.read_text())] == []


def test_the_core_reverses_no_address() -> None:
    """Only `core.addresses` does, by names that the pages' app has given it."""
    found = []
    for name, tree in sources("core"):
        for call in ast.walk(tree):
            function = call.func if isinstance(call, ast.Call) else None
            called = getattr(function, "id", getattr(function, "attr", ""))
            if called in ADDRESS_FUNCTIONS and name != "core/addresses.py":
                found.append(f"{name}:{call.lineno}")  # type: ignore[attr-defined]
    assert found == []
    assert reverse("headway:job_detail", args=[7])


def test_each_exception_is_still_needed() -> None:
    texts = {(name, text.value) for package in PACKAGES for name, tree in sources(package) for text in strings(tree)}
    assert set(OTHERS) <= texts


# -- the drawing ------------------------------------------------------------------------------------

DRAWING = CHECKOUT / "docs" / "architecture.md"


def rooms(package: str) -> set[str]:
    """The folders of a package that hold code, and its single files that others import."""
    folders = {path.parent.name for path in (CHECKOUT / package).glob("*/__init__.py")}
    return folders - {"migrations"}


def drawn(package: str) -> set[str]:
    """The rooms that the drawing has in the package's part."""
    part = re.search(rf"subgraph {package}\b.*?\n    end\n", DRAWING.read_text(), re.DOTALL)
    assert part, package
    return {name for line in re.findall(r"\[\"(.*?)\"\]", part.group()) for name in re.findall(r"(\w+)/", line)}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_drawing_has_every_room_and_no_other(package: str) -> None:
    assert drawn(package) == rooms(package)


@pytest.mark.parametrize("package", PACKAGES)
def test_the_drawing_has_the_floors_that_are_held(package: str) -> None:
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [it["layers"] for it in contracts if it["type"] == "layers" and it["containers"] == [package]]
    held = [set(re.findall(r"\w+", layer)) & rooms(package) for layer in layers]
    part = re.search(rf"subgraph {package}\b.*?\n    end\n", DRAWING.read_text(), re.DOTALL)
    assert part
    floors = [set(re.findall(r"(\w+)/", line)) for line in re.findall(r"\[\"(.*?)\"\]", part.group())]
    assert floors == [floor for floor in held if floor]


def test_every_file_that_the_tour_names_is_there() -> None:
    named = re.findall(r"`((?:core|actors|frontend|tests|docs)/[\w./]+)`", DRAWING.read_text())
    assert len(named) > 10
    assert [name for name in named if not (CHECKOUT / name).exists()] == []
