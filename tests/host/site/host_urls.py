"""The host's addresses: its own pages, its log-in, its admin, and Headway."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


urlpatterns = [
    path("", home),
    path("log-in/", LoginView.as_view(), name="login"),
    path("admin/", admin.site.urls),
    path("jobs-desk/", include("frontend.urls")),
]
