"""Times are shown in the zone that is in force, and say which it is."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from raffle.templatetags.times import when
from raffle.tests.makers import make_raffle
from raffle.tests.reading import words

NOON = datetime(2031, 7, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "told"),
    [
        ("UTC", '<time data-offset="+0000" datetime="2031-07-01T12:00:00Z">1 July 2031, 12:00 UTC</time>'),  # noqa: E501
        ("Europe/Berlin", '<time data-offset="+0200" datetime="2031-07-01T12:00:00Z">1 July 2031, 14:00 CEST</time>'),  # noqa: E501
        ("Asia/Kolkata", '<time data-offset="+0530" datetime="2031-07-01T12:00:00Z">1 July 2031, 17:30 IST</time>'),  # noqa: E501
    ],
)  # fmt: skip
def test_a_time_names_its_zone(zone: str, told: str) -> None:
    with timezone.override(zone):
        assert when(NOON) == told


def test_the_organisers_zone_is_the_sites(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Madrid"
    page = Client().get(make_raffle(closes_at=NOON).get_absolute_url()).text
    assert "Sales close 1 July 2031, 14:00 CEST" in words(page)


def test_without_a_script_the_page_says_how_long_it_is() -> None:
    raffle = make_raffle(closes_at=NOON)
    left = re.search(r"closes in (\S+) years", words(Client().get(raffle.get_absolute_url()).text))
    assert left
    assert 1 <= int(left[1]) <= 10
