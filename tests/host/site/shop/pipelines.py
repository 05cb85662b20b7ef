"""The shop's pipelines, found by themselves."""

import time
from typing import Any

from django import forms

from core.attempt.context import JobContext
from core.pipelines import pipeline


class CountForm(forms.Form):
    upto = forms.IntegerField(min_value=1, max_value=1000)


@pipeline(title="Count orders", description="Counts as far as you say.", form=CountForm)
def count_orders(ctx: JobContext, upto: int) -> dict[str, Any]:
    for number in range(upto):
        time.sleep(0.005)
        ctx.progress(number + 1, upto)
    return {"headline": f"Counted {upto}"}
