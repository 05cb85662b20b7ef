"""The form of a round that is started by hand."""

from __future__ import annotations

from django import forms

from core.forms import PipelineForm


class HousekeepingForm(PipelineForm):
    """What a round that is started by hand does."""

    dry_run = forms.BooleanField(
        label="Only say what would be deleted", required=False, help_text="Nothing is changed then."
    )

    def job_label(self) -> str:
        return "Housekeeping, only looking" if self.cleaned_data.get("dry_run") else ""
