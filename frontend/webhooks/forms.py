"""The form of a webhook: where it calls, and what of."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict

from core.errors import PermanentError, Refused
from core.models import Schedule, Webhook
from core.models.states import State
from core.webhooks import addresses
from core.webhooks.payload import EVENTS

_WORDS = {
    State.SUCCEEDED.value: "A job has succeeded",
    State.FAILED.value: "A job has failed",
    State.CANCELLED.value: "A job was cancelled",
}
#: Characters of the longest address.
_ADDRESS_LENGTH = 2000


class WebhookForm(forms.Form):
    """The address, the events and the schedule of a webhook."""

    url = forms.CharField(
        label="Address",
        max_length=_ADDRESS_LENGTH,
        help_text="It is called by POST with JSON, and has to answer with a status from 200 to 299.",
        widget=forms.URLInput(
            attrs={"placeholder": "https://example.com/hooks", "autocomplete": "off", "spellcheck": "false"}
        ),
    )
    events = forms.MultipleChoiceField(
        label="Events",
        choices=[(state, _WORDS[state]) for state in EVENTS],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one event, or the webhook would never be called."},
    )
    schedule = forms.ModelChoiceField(
        label="Of which jobs",
        queryset=Schedule.objects.none(),
        required=False,
        empty_label="All my jobs",
        help_text="All of them, or those of one of your schedules. Parts of jobs, mails and these calls are no events.",
    )

    def __init__(
        self, user: User, data: QueryDict | None = None, *, webhook: Webhook | None = None, schedule: str = ""
    ) -> None:
        initial: dict[str, Any] = {"events": list(EVENTS), "schedule": schedule}
        if webhook is not None:
            initial = {"url": webhook.url, "events": webhook.states, "schedule": webhook.schedule_id}
        super().__init__(data, initial=initial)
        field = self.fields["schedule"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - it is declared above
        field.queryset = Schedule.objects.filter(owner=user).order_by("-pk")

    def clean_url(self) -> str:
        try:
            return addresses.checked(self.cleaned_data["url"])
        except (PermanentError, Refused) as error:
            raise forms.ValidationError(str(error)) from error

    @property
    def wanted(self) -> dict[str, Any]:
        """What was filled in, as `core.webhooks.changes` takes it."""
        filled = self.cleaned_data
        return {"url": filled["url"], "states": filled["events"], "schedule": filled["schedule"]}
