"""TEMPORARY until part A's form has landed."""

from django import forms

from core.models import Schedule
from core.schedules import cron


class RepeatForm(forms.Form):
    cron = forms.CharField(label="Cron", help_text="Minute, hour, day, month, day of the week.")
    zone = forms.CharField(label="Time zone")
    starts_at = forms.DateTimeField(label="Begins", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    ends_at = forms.DateTimeField(label="Ends", required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    catch_up = forms.ChoiceField(choices=Schedule.CatchUp.choices, initial="latest", label="Missed times")
    overlap = forms.ChoiceField(choices=Schedule.Overlap.choices, initial="skip", label="When the job before still runs")

    def clean_cron(self):
        try:
            return cron.read(self.cleaned_data["cron"])
        except cron.CronError as e:
            raise forms.ValidationError(str(e))

    def clean_zone(self):
        try:
            cron.zone_of(self.cleaned_data["zone"])
        except cron.CronError as e:
            raise forms.ValidationError(str(e))
        return self.cleaned_data["zone"]
