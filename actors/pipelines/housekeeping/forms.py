"""The form of a round that is started by hand."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from core.forms import PipelineForm


class HousekeepingForm(PipelineForm):
    """Staff alone may start a round by hand."""

    dry_run = forms.BooleanField(
        label="Only say what would be deleted", required=False, help_text="Nothing is changed then."
    )

    staff_only: ClassVar[str] = "Only staff may start the housekeeping. It runs by itself every night."

    def clean(self) -> dict[str, Any]:
        if not getattr(self.user, "is_staff", False):
            raise ValidationError(self.staff_only)
        return super().clean() or self.cleaned_data

    def job_label(self) -> str:
        return "Housekeeping, only looking" if self.cleaned_data.get("dry_run") else ""
