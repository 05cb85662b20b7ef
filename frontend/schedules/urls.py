"""Addresses of schedules."""

from django.urls import path

from frontend.schedules.views import schedules

urlpatterns = [
    path("schedules/", schedules.schedule_list, name="schedule_list"),
    path("schedules/preview/", schedules.schedule_preview, name="schedule_preview"),
    path("schedules/<int:pk>/", schedules.schedule_detail, name="schedule_detail"),
    path("schedules/<int:pk>/run/", schedules.schedule_run, name="schedule_run"),
    path("schedules/<int:pk>/switching/", schedules.schedule_switching, name="schedule_switching"),
    path("schedules/<int:pk>/form/", schedules.schedule_form, name="schedule_form"),
    path("schedules/<int:pk>/deletion/", schedules.schedule_deletion, name="schedule_deletion"),
]
