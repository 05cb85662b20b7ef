"""The entry point of the web server."""

import os

from django.core.wsgi import get_wsgi_application

from core.operation.supervision.tethered import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings")

# A worker of a server that was killed would hold its port.
end_with_parent()
application = get_wsgi_application()
