"""Every address of Headway's pages, by feature, for a site to include under any prefix:

    path("jobs-desk/", include("frontend.urls"))

An act on a thing is a resource under it: `POST jobs/7/cancellation/`.
"""

from django.urls import include, path

from core.conf import conf

app_name = "headway"
urlpatterns = [
    path("", include("frontend.jobs.urls")),
    path("", include("frontend.forms.urls")),
    path("", include("frontend.datasets.urls")),
    path("", include("frontend.schedules.urls")),
    path("", include("frontend.operate.urls")),
    path("", include("frontend.api.urls")),
    path("settings/", include("frontend.accounts.urls.settings")),
    path("settings/webhooks/", include("frontend.webhooks.urls")),
    *([path("", include("frontend.accounts.urls.accounts"))] if conf.ACCOUNTS else []),
]
