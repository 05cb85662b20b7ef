"""Headway's own site: the three packages, Django and the environment put together (docs/settings.md)."""

import os
from email.headerregistry import HeaderRegistry
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import django
import environ
from django.core.exceptions import ImproperlyConfigured

from core.conf import Conf, from_environment, read_switch, read_texts

BASE_DIR = Path(__file__).resolve().parent.parent


def _env(name: str, default: str = "") -> str:
    """Return a variable; what is set to nothing has its default, as what is not set."""
    return os.environ.get(name, "").strip() or default


SECURE_SSL = read_switch("SECURE_SSL", _env("SECURE_SSL", "0"))
#: The one folder with database, files, logs and the secret key.
HOME = Path(_env("HEADWAY_HOME", str(BASE_DIR / "var"))).expanduser().resolve()
#: What core/conf.py declares, as the environment sets it.
HEADWAY = {"HOME": HOME, "ACCOUNTS": True, "PROXY_COUNT": int(SECURE_SSL), **from_environment(os.environ)}
_conf = Conf(HEADWAY)
_conf.check()


def _secret_key() -> str:
    """The key from the environment, or from the file that `manage.py up` made."""
    key_file = HOME / "secret_key"
    if key := _env("SECRET_KEY"):
        return key
    if key_file.is_file():
        return key_file.read_text().strip()
    # Commands that sign nothing (check, makemigrations) run without a home; a server refuses this key.
    return "insecure-" + "0" * 50


SECRET_KEY = _secret_key()
DEBUG = read_switch("DEBUG", _env("DEBUG", "0"))
ALLOWED_HOSTS = read_texts("ALLOWED_HOSTS", _env("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]"))
CSRF_TRUSTED_ORIGINS = read_texts("CSRF_TRUSTED_ORIGINS", _env("CSRF_TRUSTED_ORIGINS"))

# -- mail -------------------------------------------------------------------------------------------

#: Where mails go: smtp://user:password@host:25, smtp+tls://… (STARTTLS), smtp+ssl://…, consolemail://, or
#: filemail:///a/folder.
EMAIL_URL = _env("EMAIL_URL", f"filemail://{quote(str(HOME))}/mail")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("MAIL_FROM", "Headway <headway@localhost>")
# Checked as each mail parses it; a name with commas needs quotes.
_sender: Any = HeaderRegistry()("from", DEFAULT_FROM_EMAIL)
if not (DEFAULT_FROM_EMAIL.isprintable() and len(_sender.addresses) == 1 and not _sender.defects):
    raise ImproperlyConfigured(f'MAIL_FROM is {DEFAULT_FROM_EMAIL!r}: write an address, or "a name" <and an address>.')


def _mailer(url: str) -> dict[str, Any]:
    """Return Django's mailer for EMAIL_URL, as MAILERS has it; the port is that of the scheme unless it is named."""
    ports = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465, "smtps": 465}
    try:
        parts = urlsplit(url)
        # A wrong port may be a misread part of a password: no value is named.
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

# -- the database -----------------------------------------------------------------------------------

DATABASE_URL = _env("DATABASE_URL", f"sqlite:///{HOME}/db.sqlite3")


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
            # A write transaction takes the lock at its start; a reader that became a writer later could be refused.
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        }
        # Threads of a test share a file, never a memory database.
        config["TEST"] = {"NAME": _env("TEST_DATABASE_FILE") or None}
    else:
        config["CONN_HEALTH_CHECKS"] = True
        # A connection that dies silently is noticed well within a lease, instead of after a quarter of an hour.
        own_options = config.get("OPTIONS", {})
        config["OPTIONS"] = {
            "connect_timeout": 10,
            "keepalives_idle": 10,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 20_000,
            **own_options,
            # PostgreSQL would compile these short statements on large tables at each call, which takes a hundred times
            # as long as running them.
            "options": f"-c jit=off {own_options.get('options', '')}".strip(),
        }
    config["CONN_MAX_AGE"] = None
    return config


DATABASES = {"default": _database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

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
    "core",
    # Before django-dramatiq, which it tells what to do.
    "actors",
    "frontend",
    "django_dramatiq",
]
MIDDLEWARE = [
    "frontend.middleware.HeadwayMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "frontend.accounts.sessions.SessionEndMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "frontend.accounts.login_tries.LoginTriesMiddleware",
]
ROOT_URLCONF = "frontend.root"
WSGI_APPLICATION = "frontend.wsgi.application"
CSRF_FAILURE_VIEW = "frontend.site.errors.csrf_failure"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
LOGIN_URL = "headway:login"
LOGIN_REDIRECT_URL = "headway:desk"
LOGOUT_REDIRECT_URL = "headway:login"
#: Seconds that the link of a mail for a new password works.
PASSWORD_RESET_TIMEOUT = 4 * 3600

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "frontend.site.static_files.StaticFiles"},
}
# Before `collectstatic` has run (tests, a fresh checkout) files are found where they lie.
WHITENOISE_USE_FINDERS = True

DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

SECURE_SSL_REDIRECT = SECURE_SSL
SECURE_HSTS_SECONDS = 31536000 if SECURE_SSL else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_SSL
SECURE_HSTS_PRELOAD = SECURE_SSL
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_SSL else None
# Machines inside request the health checks without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
# frontend.accounts.sessions ends sessions; the cookie lasts a day longer, so that the log-in page can say why.
SESSION_COOKIE_AGE = round((_conf.SESSION_DAYS + 1) * 86400)
SESSION_COOKIE_SECURE = SECURE_SSL
CSRF_COOKIE_SECURE = SECURE_SSL
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"


LOG_LEVEL = _env("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
    raise ImproperlyConfigured(f"LOG_LEVEL is {LOG_LEVEL!r}: write DEBUG, INFO, WARNING or ERROR.")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"job": {"()": "core.logs.WithJob"}},
    "formatters": {
        "line": {
            "()": "core.logs.LineFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        }
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["job"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        # Pika logs each reconnect with a traceback; the relay's and the consumer's own lines log it once.
        "pika": {"level": "CRITICAL"},
        "django.request": {"level": "ERROR"},
    },
}
