"""Parameters that were stored before a deploy either fit the form of today, or a sentence names what does not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django import forms

from core.database.jsontext import dumps
from core.forms import NobodysForm, PipelineForm
from core.pipelines import Pipeline, fit, secrets


class ReportForm(PipelineForm):
    title = forms.CharField()
    rows = forms.IntegerField(required=False)
    price = forms.DecimalField(required=False)
    share = forms.FloatField(required=False)
    day = forms.DateField(required=False, input_formats=["%d.%m.%Y"])
    at = forms.DateTimeField(required=False)
    time = forms.TimeField(required=False)
    wait = forms.DurationField(required=False)
    key = forms.UUIDField(required=False)
    kinds = forms.MultipleChoiceField(choices=[("a", "A")], required=False)
    kind = forms.ChoiceField(choices=[("a", "A")], label="The kind", required=False)
    is_big = forms.BooleanField(required=False)
    more = forms.JSONField(required=False)


def report(ctx: object, title: str, **params: Any) -> None: ...


SPEC = Pipeline(name="report_x", title="Report", run=report, form=ReportForm)
FIRST = {"title": "Orders"}


def spec(run: Any, form: type[forms.Form] = ReportForm) -> Pipeline:
    return Pipeline(name="x", title="x", run=run, form=form)


def test_what_a_form_has_cleaned_fits_it_as_json_has_it() -> None:
    form = ReportForm(
        {
            "title": "Orders", "rows": "3", "price": "1.50", "share": "0.5", "day": "01.02.2026",
            "at": "2026-02-01 07:00", "time": "07:00", "wait": "1 02:00:00", "kinds": ["a"], "kind": "a",
            "key": "4c1e5a2e-0e4e-4a38-9d53-0d4b7b4a4f10", "is_big": "on", "more": '{"a": [1]}',
        }
    )  # fmt: skip
    assert form.is_valid(), form.errors
    assert fit.misfit(SPEC, json.loads(dumps(form.cleaned_data))) == ""


def test_values_that_were_left_empty_fit() -> None:
    form = ReportForm({"title": "Orders"})
    assert form.is_valid()
    assert fit.misfit(SPEC, json.loads(dumps(form.cleaned_data))) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", ["Orders"]),
        ("rows", "three"),
        ("rows", "3"),
        ("price", "a lot"),
        ("share", "half"),
        ("day", "first of May"),
        ("at", "2026-13-45T00:00"),
        ("time", "noon"),
        ("wait", "long"),
        ("key", "42"),
        ("kinds", "a"),
        ("is_big", ["yes"]),
    ],
)
def test_a_value_of_another_kind_is_named(name: str, value: Any) -> None:
    label = name.replace("_", " ").capitalize()
    assert fit.misfit(SPEC, {**FIRST, name: value}).startswith(f"{label} has a value of another kind than the form")


def test_the_sentence_has_the_fields_own_label_and_says_what_to_do() -> None:
    assert fit.misfit(SPEC, {**FIRST, "kind": {}, "rows": 1}) == ""
    assert fit.misfit(SPEC, {**FIRST, "kind": ["a"]}) == (
        "The kind has a value of another kind than the form takes now: it has changed since. Edit the parameters, or "
        "run it again with changes, and fill that in."
    )
    assert fit.misfit(SPEC, {**FIRST, "kind": ["a"]}, advice="Edit it.").endswith("changed since. Edit it.")


def test_a_field_that_is_gone_is_named_unless_the_function_takes_all() -> None:
    def strict(ctx: object, title: str) -> None: ...

    assert fit.misfit(spec(strict), {"title": "x", "colour": "red"}).startswith("Colour is no field of the form any")
    assert fit.misfit(SPEC, {"title": "x", "colour": "red"}) == ""


def test_a_field_that_has_come_is_named_unless_it_can_do_without() -> None:
    def strict(ctx: object, title: str, rows: int, price: str = "") -> None: ...
    def taking_all(ctx: object, **params: Any) -> None: ...

    assert fit.misfit(spec(strict), {"title": "x"}).startswith("Rows is a field of the form that was not there when")
    assert fit.misfit(spec(taking_all), {}).startswith("Title is a field of the form that was not there")
    assert fit.misfit(spec(taking_all), {"title": "x"}) == ""


def test_what_the_site_submits_is_held_against_the_function_alone() -> None:
    def mailing(ctx: object, *, address: str) -> None: ...

    assert fit.misfit(spec(mailing, NobodysForm), {"address": ["a"]}) == ""
    assert fit.misfit(spec(mailing, NobodysForm), {}).startswith("Address is a field")


def test_fields_of_other_code_and_secrets_have_values_of_their_own() -> None:
    class LinesField(forms.CharField):
        """Cleans a text to its lines."""

    class OwnForm(forms.Form):
        lines = LinesField()
        password = forms.CharField(widget=forms.PasswordInput)

    def own(ctx: object, **params: Any) -> None: ...

    sealed = secrets.seal(OwnForm, {"lines": ["a"], "password": "x"})
    assert fit.misfit(spec(own, OwnForm), sealed) == ""
