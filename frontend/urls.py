"""Every address of the site. An act on a thing is a resource under it: `POST jobs/7/cancellation/`."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from frontend.views import (
    audit_trail,
    dataset_detail,
    dataset_list,
    desk,
    errors,
    failed_jobs,
    job_acts,
    job_detail,
    job_file,
    job_parameters,
    limits,
    operations,
    pipeline_form,
    theme,
    workers,
)

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("jobs/", desk.jobs, name="jobs"),
    path("jobs/<int:pk>/", job_detail.job_detail, name="job_detail"),
    path("jobs/<int:pk>/progress/", job_detail.job_progress, name="job_progress"),
    path("jobs/<int:pk>/why/", job_detail.job_why, name="job_why"),
    path("jobs/<int:pk>/cancellation/", job_acts.job_cancellation, name="job_cancellation"),
    path("jobs/<int:pk>/retry/", job_acts.job_retry, name="job_retry"),
    path("jobs/<int:pk>/discarding/", job_acts.job_discarding, name="job_discarding"),
    path("jobs/<int:pk>/priority/", job_acts.job_priority, name="job_priority"),
    path("jobs/<int:pk>/parameters/", job_parameters.job_parameters, name="job_parameters"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/", job_file.job_file, name="job_file"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/preview/", job_file.job_preview, name="job_preview"),
    path("pipelines/<slug:name>/", pipeline_form.pipeline_form, name="pipeline_form"),
    path("pipelines/<slug:name>/validation/", pipeline_form.pipeline_validation, name="pipeline_validation"),
    path("datasets/", dataset_list.dataset_list, name="dataset_list"),
    path("datasets/<int:pk>/", dataset_detail.dataset_detail, name="dataset_detail"),
    path("failed/", failed_jobs.failed_list, name="failed_list"),
    path("failed/requeue/", failed_jobs.failed_requeue, name="failed_requeue"),
    path("failed/discard/", failed_jobs.failed_discard, name="failed_discard"),
    path("limits/", limits.limits, name="limits"),
    path("limits/<slug:name>/pause/", limits.pipeline_pause, name="pipeline_pause"),
    path("limits/<slug:name>/resumption/", limits.pipeline_resumption, name="pipeline_resumption"),
    path("limits/<slug:name>/<str:limit>/change/", limits.limit_change, name="limit_change"),
    path("limits/<slug:name>/<str:limit>/reset/", limits.limit_reset, name="limit_reset"),
    path("limits/<slug:name>/<str:limit>/unblocking/", limits.limit_unblocking, name="limit_unblocking"),
    path("workers/", workers.workers, name="workers"),
    path("audit/", audit_trail.audit_trail, name="audit_trail"),
    path("theme/", theme.theme, name="theme"),
    path(
        "login/",
        LoginView.as_view(template_name="login.html", redirect_authenticated_user=True),
        name="login",
    ),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    path("favicon.ico", operations.favicon, name="favicon"),
    path("admin/", admin.site.urls),
]

handler400 = errors.bad_request
