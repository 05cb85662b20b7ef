"""Every address of the site, by feature. An act on a thing is a resource under it: `POST jobs/7/cancellation/`."""

from django.contrib import admin
from django.urls import include, path

from frontend.site import errors

urlpatterns = [
    path("", include("frontend.jobs.urls")),
    path("", include("frontend.forms.urls")),
    path("", include("frontend.datasets.urls")),
    path("", include("frontend.schedules.urls")),
    path("", include("frontend.operate.urls")),
    path("", include("frontend.accounts.urls")),
    path("admin/", admin.site.urls),
]

handler400 = errors.bad_request
