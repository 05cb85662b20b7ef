"""Every setting of Headway, read from the environment once. docs/settings.md lists them all."""

import os
import re
from email.headerregistry import HeaderRegistry
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import django
import environ
from django.core.exceptions import ImproperlyConfigured

from core.environment import Environment

env = Environment()

BASE_DIR = Path(__file__).resolve().parent.parent

#: What settings in days take at most; some are hours and minutes of fewer.
_MOST_DAYS = 36_500

#: The one folder with database, files, logs and the secret key.
HEADWAY_HOME = Path(env.str("HEADWAY_HOME", str(BASE_DIR / "var"))).expanduser().resolve()
HOST = env.str("HOST", "127.0.0.1")
PORT = env.integer("PORT", 8000, least=1, most=65_535)


def _secret_key() -> str:
    """The key from the environment, or from the file that `manage.py up` made."""
    key_file = HEADWAY_HOME / "secret_key"
    key: str = env.str("SECRET_KEY", "")
    if key:
        return key
    if key_file.is_file():
        return key_file.read_text().strip()
    # Commands that sign nothing (check, makemigrations) run without a home; a server refuses this key.
    return "insecure-" + "0" * 50


SECRET_KEY = _secret_key()
DEBUG = env.switch("DEBUG", False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

# -- the life of a job ------------------------------------------------------------------------------

#: Seconds a claim lasts unless the worker's keeper renews it.
LEASE_SECONDS = env.number("LEASE_SECONDS", 60.0, least=0.01)
#: Seconds between two renewals; must be well under the lease.
LEASE_RENEW_SECONDS = env.number("LEASE_RENEW_SECONDS", LEASE_SECONDS / 4, least=0.01)
#: Seconds between two looks for expired leases, jittered by half.
REAP_SECONDS = env.number("REAP_SECONDS", 10.0, least=0.01)
#: First delay before a retry, in seconds; doubles each time, with full jitter, up to the cap.
RETRY_BASE_SECONDS = env.number("RETRY_BASE_SECONDS", 15.0)
RETRY_CAP_SECONDS = env.number("RETRY_CAP_SECONDS", 3600.0)
#: Seconds after which a published message that nobody has claimed is looked for, and published again.
REPUBLISH_SECONDS = env.number("REPUBLISH_SECONDS", 30.0, least=0.01)
#: Progress is written at most once in this many seconds for a job.
PROGRESS_SECONDS = env.number("PROGRESS_SECONDS", 0.25)
#: Seconds that a stopping worker gives short work to end before it hands jobs back.
STOP_GRACE_SECONDS = env.number("STOP_GRACE_SECONDS", 10.0)
#: Seconds after which a stopping worker has ended, whatever hangs; with the time its parent takes, under 30.
STOP_SECONDS = env.number("STOP_SECONDS", 28.0, least=0.01)
#: Largest JSON of a job's parameters, of a step's and of a job's result, in bytes.
JSON_LIMIT_BYTES = env.integer("JSON_LIMIT_BYTES", 256 * 1024, least=1)
#: Child jobs that one fan-out may make, and how deep children may fan out themselves.
FAN_OUT_WIDTH = env.integer("FAN_OUT_WIDTH", 10_000, least=1)
FAN_OUT_DEPTH = env.integer("FAN_OUT_DEPTH", 3)
#: Largest upload that is accepted, in bytes.
UPLOAD_LIMIT_BYTES = env.integer("UPLOAD_LIMIT_BYTES", 20 * 1024**3)
#: Bytes of the file store's disk that must stay free for a submit to be accepted.
DISK_FLOOR_BYTES = env.integer("DISK_FLOOR_BYTES", 512 * 1024**2)
#: What one owner may have at work and queued at once, submit in an hour, and keep in bytes; 0 is no limit. Parts of a
#: job are not counted.
OWNER_RUNNING_LIMIT = env.integer("OWNER_RUNNING_LIMIT", 0)
OWNER_QUEUED_LIMIT = env.integer("OWNER_QUEUED_LIMIT", 20_000)
OWNER_SUBMITS_PER_HOUR = env.integer("OWNER_SUBMITS_PER_HOUR", 0)
OWNER_STORED_BYTES = env.integer("OWNER_STORED_BYTES", 0)
#: What the whole site may have queued, parts included; 0 is no limit.
QUEUED_LIMIT = env.integer("QUEUED_LIMIT", 1_000_000)

#: A folder with templates of documents, as <pipeline>/<name>/; one here wins over one of the same name that comes with
#: the pipeline.
TEMPLATE_FOLDER = Path(env.str("TEMPLATE_FOLDER", str(HEADWAY_HOME / "templates"))).expanduser().resolve()
#: Folders that are searched for the fonts of documents.
FONT_FOLDERS = env.list("FONT_FOLDERS", default=["/usr/share/fonts", "/usr/local/share/fonts"])

#: Modules with pipelines beside those in actors/pipelines/, by their import names.
EXTRA_PIPELINES = env.list("EXTRA_PIPELINES", default=[])

#: The address under which people reach the site, for links in mails.
SITE_URL = env.str("SITE_URL", f"http://{HOST}:{PORT}").rstrip("/")
if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", SITE_URL):
    raise ImproperlyConfigured(f"SITE_URL is {SITE_URL!r}: write the site's whole address, as https://headway.example.")

# -- mail -------------------------------------------------------------------------------------------

#: Where mails go: smtp://user:password@host:25, smtp+tls://… (STARTTLS), smtp+ssl://…, consolemail://, or
#: filemail:///a/folder.
EMAIL_URL = env.str("EMAIL_URL", f"filemail://{quote(str(HEADWAY_HOME))}/mail")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.str("MAIL_FROM", "Headway <headway@localhost>")
# As each mail reads it; a name with commas needs quotes.
_sender: Any = HeaderRegistry()("from", DEFAULT_FROM_EMAIL)
if not (DEFAULT_FROM_EMAIL.isprintable() and len(_sender.addresses) == 1 and not _sender.defects):
    raise ImproperlyConfigured(f'MAIL_FROM is {DEFAULT_FROM_EMAIL!r}: write an address, or "a name" <and an address>.')


def _mailer(url: str) -> dict[str, Any]:
    """Return Django's mailer for EMAIL_URL, as MAILERS has it; the port is that of the scheme unless it is named."""
    ports = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "smtps": 465}
    try:
        parts = urlsplit(url)
        # One that is none is read as part of something else, which may be a password: no value is named.
        port = parts.port if parts.netloc else None
    except ValueError:
        raise ImproperlyConfigured(
            "EMAIL_URL can't be read: its port is not one from 1 to 65535, or its host is none. In a name or a "
            "password write @, :, /, ?, # and spaces as %40, %3A, %2F, %3F, %23 and %20."
        ) from None
    options: dict[str, Any] = {}
    if parts.scheme in ports and parts.hostname and parts.path in ("", "/") and not (parts.query or parts.fragment):
        backend = "core.mails.smtp.Backend"
        options = {"host": parts.hostname, "port": port or ports[parts.scheme]}
        options |= {"username": unquote(parts.username or ""), "password": unquote(parts.password or "")}
        options |= {"use_tls": parts.scheme == "smtp+tls", "use_ssl": parts.scheme in ("smtp+ssl", "smtps")}
        # Seconds that a mail server may be silent.
        options |= {"timeout": 30}
        if bool(options["username"]) != bool(options["password"]):
            raise ImproperlyConfigured("EMAIL_URL has a user without a password, or the other way round: write both.")
    elif parts.scheme == "filemail" and not parts.netloc and len(parts.path) > 1:
        backend = "django.core.mail.backends.filebased.EmailBackend"
        options = {"file_path": unquote(parts.path)}
    elif url in ("consolemail://", "consolemail:"):
        backend = "django.core.mail.backends.console.EmailBackend"
    else:
        # It may hold a password: only its scheme is named.
        raise ImproperlyConfigured(
            f"EMAIL_URL of the scheme {parts.scheme!r}: write smtp://host:25, smtp+tls://user:password@host:587, "
            "smtp+ssl://user:password@host:465, filemail:///an/absolute/folder or consolemail://"
        )
    return {"BACKEND": backend, "OPTIONS": options}


#: What Django 5.2 calls the options of a mailer.
_BEFORE_MAILERS = {
    "host": "EMAIL_HOST",
    "port": "EMAIL_PORT",
    "username": "EMAIL_HOST_USER",
    "password": "EMAIL_HOST_PASSWORD",
    "use_tls": "EMAIL_USE_TLS",
    "use_ssl": "EMAIL_USE_SSL",
    "timeout": "EMAIL_TIMEOUT",
    "file_path": "EMAIL_FILE_PATH",
}


def _mail_settings(mailer: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of this Django for a mailer: 6.1 warns of those that 5.2 needs."""
    if django.VERSION >= (6, 1):
        return {"MAILERS": {"default": mailer}}
    options = {_BEFORE_MAILERS[name]: value for name, value in mailer["OPTIONS"].items()}
    return {"EMAIL_BACKEND": mailer["BACKEND"], **options}


globals().update(_mail_settings(_mailer(EMAIL_URL)))
#: Mails that may be handed over, as <number>/<s, m or h>.
MAIL_RATE = env.str("MAIL_RATE", "60/m")
#: Days that the link to a mailed file works.
LINK_DAYS = env.integer("LINK_DAYS", 14, least=1, most=_MOST_DAYS)

# -- fetching ---------------------------------------------------------------------------------------

#: Hosts inside that may be fetched from all the same, as host or host:port; all other private addresses are refused.
FETCH_INSIDE = env.list("FETCH_INSIDE", default=[])
#: Ports that may be connected to.
FETCH_PORTS = env.integers("FETCH_PORTS", [80, 443, 8080, 8443], least=1, most=65_535)
#: Largest file that is fetched, as it comes and unpacked, in bytes.
FETCH_LIMIT_BYTES = env.integer("FETCH_LIMIT_BYTES", 5 * 1024**3, least=1)
#: Seconds that one file may take in all, and that a server may be silent.
FETCH_SECONDS = env.number("FETCH_SECONDS", 3600.0, least=0.01)
FETCH_SILENCE_SECONDS = env.number("FETCH_SILENCE_SECONDS", 30.0, least=0.01)
#: Requests that one host gets from one job at once.
FETCH_PER_HOST = env.integer("FETCH_PER_HOST", 2, least=1)

# -- importing --------------------------------------------------------------------------------------

#: Per cent of an import's records that may be rejected before it fails, unless its form says otherwise; 100 for all.
IMPORT_MAX_REJECTED_PERCENT = env.number("IMPORT_MAX_REJECTED_PERCENT", 50.0, most=100)

# -- accounts ---------------------------------------------------------------------------------------

#: Whether anybody may make an account.
SIGN_UP = env.switch("SIGN_UP", True)
#: Hours without a request after which a session ends, and days after which it ends in any case.
SESSION_IDLE_HOURS = env.number("SESSION_IDLE_HOURS", 12.0, least=0.0001, most=_MOST_DAYS * 24)
SESSION_DAYS = env.number("SESSION_DAYS", 14.0, least=0.0001, most=_MOST_DAYS)
#: Wrong passwords for one name from one address after which they have to wait, and the minutes of that wait. The
#: address by itself has to after five times as many: people may share it.
LOGIN_TRIES = env.integer("LOGIN_TRIES", 8, least=1)
LOGIN_WAIT_MINUTES = env.number("LOGIN_WAIT_MINUTES", 15.0, least=0.0001, most=_MOST_DAYS * 24)

# -- housekeeping -----------------------------------------------------------------------------------

#: Days that things are kept: jobs as their pipeline says (`retention_days`), or as DAYS_JOBS does for all of them (0:
#: the pipeline's); datasets (0: for good); the timelines of ended jobs; the audit trail and alarm figures; mails.
DAYS_JOBS = env.integer("DAYS_JOBS", 0, most=_MOST_DAYS)
DAYS_DATASETS = env.integer("DAYS_DATASETS", 365, most=_MOST_DAYS)
DAYS_EVENTS = env.integer("DAYS_EVENTS", 90, least=1, most=_MOST_DAYS)
DAYS_AUDIT = env.integer("DAYS_AUDIT", 365, least=1, most=_MOST_DAYS)
DAYS_MAILS = env.integer("DAYS_MAILS", 90, least=1, most=_MOST_DAYS)
#: Hours after which a file that nothing refers to is deleted; longer than any job takes to name what it wrote.
ORPHAN_HOURS = env.number("ORPHAN_HOURS", 48.0, most=_MOST_DAYS * 24)

# -- runtimes ---------------------------------------------------------------------------------------

DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{HEADWAY_HOME}/db.sqlite3")
#: Unset means embedded: Dramatiq's in-process broker inside the one worker.
RABBITMQ_URL = env.str("RABBITMQ_URL", "")
if not all(url.strip().startswith(("amqp://", "amqps://")) for url in RABBITMQ_URL.split(";") if url.strip()):
    raise ImproperlyConfigured("RABBITMQ_URL: write amqp://user:password@host:5672/vhost, or leave it out.")
RABBITMQ_QUEUE_TYPE = env.str("RABBITMQ_QUEUE_TYPE", "classic")
WORKER_PROCESSES = env.integer("WORKER_PROCESSES", 2, least=1)
WORKER_THREADS = env.integer("WORKER_THREADS", 16, least=1)
#: The queues of pipelines that take the processor for seconds on end: a worker of its own has them.
CPU_QUEUES = ["cpu"]
#: Threads of the worker that runs the pipelines of these queues, and child processes that a worker process may have
#: at work at once.
CPU_THREADS = env.integer("CPU_THREADS", len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
WEB_THREADS = env.integer("WEB_THREADS", 8, least=1)
WEB_WORKERS = env.integer("WEB_WORKERS", 1, least=1)


def _storage_root(url: str) -> Path:
    parts = urlsplit(url)
    if parts.scheme != "file" or not parts.path:
        raise ImproperlyConfigured(f"STORAGE_URL {url!r}: only file:///an/absolute/folder is supported")
    return Path(unquote(parts.path))


#: Where files live. Web and workers must see the same folder.
STORAGE_URL = env.str("STORAGE_URL", f"file://{HEADWAY_HOME}/files")
STORAGE_ROOT = _storage_root(STORAGE_URL)


def _database(url: str) -> dict[str, Any]:
    scheme = url.partition(":")[0]
    if scheme not in ("sqlite", "postgres", "postgresql"):
        # It may hold a password: only its scheme is named.
        raise ImproperlyConfigured(
            f"DATABASE_URL of the scheme {scheme[:20]!r}: write sqlite:////an/absolute/file, or "
            "postgres://user:password@host:5432/name."
        )
    try:
        config: dict[str, Any] = dict(environ.Env.db_url_config(url))
    except ValueError:
        raise ImproperlyConfigured(
            "DATABASE_URL can't be read: its port is not one from 1 to 65535, or its host is none."
        ) from None
    if scheme == "sqlite":
        config["OPTIONS"] = {
            # A write transaction takes the lock at its start, so that no reader has to be upgraded and refused.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        }
        # Threads of a test share a file, never a memory database.
        config["TEST"] = {"NAME": env.str("TEST_DATABASE_FILE", "") or None}
    else:
        config["CONN_HEALTH_CHECKS"] = True
        # A line that is dead without a word is noticed well within a lease, instead of after a quarter of an hour.
        given = config.get("OPTIONS", {})
        config["OPTIONS"] = {
            "connect_timeout": 10,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            **given,
            # Short statements on large tables: PostgreSQL would compile them anew at each call, which takes a hundred
            # times as long as they do.
            "options": f"-c jit=off {given.get('options', '')}".strip(),
        }
    config["CONN_MAX_AGE"] = None
    return config


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

DRAMATIQ_BROKER = {
    "BROKER": "actors.runtime.broker.build_broker",
    "OPTIONS": {},
    "MIDDLEWARE": [
        "django_dramatiq.middleware.DbConnectionsMiddleware",
        "periodiq.PeriodiqMiddleware",
        "actors.runtime.worker_boot.WorkerBoot",
    ],
}
DRAMATIQ_AUTODISCOVER_MODULES = ["run_job", "ticker"]
# Its one actor deletes rows of a table that is not used here.
DRAMATIQ_IGNORED_MODULES = ["django_dramatiq.tasks"]

# -- Django -----------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "django_htmx",
    "django_dramatiq",
    "core",
    "actors",
    "frontend",
]
MIDDLEWARE = [
    "core.operation.request_timing.RequestTimingMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "frontend.site.security.NullCharacterMiddleware",
    "frontend.site.security.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "frontend.accounts.sessions.SessionEndMiddleware",
    "frontend.site.zones.ZoneMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "frontend.site.outages.OutageMiddleware",
    "frontend.accounts.login_tries.LoginTriesMiddleware",
]
ROOT_URLCONF = "frontend.urls"
WSGI_APPLICATION = "frontend.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Each feature of the pages has its own.
        "DIRS": sorted(BASE_DIR.glob("frontend/*/templates")),
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
AUTHENTICATION_BACKENDS = ["frontend.accounts.people.PersonBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "login"
#: Seconds that the link of a mail for a new password works.
PASSWORD_RESET_TIMEOUT = 4 * 3600

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = HEADWAY_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "frontend.site.static_files.StaticFiles"},
}
# Before `collectstatic` has run (tests, a fresh checkout) files are found where they lie.
WHITENOISE_USE_FINDERS = True

FILE_UPLOAD_HANDLERS = ["core.files.uploads.StagingUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

SECURE_SSL = env.switch("SECURE_SSL", False)
#: Proxies in front of the web that each add to X-Forwarded-For the address that asks them; 0 believes no such header.
PROXY_COUNT = env.integer("PROXY_COUNT", 1 if SECURE_SSL else 0)
SECURE_SSL_REDIRECT = SECURE_SSL
SECURE_HSTS_SECONDS = 31536000 if SECURE_SSL else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_SSL
SECURE_HSTS_PRELOAD = SECURE_SSL
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_SSL else None
# The health checks are asked by machines inside, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# frontend.accounts.sessions ends sessions; the cookie lasts a day longer, so that who comes too late is told why.
SESSION_COOKIE_AGE = round((SESSION_DAYS + 1) * 86400)
SESSION_COOKIE_SECURE = SECURE_SSL
CSRF_COOKIE_SECURE = SECURE_SSL
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"

#: Seconds after which a request is named in the log.
SLOW_REQUEST_SECONDS = env.number("SLOW_REQUEST_SECONDS", 0.5)
#: A bearer token that /metrics asks for.
METRICS_TOKEN = env.str("METRICS_TOKEN", "")

LOG_LEVEL = env.str("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    raise ImproperlyConfigured(f"LOG_LEVEL is {LOG_LEVEL!r}: write DEBUG, INFO, WARNING or ERROR.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Pika tells each reconnect with a traceback; the relay's and the consumer's own lines say it once.
        "pika": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
    },
}
