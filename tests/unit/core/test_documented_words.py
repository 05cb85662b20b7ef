"""The documents that own the words say what the code says."""

from __future__ import annotations

import re
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import User

from core.attempt.async_context import AsyncJobContext
from core.attempt.async_run import in_callers_thread
from core.models.states import CLAIMABLE, LIVE, TERMINAL, TRANSITIONS, State
from core.pipelines import Pipeline, pipeline
from tests.unit.core.acts import begin, begin_attempt, submit_job

DOCS = Path(__file__).resolve().parents[3] / "docs"
STATES = (DOCS / "states.md").read_text()
GLOSSARY = (DOCS / "glossary.md").read_text()
PIPELINES = (DOCS / "pipelines.md").read_text()


def drawn_arrows() -> dict[str, set[str]]:
    arrows: dict[str, set[str]] = {state.value: set() for state in State}
    for old, new in re.findall(r"^ +(\w+) --> (\w+): ", STATES, flags=re.MULTILINE):
        arrows[old].add(new)
    return arrows


def tabled_arrows() -> dict[str, set[str]]:
    rows = re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|([^|]*)\|$", STATES, flags=re.MULTILINE)
    return {state: set(re.findall(r"`(\w+)`", arrows)) for state, arrows in rows}


@pytest.mark.parametrize("documented", [drawn_arrows(), tabled_arrows()], ids=["the diagram", "the table"])
def test_the_documented_arrows_are_those_of_the_code(documented: dict[str, set[str]]) -> None:
    assert documented == {old.value: {new.value for new in news} for old, news in TRANSITIONS.items()}


def test_a_job_begins_where_the_diagram_says() -> None:
    assert re.findall(r"\[\*\] --> (\w+)", STATES) == ["queued", "scheduled"]


def test_states_are_live_or_terminal_and_people_revive_them() -> None:
    assert set(LIVE) | set(TERMINAL) == set(State) == set(TRANSITIONS)
    assert not set(LIVE) & set(TERMINAL)
    assert {state for state in State if State.RUNNING in TRANSITIONS[state]} == set(CLAIMABLE)
    assert TRANSITIONS[State.SUCCEEDED] == frozenset()
    assert TRANSITIONS[State.FAILED] == {State.QUEUED, State.CANCELLED}
    assert TRANSITIONS[State.CANCELLED] == {State.QUEUED}


def glossary_words() -> set[str]:
    return {word.lower() for term in re.findall(r"\*\*([^*]+)\*\*", GLOSSARY) for word in [term, *term.split()]}


@pytest.mark.parametrize("model", sorted(model.__name__ for model in apps.get_app_config("core").get_models()))
def test_the_words_of_a_models_name_are_in_the_glossary(model: str) -> None:
    words = {word.lower() for word in re.findall(r"[A-Z][a-z]+", model)}
    assert words
    assert words <= glossary_words()


def test_the_glossary_names_every_state() -> None:
    assert {state.value for state in State} <= set(re.findall(r"`(\w+)`", GLOSSARY))


def test_every_pipeline_option_is_documented_with_its_default() -> None:
    documented = dict(re.findall(r"^\| `(\w+)` \| *([^|]*?) *\|", PIPELINES, flags=re.MULTILINE))
    options = {each.name: each.default for each in fields(Pipeline)} | {
        name: parameter.default for name, parameter in signature(pipeline).parameters.items()
    }
    assert set(documented) == set(options) - {"run", "options"}
    for name in (
        "queue",
        "max_attempts",
        "max_crashes",
        "retention_days",
        "takes",
        "on_cancel",
        "is_listed",
        "icon",
    ):
        assert documented[name] == f"`{options[name]!r}`".replace("'", '"'), name


@pytest.mark.django_db
def test_the_context_has_the_documented_names_and_no_others(alice: User) -> None:
    table = PIPELINES.partition("## The context: `ctx`")[2].partition("\n#")[0]
    ctx = begin(submit_job(alice))
    assert set(re.findall(r"`ctx\.(\w+)", table)) == {name for name in dir(ctx) if not name.startswith("_")}
    # And nothing that is said elsewhere is missing in the table.
    assert set(re.findall(r"`(?:await )?ctx\.(\w+)", PIPELINES)) <= {*dir(ctx), "sync"}


@pytest.mark.django_db
def test_the_async_context_has_the_same_names_and_the_plain_one(alice: User) -> None:
    attempt = begin_attempt(submit_job(alice))

    def names(ctx: object) -> set[str]:
        return {name for name in dir(ctx) if not name.startswith("_")}

    assert names(AsyncJobContext(attempt, in_callers_thread)) == {*names(attempt.context), "sync"}
