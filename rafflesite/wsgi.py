"""The WSGI application that gunicorn serves: the site, and what stands in front of it.

What is asked more often than all else together never reaches the site: how a raffle stands is
answered from memory, and purchases have a lane of their own.
"""

import os
import re

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "rafflesite.settings")
site = get_wsgi_application()

from django.conf import settings  # noqa: E402 - the settings must be there
from django.urls import get_resolver  # noqa: E402

from raffle.api.fast_lane import FastLane  # noqa: E402
from rafflesite.gate import Gate  # noqa: E402
from rafflesite.microcache import Microcache  # noqa: E402

get_resolver().url_patterns  # noqa: B018 - all pages are loaded now, and not by the first visitor
gate = Gate(site, places=max(1, settings.DB_POOL_SIZE - 2))
lane = FastLane(gate, abreast=settings.PURCHASES_AT_ONCE)
application = Microcache(lane, re.compile(r"/api/raffles/[^/]+/state"))
