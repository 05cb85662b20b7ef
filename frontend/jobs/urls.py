"""Addresses of jobs, their files and notices."""

from django.urls import path

from frontend.jobs.views import (
    acts,
    desk,
    detail,
    embedded,
    file,
    log,
    notices,
    parameters,
    shared_file,
    shared_job,
    shares,
)

urlpatterns = [
    path("", desk.desk, name="desk"),
    path("jobs/", desk.jobs, name="jobs"),
    path("jobs/<int:pk>/", detail.job_detail, name="job_detail"),
    path("jobs/<int:pk>/progress/", detail.job_progress, name="job_progress"),
    path("jobs/<int:pk>/embedded/", embedded.job_embedded, name="job_embedded"),
    path("jobs/embedded/", embedded.jobs_embedded, name="jobs_embedded"),
    path("jobs/<int:pk>/log/", log.job_log, name="job_log"),
    path("jobs/<int:pk>/why/", detail.job_why, name="job_why"),
    path("jobs/<int:pk>/cancellation/", acts.job_cancellation, name="job_cancellation"),
    path("jobs/<int:pk>/retry/", acts.job_retry, name="job_retry"),
    path("jobs/<int:pk>/discarding/", acts.job_discarding, name="job_discarding"),
    path("jobs/<int:pk>/priority/", acts.job_priority, name="job_priority"),
    path("jobs/<int:pk>/parameters/", parameters.job_parameters, name="job_parameters"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/", file.job_file, name="job_file"),
    path("jobs/<int:pk>/files/<int:artifact_pk>/preview/", file.job_preview, name="job_preview"),
    path("jobs/<int:pk>/links/", shares.job_shares, name="job_shares"),
    path("jobs/<int:pk>/links/<int:link_pk>/revocation/", shares.share_revocation, name="share_revocation"),
    path("shared/jobs/<str:token>/", shared_job.shared_job, name="shared_job"),
    path("shared/jobs/<str:token>/progress/", shared_job.shared_job_progress, name="shared_job_progress"),
    path("shared/jobs/<str:token>/files/<int:artifact_pk>/", shared_job.shared_job_file, name="shared_job_file"),
    path("shared/<str:token>/", shared_file.shared_file, name="shared_file"),
    path("notices/", notices.notices, name="notices"),
    path("notices/count/", notices.notices_count, name="notices_count"),
    path("notices/reading/", notices.notices_reading, name="notices_reading"),
    path("notices/watched/", notices.watched_jobs, name="watched_jobs"),
]
