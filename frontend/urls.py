"""Every address of the site. An act on a thing is a resource under it: `POST jobs/7/cancellation/`."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from frontend.views import (
    dataset_detail,
    dataset_list,
    desk,
    errors,
    job_acts,
    job_detail,
    job_file,
    operations,
    pipeline_form,
    theme,
)

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("jobs/", desk.jobs, name="jobs"),
    path("jobs/<int:pk>/", job_detail.job_detail, name="job_detail"),
    path("jobs/<int:pk>/progress/", job_detail.job_progress, name="job_progress"),
    path("jobs/<int:pk>/cancellation/", job_acts.job_cancellation, name="job_cancellation"),
    path("jobs/<int:pk>/retry/", job_acts.job_retry, name="job_retry"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/", job_file.job_file, name="job_file"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/preview/", job_file.job_preview, name="job_preview"),
    path("pipelines/<slug:name>/", pipeline_form.pipeline_form, name="pipeline_form"),
    path("pipelines/<slug:name>/validation/", pipeline_form.pipeline_validation, name="pipeline_validation"),
    path("datasets/", dataset_list.dataset_list, name="dataset_list"),
    path("datasets/<int:pk>/", dataset_detail.dataset_detail, name="dataset_detail"),
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
