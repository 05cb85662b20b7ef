"""Whether the site's mails go to a mail server at all: out of the box Django writes them down instead."""

from __future__ import annotations

from typing import Any

from django.conf import settings

#: Django's own backends that send nothing, and where each leaves a mail. Anybody else's is taken to send: which of
#: them do, only whoever wrote them knows.
_NO_SERVERS = {
    "django.core.mail.backends.filebased": "saved to a file",
    "django.core.mail.backends.console": "printed to the worker's output",
    "django.core.mail.backends.locmem": "kept in the worker's memory",
    "django.core.mail.backends.dummy": "thrown away",
}
NO_SERVER = "No mail server is set up"


def left_at(connection: Any) -> str:
    """Return where this connection leaves a mail instead of sending it; empty when it sends."""
    return _NO_SERVERS.get(type(connection).__module__, "")


def place_of_mails() -> str:
    """Return where the site's mails are left, e.g. `saved to a file in /srv/mail`; empty when they are sent.

    It reads the settings alone: a connection to a folder would make that folder.
    """
    backend, folder = _configured()
    place = _NO_SERVERS.get(backend.rpartition(".")[0], "")
    return f"{place} in {folder}" if folder and place and backend.split(".")[-2] == "filebased" else place


def _configured() -> tuple[str, str]:
    # Django has called them mailers since 6.1, and warns then of the settings before them.
    mailers: dict[str, Any] = getattr(settings, "MAILERS", None) or {}
    if mailers:
        mailer = mailers.get("default", {})
        return str(mailer.get("BACKEND", "")), str(mailer.get("OPTIONS", {}).get("file_path") or "")
    return str(settings.EMAIL_BACKEND), str(getattr(settings, "EMAIL_FILE_PATH", None) or "")
