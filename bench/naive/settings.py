"""The site's own settings, with the naive way to buy before its addresses."""

from rafflesite.settings import *  # noqa: F403
from rafflesite.settings import DATABASES

ROOT_URLCONF = "bench.naive.selling"
DATABASES["default"]["OPTIONS"]["pool"]["timeout"] = 60  # it is to be slow, and not to fail
