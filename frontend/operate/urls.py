"""Addresses of the pages and endpoints for operators and machines."""

from django.urls import path

from frontend.operate.views import audit, failed, limits, machines, mails, workers

urlpatterns = [
    path("failed/", failed.failed_list, name="failed_list"),
    path("failed/requeue/", failed.failed_requeue, name="failed_requeue"),
    path("failed/discard/", failed.failed_discard, name="failed_discard"),
    path("limits/", limits.limits, name="limits"),
    path("limits/<slug:name>/pause/", limits.pipeline_pause, name="pipeline_pause"),
    path("limits/<slug:name>/resumption/", limits.pipeline_resumption, name="pipeline_resumption"),
    path("limits/<slug:name>/<str:limit>/change/", limits.limit_change, name="limit_change"),
    path("limits/<slug:name>/<str:limit>/reset/", limits.limit_reset, name="limit_reset"),
    path("limits/<slug:name>/<str:limit>/unblocking/", limits.limit_unblocking, name="limit_unblocking"),
    path("workers/", workers.workers, name="workers"),
    path("mails/", mails.mails, name="mails"),
    path("mails/<int:pk>/sending/", mails.mail_sending, name="mail_sending"),
    path("audit/", audit.audit_trail, name="audit_trail"),
    path("healthz", machines.healthz, name="healthz"),
    path("readyz", machines.readyz, name="readyz"),
    path("metrics", machines.metrics, name="metrics"),
    path("favicon.ico", machines.favicon, name="favicon"),
]
