"""The forms of accounts: signing up, a new password, the address, and a person's settings."""

from __future__ import annotations

import secrets
import unicodedata
from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, PasswordResetForm
from django.contrib.auth.models import User
from django.http import QueryDict

from core import pipelines, policy
from core.life.submission import submit
from core.models import ApiToken, Preferences
from core.people.tries import may_try
from core.people.users import email_of, system_user
from frontend.site import zones

#: Mails for a new password that one address may be sent within an hour.
RESETS_PER_HOUR = 3
#: Alphabets with letters that look like one another's, by the first word of their Unicode names.
_SIMILAR_ALPHABETS = {"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC"}
#: What each scope of a token allows, in words.
_SCOPES = {
    ApiToken.Scope.READ: "see your jobs and datasets",
    ApiToken.Scope.SUBMIT: "also submit jobs, and act on them",
    ApiToken.Scope.OPERATE: "also look after the site, with everybody's jobs",
}
_DAY_SECONDS = 86_400.0


class SignUpForm(BaseUserCreationForm):
    """Name, address and password of a new account. Whether they are taken is checked when it is made."""

    class Meta:
        model = User
        fields = ("username", "email")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        name, email = self.fields["username"], self.fields["email"]
        name.label, name.help_text = "User name", "Letters, digits and @ . + - _"
        name.error_messages["unique"] = "This name is taken. Choose another one."
        name.widget.attrs |= {"autofocus": True, "spellcheck": "false"}
        email.label, email.help_text = "Mail address", "For a new password, and for mails about your jobs if you wish."
        email.required = True
        email.widget.attrs["autocomplete"] = "email"
        self.fields["password1"].help_text = "Eight characters or more, and nothing that is easy to guess."
        self.fields["password2"].label, self.fields["password2"].help_text = "Password again", ""

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        alphabets = {unicodedata.name(mark, "").partition(" ")[0] for mark in name}
        if len(alphabets & _SIMILAR_ALPHABETS) > 1:
            raise forms.ValidationError("Use the letters of one alphabet: this name could be taken for another one.")
        return name


class ResetForm(PasswordResetForm):
    """Asks for a mail with which to set a new password."""

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Order the mail whether or not the address has an account: neither the answer nor its time may reveal it."""
        address = self.cleaned_data["email"]
        if may_try("reset", address, amount=RESETS_PER_HOUR, per_seconds=3600):
            submit(pipelines.for_role("password_reset").name, owner_id=system_user().pk, params={"address": address})


class EmailForm(forms.Form):
    """Another mail address, confirmed by the password."""

    email = forms.EmailField(
        label="Mail address",
        max_length=254,
        required=False,
        help_text="Empty takes it away.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        label="Your password", strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        self.user = user
        super().__init__(data, initial={"email": user.email})

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password


class TokenForm(forms.Form):
    """A new API token: its name, what it may do, and for how long."""

    name = forms.CharField(
        label="Name",
        max_length=100,
        help_text="What uses it, such as “nightly upload”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scope = forms.ChoiceField()
    days = forms.TypedChoiceField(
        label="It works for",
        choices=[("30", "30 days"), ("90", "90 days"), ("365", "a year"), ("never", "ever, until you revoke it")],
        coerce=lambda text: None if text == "never" else int(text),
        initial="90",
        widget=forms.Select(attrs={"autocomplete": "off"}),
    )
    #: One value for each time that the form is shown.
    key = forms.CharField(max_length=64, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def __init__(self, user: User, data: QueryDict | None = None) -> None:
        self.user = user
        super().__init__(data, initial={"key": secrets.token_urlsafe(12)}, auto_id="id_token_%s")
        self.fields["scope"] = forms.ChoiceField(
            label="Scope",
            choices=[
                (scope.value, f"{scope.label}: {words}")
                for scope, words in _SCOPES.items()
                if scope != ApiToken.Scope.OPERATE or policy.operates(user)
            ],
            widget=forms.RadioSelect,
            initial=ApiToken.Scope.READ,
        )

    def is_first(self) -> bool:
        """Return whether this form is sent for the first time, and note that it was."""
        return may_try("token_form", f"{self.user.pk} {self.cleaned_data['key']}", amount=1, per_seconds=_DAY_SECONDS)


class PreferencesForm(forms.ModelForm):
    """What a person has chosen for themselves."""

    class Meta:
        model = Preferences
        fields = ("zone", "theme", "mail_when_done", "mail_when_failed", "browser_notices")
        labels = {
            "zone": "Time zone",
            "theme": "Colours",
            "mail_when_done": "A mail when a job of mine is done",
            "mail_when_failed": "A mail when a job of mine has failed",
            "browser_notices": "A notification of the browser when a job that I watch ends",
        }
        widgets = {
            "zone": forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
            "theme": forms.RadioSelect,
        }

    def clean_zone(self) -> str:
        text = self.cleaned_data["zone"].strip()
        name = zones.read(text)
        if text and not name:
            raise forms.ValidationError(f"There is no time zone {text[:64]!r}. Write one like Europe/Paris.")
        return name

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not email_of(self.instance.user):
            for name in ("mail_when_done", "mail_when_failed"):
                if cleaned.get(name):
                    self.add_error(name, "There is no address to mail to. Give one first, under Account.")
        return cleaned
