"""The WSGI application that gunicorn serves."""

import os
import re

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
site = get_wsgi_application()

from rafflesite.microcache import Microcache  # noqa: E402 - the settings must be there

# How a raffle stands is asked more often than all else together, and is the same for everybody.
application = Microcache(site, re.compile(r"/api/raffles/[^/]+/state"))
