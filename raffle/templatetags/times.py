"""Times as people read them: in the zone of the reader, or else of the organiser."""

from __future__ import annotations

from datetime import UTC, datetime

from django import template
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

register = template.Library()


@register.simple_tag
def when(moment: datetime, to: str = "minutes") -> SafeString:
    """A <time> that names its zone. Its data tell scripts which instant, and which offset, it is
    shown with, so that they can add the reader's own time.
    """
    shown = timezone.localtime(moment)
    if to == "seconds":
        pattern = pgettext("date format", "j F Y, H:i:s")
        exact = format_html(' data-seconds datetime="{}"', instant(moment))
    else:
        pattern = pgettext("date format", "j F Y, H:i")
        exact = format_html(' datetime="{}"', f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")
    return format_html(
        '<time data-offset="{}"{}>{} {}</time>',
        dateformat.format(shown, "O"), exact, dateformat.format(shown, pattern), zone(moment),
    )  # fmt: skip


@register.filter
def minutes(moment: datetime) -> str:
    """As the reader writes a day and a time: 5 December 2026, 17:03."""
    return dateformat.format(timezone.localtime(moment), pgettext("date format", "j F Y, H:i"))


@register.filter
def zone(moment: datetime) -> str:
    """The short name of the zone in which `moment` is shown: UTC, CEST, …"""
    return dateformat.format(timezone.localtime(moment), "T")


@register.filter
def instant(moment: datetime) -> str:
    """For scripts, to the microsecond."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
