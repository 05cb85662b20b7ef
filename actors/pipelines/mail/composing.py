"""A mail's words: two templates a kind, `<kind>.txt` (its first line is the subject) and `<kind>.html`."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.template import Context, Engine, TemplateDoesNotExist
from django.urls import reverse
from django.utils import timezone

from core import formatting
from core.addresses import path_of, site_address
from core.conf import conf
from core.errors import PermanentError
from core.files.links import link_to
from core.models import Artifact, Dataset

#: Bytes of all files that go with a mail; one that is larger is a link alone. Encoded they are a third more, and many
#: servers refuse what is larger than 10 MB.
ATTACHED_BYTES = 5 * 1024**2
#: Characters of a fact's value, and facts.
_FACT_LENGTH, _FACTS = 300, 30

_FOLDER = Path(__file__).parent / "templates"
_TEXTS = Engine(dirs=[str(_FOLDER)], autoescape=False)
_PAGES = Engine(dirs=[str(_FOLDER)])


@dataclass(frozen=True)
class Written:
    """A mail's subject and bodies, and the artifacts that go with it."""

    subject: str
    text: str
    html: str
    attachments: tuple[int, ...]


def compose(kind: str, context: dict[str, Any], *, owner_id: int, attachments: Sequence[int] = ()) -> Written:
    """Return the mail; raise PermanentError for an unknown kind, and for a file that is gone or somebody else's."""
    files = _files(attachments, owner_id=owner_id)
    attached = _that_fit(files)
    values = {**_in_words(context, owner_id=owner_id), **_of_files(files, attached), "site": conf.SITE_URL}
    values["preferences"] = site_address(path_of("preferences"))
    text = _render(_TEXTS, f"mail/{kind}.txt", values)
    subject, _, body = text.strip().partition("\n")
    return Written(
        subject=" ".join(subject.split()),
        text=_tidy(body),
        html=_render(_PAGES, f"mail/{kind}.html", {**values, "subject": subject}).strip() + "\n",
        attachments=tuple(file.pk for file in attached),
    )


def _files(ids: Sequence[int], *, owner_id: int) -> list[Artifact]:
    files = {file.pk: file for file in Artifact.objects.filter(pk__in=list(ids), job__owner_id=owner_id)}
    missing = [artifact_id for artifact_id in ids if artifact_id not in files]
    if missing:
        raise PermanentError(f"File {missing[0]}, which is to go with this mail, is not there, or belongs to another.")
    return [files[artifact_id] for artifact_id in ids]


def _that_fit(files: Sequence[Artifact]) -> list[Artifact]:
    taken, left = [], ATTACHED_BYTES
    for file in files:
        if file.size <= left:
            taken.append(file)
            left -= file.size
    return taken


def _of_files(files: Sequence[Artifact], attached: Sequence[Artifact]) -> dict[str, Any]:
    """Return a mail's words about its first file: name and size, its link, and whether it is attached."""
    if not files:
        return {}
    first = files[0]
    until = timezone.now() + dt.timedelta(days=conf.LINK_DAYS)
    return {
        "file": _one_line(first.name),
        "file_size": formatting.size(first.size),
        "file_is_attached": first in attached,
        "link": link_to(first.pk),
        "link_until": f"{until:%-d %B %Y}",
    }


def _in_words(context: dict[str, Any], *, owner_id: int) -> dict[str, Any]:
    """Return the order's context in words; names are kept from breaking lines."""
    values = {name: _one_line(value) if isinstance(value, str) else value for name, value in context.items()}
    if isinstance(values.get("seconds"), (int, float)):
        values["duration"] = _duration(float(values["seconds"]))
    facts = values.get("facts")
    pairs = [pair for pair in facts if isinstance(pair, list) and len(pair) == 2] if isinstance(facts, list) else []
    values["facts"] = [(_fact(name), _fact(value)) for name, value in pairs[:_FACTS]]
    if isinstance(context.get("message"), str):
        # What a person wrote keeps its lines.
        values["message"] = "\n".join(_one_line(line) for line in context["message"].strip().splitlines())
    if isinstance(values.get("url"), str):
        values["source"] = _source(values["url"])
    if isinstance(values.get("job"), int):
        values["job_address"] = site_address(reverse("headway:job_detail", args=[values["job"]]))
    dataset = values.get("dataset")
    if isinstance(dataset, int) and Dataset.objects.filter(pk=dataset, owner_id=owner_id).exists():
        values["dataset_address"] = site_address(reverse("headway:dataset_detail", args=[dataset]))
    return values


def _source(url: str) -> str:
    """Return an address without what may be a secret in it: the user, the password and the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.hostname or ''}{parts.path}"


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = f"{value:,}" if isinstance(value, int) else "" if value is None else str(value)
    return _one_line(text)[:_FACT_LENGTH]


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} seconds"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _render(engine: Engine, name: str, values: dict[str, Any]) -> str:
    try:
        return engine.get_template(name).render(Context(values, autoescape=engine.autoescape))
    except TemplateDoesNotExist as error:
        raise PermanentError(f"There is no mail of the kind {name!r}: its template is missing.") from error


def _tidy(text: str) -> str:
    """Return the text with lines that end alike and at most one empty line in a row."""
    # The mark of a signature is the one line that ends in a space (RFC 3676, section 4.3).
    lines = [line if line == "-- " else line.rstrip() for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"
