"""Parameters are shown as people write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django import forms
from django.contrib.auth.models import User
from django.utils import timezone

from core import pipelines
from core.forms import DatasetField, PipelineForm, SecretField
from core.forms.words import in_words, parameters_in_words
from core.models import Dataset, Job
from core.models.states import State
from tests.unit.core.acts import submit_job

pytestmark = pytest.mark.django_db


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]  # as a host writes it
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.username} the person"


class OrderForm(PipelineForm):
    dataset = DatasetField(required=False)
    person = PersonField(queryset=User.objects.filter(is_staff=True), required=False)
    people = forms.ModelMultipleChoiceField(queryset=User.objects.all(), required=False)
    kind = forms.ChoiceField(choices=[("a", "Apples"), ("More", [("b", "Pears")])], required=False)
    kinds = forms.MultipleChoiceField(choices=[("a", "Apples"), ("b", "Pears")], required=False)
    is_big = forms.BooleanField(required=False)
    is_small = forms.BooleanField(required=False, initial=True)
    day = forms.DateField(required=False)
    at = forms.DateTimeField(required=False)
    time = forms.TimeField(required=False)
    wait = forms.DurationField(required=False)
    password = SecretField(required=False)


def words(define: Callable[..., str], viewer: User, params: dict[str, Any]) -> dict[str, str]:
    def order(ctx: object, **params: Any) -> None: ...

    spec = pipelines.get(define(order, form=OrderForm))
    return dict(parameters_in_words(spec, params, viewer=viewer))


def test_objects_have_their_names_also_those_that_the_form_no_longer_offers(
    alice: User, bob: User, define: Callable[..., str]
) -> None:
    job = submit_job(alice)
    Job.objects.filter(pk=job.pk).update(state=State.SUCCEEDED)
    dataset = Dataset.objects.create(owner=alice, job=job, name="orders.csv", parquet_path="p")
    params = {"dataset": dataset.pk, "person": alice.pk, "people": [bob.pk, alice.pk]}
    assert words(define, alice, params) == {
        "Dataset": f"orders.csv #{dataset.pk}",
        "Person": "alice the person",
        "People": "bob, alice",
    }
    assert words(define, bob, {"dataset": dataset.pk}) == {"Dataset": f"#{dataset.pk}"}


def test_objects_that_are_gone_are_said_to_be(alice: User, define: Callable[..., str]) -> None:
    shown = words(define, alice, {"dataset": 77, "person": 999, "people": [alice.pk, 998]})
    assert shown["Dataset"] == "Dataset #77, which is gone"
    assert shown["Person"] == "User #999, which is gone"
    assert shown["People"] == "alice, User #998, which is gone"
    assert words(define, alice, {"person": "no number", "people": []}) == {"Person": "User #no number, which is gone"}


def test_many_objects_are_counted(alice: User, define: Callable[..., str]) -> None:
    assert words(define, alice, {"people": list(range(1000))}) == {"People": "1,000 of them"}


def test_choices_switches_and_lists_are_said_in_the_forms_words(alice: User, define: Callable[..., str]) -> None:
    params = {"kind": "b", "kinds": ["b", "a", "z"], "is_big": True, "is_small": False, "other": ["x", "y"]}
    assert words(define, alice, params) == {
        "Kind": "Pears",
        "Kinds": "Pears, Apples, z",
        "Is big": "Yes",
        "Is small": "No",
        "Other": "x, y",
    }


def test_days_and_times_are_those_of_the_viewer(alice: User, define: Callable[..., str]) -> None:
    params = {"day": "2026-03-05", "at": "2026-03-05T23:30:00Z", "time": "07:00:00", "wait": "P1DT02H00M00S"}
    with timezone.override(ZoneInfo("Asia/Tokyo")):
        assert words(define, alice, params) == {
            "Day": "5 Mar 2026",
            "At": "6 Mar 2026 08:30 JST",
            "Time": "07:00",
            "Wait": "1 day, 2:00:00",
        }
    assert in_words("2026-03-05T23:30:05", forms.DateTimeField()) == "5 Mar 2026 23:30:05"
    assert in_words("some day", forms.DateField()) == "some day"
    assert in_words("2026-99-99", forms.DateField()) == "2026-99-99"


def test_a_secret_is_hidden_sealed_or_not(alice: User, define: Callable[..., str]) -> None:
    assert words(define, alice, {"password": {"$secret": "x"}}) == {"Password": "Hidden"}
    assert words(define, alice, {"password": "plain"}) == {"Password": "Hidden"}
    assert words(define, alice, {"password": ""}) == {}
    assert in_words({"key": {"$secret": "x"}}) == "key: Hidden"


def test_parameters_of_a_pipeline_that_is_gone_have_their_names(alice: User) -> None:
    assert parameters_in_words(None, {"first_name": "Ada", "n": 0}, viewer=alice) == [("First name", "Ada"), ("N", "0")]
