"""The addresses of Headway's own site: its pages, the admin, and the pages of errors."""

from django.contrib import admin
from django.urls import include, path

from frontend.site import errors

urlpatterns = [path("", include("frontend.urls")), path("admin/", admin.site.urls)]

handler400 = errors.bad_request
handler403 = errors.permission_denied
handler404 = errors.not_found
handler500 = errors.server_error
