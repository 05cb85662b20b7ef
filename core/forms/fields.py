"""The form of a pipeline, and its own kinds of fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model

from core import formatting
from core.models import Dataset


class PipelineForm(forms.Form):
    """A form that knows who fills it in. A plain `forms.Form` works as well."""

    #: Groups of fields as ((title, (field, …)), …); fields named in none come first, without a title.
    fieldsets: ClassVar[tuple[tuple[str, tuple[str, ...]], ...]] = ()
    #: Fields whose change shows the form anew, because what others offer depends on them.
    refresh_on: ClassVar[tuple[str, ...]] = ()
    #: Whether the form can set the types of the columns of the dataset that its job makes; see `declared`.
    can_declare: ClassVar[bool] = False

    @classmethod
    def declared(
        cls,
        params: Mapping[str, Any],  # noqa: ARG003 - as forms that can declare override it
        types: Mapping[str, str],  # noqa: ARG003 - as above
    ) -> dict[str, Any]:
        """Return the parameters to change so that these columns, by name, get these types."""
        return {}

    def __init__(self, *args: Any, user: AbstractBaseUser | None = None, **kwargs: Any) -> None:
        self.user = user
        super().__init__(*args, **kwargs)
        for bound in self.fields.values():
            if isinstance(bound, DatasetField) and user is not None:
                bound.queryset = Dataset.objects.for_user(user).order_by("-id")

    def job_label(self) -> str:
        """Return what the owner will see as the job's name; empty for the first file's name or the title."""
        return ""


class NobodysForm(forms.Form):
    """The form of a pipeline that the site alone starts: pages show none, and it accepts nothing."""

    is_nobodys = True

    def clean(self) -> dict[str, Any]:
        raise ValidationError("The site itself starts this, for what happens in it. Nobody submits one here.")


class MultipleFileInput(forms.ClearableFileInput):
    """A control for several files."""

    allow_multiple_selected = True


class SecretField(forms.CharField):
    """A text that nobody is shown: a password, a token. It is stored encrypted (`core.pipelines.secrets`).

    Any other field is a secret as well when it has `secret = True`, or a `PasswordInput`.
    """

    secret = True
    widget = forms.PasswordInput

    def __init__(self, *, strip: bool = False, **kwargs: Any) -> None:
        super().__init__(strip=strip, **kwargs)


class UploadField(forms.FileField):
    """A file the person uploads, or with `multiple` several; `accept` lists name endings, e.g. `.csv,.tsv`.

    `limit_bytes` is for a file that has to be smaller than what the site accepts; of several, each one.
    """

    def __init__(
        self, *, accept: str = "", limit_bytes: int | None = None, multiple: bool = False, **kwargs: Any
    ) -> None:
        self.accept = accept
        self.limit_bytes = limit_bytes
        if multiple:
            kwargs.setdefault("widget", MultipleFileInput)
        super().__init__(**kwargs)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        attrs = super().widget_attrs(widget)
        return {**attrs, "accept": self.accept} if self.accept else attrs

    def clean(self, data: Any, initial: Any = None) -> Any:
        if isinstance(data, (list, tuple)):
            return [file for each in data or [None] if (file := self.clean(each, initial))]
        file = super().clean(data, initial)
        endings = tuple(ending.strip().lower() for ending in self.accept.split(",") if ending.strip())
        if isinstance(file, UploadedFile) and endings and not (file.name or "").lower().endswith(endings):
            raise forms.ValidationError(
                f"{file.name} is not a file of a kind this takes: {', '.join(endings)}.", code="ending"
            )
        if isinstance(file, UploadedFile) and self.limit_bytes and (file.size or 0) > self.limit_bytes:
            raise forms.ValidationError(
                f"{file.name} is larger than {formatting.size(self.limit_bytes)}, the most that is taken here.",
                code="size",
            )
        return file


class DatasetField(forms.ModelChoiceField):
    """A choice among the person's own datasets."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Dataset.objects.none(), **kwargs)

    def label_from_instance(self, obj: Model) -> str:
        return f"{obj} ({obj.rows:,} rows)" if isinstance(obj, Dataset) else str(obj)
