"""Forms: what a pipeline asks for, how it is filled in, and what becomes of that."""

from core.forms.entry import STORED_SUFFIX, Entry, open_form
from core.forms.fields import DatasetField, NobodysForm, PipelineForm, SecretField, UploadField

__all__ = [
    "STORED_SUFFIX",
    "DatasetField",
    "Entry",
    "NobodysForm",
    "PipelineForm",
    "SecretField",
    "UploadField",
    "open_form",
]
