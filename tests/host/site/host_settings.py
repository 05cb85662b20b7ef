"""A company's site as `startproject` makes one, with a user model of its own, and Headway under /jobs-desk/."""

import os
from pathlib import Path

import django

BASE_DIR = Path(os.environ["HOST_HOME"])
SECRET_KEY = "a key of the host's own " * 3
DEBUG = bool(os.environ.get("HOST_DEBUG"))
ALLOWED_HOSTS = ["*"]

AUTH_USER_MODEL = os.environ["HOST_USER"]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    AUTH_USER_MODEL.partition(".")[0],
    "shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "host_urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [],
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
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
LANGUAGE_CODE = "en-us"
TIME_ZONE = "Europe/Paris"
USE_TZ = True
STATIC_URL = "static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
TASKS = {"default": {"BACKEND": "actors.task_backend.HeadwayBackend", "QUEUES": ["default", "night"]}}
if django.VERSION < (6, 0):
    INSTALLED_APPS.append("django_tasks")

# -- Headway ----------------------------------------------------------------------------------------
INSTALLED_APPS += ["django_htmx", "core", "actors", "frontend", "django_dramatiq"]
MIDDLEWARE.insert(0, "frontend.middleware.HeadwayMiddleware")
HEADWAY = {"SITE_URL": "https://shop.example", "WORKER_THREADS": 4, "PORT": os.environ.get("HOST_PORT", 8000)}
