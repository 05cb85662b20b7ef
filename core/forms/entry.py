"""A pipeline's form as one person fills it in, and how it becomes a job."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, Q, QuerySet
from django.forms.utils import ErrorDict
from django.utils.datastructures import MultiValueDict

from core.conf import conf
from core.files import slots, storage, uploads
from core.files.uploads import StoredUpload
from core.forms import inputs
from core.forms.fields import PipelineForm
from core.life import backpressure
from core.life.submission import Submission, submit
from core.models import Artifact, Job, Schedule
from core.models.job import Priority
from core.pipelines import Pipeline, fit, secrets

#: Suffix of the hidden field that names a file stored from an invalid submit.
STORED_SUFFIX = ".kept"
#: Names of the buttons that show the form again as it is filled in: with other choices, or with a part of it moved.
REFRESH_BUTTONS = ("refresh", "move")


@dataclass
class Entry:
    """A pipeline's form as one person fills it in, with the files it may use again."""

    spec: Pipeline
    user: AbstractBaseUser
    form: forms.Form
    #: Files by slot (`core.files.slots`) that need not be uploaded again: of the job that is run again, of the schedule
    #: that is edited, or of an invalid submit.
    stored_files: dict[str, StoredUpload] = field(default_factory=dict)
    #: Secrets by field that stay as they are unless another one is typed; sealed.
    stored_secrets: dict[str, Any] = field(default_factory=dict)
    #: Why what the form starts from no longer fits it, as a sentence; empty when it does.
    misfit: str = ""
    origin: Job | None = None

    def stored_tokens(self, name: str) -> list[tuple[StoredUpload, str]]:
        """Return each stored file of a field with the token that names it in a hidden field."""
        files = slots.in_field(self.stored_files, name)
        return [(file, file.sign(owner_id=self.user.pk)) for file in files]

    @property
    def is_refresh(self) -> bool:
        """Whether the submit asks only for the form again, not for a job."""
        return any(name in self.form.data and name not in self.form.fields for name in REFRESH_BUTTONS)

    def show_anew(self) -> None:
        """Show the form as it is filled in, without checking any field. Uploaded files are stored."""
        for name in _file_fields(self.form):
            widget, field = self.form.fields[name].widget, self.form.fields[name]
            sent = widget.value_from_datadict(self.form.data, self.form.files, self.form.add_prefix(name))
            if (files := _uploaded(sent)) and _is_accepted(field, sent):
                self._store(name, files)
        # With errors set already, the form does not check its fields.
        self.form._errors = ErrorDict()  # type: ignore[attr-defined]

    def is_valid(self) -> bool:
        return self.form.is_valid()

    def keep_uploads(self) -> None:
        """Store the files of an otherwise invalid form, so that nobody uploads them twice."""
        for name, value in self.form.cleaned_data.items():
            if files := _uploaded(value):
                self._store(name, files)

    def keep_secrets(self, values: Mapping[str, Any]) -> None:
        """Let these stored values of secret fields stay unless others are typed."""
        for name, value in values.items():
            if name in self.form.fields and value not in (None, "", [], {}):
                self.stored_secrets[name] = value
                self.form.fields[name].required = False

    def submit(
        self,
        *,
        key: str = "",
        priority: Priority = Priority.NORMAL,
        delay_seconds: float = 0.0,
        subject: tuple[int | None, str] | None = None,
    ) -> Submission:
        """Make the valid form a job. The same key again is the same job.

        `subject` is what the job is about, as columns; without one it is about what the job was that is run again.
        Raise TooMuch or Overloaded, with nothing stored, when the person or the site has too much in hand already.
        """
        backpressure.check(self.user.pk, key=key, staged_bytes=self.staged_bytes())
        params, files, label = self.filled_in()
        if subject is None:
            subject = (self.origin.subject_type_id, self.origin.subject_key) if self.origin else (None, "")
        return submit(
            self.spec.name,
            owner_id=self.user.pk,
            params=params,
            files=files,
            label=label,
            key=key,
            priority=priority,
            origin_id=self.origin.pk if self.origin else None,
            delay_seconds=delay_seconds,
            subject=subject,
        )

    def staged_bytes(self) -> int:
        """Return the bytes of the form's files that no job of the person has yet; the same content counts once."""
        if not conf.OWNER_STORED_BYTES:
            return 0
        sent = {name: files for name, value in self.form.cleaned_data.items() if (files := _uploaded(value))}
        sizes = {file.sha256: file.size for slot, file in self.stored_files.items() if slots.field_of(slot) not in sent}
        for name, files in sent.items():
            for slot, file in slots.slots_of(name, files).items():
                sizes[file.staged.sha256 if isinstance(file, uploads.StagedFile) else slot] = file.size or 0
        owned = Artifact.objects.filter(job__owner=self.user.pk, sha256__in=sizes).values_list("sha256", flat=True)
        return sum(size for sha256, size in sizes.items() if sha256 not in set(owned))

    def filled_in(self) -> tuple[dict[str, Any], dict[str, StoredUpload], str]:
        """Return the valid form's parameters, its files, which are stored now, and its label."""
        params: dict[str, Any] = {}
        for name, value in self.form.cleaned_data.items():
            if isinstance(self.form.fields.get(name), forms.FileField):
                if files := _uploaded(value):
                    self._store(name, files)
            elif name in self.stored_secrets and value in (None, "", [], {}):
                params[name] = self.stored_secrets[name]
            else:
                params[name] = _as_json(value)
        label = self.form.job_label() if isinstance(self.form, PipelineForm) else ""
        return params, self.stored_files, label or next((file.name for file in self.stored_files.values()), "")

    def _store(self, name: str, files: Sequence[UploadedFile]) -> None:
        """Store a field's new files in place of those that it had."""
        others = {slot: file for slot, file in self.stored_files.items() if slots.field_of(slot) != name}
        self.stored_files = {**others, **slots.slots_of(name, [uploads.keep(file) for file in files])}


def open_form(
    spec: Pipeline,
    *,
    user: AbstractBaseUser,
    data: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    origin: Job | None = None,
    schedule: Schedule | None = None,
    keeps_secrets: bool = False,
) -> Entry:
    """Return the pipeline's form for this person, bound when there is data.

    With `origin`, or a `schedule` to be edited, it starts from that one's parameters and may use its files again. With
    `keeps_secrets` its secrets stay as they are unless others are typed; otherwise they have to be typed anew.
    """
    source = origin or schedule
    params = source.params if source else {}
    start = inputs.as_initial(spec.form, {**params, **(initial or {})})
    kwargs: dict[str, Any] = {"initial": start}
    if "user" in inspect.signature(spec.form.__init__).parameters or issubclass(spec.form, PipelineForm):
        kwargs["user"] = user
    if data is not None:
        kwargs |= {"data": data, "files": files or {}}
    form = spec.form(**kwargs)
    inputs.prepare(form)
    entry = Entry(spec=spec, user=user, form=form, origin=origin)
    if source is not None and data is None:
        entry.misfit = fit.misfit(spec, params, advice="Look through the form before you send it.")
    for name in _file_fields(form):
        if stored := _stored_files(name, form.fields[name], user=user, data=data or {}, source=source):
            entry.stored_files |= slots.slots_of(name, stored)
            form.fields[name].required = False
    if keeps_secrets:
        entry.keep_secrets({name: value for name, value in params.items() if name in secrets.names(spec.form)})
    return entry


def _file_fields(form: forms.Form) -> Iterable[str]:
    return [name for name, entry in form.fields.items() if isinstance(entry, forms.FileField)]


def _uploaded(value: Any) -> list[UploadedFile]:
    """Return the files among what a file field has cleaned, or was sent: one, several or none."""
    values = value if isinstance(value, (list, tuple)) else [value]
    return [each for each in values if isinstance(each, UploadedFile)]


def _is_accepted(field: forms.Field, sent: Any) -> bool:
    try:
        field.clean(sent)
    except ValidationError:
        return False
    return True


def _stored_files(
    name: str, field: forms.Field, *, user: AbstractBaseUser, data: Mapping[str, Any], source: Job | Schedule | None
) -> list[StoredUpload]:
    """Return the files that a field need not be given again; none where one of them is gone."""
    key = name + STORED_SUFFIX
    tokens = data.getlist(key) if isinstance(data, MultiValueDict) else [data[key]] if data.get(key) else []
    sent = [StoredUpload.from_token(token, owner_id=user.pk) for token in tokens if token]
    if sent and None not in sent:
        files = [file for file in sent if file is not None]
    elif source is not None:
        files = _files_of(source, name)
    else:
        return []
    return files if inputs.takes_many(field) else files[:1]


def _files_of(source: Job | Schedule, name: str) -> list[StoredUpload]:
    if isinstance(source, Schedule):
        stored = {slot: StoredUpload(**file) for slot, file in source.files.items()}
    else:
        artifacts = Artifact.objects.filter(job=source, kind=Artifact.Kind.INPUT)
        stored = {
            artifact.field: StoredUpload(
                path=artifact.path,
                name=artifact.name,
                size=artifact.size,
                sha256=artifact.sha256,
                content_type=artifact.content_type,
            )
            for artifact in artifacts.filter(Q(field=name) | Q(field__startswith=f"{name}."))
        }
    files = slots.in_field(stored, name)
    return files if all(storage.touch(file.path) for file in files) else []


def _as_json(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet):
        return [entry.pk for entry in value]
    return value
