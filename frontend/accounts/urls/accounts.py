"""Addresses of accounts, on a site that has Headway's own."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from frontend.accounts.views import accounts, preferences

urlpatterns = [
    path("settings/address/", preferences.preferences_email, name="preferences_email"),
    path("settings/sessions/", preferences.preferences_sessions, name="preferences_sessions"),
    path("settings/password/", accounts.password_change, name="password_change"),
    path("sign-up/", accounts.sign_up_page, name="sign_up"),
    path("login/", accounts.LogInView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("password/", accounts.PasswordResetView.as_view(), name="password_reset"),
    path("password/sent/", accounts.PasswordResetDoneView.as_view(), name="password_reset_done"),
    path("password/<uidb64>/<token>/", accounts.PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
]
