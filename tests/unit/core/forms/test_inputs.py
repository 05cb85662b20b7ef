"""Days, times, files and secrets have the controls that fit them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User

from core import pipelines
from core.forms import PipelineForm, UploadField, inputs, open_form

pytestmark = pytest.mark.django_db


class OrderForm(PipelineForm):
    at = forms.DateTimeField(required=False)


def test_a_control_that_an_author_chose_stays(alice: User, define: Callable[..., str]) -> None:
    class OwnForm(forms.Form):
        week = forms.DateField(widget=forms.DateInput(attrs={"type": "week"}))
        text = forms.DateField(widget=forms.TextInput)
        german = forms.DateField(input_formats=["%d.%m.%Y"])
        time = forms.TimeField()

    def own(ctx: object, **params: Any) -> None: ...

    spec = pipelines.get(define(own, form=OwnForm))
    shown = open_form(spec, user=alice).form
    assert 'type="week"' in str(shown["week"])
    assert 'type="text"' in str(shown["text"])
    for day in ("2026-03-05", "05.03.2026"):
        data = {"week": "2026-03-05", "text": "2026-03-05", "german": day, "time": "07:00:30"}
        assert open_form(spec, user=alice, data=data).is_valid()
    assert "german" not in OwnForm.base_fields["german"].input_formats  # type: ignore[attr-defined]
    assert OwnForm.base_fields["german"].input_formats == ["%d.%m.%Y"]  # type: ignore[attr-defined]


def test_seconds_of_a_moment_are_not_lost_when_it_is_run_again(alice: User, define: Callable[..., str]) -> None:
    def order(ctx: object, **params: Any) -> None: ...

    spec = pipelines.get(define(order, form=OrderForm))
    shown = open_form(spec, user=alice, initial={"at": "2026-03-05T07:00:30Z"}).form
    assert 'value="2026-03-05T07:00:30"' in str(shown["at"])
    assert 'step="1"' in str(shown["at"])
    assert 'value="soon"' in str(open_form(spec, user=alice, initial={"at": "soon"}).form["at"])
    assert inputs.as_initial(OrderForm, {"at": "2026-13-13T00:00"}) == {"at": "2026-13-13T00:00"}


def test_one_file_or_several_is_what_a_field_says() -> None:
    assert inputs.takes_many(UploadField(multiple=True))
    assert not inputs.takes_many(UploadField())


def test_a_secrets_control_shows_nothing_whatever_its_author_says(alice: User, define: Callable[..., str]) -> None:
    class ShowingForm(forms.Form):
        password = forms.CharField(widget=forms.PasswordInput(render_value=True))

    def showing(ctx: object, password: str) -> None: ...

    spec = pipelines.get(define(showing, form=ShowingForm))
    shown = open_form(spec, user=alice, initial={"password": "correct horse"}).form
    sent = open_form(spec, user=alice, data={"password": "correct horse"}).form
    assert "correct horse" not in str(shown["password"]) + str(sent["password"])
    assert "password" not in shown.initial
