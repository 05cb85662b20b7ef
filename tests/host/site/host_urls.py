"""The host's addresses: its own pages, its log-in, its admin, and Headway."""

from django.contrib import admin
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import include, path

from core.jobs import submit
from core.models import Job


def home(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


def orders(request: HttpRequest) -> HttpResponse:
    """A page of the shop's own, with jobs on it: two about whoever looks, and the list of theirs."""
    if request.method == "POST":
        for _ in range(2):
            submit("count_orders", owner=request.user, subject=request.user, params={"upto": 1000})
        return redirect("orders")
    jobs = Job.objects.about(request.user)[:2] if request.user.is_authenticated else []
    response = render(request, "orders.html", {"jobs": jobs})
    response["Content-Security-Policy"] = "default-src 'self'; img-src 'self' data:"
    return response


urlpatterns = [
    path("", home),
    path("orders/", orders, name="orders"),
    path("log-in/", LoginView.as_view(), name="login"),
    path("admin/", admin.site.urls),
    path("jobs-desk/", include("frontend.urls")),
]
