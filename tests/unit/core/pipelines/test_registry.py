"""The registry: code registers a kind of work once, everything else finds it there."""

from __future__ import annotations

import colorsys
import pydoc
import wave
from collections.abc import Callable
from typing import Any

import pytest
from django import forms

from core import pipelines
from core.errors import UnknownPipeline
from core.pipelines import InvalidPipeline, pipeline
from core.pipelines.registry import Registry
from tests.unit.core import acts  # noqa: F401  registers the pipelines of the tests
from tests.unit.core.attempt import plain_work


def test_a_function_is_registered_by_its_name_with_sane_defaults() -> None:
    def tidy_up(ctx: object) -> None: ...

    assert pipeline(title="Tidy up")(tidy_up) is tidy_up
    try:
        spec = pipelines.get("tidy_up")
    finally:
        pipelines.forget("tidy_up")
    assert (spec.title, spec.queue, spec.max_attempts, spec.max_crashes) == ("Tidy up", "default", 5, 3)
    assert (spec.form, spec.stages, spec.on_cancel, spec.is_listed) == (forms.Form, (), "discard", True)
    assert pipelines.find("tidy_up") is None


def test_stages_are_named_by_themselves_or_with_a_title(define: Callable[..., str]) -> None:
    def staged(ctx: object) -> None: ...

    spec = pipelines.get(define(staged, stages=("read_file", ("check", "Check the rules"))))
    assert spec.stages == (("read_file", "Read file"), ("check", "Check the rules"))


@pytest.mark.parametrize("name", ["Upper", "has-dash", "1st", "a" * 80, "with space", "é", "end\n"])
def test_a_name_that_does_not_fit_urls_and_queues_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters, digits and _ only"):
        pipeline(title="x", name=name)(lambda _: None)
    assert pipelines.find(name) is None


def test_an_option_that_does_not_exist_is_an_error_at_import() -> None:
    with pytest.raises(InvalidPipeline, match=r"there is no option 'is_heavi'; did you mean 'is_heavy'"):
        pipeline(title="x", name="odd", is_heavi=True)(lambda _: None)  # type: ignore[call-arg]


@pytest.mark.parametrize("days", [0, -1, 1.5, None, "90", True, 10**9])
def test_days_that_jobs_are_kept_which_are_none_are_refused(days: Any) -> None:
    with pytest.raises(ValueError, match=r"'kept': retention_days is .*; write a number from 1 to 36500"):
        pipeline(title="x", name="kept", retention_days=days)(lambda _: None)
    assert pipelines.find("kept") is None


def test_a_name_that_another_module_has_taken_is_refused() -> None:
    def noop(ctx: object) -> None: ...

    with pytest.raises(ValueError, match=r"its name is that of a pipeline in tests\.pipelines already"):
        pipeline(title="Mine")(noop)
    assert pipelines.get("noop").title == "Do nothing"


def test_the_same_module_may_be_imported_again() -> None:
    def again(ctx: object) -> None: ...

    for title in ("First", "Second"):
        pipeline(title=title)(again)
    try:
        assert pipelines.get("again").title == "Second"
    finally:
        pipelines.forget("again")


def test_an_unknown_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UnknownPipeline, match=r"unknown pipeline 'nope'; there are: .*noop"):
        pipelines.get("nope")
    assert pipelines.find("nope") is None


def test_pipelines_are_listed_by_title_without_hidden_ones(
    define: Callable[..., str],
) -> None:
    def one(ctx: object) -> None: ...
    def two(ctx: object) -> None: ...

    define(one, title="ZZ shown", is_listed=True)
    define(two, title="AA hidden")
    titles = [spec.title for spec in pipelines.every()]
    assert titles == sorted(titles)
    assert "ZZ shown" in [spec.title for spec in pipelines.listed(is_staff=False)]
    assert "AA hidden" not in [spec.title for spec in pipelines.listed(is_staff=False)]


def test_what_takes_a_dataset_is_found_by_it(define: Callable[..., str]) -> None:
    def export(ctx: object, dataset: int) -> None: ...

    class ExportForm(forms.Form):
        dataset = forms.IntegerField()

    name = define(export, form=ExportForm, takes="dataset", is_listed=True)
    assert name in [spec.name for spec in pipelines.taking("dataset", is_staff=False)]


def test_the_queues_are_those_of_the_pipelines_and_the_default(define: Callable[..., str]) -> None:
    def heavy(ctx: object) -> None: ...

    define(heavy, queue="only_here")
    assert {"default", "only_here"} <= set(pipelines.queues())
    assert pipelines.queues() == sorted(set(pipelines.queues()))


def test_preloaded_modules_are_the_queues_pipelines_each_once(
    define: Callable[..., str],
) -> None:
    def one(ctx: object) -> None: ...
    def two(ctx: object) -> None: ...
    def elsewhere(ctx: object) -> None: ...

    define(one, queue="slow", preload=[wave, colorsys], rehearsal=plain_work.rehearse)
    define(two, queue="slow", preload=[colorsys], rehearsal=plain_work.rehearse)
    define(elsewhere, queue="other", preload=[pydoc], rehearsal=plain_work.draw)
    assert sorted(pipelines.preloads(["slow", "none"])) == ["colorsys", "wave"]
    assert pipelines.rehearsals(["slow", "none"]) == [plain_work.rehearse]


def test_an_empty_registry_says_that_there_are_none() -> None:
    registry = Registry()
    assert list(registry) == []
    registry.remove("never there")


def test_a_role_is_looked_up_whatever_its_pipeline_is_called(define: Callable[..., str]) -> None:
    def postman(ctx: object) -> None: ...

    name = define(postman, role="post")
    assert pipelines.for_role("post").name == name
    with pytest.raises(ValueError, match=r"pipeline 'other': the role 'post' is that of 'defined_postman' already"):
        pipeline(title="Other", name="other", role="post")(postman)


def test_a_role_that_nobody_has_is_named() -> None:
    with pytest.raises(UnknownPipeline, match=r"no pipeline has the role 'oracle'"):
        pipelines.for_role("oracle")
