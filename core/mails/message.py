"""A mail's row as the message for a server: text and HTML, its files, and headers that say what it is."""

from __future__ import annotations

import quopri
import re
import uuid
from email.message import Message
from email.utils import parseaddr
from typing import Any, cast

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from core.addresses import path_of, site_address
from core.errors import PermanentError
from core.models import Artifact, Mail

#: Kinds of mails that people can switch off.
NOTICES = ("job_done", "job_failed")

_TYPE = re.compile(r"(?!message/|multipart/)[a-z0-9.+-]+/[a-z0-9.+-]+\Z")


class SevenBitMessage(EmailMultiAlternatives):
    """A message whose lines every server accepts unchanged: 7 bits, and none too long."""

    def message(self, **options: Any) -> Any:
        """Return the message as Django makes it, with what is text in 8 bits quoted."""
        made = super().message(**options)
        for part in made.walk():
            if part.get("Content-Transfer-Encoding") == "8bit":
                _quote(part)
        return made


def new_message_id(job_id: int, kind: str) -> str:
    """Return a Message-ID that no other mail has."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2] or "localhost"
    return f"<{kind}.{job_id}.{uuid.uuid4().hex}@{domain}>"


def message_of(mail: Mail) -> EmailMultiAlternatives:
    """Return the message; raise PermanentError when a file that goes with it is gone."""
    headers = {
        "Message-ID": mail.message_id,
        # Nobody's absence note answers it (RFC 3834, section 5).
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
    }
    if mail.kind in NOTICES:
        headers["List-Unsubscribe"] = f"<{site_address(path_of('preferences'))}>"
    message = SevenBitMessage(subject=mail.subject, body=mail.text, to=[mail.to], headers=headers)
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    files = {artifact.pk: artifact for artifact in Artifact.objects.filter(pk__in=mail.attachments)}
    for artifact_id in mail.attachments:
        _attach(message, files.get(artifact_id))
    return message


def _quote(part: Message) -> None:
    # A part with an encoding of its own has no parts, and is bytes.
    content = cast(bytes, part.get_payload(decode=True))
    part.set_payload(quopri.encodestring(content).decode("ascii"))
    del part["Content-Transfer-Encoding"]
    part["Content-Transfer-Encoding"] = "quoted-printable"


def _attach(message: EmailMultiAlternatives, artifact: Artifact | None) -> None:
    if artifact is None:
        raise PermanentError("A file that goes with this mail is no longer kept.")
    try:
        content = artifact.local_path.read_bytes()
    except FileNotFoundError as error:
        raise PermanentError(f"The file {artifact.name} that goes with this mail is no longer kept.") from error
    name = " ".join("".join(mark if mark.isprintable() else " " for mark in artifact.name).split()) or "file"
    kind = artifact.content_type.partition(";")[0].strip().lower()
    message.attach(name, content, kind if _TYPE.match(kind) else "application/octet-stream")
