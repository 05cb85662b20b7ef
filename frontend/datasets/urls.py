"""Addresses of datasets."""

from django.urls import path

from frontend.datasets.views import detail, download, keeping, list

urlpatterns = [
    path("datasets/", list.dataset_list, name="dataset_list"),
    path("datasets/<int:pk>/", detail.dataset_detail, name="dataset_detail"),
    path("datasets/<int:pk>/download/", download.dataset_download, name="dataset_download"),
    path("datasets/<int:pk>/keeping/", keeping.dataset_keeping, name="dataset_keeping"),
]
