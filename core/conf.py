"""Every setting of Headway with its type, bounds and default; docs/settings.md lists them.

A site sets what differs from the defaults in one dictionary of its Django settings:

    HEADWAY = {"LEASE_SECONDS": 30, "DAYS_DATASETS": 0}

Headway's own site (`core/settings.py`) fills it from the environment, in which each has the same name. A value that
can't be used, and a name that is no setting, are refused at the start, in a sentence.
"""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Generic, Self, TypeVar, cast, overload
from urllib.parse import quote, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

#: What settings in days take at most; some are hours and minutes of fewer.
MOST_DAYS = 36_500
#: Begins the value of OWNER_DELETED that names an account.
HAND_OVER = "hand over to "
_SWITCHES = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


class Setting(Generic[T]):
    """One setting: how its value is read, from Python or from text, and its default."""

    def __init__(self, read: Callable[[str, object], T], default: T | Callable[[Conf], T]) -> None:
        self.read = read
        self._default = default
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, conf: None, owner: type) -> Self: ...
    @overload
    def __get__(self, conf: Conf, owner: type) -> T: ...
    def __get__(self, conf: Conf | None, owner: type) -> Self | T:
        if conf is None:
            return self
        values = conf.values()
        if self.name in values:
            return self.read(self.name, values[self.name])
        return self._default(conf) if callable(self._default) else self._default


def read_integer(name: str, value: object, *, least: float = 0, most: float = 2**63 - 1) -> int:
    """Return a whole number; raise ImproperlyConfigured for any other value."""
    try:
        number = math.nan if isinstance(value, (bool, float)) else int(cast(Any, value))
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a whole number{_bounds(least, most)}.")
    return cast(int, number)


def read_number(name: str, value: object, *, least: float = 0, most: float = 1e9) -> float:
    """Return a number; raise ImproperlyConfigured for any other value."""
    try:
        number = math.nan if isinstance(value, bool) else float(cast(Any, value))
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most:
        raise ImproperlyConfigured(f"{name} is {value!r}: write a number{_bounds(least, most)}.")
    return number


def read_switch(name: str, value: object) -> bool:
    """Return whether it is switched on; raise ImproperlyConfigured for any other word."""
    if isinstance(value, bool):
        return value
    if str(value).strip().lower() not in _SWITCHES:
        raise ImproperlyConfigured(f"{name} is {value!r}: write 1 or 0.")
    return _SWITCHES[str(value).strip().lower()]


def read_texts(name: str, value: object) -> list[str]:
    """Return texts: from a list, or from one text with commas."""
    if isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value):
        return list(value)
    if not isinstance(value, str):
        raise ImproperlyConfigured(f"{name} is {value!r}: write a list of texts.")
    return [text.strip() for text in value.split(",") if text.strip()]


def read_integers(name: str, value: object, *, least: int, most: int) -> list[int]:
    """Return whole numbers: from a list, or from one text with commas."""
    texts = [str(number) for number in value] if isinstance(value, (list, tuple)) else read_texts(name, value)
    if not texts or not all(text.isascii() and text.isdigit() and least <= int(text) <= most for text in texts):
        raise ImproperlyConfigured(f"{name} is {value!r}: write whole numbers{_bounds(least, most)}, joined by commas.")
    return [int(text) for text in texts]


def _bounds(least: float, most: float) -> str:
    return f" from {least:g} to {most:g}" if most <= 1_000_000 else f", {least:g} or more"


def _read_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ImproperlyConfigured(f"{name} is {value!r}: write a text.")
    return value


def _read_folder(name: str, value: object) -> Path:
    if not isinstance(value, (str, Path)):
        raise ImproperlyConfigured(f"{name} is {value!r}: write the path of a folder.")
    folder = Path(value).expanduser()
    return folder if folder.is_absolute() else folder.resolve()


def _read_storage_url(name: str, value: object) -> str:
    parts = urlsplit(_read_text(name, value))
    if parts.scheme != "file" or not parts.path:
        raise ImproperlyConfigured(f"{name} is {value!r}: only file:///an/absolute/folder is supported.")
    return parts.geturl()


def _read_site_url(name: str, value: object) -> str:
    url = _read_text(name, value).rstrip("/")
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", url):
        raise ImproperlyConfigured(f"{name} is {url!r}: write the site's whole address, as https://headway.example.")
    return url


def _read_broker_url(name: str, value: object) -> str:
    url = _read_text(name, value)
    if not all(one.strip().startswith(("amqp://", "amqps://")) for one in url.split(";") if one.strip()):
        # It may hold a password: no value is named.
        raise ImproperlyConfigured(f"{name}: write amqp://user:password@host:5672/vhost, or leave it out.")
    return url


def _read_keys(name: str, given: object) -> list[str]:
    try:
        keys = read_texts(name, given)
    except ImproperlyConfigured:
        keys = []
    if not keys or not all(keys):
        # No value is named.
        raise ImproperlyConfigured(f"{name}: write a list of long random texts, the newest first.")
    return keys


def _read_owner_deleted(name: str, given: object) -> str:
    text = _read_text(name, given).strip()
    if text in ("protect", "delete") or (text.startswith(HAND_OVER) and text != HAND_OVER):
        return text
    raise ImproperlyConfigured(f"{name} is {given!r}: write protect, delete, or hand over to NAME, a user name.")


def _integer(default: int | Callable[[Conf], int], *, least: float = 0, most: float = 2**63 - 1) -> Setting[int]:
    return Setting(lambda name, value: read_integer(name, value, least=least, most=most), default)


def _number(default: float | Callable[[Conf], float], *, least: float = 0, most: float = 1e9) -> Setting[float]:
    return Setting(lambda name, value: read_number(name, value, least=least, most=most), default)


def _switch(default: bool) -> Setting[bool]:
    return Setting(read_switch, default)


def _text(default: str) -> Setting[str]:
    return Setting(_read_text, default)


def _texts(*default: str) -> Setting[list[str]]:
    return Setting(read_texts, lambda _: list(default))


def _folder(default: Callable[[Conf], Path]) -> Setting[Path]:
    return Setting(_read_folder, default)


def _home(_: Conf) -> Path:
    """Return `var/` beside the host's own code, as `startproject` has it."""
    from django.conf import settings

    if not hasattr(settings, "BASE_DIR"):
        raise ImproperlyConfigured('HEADWAY has no HOME: write HEADWAY = {"HOME": "/a/folder/for/its/files"}.')
    return Path(settings.BASE_DIR).resolve() / "var"


def _site_keys(_: Conf) -> list[str]:
    """Return the keys that Django itself signs with, and those that it still accepts."""
    from django.conf import settings

    return [str(settings.SECRET_KEY), *map(str, settings.SECRET_KEY_FALLBACKS)]


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2


class Conf:
    """The settings of this site: `conf.LEASE_SECONDS`."""

    # -- where things are ---------------------------------------------------------------------------

    #: The one folder with files, logs and, of Headway's own site, database and secret key.
    HOME = _folder(_home)
    #: Where files live. Web and workers must see the same folder.
    STORAGE_URL = Setting(_read_storage_url, lambda conf: f"file://{quote(str(conf.HOME))}/files")
    #: Unset means embedded: Dramatiq's in-process broker inside the one worker.
    RABBITMQ_URL = Setting(_read_broker_url, "")
    RABBITMQ_QUEUE_TYPE = _text("classic")
    #: Where `manage.py web` listens.
    HOST = _text("127.0.0.1")
    PORT = _integer(8000, least=1, most=65_535)
    #: The address under which people reach the site, for links in mails.
    SITE_URL = Setting(_read_site_url, lambda conf: f"http://{conf.HOST}:{conf.PORT}")

    # -- the life of a job --------------------------------------------------------------------------

    #: Seconds a claim lasts unless the worker's keeper renews it.
    LEASE_SECONDS = _number(60.0, least=0.01)
    #: Seconds between two renewals; must be well under the lease.
    LEASE_RENEW_SECONDS = _number(lambda conf: conf.LEASE_SECONDS / 4, least=0.01)
    #: Seconds between two searches for expired leases, jittered by half.
    REAP_SECONDS = _number(10.0, least=0.01)
    #: First delay before a retry, in seconds; doubles each time, with full jitter, up to the cap.
    RETRY_BASE_SECONDS = _number(15.0)
    RETRY_CAP_SECONDS = _number(3600.0)
    #: Seconds after which a published message that nobody has claimed is looked for, and published again.
    REPUBLISH_SECONDS = _number(30.0, least=0.01)
    #: Progress is written at most once in this many seconds for a job.
    PROGRESS_SECONDS = _number(0.25)
    #: Seconds that an attempt which may not go on has to end by itself; then it is ended over its head.
    WRITE_OFF_SECONDS = _number(15.0, least=0.01)
    #: Seconds that a stopping worker gives short work to end before it hands jobs back.
    STOP_GRACE_SECONDS = _number(10.0)
    #: Seconds after which a stopping worker has ended, whatever hangs; with the time its parent takes, under 30.
    STOP_SECONDS = _number(28.0, least=0.01)
    #: Largest JSON of a job's parameters, of a step's and of a job's result, in bytes.
    JSON_LIMIT_BYTES = _integer(256 * 1024, least=1)
    #: Child jobs that one fan-out may make, and how deep children may fan out themselves.
    FAN_OUT_WIDTH = _integer(10_000, least=1)
    FAN_OUT_DEPTH = _integer(3)

    #: What becomes of the jobs, datasets and schedules of an account that is deleted: `protect` (it can't be deleted
    #: while it has any), `delete` (they go with it), or `hand over to NAME` (they become that account's).
    OWNER_DELETED = Setting(_read_owner_deleted, "protect")

    #: For tests: whether a submitted job is run at once, by the process that submits it and before that goes on.
    RUN_AT_ONCE = _switch(False)

    # -- what is accepted ---------------------------------------------------------------------------

    #: Largest upload that is accepted, in bytes.
    UPLOAD_LIMIT_BYTES = _integer(20 * 1024**3)
    #: Bytes of the file store's disk that must stay free for a submit to be accepted.
    DISK_FLOOR_BYTES = _integer(512 * 1024**2)
    #: What one owner may have at work and queued at once, submit in an hour, and keep in bytes; 0 is no limit. Parts of
    #: a job are not counted.
    OWNER_RUNNING_LIMIT = _integer(0)
    OWNER_QUEUED_LIMIT = _integer(20_000)
    OWNER_SUBMITS_PER_HOUR = _integer(0)
    OWNER_STORED_BYTES = _integer(0)
    #: What the whole site may have queued, parts included; 0 is no limit.
    QUEUED_LIMIT = _integer(1_000_000)

    # -- people -------------------------------------------------------------------------------------

    #: The class that says who sees, who acts and who operates (`core.policy.Policy`).
    POLICY = _text("core.policy.Policy")
    #: Requests that one API token may send in a minute; 0 is no limit.
    API_RATE = _integer(600)

    # -- secrets ------------------------------------------------------------------------------------

    #: The keys that secret parameters are encrypted with: the first one encrypts, all of them decrypt.
    SECRET_KEYS = Setting(_read_keys, _site_keys)

    # -- pipelines ----------------------------------------------------------------------------------

    #: Modules with pipelines beside those in actors/pipelines/, by their import names.
    EXTRA_PIPELINES = _texts()
    #: A folder with templates of documents, as <pipeline>/<name>/; one here wins over one of the same name that comes
    #: with the pipeline.
    TEMPLATE_FOLDER = _folder(lambda conf: conf.HOME / "templates")
    #: Folders that are searched for the fonts of documents.
    FONT_FOLDERS = _texts("/usr/share/fonts", "/usr/local/share/fonts")
    #: Per cent of an import's records that may be rejected before it fails, unless its form says otherwise.
    IMPORT_MAX_REJECTED_PERCENT = _number(50.0, most=100)

    # -- mail and fetching --------------------------------------------------------------------------

    #: Mails that may be handed over, as <number>/<s, m or h>.
    MAIL_RATE = _text("60/m")
    #: Days that the link to a mailed file works.
    LINK_DAYS = _integer(14, least=1, most=MOST_DAYS)
    #: Private hosts that may be fetched from, as host or host:port; other private addresses are refused.
    FETCH_INSIDE = _texts()
    #: Ports that may be connected to.
    FETCH_PORTS = Setting(
        lambda name, value: read_integers(name, value, least=1, most=65_535), lambda _: [80, 443, 8080, 8443]
    )
    #: Largest file that is fetched, as it comes and unpacked, in bytes.
    FETCH_LIMIT_BYTES = _integer(5 * 1024**3, least=1)
    #: Longest time for one file, and longest silence of a server, in seconds.
    FETCH_SECONDS = _number(3600.0, least=0.01)
    FETCH_SILENCE_SECONDS = _number(30.0, least=0.01)
    #: The most requests that one job sends one host at once.
    FETCH_PER_HOST = _integer(2, least=1)

    # -- accounts of Headway's own site -------------------------------------------------------------

    #: Whether Headway's own pages for signing up, logging in and passwords are there: its own site has no others.
    ACCOUNTS = _switch(False)
    #: Whether anybody may make an account.
    SIGN_UP = _switch(True)
    #: Hours without a request after which a session ends, and days after which it ends in any case.
    SESSION_IDLE_HOURS = _number(12.0, least=0.0001, most=MOST_DAYS * 24)
    SESSION_DAYS = _number(14.0, least=0.0001, most=MOST_DAYS)
    #: Wrong passwords for one name from one address after which they have to wait, and the minutes of that wait. The
    #: address by itself has to after five times as many: people may share it.
    LOGIN_TRIES = _integer(8, least=1)
    LOGIN_WAIT_MINUTES = _number(15.0, least=0.0001, most=MOST_DAYS * 24)
    #: Proxies in front of the web that each add to X-Forwarded-For the address that asks them; 0 believes no such
    #: header.
    PROXY_COUNT = _integer(0)

    # -- housekeeping -------------------------------------------------------------------------------

    #: Days that things are kept: jobs as their pipeline says (`retention_days`), or as DAYS_JOBS does for all of them
    #: (0: the pipeline's); datasets (0: for good); timelines of ended jobs; the audit trail and alarm figures; mails.
    DAYS_JOBS = _integer(0, most=MOST_DAYS)
    DAYS_DATASETS = _integer(365, most=MOST_DAYS)
    DAYS_EVENTS = _integer(90, least=1, most=MOST_DAYS)
    DAYS_AUDIT = _integer(365, least=1, most=MOST_DAYS)
    DAYS_MAILS = _integer(90, least=1, most=MOST_DAYS)
    #: Hours after which a file that nothing refers to is deleted; longer than any job takes to name what it wrote.
    ORPHAN_HOURS = _number(48.0, most=MOST_DAYS * 24)

    # -- processes ----------------------------------------------------------------------------------

    WORKER_PROCESSES = _integer(2, least=1)
    WORKER_THREADS = _integer(16, least=1)
    #: Async jobs that a worker process has at work at once, beside those of its threads.
    ASYNC_JOBS = _integer(1000, least=1)
    #: Threads of the worker that runs heavy pipelines (`Pipeline.is_heavy`), and child processes that a worker process
    #: may have at work at once.
    CPU_THREADS = _integer(lambda _: _processors())
    WEB_THREADS = _integer(8, least=1)
    #: Requests of the API that a web process lets wait at once for a job's next event; each has a thread to itself.
    API_WAITING_REQUESTS = _integer(lambda conf: conf.WEB_THREADS // 2)
    WEB_WORKERS = _integer(1, least=1)
    #: Seconds after which a request is named in the log.
    SLOW_REQUEST_SECONDS = _number(0.5)
    #: A bearer token that /metrics asks for.
    METRICS_TOKEN = _text("")

    def __init__(self, values: Mapping[str, object] | None = None) -> None:
        """Read these values; those of the site that runs, when none are given."""
        self._values = values

    @property
    def storage_root(self) -> Path:
        """The folder of STORAGE_URL."""
        return Path(unquote(urlsplit(self.STORAGE_URL).path))

    def values(self) -> Mapping[str, object]:
        """Return what the site has set."""
        if self._values is not None:
            return self._values
        from django.conf import settings

        return cast(Mapping[str, object], getattr(settings, "HEADWAY", {}))

    def check(self) -> None:
        """Raise ImproperlyConfigured for the first name that is no setting, or the first value that can't be used."""
        for name in self.values():
            if name not in SETTINGS:
                near = difflib.get_close_matches(name, SETTINGS, 1)
                raise ImproperlyConfigured(
                    f"HEADWAY has {name!r}, which is no setting." + (f" Did you mean {near[0]}?" if near else "")
                )
            getattr(self, name)


#: The names of all settings.
SETTINGS = tuple(name for name, setting in vars(Conf).items() if isinstance(setting, Setting))
#: The settings of the site that runs.
conf = Conf()


def from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Return what the environment sets; what is set to nothing has its default, as what is not set.

    `HOME` is not read: in every environment it is the folder of whoever runs the program.
    """
    names = [name for name in SETTINGS if name != "HOME" and environment.get(name, "").strip()]
    return {name: environment[name].strip() for name in names}
