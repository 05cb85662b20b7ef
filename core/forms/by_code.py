"""A pipeline's form as code fills it in: Python values by field, and files in the shapes that code has them."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import NON_FIELD_ERRORS
from django.core.files import File
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.db.models import QuerySet
from django.utils.datastructures import MultiValueDict

from core.errors import InvalidParams
from core.files import uploads
from core.forms.entry import Entry, open_form
from core.forms.inputs import takes_many
from core.pipelines import Pipeline, secrets

#: A file as code has it: a path, a file that is open for reading bytes, (name, bytes), (name, path), or a `File` of
#: Django's.
FileSource = Path | str | IO[bytes] | tuple[str, bytes | Path] | File


#: Files by field; a list for a field that takes several.
Files = Mapping[str, FileSource | list[FileSource]]


@contextmanager
def filled_in(
    spec: Pipeline,
    *,
    user: AbstractBaseUser,
    params: Mapping[str, Any] | None = None,
    files: Files | None = None,
) -> Iterator[Entry]:
    """Fill in the pipeline's form for this person and yield it, valid; raise InvalidParams.

    `params` are values as Python has them, or as a job has stored them; a field that is left out has its initial value.
    What no job has taken of the files is deleted afterwards.
    """
    if not getattr(user, "pk", None):
        raise TypeError(f"a job's owner is a saved user; {user!r} is none")
    staged: MultiValueDict[str, UploadedFile] = MultiValueDict()
    own: list[UploadedFile] = []
    try:
        for name, given in (files or {}).items():
            for source in given if isinstance(given, list) else [given]:
                file = staged_file(source)
                staged.appendlist(name, file)
                if file is not source:
                    own.append(file)
        yield _valid(spec, user=user, params=params or {}, files=staged)
    finally:
        for file in own:
            file.close()


def staged_file(source: FileSource) -> UploadedFile:
    """Return a file as an upload of it would come; raise TypeError for what is none, OSError where it can't be read."""
    if isinstance(source, UploadedFile):
        return source
    if isinstance(source, (str, Path)):
        return uploads.open_path(Path(source))
    if isinstance(source, tuple):
        name, content = source
        if isinstance(content, Path):
            return uploads.open_path(content, name=name)
        return SimpleUploadedFile(name, content, _type_of(name))
    if isinstance(source, File):
        return _copy(source, source.name)
    if hasattr(source, "read"):
        # One opened by its descriptor has a number for a name.
        return _copy(File(source), getattr(source, "name", ""))
    raise TypeError(f"{source!r} is no file: give a path, a file open for reading bytes, or (name, bytes)")


def _copy(file: File, name: object) -> uploads.StagedFile:
    known = Path(name).name if isinstance(name, str) and name else "file"
    if isinstance(file.read(0), str):
        raise TypeError(f"{known!r} is open as text; open it with mode 'rb'")
    named = UploadedFile(file, known, _type_of(known), None)
    return uploads.StagedFile(staged=uploads.stage_chunks(iter(lambda: file.read(1024 * 1024), b""), named))


def _type_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


class _Given(forms.Widget):
    """Hands a value on as it was given: no text of a page is to be read."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        return data.get(name)

    def value_omitted_from_data(self, data: Mapping[str, Any], files: Any, name: str) -> bool:
        return name not in data


def _valid(
    spec: Pipeline, *, user: AbstractBaseUser, params: Mapping[str, Any], files: MultiValueDict[str, UploadedFile]
) -> Entry:
    sealed = {name: value for name, value in params.items() if secrets.is_sealed(value)}
    data = {name: None if name in sealed else _as_given(value) for name, value in params.items()}
    entry = open_form(spec, user=user, data=data, files=files)
    entry.keep_secrets(sealed)
    form = entry.form
    # What another job has stored may be given: it may hold what code keeps beside the form's values.
    given = {name for name in (*params, *files) if not name.startswith("_")}
    unknown = sorted(given - set(form.fields))
    if unknown:
        known = ", ".join(form.fields) or "none"
        raise InvalidParams(spec.name, {unknown[0]: [f"There is no such field; there are: {known}."]})
    for name, field in form.fields.items():
        if isinstance(field, forms.FileField):
            if name in params:
                raise InvalidParams(spec.name, {name: ["Give this file in `files`, not in `params`."]})
            if len(files.getlist(name)) > 1 and not takes_many(field):
                raise InvalidParams(spec.name, {name: ["This field takes one file."]})
            continue
        if name in files:
            raise InvalidParams(spec.name, {name: ["This field takes no file."]})
        field.widget = _Given()
        if name not in data:
            # As on a page where nobody touched the field.
            data[name] = form.get_initial_for_field(field, name)
    if not entry.is_valid():
        raise InvalidParams(spec.name, errors_of(form))
    return entry


def errors_of(form: forms.Form) -> dict[str, list[str]]:
    """Return an invalid form's errors as sentences, by field; those of the whole form under an empty name."""
    return {
        "" if name == NON_FIELD_ERRORS else name: [str(error) for error in errors]
        for name, errors in form.errors.items()
    }


def _as_given(value: Any) -> Any:
    return list(value) if isinstance(value, QuerySet) else value
