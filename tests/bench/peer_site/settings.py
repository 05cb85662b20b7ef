"""A Django site that has one of the peers installed, by the variable PEER."""

import os
from urllib.parse import urlsplit

PEER = os.environ["PEER"]
_url = urlsplit(os.environ["DATABASE_URL"])

SECRET_KEY = "of-a-benchmark"
USE_TZ = True
INSTALLED_APPS = {
    "with_celery": ["django_celery_results"],
    "with_procrastinate": ["procrastinate.contrib.django"],
    "with_dramatiq": [],
    "with_django_tasks_db": ["django_tasks", "django_tasks_db"],
    "with_django_q": ["django_q"],
}[PEER]
if PEER == "with_django_q":
    INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", *INSTALLED_APPS]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _url.path[1:],
        "USER": _url.username,
        "HOST": _url.hostname,
        "PORT": _url.port,
        # Kept where the peer leaves them alone.
        "CONN_MAX_AGE": 600,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CELERY_BROKER_URL = os.environ["RABBITMQ_URL"]
CELERY_RESULT_BACKEND = "django-db"
CELERY_TASK_TRACK_STARTED = True
if os.environ.get("PEER_IS_SET"):
    CELERY_TASK_ACKS_LATE = True
    CELERY_TASK_REJECT_ON_WORKER_LOST = True

PROCRASTINATE_IMPORT_PATHS = ["peer_site.with_procrastinate"]

TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}}

# The example of its documentation for the ORM, with two workers, the default of 60 s until a task is tried again, and
# all results kept: by default the last 250 are.
Q_CLUSTER = {
    "name": "bench",
    "workers": 2,
    "timeout": 50,
    "retry": 60,
    "queue_limit": 50,
    "bulk": 10,
    "orm": "default",
    "save_limit": 0,
    "log_level": "WARNING",
}
