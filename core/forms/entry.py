"""A pipeline's form as one person fills it in, and how it becomes a job or a schedule."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import Model, QuerySet
from django.forms.utils import ErrorDict

from core.conf import conf
from core.files import storage, uploads
from core.files.uploads import StoredUpload
from core.forms.fields import PipelineForm
from core.life import backpressure
from core.life.submission import Submission, submit
from core.models import Artifact, Job, Schedule
from core.models.job import Priority
from core.pipelines import Pipeline
from core.schedules import changes
from core.schedules.repeat_form import RepeatForm

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
    #: Files by field that need not be uploaded again: of the job that is run again, or of an invalid submit.
    stored_files: dict[str, StoredUpload] = field(default_factory=dict)
    origin: Job | None = None

    @property
    def stored_tokens(self) -> dict[str, tuple[StoredUpload, str]]:
        """Return, by field, each stored file with the token that names it in a hidden field."""
        return {name: (file, file.sign(owner_id=self.user.pk)) for name, file in self.stored_files.items()}

    @property
    def is_refresh(self) -> bool:
        """Whether the submit asks only for the form again, not for a job."""
        return any(name in self.form.data and name not in self.form.fields for name in REFRESH_BUTTONS)

    def show_anew(self) -> None:
        """Show the form as it is filled in, without checking any field. Uploaded files are stored."""
        for name in _file_fields(self.form):
            sent = self.form.files.get(name)
            if isinstance(sent, UploadedFile) and _is_accepted(self.form.fields[name], sent):
                self.stored_files[name] = uploads.keep(sent)
        # With errors set already, the form does not check its fields.
        self.form._errors = ErrorDict()  # type: ignore[attr-defined]

    def is_valid(self) -> bool:
        return self.form.is_valid()

    def keep_uploads(self) -> None:
        """Store the files of an otherwise invalid form, so that nobody uploads them twice."""
        for name, file in self.form.cleaned_data.items():
            if isinstance(file, UploadedFile):
                self.stored_files[name] = uploads.keep(file)

    def submit(self, *, key: str = "", priority: Priority = Priority.NORMAL) -> Submission:
        """Make the valid form a job. The same key again is the same job.

        Raise TooMuch or Overloaded, with nothing stored, when the person or the site has too much in hand already.
        """
        backpressure.check(self.user.pk, key=key, staged_bytes=self._staged_bytes())
        params, files, label = self.filled_in()
        return submit(
            self.spec.name,
            owner_id=self.user.pk,
            params=params,
            files=files,
            label=label,
            key=key,
            priority=priority,
            origin_id=self.origin.pk if self.origin else None,
        )

    def schedule(self, repeat: RepeatForm, *, priority: Priority = Priority.NORMAL) -> Schedule:
        """Make the valid form a schedule, with the times of the valid `repeat`. Raise Refused.

        Each of its jobs gets what is filled in now, and the same files.
        """
        params, files, label = self.filled_in()
        return changes.create(
            self.spec.name,
            owner_id=self.user.pk,
            by=self.user.get_username(),
            params=params,
            files=files,
            label=label,
            priority=priority,
            **repeat.cleaned_data,
        )

    def reschedule(self, schedule: Schedule, repeat: RepeatForm, *, priority: Priority, by: str) -> Schedule:
        """Change a schedule to what is filled in, with the times of the valid `repeat`. Raise Refused."""
        params, files, label = self.filled_in()
        values = {"params": params, "files": files, "label": label, "priority": priority, **repeat.cleaned_data}
        return changes.edit(schedule, by=by, **values)

    def _staged_bytes(self) -> int:
        """Return the bytes of the form's files that no job of the person has yet; the same content counts once."""
        if not conf.OWNER_STORED_BYTES:
            return 0
        sent = {name: file for name, file in self.form.cleaned_data.items() if isinstance(file, UploadedFile)}
        sizes = {file.sha256: file.size for name, file in self.stored_files.items() if name not in sent}
        for name, file in sent.items():
            sizes[file.staged.sha256 if isinstance(file, uploads.StagedFile) else name] = file.size or 0
        owned = Artifact.objects.filter(job__owner=self.user.pk, sha256__in=sizes).values_list("sha256", flat=True)
        return sum(size for sha256, size in sizes.items() if sha256 not in set(owned))

    def filled_in(self) -> tuple[dict[str, Any], dict[str, StoredUpload], str]:
        """Return the valid form's parameters, its files, which are stored now, and its label."""
        files = dict(self.stored_files)
        params: dict[str, Any] = {}
        for name, value in self.form.cleaned_data.items():
            if isinstance(self.form.fields.get(name), forms.FileField):
                if isinstance(value, UploadedFile):
                    files[name] = uploads.keep(value)
            else:
                params[name] = _as_json(value)
        label = self.form.job_label() if isinstance(self.form, PipelineForm) else ""
        return params, files, label or next((file.name for file in files.values()), "")


def open_form(
    spec: Pipeline,
    *,
    user: AbstractBaseUser,
    data: Mapping[str, Any] | None = None,
    files: Mapping[str, Any] | None = None,
    initial: Mapping[str, Any] | None = None,
    origin: Job | None = None,
) -> Entry:
    """Return the pipeline's form for this person, bound when there is data.

    With `origin` it starts from that job's parameters and may use its files again.
    """
    start = {**(origin.params if origin else {}), **(initial or {})}
    kwargs: dict[str, Any] = {"initial": start}
    if "user" in inspect.signature(spec.form.__init__).parameters or issubclass(spec.form, PipelineForm):
        kwargs["user"] = user
    if data is not None:
        kwargs |= {"data": data, "files": files or {}}
    form = spec.form(**kwargs)
    entry = Entry(spec=spec, user=user, form=form, origin=origin)
    for name in _file_fields(form):
        if stored := _stored_file(name, user=user, data=data or {}, origin=origin):
            entry.stored_files[name] = stored
            form.fields[name].required = False
    return entry


def _file_fields(form: forms.Form) -> Iterable[str]:
    return [name for name, entry in form.fields.items() if isinstance(entry, forms.FileField)]


def _is_accepted(field: forms.Field, file: UploadedFile) -> bool:
    try:
        field.clean(file)
    except ValidationError:
        return False
    return True


def _stored_file(
    name: str, *, user: AbstractBaseUser, data: Mapping[str, Any], origin: Job | None
) -> StoredUpload | None:
    token = data.get(name + STORED_SUFFIX)
    if token and (upload := StoredUpload.from_token(token, owner_id=user.pk)):
        return upload
    if origin is None:
        return None
    artifact = Artifact.objects.filter(job=origin, kind=Artifact.Kind.INPUT, field=name).first()
    if artifact is None or not storage.touch(artifact.path):
        return None
    return StoredUpload(
        path=artifact.path,
        name=artifact.name,
        size=artifact.size,
        sha256=artifact.sha256,
        content_type=artifact.content_type,
    )


def _as_json(value: Any) -> Any:
    if isinstance(value, Model):
        return value.pk
    if isinstance(value, QuerySet):
        return [entry.pk for entry in value]
    return value
