"""The form of a pipeline that nobody fills in."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class NobodysForm(forms.Form):
    """Accepts nothing: the site would send anything to anybody for whoever has an account."""

    #: Pages offer no form of the pipeline.
    is_nobodys = True

    def clean(self) -> dict[str, Any]:
        raise ValidationError("Mails are ordered by the site itself, for what happens in it. Nobody submits one here.")
