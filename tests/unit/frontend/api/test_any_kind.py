"""Values of any kind for each field of each of the site's pipelines: taken, or refused in a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import User

from actors.runtime import run_job  # noqa: F401  loads the pipelines
from core import pipelines
from core.pipelines import checks
from tests.configuration import OwnConf
from tests.unit.frontend.api.conftest import ROOT, Api
from tests.unit.frontend.conftest import MakeDataset

ANY: list[Any] = [
    True, 10**40, 1.5, "[1]", "😀" * 300, [None], [[]], {}, {"x": 1}, {"rows": 1}, {"rows": {"a": 1}, "text": ""},
    [{"column": "column 0", "op": [], "value": {}}], {"rows": [1], "text": 1, "json": 1, "ticked": 1, "order": 1},
    {"text": {}}, {"a": {"column": []}},
]  # fmt: skip
FILLABLE = [
    spec.name
    for spec in pipelines.every()
    if not checks.is_nobodys(spec.form) and spec.run.__module__.startswith("actors.pipelines.")
]


@pytest.mark.parametrize("name", FILLABLE)
def test_a_value_of_any_kind_breaks_no_form(
    name: str, alice: User, operators: Api, make_dataset: MakeDataset, conf: OwnConf
) -> None:
    conf.API_RATE = 0
    dataset = make_dataset(alice).pk
    spec = pipelines.get(name)
    for field, each in spec.form.base_fields.items():
        if isinstance(each, forms.FileField):
            continue
        for value in ANY:
            params = {**({"dataset": dataset} if "dataset" in spec.form.base_fields else {}), field: value}
            answer = operators.post(f"{ROOT}/pipelines/{name}/jobs", {"params": params})
            assert answer.status_code in (201, 422), (field, value, answer.text[:300])


def test_there_are_such_pipelines() -> None:
    assert len(FILLABLE) >= 6
