"""Handing a mail over to a server, knowing what is certain.

Until the server has asked for the body (its 354), it can't have the mail, whatever happens. Once it has answered the
body, its word counts. In between, a connection that breaks leaves open whether it took the mail.
"""

from __future__ import annotations

import re
import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from core.database.jsontext import storable
from core.errors import HeadwayError
from core.mails.server import left_at

#: Seconds that a server may take to answer the body: it may look into it before it does (RFC 5321, 4.5.3.2.6).
ANSWER_SECONDS = 120.0
#: Seconds that a whole connection may take, however lively it is.
WHOLE_SECONDS = 600.0
_WORDS_LENGTH = 500
#: Refusals of the site's own log-in or encryption (RFC 4954, section 6; RFC 3207, section 4), and not of the mail,
#: which can be sent once that is repaired.
_OF_THE_SITE = frozenset({530, 534, 535, 538})


class NotTaken(HeadwayError):
    """Raised when the mail server certainly has not taken a mail."""

    def __init__(self, words: str, *, is_final: bool = False) -> None:
        self.words = words
        #: Whether the server has refused this very mail for good (5xx).
        self.is_final = is_final
        super().__init__(f"The mail server did not take the mail; it was not sent. {words}")


class Unclear(HeadwayError):
    """Raised when nobody can know whether the mail server has taken a mail."""

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(f"The connection broke before the mail server had answered. {words}")


class Connection(smtplib.SMTP):
    """An SMTP connection that notes how far it came, and that always ends within its time."""

    #: Whether bytes of the body may be under way.
    body_began = False
    #: What the server said to the body, as (code, text).
    answer: tuple[int, bytes] | None = None
    _watch: threading.Timer | None = None

    def connect(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        self._watch = threading.Timer(WHOLE_SECONDS, self._cut)
        self._watch.daemon = True
        self._watch.start()
        try:
            return super().connect(*args, **kwargs)
        except BaseException:
            self._watch.cancel()
            raise

    def data(self, msg: Any) -> tuple[int, bytes]:
        self.putcmd("data")
        code, reply = self.getreply()
        if code != 354:
            raise smtplib.SMTPDataError(code, reply)
        self.body_began = True
        self.send(_as_body(msg))
        with self._patience(ANSWER_SECONDS):
            self.answer = self.getreply()
        return self.answer

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        super().close()

    @contextmanager
    def _patience(self, seconds: float) -> Iterator[None]:
        """Allow the server so many seconds of silence within the block."""
        sock = self.sock
        before = sock.gettimeout() if sock else None
        if sock:
            sock.settimeout(seconds)
        yield
        if sock:
            sock.settimeout(before)

    def _cut(self) -> None:
        sock = self.sock
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


class TlsConnection(Connection, smtplib.SMTP_SSL):
    """The same over TLS from its first byte."""


class Backend(EmailBackend):
    """Django's backend over such connections; certificates are verified against the system's authorities."""

    connection: Connection | None

    @property
    def connection_class(self) -> type[Connection]:
        return TlsConnection if self.use_ssl else Connection

    def hand_over(self, message: EmailMessage) -> str:
        """Give the server one mail and return its answer; raise NotTaken or Unclear. The connection stays open."""
        try:
            self.open()
            # Given an open connection, the backend sends and does not close it.
            self.send_messages([message])
        except Exception as error:
            # Whatever the error is, the connection knows whether the server may have the mail.
            if not self._has_taken:
                raise self._meaning(error) from error
        if self._answer is None:
            raise NotTaken("Nobody was asked to take it.")
        return _words(*self._answer)

    @property
    def _answer(self) -> tuple[int, bytes] | None:
        return self.connection.answer if self.connection else None

    @property
    def _has_taken(self) -> bool:
        return self._answer is not None and 200 <= self._answer[0] < 300

    def _meaning(self, error: Exception) -> NotTaken | Unclear:
        if self.connection is not None and self.connection.body_began:
            answer = self.connection.answer
            if answer is None:
                return Unclear(_error_words(error))
            if not 400 <= answer[0] < 600:
                return Unclear(f"It said {_words(*answer)!r}.")
            return NotTaken(_words(*answer), is_final=_is_final(answer[0]))
        if isinstance(error, smtplib.SMTPRecipientsRefused):
            code, reply = next(iter(error.recipients.values()))
            return NotTaken(_words(code, reply), is_final=_is_final(code))
        if isinstance(error, (smtplib.SMTPSenderRefused, smtplib.SMTPDataError)):
            return NotTaken(_error_words(error), is_final=_is_final(error.smtp_code))
        # The connection, its encryption or the log-in failed: the mail can be sent once that is repaired.
        return NotTaken(_error_words(error))

    def _close_connection(self, connection: smtplib.SMTP) -> None:
        # What the server says to QUIT changes nothing any more.
        with suppress(OSError):
            connection.quit()
        connection.close()


def new_connection() -> BaseEmailBackend:
    """Return a connection to where the site's mails go, not yet open. Django has called it a mailer since 6.1."""
    return mail.mailers.default if hasattr(mail, "mailers") else mail.get_connection()


def hand_over(connection: BaseEmailBackend, message: EmailMessage) -> str:
    """Give one mail to a backend of any kind and return the answer; raise NotTaken or Unclear.

    Whether that sends it is `left_at`'s to say.
    """
    if isinstance(connection, Backend):
        return connection.hand_over(message)
    try:
        connection.open()
        connection.send_messages([message])
    except OSError as error:
        raise NotTaken(_error_words(error)) from error
    if place := left_at(connection):
        return f"No mail server is set up: it was {place}."
    return f"Handed to {type(connection).__module__}."


def _is_final(code: int) -> bool:
    return 500 <= code < 600 and code not in _OF_THE_SITE


def _as_body(message: bytes) -> bytes:
    """Return the message as DATA takes it: dots at the beginning of lines doubled, and a line with a dot at its end."""
    body = re.sub(rb"(?m)^\.", b"..", message)
    return body + (b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n")


def _error_words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return _words(error.smtp_code, error.smtp_error)
    return _one_line(f"{type(error).__name__}: {error}")


def _words(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return _one_line(f"{code} {text}")


def _one_line(text: str) -> str:
    return storable(" ".join(text.split()))[:_WORDS_LENGTH]
