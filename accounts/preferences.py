"""In which language somebody reads, and in which time zone; blank is the site's own."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone, translation
from django.utils.translation import gettext_lazy as _

from accounts.models import User


def activate(user: User, *, chosen_here: bool) -> None:
    """Makes the rest of this request speak as `user` wants it.

    `chosen_here`: this browser has a language of its own, which was chosen last and so counts.
    """
    if user.language in dict(settings.LANGUAGES) and not chosen_here:
        translation.activate(user.language)
    if user.time_zone:
        try:
            timezone.activate(zoneinfo.ZoneInfo(user.time_zone))
        except (zoneinfo.ZoneInfoNotFoundError, ValueError):
            timezone.deactivate()  # renamed, or gone from the machine's tables


@contextmanager
def speaking(request: HttpRequest, user: User) -> Iterator[None]:
    """In here the words are in the language that a whole request of `user` would have."""
    with translation.override(translation.get_language_from_request(request)):
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME) in dict(settings.LANGUAGES)
        if user.language in dict(settings.LANGUAGES) and not chosen:
            translation.activate(user.language)
        yield


def zones() -> Iterator[tuple[str, Any]]:
    """All that this machine knows, by continent, as choices of a form."""
    names = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    kept = [name for name in names if not name.startswith(("Etc/", "SystemV/", "US/"))]
    yield "", _("The site's time zone (%(zone)s)") % {"zone": settings.TIME_ZONE}
    yield "UTC", "UTC"
    for continent, group in groupby(kept, lambda name: name.split("/")[0]):
        yield continent, [(name, name.partition("/")[2].replace("_", " ")) for name in group]


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg]
    language = forms.ChoiceField(
        label=_("Language"),
        required=False,
        choices=lambda: [("", _("As the browser asks for")), *settings.LANGUAGES],
    )
    time_zone = forms.ChoiceField(label=_("Time zone"), required=False, choices=zones)

    class Meta:
        model = User
        fields = ("language", "time_zone")
