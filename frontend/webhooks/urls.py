"""Addresses of a person's webhooks, below their settings."""

from django.urls import path

from frontend.webhooks.views import webhooks

urlpatterns = [
    path("new/", webhooks.webhook_making, name="webhook_making"),
    path("<int:pk>/", webhooks.webhook_detail, name="webhook_detail"),
    path("<int:pk>/form/", webhooks.webhook_form, name="webhook_form"),
    path("<int:pk>/secret/", webhooks.webhook_secret, name="webhook_secret"),
    path("<int:pk>/test/", webhooks.webhook_test, name="webhook_test"),
    path("<int:pk>/switching/", webhooks.webhook_switching, name="webhook_switching"),
    path("<int:pk>/deletion/", webhooks.webhook_deletion, name="webhook_deletion"),
    path("<int:pk>/deliveries/<int:job>/sending/", webhooks.webhook_sending, name="webhook_sending"),
]
