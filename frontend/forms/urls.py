"""Addresses of the forms that start pipelines."""

from django.urls import path

from frontend.forms.views import pipeline_form

urlpatterns = [
    path("pipelines/<slug:name>/", pipeline_form.pipeline_form, name="pipeline_form"),
    path("pipelines/<slug:name>/validation/", pipeline_form.pipeline_validation, name="pipeline_validation"),
]
