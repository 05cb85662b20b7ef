"""What the web server serves: Headway's own site, or the one whose settings are named."""

import os

from django.conf import settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.wsgi import get_wsgi_application

from core.operation.supervision.tethered import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

# A worker of a server that was killed would hold its port.
end_with_parent()
application = get_wsgi_application()
if settings.DEBUG and "whitenoise.middleware.WhiteNoiseMiddleware" not in settings.MIDDLEWARE:
    # As `runserver` does for developers; a deployed site has a server of its own for them, or WhiteNoise.
    application = StaticFilesHandler(application)
