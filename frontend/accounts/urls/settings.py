"""Addresses of personal settings, on every site."""

from django.urls import path

from frontend.accounts.views import preferences, theme, tokens

urlpatterns = [
    path("", preferences.preferences, name="preferences"),
    path("theme/", theme.theme, name="theme"),
    path("browser-notices/", preferences.browser_notices, name="browser_notices"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/<int:pk>/revocation/", tokens.token_revocation, name="token_revocation"),
]
