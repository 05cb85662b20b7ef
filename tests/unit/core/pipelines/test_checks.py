"""A pipeline that can't work is refused when it is registered, with a sentence that names its file and line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured

from core import pipelines
from core.forms import NobodysForm, PipelineForm, SecretField, UploadField
from core.limits import Rate
from core.pipelines import Download, InvalidPipeline, Pipeline, pipeline
from core.pipelines.registry import PipelineOptions, Registry

Define = Callable[..., str]


class WordsForm(PipelineForm):
    file = UploadField()
    shortest = forms.IntegerField(initial=1)


class LoginForm(forms.Form):
    host = forms.CharField()
    password = SecretField()


class GrowingForm(forms.Form):
    """One that adds a field of its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["host"] = forms.CharField()


class UserForm(forms.ModelForm):  # type: ignore[type-arg]  # as a host writes it
    class Meta:
        model = User
        fields = ("username",)


def fitting(ctx: object, shortest: int) -> None: ...
def taking_all(ctx: object, **params: Any) -> None: ...
def misspelt(ctx: object, shortes: int = 1) -> None: ...
def needing_more(ctx: object, shortest: int, encoding: str) -> None: ...
def taking_the_file(ctx: object, shortest: int, file: object) -> None: ...
def by_position(ctx: object, shortest: int, /) -> None: ...
def without_context() -> None: ...
def keywords_alone(*, shortest: int) -> None: ...
def named_as_a_field(shortest: object) -> None: ...
def plain(ctx: object) -> None: ...
def login(ctx: object, host: str, password: str) -> None: ...


@pytest.mark.parametrize("run", [fitting, taking_all])
def test_a_function_that_takes_the_forms_fields_is_registered(define: Define, run: Callable[..., Any]) -> None:
    assert pipelines.get(define(run, form=WordsForm)).run is run


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (misspelt, "its form has a field 'shortest', which its function does not take: add the parameter shortest"),
        (needing_more, "its function needs 'encoding', and its form has no such field: add the field, or give it a"),
        (taking_the_file, r"its function takes 'file', which is a file: read it with ctx\.file\('file'\)"),
        (by_position, "its function takes 'shortest' by position; parameters are given by their names"),
        (without_context, "its function has no place for the context: write ctx as its first parameter"),
        (keywords_alone, "its function has no place for the context"),
        (named_as_a_field, "its form has a field 'shortest', which is the name of the context; rename one"),
    ],
)
def test_a_function_that_does_not_fit_its_form_is_refused(
    define: Define, run: Callable[..., Any], sentence: str
) -> None:
    with pytest.raises(InvalidPipeline, match=sentence):
        define(run, form=WordsForm)
    assert pipelines.find(f"defined_{run.__name__}") is None


def test_the_sentence_names_the_file_and_the_line_of_the_function(define: Define) -> None:
    line = misspelt.__code__.co_firstlineno
    with pytest.raises(InvalidPipeline, match=re.escape(f"{Path(__file__)}:{line}: pipeline 'defined_misspelt': its")):
        define(misspelt, form=WordsForm)


def test_a_partial_has_no_line_and_needs_a_name() -> None:
    with pytest.raises(InvalidPipeline, match="pipeline '': a name has lower-case letters"):
        pipeline(title="x")(partial(plain))


def test_manage_py_says_it_in_one_line() -> None:
    assert issubclass(InvalidPipeline, ImproperlyConfigured)


def test_a_form_that_grows_fields_of_its_own_is_believed(define: Define) -> None:
    def fetch(ctx: object, host: str) -> None: ...

    limits = [Rate("1/s", key="param:host")]
    assert pipelines.get(define(fetch, form=GrowingForm, limits=limits)).form is GrowingForm


def test_what_the_site_alone_submits_may_have_any_parameters(define: Define) -> None:
    assert define(needing_more, form=NobodysForm)


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        (forms.formset_factory(WordsForm), "WordsFormSet is a formset; a job has one form"),
        (UserForm, "UserForm is a ModelForm, which would save its row before the job is there"),
        (WordsForm(), "form is <WordsForm .*>; give a class: a PipelineForm, or any django.forms.Form"),
        (dict, "form is <class 'dict'>; give a class"),
        (None, "form is None; give a class"),
    ],
)
def test_what_is_no_form_is_refused(define: Define, form: Any, sentence: str) -> None:
    with pytest.raises(InvalidPipeline, match=sentence):
        define(taking_all, form=form)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"title": " "}, "its title is empty"),
        ({"title": None}, "title is None; write a text"),
        ({"icon": 3}, "icon is 3; write a text"),
        ({"icon": "Play it"}, "icon is 'Play it'; write a name such as 'play'"),
        ({"is_heavy": "yes"}, "is_heavy is 'yes'; write True or False"),
        ({"max_attempts": 0}, "max_attempts is 0; write a number from 1 to 10000"),
        ({"max_crashes": 1.5}, "max_crashes is 1.5; write a number"),
        ({"retry_seconds": [5, "ten"]}, "retry_seconds has 'ten'; write the seconds"),
        ({"retry_seconds": [-1.0]}, "retry_seconds has -1.0; write the seconds"),
        ({"queue": "two words"}, "the queue 'two words' can't be one"),
        ({"queue": "ünder"}, "the queue 'ünder' can't be one"),
        ({"queue": "q" * 81}, "and up to 80 of them"),
        ({"queue": None}, "the queue None can't be one"),
        ({"queue": "cpu.DQ"}, "the queue 'cpu.DQ' ends as those that Dramatiq makes beside each"),
        ({"on_cancel": "drop"}, "on_cancel is 'drop'; write 'discard' or 'keep'"),
        ({"takes": "file"}, "takes is 'file'; write 'dataset'"),
        ({"takes": "dataset"}, "it takes a dataset, and its form has no field 'dataset'"),
        ({"rehearsal": "run"}, "rehearsal is 'run'; give a module's function"),
        ({"preload": ["wave"]}, "preload has 'wave', which is no module"),
        ({"stages": "read"}, "stages is 'read'; write names, or"),
        ({"stages": [("read",)]}, r"the stage \('read',\) is neither a name nor a \(name, title\) pair"),
        ({"stages": ["read", ("read", "Read")]}, "the stage 'read' is there twice"),
        ({"limits": ["5/s"]}, r"limits has '5/s'; write Rate\(…\) or Concurrent\(…\)"),
        ({"limits": [Rate("5/s", key="param:host")]}, "a limit counts by 'host', and its form has no such field"),
        ({"limits": 5}, "'int' object is not iterable"),
        ({"downloads": ["clean"]}, r"downloads has 'clean'; write Download\(…\)"),
        ({"every": "now and then"}, "There are 3 fields where five are needed"),
        ({"queu": "cpu"}, "there is no option 'queu'; did you mean 'queue'"),
        ({"zzzz": 1}, "there is no option 'zzzz'$"),
    ],
)
def test_an_option_that_can_not_work_is_refused(define: Define, options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidPipeline, match=f"pipeline 'defined_plain': .*{sentence}"):
        define(plain, **options)
    assert pipelines.find("defined_plain") is None


def test_a_pipeline_that_runs_by_itself_needs_no_one_to_fill_it_in(define: Define) -> None:
    with pytest.raises(InvalidPipeline, match="it runs by itself, and its field 'file' is required and has no initial"):
        define(fitting, form=WordsForm, every="@daily")


def test_a_secret_counts_in_no_limit_has_no_initial_value_and_is_no_file(define: Define) -> None:
    class InitialForm(forms.Form):
        token = SecretField(initial="s3cret")

    class SecretFile(forms.FileField):
        secret = True

    class FileForm(forms.Form):
        key = SecretFile()

    with pytest.raises(InvalidPipeline, match="a limit counts by 'password', which is a secret"):
        define(login, form=LoginForm, limits=[Rate("1/s", key="param:password")])
    with pytest.raises(InvalidPipeline, match="its field 'token' is a secret and has an initial value"):
        define(taking_all, form=InitialForm)
    with pytest.raises(InvalidPipeline, match="its field 'key' is a file, which can't be a secret"):
        define(taking_all, form=FileForm)


def test_an_icon_that_pages_do_not_have_is_refused_whenever_they_say_so() -> None:
    registry = Registry()
    spec = Pipeline(name="drawn", title="Drawn", run=plain, form=forms.Form, icon="plya")
    registry.add(spec)
    with pytest.raises(InvalidPipeline, match="pipeline 'drawn': there is no icon 'plya'; there are: play, queue"):
        registry.set_icons(["queue", "play"])
    with pytest.raises(ValueError, match="there is no icon 'plya'"):
        registry.add(spec)


def test_the_pages_have_said_which_icons_there_are(define: Define) -> None:
    with pytest.raises(InvalidPipeline, match=r"there is no icon 'no-such-icon'; there are: .*play"):
        define(plain, icon="no-such-icon")


def test_the_typed_options_are_the_fields_of_a_pipeline() -> None:
    own = {"name", "title", "run", "form", "stages", "preload"}
    assert set(PipelineOptions.__annotations__) == {each.name for each in fields(Pipeline)} - own


def test_a_download_is_of_a_dataset(define: Define) -> None:
    with pytest.raises(InvalidPipeline, match="downloads are made of a dataset; write takes='dataset' as well"):
        define(plain, downloads=[Download(name="x", title="X", values=lambda _: {})])
